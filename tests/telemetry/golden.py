"""Golden nights: what happens is played to the live service on real stores, and again from its evidence.

``play`` lets rows arrive when they arrive, answers every question the system asks from what is physically so,
and lets the desk's worker follow. What people were told in the end is a ``Told`` per outage, whichever way it
was concluded: live, replayed from the logs, or from the bare set of evidence.
"""

import heapq
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import numpy as np

from field_api.adapters.demo import prepare_demo
from field_api.app import Installation, build_worker
from field_api.people.users import WHOLE_COMPANY
from field_api.worker import Worker
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.network import Network
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate_all
from telemetry.adapters.detector_service import Aside, DetectorService
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.night_replay import NightReplay
from telemetry.adapters.outage_ledger import OutageLedger
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.adapters.ping_wishes import SqlPingWishes
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence
from telemetry.inference import InferenceModel
from telemetry.inquiry import Inquiry
from telemetry.lifecycle import RETURNED_REASON
from telemetry.mapping_suspects import suspects
from telemetry.night import Night
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState
from telemetry.pings import PingWish
from telemetry.replay import replay
from telemetry.scope import scope_of, tree_of
from tests.telemetry.golden_script import Row, Span, World, read_script
from tests.telemetry.nights import T0

NIGHTS: Final = Path(__file__).parent / "golden_nights"
RULES: Final = DetectorRules(InferenceModel())
STEPS_S: Final = ((4.0, 0.5), (35.0, 2.5), (np.inf, 15.0))
"""So long after the last row the clock goes in such steps; it halts where a row arrives."""
WARM_S: Final = -120.0
"""When the night's clock begins, before anything happens."""


class ExpectedOutage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cause: str
    from_s: float
    customers: tuple[str, ...]
    """Customers out at its widest, by the beginning of their id."""
    states: tuple[str, ...]
    to_s: float | None = None
    """When supply was back; absent: still out at the end."""
    within_s: float = 3.0
    """So exact are both instants."""
    but: tuple[str, ...] = ()
    """Not these of the customers."""
    also_out: tuple[str, ...] = ()
    """Hinted at as wrongly recorded: they are out with it and stand elsewhere."""
    not_out: tuple[str, ...] = ()
    phases: str = ""
    reasons: tuple[str, ...] = ()
    """Reasons its last revision before the end gives, among others."""
    without: tuple[str, ...] = ()
    """Reasons that it does not give."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    outage: tuple[ExpectedOutage, ...] = ()
    asked: dict[str, tuple[str, ...]] = {}
    """Occasion → meters among which at least one was asked for it."""
    may_ask: tuple[str, ...] = ()
    """Occasions on which meters may be asked, too; on others nobody is."""
    orders: int = 0
    told: dict[str, tuple[str, ...]] = {}
    """Kind of notice → exactly these customers got it, by the beginning of their id; absent: nobody."""
    ledger_within_s: float = 5.0
    """How exact each customer's interruptions are against the truth."""
    suspects: dict[str, tuple[str, ...]] = {}
    """Transformer → customers who probably hang there and are recorded elsewhere."""
    found_at_least: int = 0
    """Of a storm's faults."""
    exactly_at_least: int = 0
    """So many of them with their very customers."""
    ledger_but: tuple[str, ...] = ()
    """Customers of whom the ledger may be wrong."""


def expected_of(name: str) -> Expected:
    """What a night must come to."""
    return msgspec.convert(tomllib.loads((NIGHTS / name / "expected.toml").read_text("utf-8")), Expected)


@dataclass(frozen=True)
class Told:
    """One outage as it was told in the end."""

    final: OutageRevision
    states: tuple[str, ...]
    customers: frozenset[str]
    """Out at its widest, under its last cause."""
    reasons: tuple[str, ...]
    """Of the last revision while it was open."""
    also_out: frozenset[str]
    not_out: frozenset[str]


def story(network: Network, revisions: Iterable[OutageRevision]) -> tuple[Told, ...]:
    """What counted as an outage, eldest first: neither what was retracted nor what was merged."""
    chains: defaultdict[str, list[OutageRevision]] = defaultdict(list)
    for revision in revisions:
        chains[revision.outage_id].append(revision)
    told = [_told(network, chain) for chain in chains.values()]
    kept = [one for one in told if one.final.state in OPEN_STATES | {OutageState.RESTORED}]
    return tuple(sorted(kept, key=lambda one: (one.final.started_at_ms, one.final.cause.element)))


def _told(network: Network, chain: Sequence[OutageRevision]) -> Told:
    open_ones = [revision for revision in chain if revision.state in OPEN_STATES]
    whole = [revision for revision in open_ones if not _returns(revision)] or open_ones
    widest = whole[-1] if whole else chain[-1]
    ids = network.customers.ids
    customers = frozenset(
        ids[row] for row in scope_of(network, tree_of(network, widest), widest).customer_rows
    )
    states = tuple(state.value for state, _ in groupby(revision.state for revision in chain))
    last = open_ones[-1] if open_ones else chain[-1]
    return Told(
        chain[-1], states, customers, last.reasons, frozenset(widest.also_out), frozenset(widest.not_out)
    )


def _returns(revision: OutageRevision) -> bool:
    return any(reason.partition("=")[0] == RETURNED_REASON for reason in revision.reasons)


@dataclass
class Played:
    """The stores of one night; ``play`` fills them."""

    world: World
    home: Path
    asking: bool = True
    name: str = ""
    worker: Worker = field(init=False)
    _followed: int = -1
    wishes: list[PingWish] = field(default_factory=list)

    def __post_init__(self) -> None:
        location = str(self.home)
        migrate_all(location)
        self.now_ms = T0 + round(WARM_S * 1000)
        self.logs = {name: SqlEvidenceLog(open_database(location, name)) for name in ("gateway", "desk")}
        outages = open_database(location, "outages")
        self.log, self._pings = SqlOutageLog(outages), SqlPingWishes(outages)
        self.networks = SqlNetworkStore(open_database(location, "network"), None)
        network, at_ms = self.world.network, self.now_ms - 1
        self.networks.put(network, NetworkVersion(network.content_hash, at_ms, at_ms, "test"))
        prepare_demo(location, network)
        self.worker = replace(
            build_worker(Installation(location, self.home, "zh")), clock=lambda: self.now_ms
        )
        aside = Aside(Inquiry(), SqlExplanations(outages), self._pings if self.asking else None)
        self.service = DetectorService(
            self.logs, self.log, self.log, self.networks, RULES, lambda: self.now_ms, aside
        )

    def play(self, rows: Sequence[Row]) -> "Played":
        """Let these arrive, and the answers to what is asked."""
        number = count()
        waiting = [(row.arrives_s, next(number), row) for row in rows]
        heapq.heapify(waiting)
        clock_s, heard_s, asked = WARM_S, WARM_S, 0
        while clock_s < self.world.script.ends_s:
            pause_s = next(step for until, step in STEPS_S if clock_s - heard_s <= until)
            ahead_s = waiting[0][0] if waiting else np.inf
            clock_s += max(STEPS_S[0][1], min(pause_s, ahead_s - clock_s))
            due = [heapq.heappop(waiting)[2] for _ in _while_due(waiting, clock_s)]
            heard_s = clock_s if due else heard_s
            self._tick(clock_s, due)
            for logged in self._pings.read(asked):
                asked = logged.id
                self.wishes.append(logged.wish)
                for meter in logged.wish.devices:
                    row = self.world.answer(meter, clock_s)
                    heapq.heappush(waiting, (row.arrives_s, next(number), row))
        self.service.flush()
        return self

    def _tick(self, clock_s: float, due: Sequence[Row]) -> None:
        self.now_ms = T0 + round(clock_s * 1000)
        for name, log in self.logs.items():
            log.append([row.evidence for row in due if row.log == name])
        self.service.tick()
        if (newest := self.log.newest_id()) != self._followed:
            self._followed = newest
            self.worker.turn(_NEVER)

    @property
    def revisions(self) -> list[OutageRevision]:
        return [logged.revision for logged in self.log.read(0, 1_000)]

    @property
    def story(self) -> tuple[Told, ...]:
        return story(self.world.network, self.revisions)

    @property
    def evidence(self) -> list[Evidence]:
        """All of both logs."""
        return [row.evidence for log in self.logs.values() for row in log.read(0, 100_000)]

    def again(self) -> Night:
        """The night replayed from its logs."""
        replayer = NightReplay(self.logs, self.log, self.networks, RULES)
        return replayer.replay(T0 + round(WARM_S * 1000), self.now_ms)

    def from_the_bare_set(self, draw: Random) -> tuple[Told, ...]:
        """Concluded from the set of evidence alone, whose order is lost."""
        rows = self.evidence
        draw.shuffle(rows)
        return story(self.world.network, replay(self.world.network, RULES, rows, self.now_ms).revisions)

    def interruptions(self) -> dict[str, tuple[Span, ...]]:
        """Customer → interruptions by the ledger, in seconds of the night."""
        ledger = OutageLedger(self.networks, self.log).ledger(self.world.network, self.now_ms)
        found: defaultdict[str, list[Span]] = defaultdict(list)
        rows = ledger.customers
        for who, start, end in zip(rows.who, rows.started_ms, rows.ended_ms, strict=True):
            lasts = end >= self.now_ms
            ended_s = np.inf if lasts else (end - T0) / 1000
            found[ledger.customer_ids[who]].append(((start - T0) / 1000, ended_s))
        return {customer: tuple(spans) for customer, spans in found.items()}

    def orders(self) -> int:
        """Repair orders ever made."""
        with open_desk(self.worker) as session:
            known = {revision.outage_id for revision in self.revisions}
            return sum(len(session.orders.of_outage(WHOLE_COMPANY, outage)) for outage in known)

    def told(self) -> dict[str, set[str]]:
        """Kind of notice → who got it."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        with open_desk(self.worker) as session:
            for notice in session.outbox.listed(WHOLE_COMPANY, None, 10_000):
                found[notice.announcement.kind].add(notice.posting.recipient)
        return dict(found)

    def never_told_wrongly(self) -> dict[str, str]:
        """Customer → a "restored" that they got while they had no supply."""
        real, wrong = truth(self.world), {}
        with open_desk(self.worker) as session:
            for notice in session.outbox.listed(WHOLE_COMPANY, None, 10_000):
                at_s = (notice.announcement.at_ms - T0) / 1000
                person, kind = notice.posting.recipient, notice.announcement.kind
                if kind == "restored" and any(a <= at_s < b for a, b in real.get(person, ())):
                    wrong[person] = f"{kind} at {at_s}"
        return wrong

    def suspects(self) -> dict[str, set[str]]:
        """Likeliest transformer → customers recorded elsewhere, as the outages contradict their record."""
        finals = {r.outage_id: r for r in self.revisions if r.state in OPEN_STATES and not _returns(r)}
        network, found = self.world.network, defaultdict(set)
        tree = self.world.tree
        for one in suspects(network, finals.values(), lambda r: scope_of(network, tree, r)):
            found[one.candidates[0].transformer if one.candidates else ""].add(one.customer)
        return dict(found)

    def asked(self) -> dict[str, set[str]]:
        """Occasion → meters."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for wish in self.wishes:
            found[wish.asked_by.split(":")[1]].update(wish.devices)
        return dict(found)


def played(name: str, folder: Path) -> Played:
    """A night from its file, live."""
    world = World(read_script(NIGHTS / name / "night.toml"))
    return Played(world, folder / "var", name=name).play(world.rows())


def open_desk(worker: Worker) -> Any:
    return worker.desk.reading()


def _while_due(waiting: list[tuple[float, int, Row]], clock_s: float) -> Iterator[None]:
    while waiting and waiting[0][0] <= clock_s:
        yield None


class _Never:
    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:  # noqa: ARG002
        return False


_NEVER: Final[Any] = _Never()


def shuffled(rows: Sequence[Row], draw: Random, spread_s: float) -> list[Row]:
    """The same evidence, each row up to so much later, so that orders change."""
    late = []
    for row in rows:
        arrives_s = row.arrives_s + draw.uniform(0.0, spread_s)
        received_ms = T0 + round(arrives_s * 1000)
        late.append(
            replace(row, arrives_s=arrives_s, evidence=replace(row.evidence, received_ms=received_ms))
        )
    return late


def truth(world: World) -> dict[str, tuple[Span, ...]]:
    """Customer → when they really had no supply; what lasts has no end."""
    owner, ids = world.network.meters.customer, world.network.customers.ids
    return {ids[owner[meter]]: spans for meter, spans in world.out.items()}
