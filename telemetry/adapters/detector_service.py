"""The detector at work: reads the evidence logs, publishes revisions with its position, survives kill -9.

A row of evidence is looked at as of when it was received, so that a backlog is told as it happened and a
restart comes to what an uninterrupted run came to. The position moves in the transaction of the revisions;
what was observed behind the last snapshot of the fold is folded again, which changes nothing.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from geo.errors import UnknownElement
from geo.network import Network
from geo.ports import NetworkStore
from telemetry.area_watch import Urgency
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind, LoggedEvidence
from telemetry.fold import Fold, Known, carried_over, pack, unpack
from telemetry.inquiry import Inquiry
from telemetry.late_news import LateNews, past_outages
from telemetry.outages import OutageRevision
from telemetry.patience import Patience
from telemetry.ports import (
    DetectorPosition,
    EvidenceLog,
    Explanations,
    FoldSnapshot,
    FoldSnapshots,
    OutageLog,
    PingWishes,
)
from telemetry.replay import looks_between
from telemetry.verification import wish_of

BATCH: Final = 10_000
"""Rows read from one log at once."""
SLICE_MS: Final = 1_000
LIVE_MS: Final = 2_000
"""Evidence received this recently is looked at as of now."""
BURST_MS: Final = 30_000
"""Evidence received this recently that comes faster than it is taken in: looks take their share, no more."""
HORIZON_MS: Final = 72 * 3_600_000
"""Without a snapshot, evidence older than this is not folded; the inference would not use it."""
POSITION_EVERY_MS: Final = 2_000
SNAPSHOT_EVERY_MS: Final = 60_000
NETWORK_EVERY_MS: Final = 5_000
CLOSED_KEPT_MS: Final = 24 * 3_600_000
"""Closed outages taken up again after a restart, so that their last gasps stay spent."""

EXPLAINING_MS: Final = 100
"""Most that goes into explanations between two readings of the logs: what waits for orders goes first."""

_log: Final = logging.getLogger("detector")


@dataclass(frozen=True, slots=True)
class Aside:
    """Beside the conclusions: questions to meters, and why each revision was believed."""

    inquiry: Inquiry
    explanations: Explanations
    pings: PingWishes | None
    """None where nobody can ask: the questions are still told in the explanations."""

    def ask(self, detector: Detector, now_ms: int) -> None:
        """Wish for pings of the meters whose answers would tell most."""
        if self.pings is not None:
            questions = self.inquiry.questions(detector, now_ms)
            if questions:
                self.pings.wish([wish_of(question, now_ms, self.inquiry.limits) for question in questions])

    def explain(self, detector: Detector) -> bool:
        """Keep one explanation; False where none waits."""
        made = self.inquiry.explanations(detector, 1)
        self.explanations.keep(made)
        return bool(made)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A row with the instant as of which it is looked at: receipt, never before the row that precedes it."""

    as_of_ms: int
    log: str
    row: LoggedEvidence


class DetectorService:
    """One detector on its stores; ``tick`` does one round and is called again after a pause."""

    def __init__(
        self,
        logs: Mapping[str, EvidenceLog],
        outages: OutageLog,
        snapshots: FoldSnapshots,
        networks: NetworkStore,
        rules: DetectorRules,
        clock_ms: Callable[[], int],
        aside: Aside | None = None,
    ) -> None:
        """``aside``: where questions and explanations go; without, the detector only concludes."""
        self._logs = dict(logs)
        self._outages = outages
        self._snapshots = snapshots
        self._networks = networks
        self._rules = rules
        self._clock_ms = clock_ms
        self._aside = aside
        self._positions: dict[str, int] = {}
        self._late = LateNews()
        self._safe_positions: dict[str, int] = {}
        """As of before the first late word that is still kept."""
        self._detector: Detector | None = None
        self._now_ms = 0
        self._told_position_ms = 0
        self._told_snapshot_ms = 0
        self._checked_network_ms = 0
        self._more = False
        """Whether a full batch was read, so more evidence is waiting."""
        self._postponed = False
        """Whether looks that are due were left for later."""
        self._looks = {Urgency.MORE_WORDS: Patience(), Urgency.CALM: Patience()}
        self._explaining = Patience()
        self._scribe = ThreadPoolExecutor(1, "snapshot")
        self._snapshooting: Future[None] = Future()
        self._snapshooting.set_result(None)

    @property
    def detector(self) -> Detector | None:
        """None before a network is in force."""
        return self._detector

    def tick(self) -> int:
        """Take in what is new and publish what follows; how many rows were taken in."""
        wall_ms = self._clock_ms()
        self._follow_network(wall_ms)
        if self._detector is None:
            return 0
        arrivals = self._arrivals()
        self._more = len(arrivals) >= BATCH
        slices = [(as_of, list(rows)) for as_of, rows in groupby(arrivals, lambda a: a.as_of_ms // SLICE_MS)]
        for number, (_, rows) in enumerate(slices):
            following = slices[number + 1][1][0].as_of_ms if number + 1 < len(slices) else rows[-1].as_of_ms
            self._take(self._detector, rows, following, wall_ms)
        self._settle_late(self._detector, wall_ms)
        if not self._more:
            self._evaluate(self._detector, wall_ms, self._may_look() if arrivals else Urgency.CALM)
        self._keep(self._detector, wall_ms, moved=bool(arrivals))
        self._serve(self._detector, wall_ms, evidence_comes=bool(arrivals))
        return len(arrivals)

    def _serve(self, detector: Detector, wall_ms: int, *, evidence_comes: bool) -> None:
        """Ask and explain; what is told late is history, of which nothing is asked."""
        if self._aside is None:
            return
        if wall_ms - self._now_ms < LIVE_MS:
            self._aside.ask(detector, self._now_ms)
        began_ms = self._clock_ms()
        if evidence_comes and (self._postponed or not self._explaining.may(began_ms)):
            return
        # An explanation of a large outage takes as long as a look at it: evidence and looks go first.
        while self._aside.explain(detector) and not evidence_comes:
            if self._clock_ms() - began_ms >= EXPLAINING_MS:
                break
        self._explaining.had(began_ms, self._clock_ms())

    def flush(self) -> None:
        """Store the position and the snapshot now: a clean stop."""
        if self._detector is not None:
            self._publish(())
            self._keep_snapshot(self._detector)
            self._snapshooting.result()

    def _arrivals(self) -> list[_Arrival]:
        arrivals: list[_Arrival] = []
        for name, log in self._logs.items():
            as_of_ms = 0
            for row in log.read(self._positions.get(name, 0), BATCH):
                as_of_ms = max(as_of_ms, row.evidence.received_ms)
                arrivals.append(_Arrival(as_of_ms, name, row))
        # Stable: rows of one log keep their order, so a position never passes a row not yet observed.
        return sorted(arrivals, key=lambda arrival: arrival.as_of_ms)

    def _take(self, detector: Detector, rows: list[_Arrival], following_ms: int, wall_ms: int) -> None:
        as_of_ms = rows[-1].as_of_ms
        now_ms = wall_ms if wall_ms - as_of_ms < LIVE_MS else as_of_ms
        if self._late.due_ms is None:
            self._safe_positions = dict(self._positions)
        evidence = self._late.split([arrival.row.evidence for arrival in rows])
        detector.observe(evidence, max(now_ms, self._now_ms))
        if self._aside is not None:
            self._aside.inquiry.hear(evidence)
        # Only now: a position must not pass rows that a crash would lose.
        for arrival in rows:
            self._positions[arrival.log] = arrival.row.id
        old = wall_ms - as_of_ms >= BURST_MS
        self._evaluate(detector, now_ms, Urgency.CALM if old else self._may_look())
        for look_ms in looks_between(now_ms, min(following_ms, wall_ms)):
            self._evaluate(detector, look_ms)
        self._settle_late(detector, min(following_ms, wall_ms))

    def _settle_late(self, detector: Detector, until_ms: int) -> None:
        """Once a flood of late words is over: record what began and ended meanwhile, then hear of losses."""
        due_ms = self._late.due_ms
        if due_ms is None or due_ms > until_ms:
            return
        rows, self._now_ms = self._late.taken(), max(due_ms, self._now_ms)
        heads = [logged.revision for logged in self._outages.current(open_only=False)]
        past = past_outages(detector, self._rules, rows, heads, self._now_ms)
        detector.observe([row for row in rows if row.kind is EvidenceKind.POWER_OFF], self._now_ms)
        self._publish(past)
        self._evaluate(detector, self._now_ms)

    def _may_look(self) -> Urgency:
        """While evidence pours in, looks take their share of the time: trouble in a new place goes first."""
        now_ms = self._clock_ms()
        if not self._looks[Urgency.MORE_WORDS].may(now_ms):
            return Urgency.FIRST_WORDS
        return Urgency.CALM if self._looks[Urgency.CALM].may(now_ms) else Urgency.MORE_WORDS

    def _evaluate(self, detector: Detector, now_ms: int, upto: Urgency = Urgency.CALM) -> None:
        began_ms, self._now_ms = self._clock_ms(), max(now_ms, self._now_ms)
        revisions = detector.evaluate(self._now_ms, upto=upto)
        self._postponed = upto < Urgency.CALM
        if revisions:
            self._publish(revisions)
        for urgency, looks in self._looks.items():
            if urgency <= upto:
                looks.had(began_ms, self._clock_ms())

    def _publish(self, revisions: tuple[OutageRevision, ...]) -> None:
        self._outages.publish(revisions, DetectorPosition(self._safe()))
        self._told_position_ms = self._clock_ms()
        if self._aside is not None:
            self._aside.inquiry.told(revisions)
        for revision in revisions:
            _log.info("%s", describe(revision))

    def _safe(self) -> dict[str, int]:
        """Up to where a restart needs nothing again."""
        return dict(self._positions if self._late.due_ms is None else self._safe_positions)

    def _keep(self, detector: Detector, wall_ms: int, moved: bool) -> None:
        if moved and wall_ms - self._told_position_ms >= POSITION_EVERY_MS:
            self._publish(())
        if wall_ms - self._told_snapshot_ms >= SNAPSHOT_EVERY_MS and self._snapshooting.done():
            self._publish(())
            self._keep_snapshot(detector)

    def _keep_snapshot(self, detector: Detector) -> None:
        """Copied now, packed and stored beside the work: that takes a second for a million meters."""
        self._snapshooting.result()
        self._told_snapshot_ms = self._clock_ms()
        known, positions = deepcopy(detector.fold.known), self._safe()
        self._snapshooting = self._scribe.submit(
            self._store_snapshot, detector.network.content_hash, positions, known
        )

    def _store_snapshot(self, network_hash: str, positions: dict[str, int], known: Known) -> None:
        self._snapshots.keep(FoldSnapshot(network_hash, positions, pack(known)))

    def _follow_network(self, wall_ms: int) -> None:
        if self._detector is not None and wall_ms - self._checked_network_ms < NETWORK_EVERY_MS:
            return
        self._checked_network_ms = wall_ms
        version = self._networks.effective(wall_ms)
        if version is None:
            return
        if self._detector is None:
            self._resume(self._networks.get(version.content_hash), wall_ms)
        elif version.content_hash != self._detector.network.content_hash:
            old, new = self._detector.network, self._networks.get(version.content_hash)
            _log.info("network %s takes effect", version.content_hash)
            self._begin(new, carried_over(self._detector.fold.known, old, new))

    def _resume(self, network: Network, wall_ms: int) -> None:
        """Rebuild the fold up to the published position, then go on from there."""
        snapshot = self._snapshots.kept()
        known = self._unpacked(snapshot, network) if snapshot is not None else None
        folded = dict(snapshot.positions) if snapshot is not None and known is not None else {}
        published = self._outages.position().positions
        fold = Fold(network, known)
        for name, log in self._logs.items():
            start = folded.get(name, log.first_id_since(wall_ms - HORIZON_MS) - 1)
            self._positions[name] = max(published.get(name, start), start)
            for rows in _read_between(log, start, self._positions[name]):
                fold.take(rows)
        self._begin(network, fold.known)

    def _begin(self, network: Network, known: Known) -> None:
        newest = [logged.revision for logged in self._outages.current(open_only=False)]
        since_ms = self._clock_ms() - CLOSED_KEPT_MS
        taken_up = [
            revision
            for revision in newest
            if revision.restored_at_ms is None or revision.restored_at_ms >= since_ms
        ]
        self._detector = Detector(network, self._rules, known=known, outages=taken_up)

    def _unpacked(self, snapshot: FoldSnapshot, network: Network) -> Known | None:
        try:
            known = unpack(snapshot.body)
            if snapshot.network_hash == network.content_hash:
                return known
            return carried_over(known, self._networks.get(snapshot.network_hash), network)
        except (ValueError, UnknownElement) as problem:
            _log.warning("the snapshot is not usable, reading the logs instead: %s", problem)
            return None


def _read_between(log: EvidenceLog, after_id: int, last_id: int) -> Iterator[list[Evidence]]:
    while after_id < last_id:
        rows = log.read(after_id, min(BATCH, last_id - after_id))
        if not rows:
            return
        yield [row.evidence for row in rows]
        after_id = rows[-1].id


def describe(revision: OutageRevision) -> str:
    """One line for the log; element ids and numbers only, no persons."""
    return (
        f"{revision.outage_id} revision {revision.revision} {revision.state.value}: {revision.cause.kind} "
        f"{revision.cause.element}, P {revision.probability:.3f}, customers {revision.expected:.0f} "
        f"({revision.low}–{revision.high}), {' '.join(revision.reasons)}"
    )
