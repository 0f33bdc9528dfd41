"""Any night again from the evidence logs, by the very service that ran it: its clock is the evidence's.

The networks are those that were in force then; what people corrected lies in the desk's evidence and is
taken in like the rest. Nothing is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from geo.network import Network
from geo.ports import NetworkStore
from geo.tree import EnergisedTree
from telemetry.adapters.detector_service import DetectorService
from telemetry.detector import DetectorRules
from telemetry.evidence import LoggedEvidence
from telemetry.lifecycle import RETURNED_REASON
from telemetry.night import Night, compare, counted, newest
from telemetry.outages import OPEN_STATES, LoggedRevision, OutageRevision
from telemetry.ports import DetectorPosition, EvidenceLog, FoldSnapshot, OutageLog
from telemetry.replay import PAUSE_MS
from telemetry.scope import scope_of, tree_of

PAGE: Final = 2_000
MAX_REVISIONS: Final = 1_000_000
TREES_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class NightReplay:
    """Where the evidence, the published outages and the networks lie."""

    logs: Mapping[str, EvidenceLog]
    outages: OutageLog
    networks: NetworkStore
    rules: DetectorRules

    def replay(self, from_ms: int, to_ms: int) -> Night:
        """Conclude everything received in from_ms ≤ t ≤ to_ms again, on what was open before."""
        before, during = self._published(from_ms, to_ms)
        memory = _MemoryLog(list(newest(before).values()))
        memory.positions = {name: log.first_id_since(from_ms) - 1 for name, log in self.logs.items()}
        clock = _Clock(from_ms)
        cut = {name: _UpTo(log, clock) for name, log in self.logs.items()}
        service = DetectorService(cut, memory, memory, self.networks, self.rules, clock)
        rows = _run(service, clock, self._stops(from_ms, to_ms))
        published, again = counted([*before, *during]), counted([*before, *memory.told])
        touched = {r.outage_id for r in (*during, *memory.told)}
        published = tuple(r for r in published if r.outage_id in touched)
        again = tuple(r for r in again if r.outage_id in touched)
        then, now = (_People(self.networks, [*before, *side]) for side in (during, memory.told))
        return Night(from_ms, to_ms, rows, published, again, compare(published, again, then, now))

    def _published(self, from_ms: int, to_ms: int) -> tuple[list[OutageRevision], list[OutageRevision]]:
        before: list[OutageRevision] = []
        during: list[OutageRevision] = []
        after_id = 0
        while after_id < MAX_REVISIONS and (page := self.outages.read(after_id, PAGE)):
            after_id = page[-1].id
            before.extend(logged.revision for logged in page if logged.revision.at_ms < from_ms)
            during.extend(logged.revision for logged in page if from_ms <= logged.revision.at_ms <= to_ms)
        return before, during

    def _stops(self, from_ms: int, to_ms: int) -> list[int]:
        """Where the clock halts: changes of the network, the evidence's end, a while later, the night's end.

        What needs some silence to settle gets it, as it did then.
        """
        changes = {version.effective_ms for version in self.networks.versions()}
        last_ms = max((_received_ms(log, to_ms) for log in self.logs.values()), default=from_ms)
        halts = changes | {last_ms} | {last_ms + pause for pause in PAUSE_MS}
        return [from_ms, *sorted(ms for ms in halts if from_ms < ms < to_ms), to_ms]


def _received_ms(log: EvidenceLog, until_ms: int) -> int:
    """When the newest row up to then was received; 0 where there is none."""
    last = log.first_id_since(until_ms + 1) - 1
    rows = log.read(last - 1, 1) if last > 0 else ()
    return rows[0].evidence.received_ms if rows else 0


def _run(service: DetectorService, clock: "_Clock", stops: Sequence[int]) -> int:
    rows = 0
    for stop_ms in stops:
        clock.now_ms = stop_ms
        while taken := service.tick():
            rows += taken
    return rows


@dataclass(slots=True)
class _Clock:
    now_ms: int

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True, slots=True)
class _UpTo:
    """An evidence log as it was at the clock's instant."""

    log: EvidenceLog
    clock: _Clock

    def append(self, evidence: Sequence[object]) -> int:
        raise PermissionError(f"a replay writes nothing: {len(evidence)} rows")

    def read(self, after_id: int, limit: int = 1000) -> tuple[LoggedEvidence, ...]:
        last = self.newest_id()
        return tuple(row for row in self.log.read(after_id, limit) if row.id <= last)

    def first_id_since(self, received_ms: int) -> int:
        return self.log.first_id_since(received_ms)

    def newest_id(self) -> int:
        return self.log.first_id_since(self.clock.now_ms + 1) - 1


@dataclass(slots=True)
class _MemoryLog:
    """``OutageLog`` and ``FoldSnapshots`` of a replay."""

    before: list[OutageRevision]
    positions: dict[str, int] = field(default_factory=dict)
    told: list[OutageRevision] = field(default_factory=list)

    def publish(self, revisions: Sequence[OutageRevision], position: DetectorPosition) -> None:
        self.told.extend(revisions)
        self.positions.update(position.positions)

    def position(self) -> DetectorPosition:
        return DetectorPosition(dict(self.positions))

    def read(self, after_id: int, limit: int = 1000) -> tuple[LoggedRevision, ...]:
        everything = [*self.before, *self.told][after_id : after_id + limit]
        return tuple(LoggedRevision(after_id + n, r) for n, r in enumerate(everything, start=1))

    def current(self, open_only: bool) -> tuple[LoggedRevision, ...]:
        heads = newest([*self.before, *self.told]).values()
        kept = [r for r in heads if not open_only or r.state in OPEN_STATES]
        return tuple(LoggedRevision(n, r) for n, r in enumerate(kept, start=1))

    def revisions(self, outage_id: str) -> tuple[LoggedRevision, ...]:
        chain = [r for r in (*self.before, *self.told) if r.outage_id == outage_id]
        return tuple(LoggedRevision(n, r) for n, r in enumerate(chain, start=1))

    def keep(self, snapshot: FoldSnapshot) -> None:
        """Nothing is kept of a replay."""

    def kept(self) -> FoldSnapshot | None:
        return None


def supply_returns(revision: OutageRevision) -> bool:
    """Whether part of it lives again by this revision."""
    return any(reason.partition("=")[0] == RETURNED_REASON for reason in revision.reasons)


class _People:
    """Customers out by a revision; of an outage that ended, as it was before supply began to return."""

    def __init__(self, networks: NetworkStore, revisions: Sequence[OutageRevision]) -> None:
        self._networks = networks
        self._whole: dict[str, OutageRevision] = {}
        for revision in revisions:
            if revision.state in OPEN_STATES and not supply_returns(revision):
                self._whole[revision.outage_id] = revision
        self._grounds: dict[tuple[str, object], tuple[Network, EnergisedTree]] = {}

    def __call__(self, revision: OutageRevision) -> frozenset[str]:
        if revision.state not in OPEN_STATES:
            revision = self._whole.get(revision.outage_id, revision)
        network, tree = self._ground(revision)
        rows = scope_of(network, tree, revision).customer_rows
        return frozenset(network.customers.ids[row] for row in rows)

    def _ground(self, revision: OutageRevision) -> tuple[Network, EnergisedTree]:
        key = (revision.network_hash, revision.switches)
        if key not in self._grounds:
            if len(self._grounds) >= TREES_KEPT:
                self._grounds.clear()
            network = self._networks.get(revision.network_hash)
            self._grounds[key] = network, tree_of(network, revision)
        return self._grounds[key]
