"""Words that come long after what they tell of: the link was away, and returns with all of them at once.

An outage that began and ended meanwhile leaves nothing in the newest instants: every meter lives by now. So
such words are kept until the flood is over, put into the order of the devices' clocks, and concluded from
apart, beside what is known of everybody else. What lasts is left to the detector itself; what is over is
recorded with its true times, as one chain that begins and ends at the same moment of telling, so that nobody
is sent and nobody is told hours later that the power was off.

The same holds of seconds: a last gasp that arrives after the same meter's power-up, or in one breath with it,
leaves nothing in the newest instants either. So pairs of them are kept alike, and a momentary interruption is
recorded whatever the order of its words.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from geo.network import Network
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.fold import Known, nothing_known
from telemetry.lifecycle import SAME_ONSET_MS
from telemetry.observations import NEVER
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState
from telemetry.parts import lies_in
from telemetry.scope import slice_below

LATE_MS: Final = 120_000
"""What is told this late is history."""
SETTLED_MS: Final = 5_000
"""No more such words for so long: the flood is over."""
MOST_MS: Final = 30_000
"""A flood that goes on is concluded from in portions of so long."""
MAX_ROWS: Final = 20_000
"""Kept at most; then it is concluded from at once."""
STEP_MS: Final = 30_000
MAX_STEPS: Final = 40
REMEMBERED_MS: Final = 3_600_000
"""Terminals come back one after the other: what the first ones told is concluded from again with the next."""
POWER_UPS_KEPT: Final = 100_000
"""Newest power-ups that a last gasp may still have been overtaken by."""
FEWEST: Final = 2
"""A lone last gasp is no outage."""
PAUSES_MS: Final = (4_000, 26_000)
LATE_KINDS: Final = frozenset({EvidenceKind.POWER_OFF, EvidenceKind.POWER_ON, EvidenceKind.ALIVE})


@dataclass(slots=True)
class LateNews:
    """The words of a flood so far."""

    rows: list[Evidence] = field(default_factory=list)
    first_ms: int = 0
    newest_ms: int = 0
    """When the first and the last of them were received."""
    _concluded: list[Evidence] = field(default_factory=list)
    """Rows of earlier floods, newest last."""
    _power_ups: dict[str, Evidence] = field(default_factory=dict)
    """Meter → the row of its newest power-up."""

    def split(self, rows: Sequence[Evidence]) -> list[Evidence]:
        """Keep what is late; answers what the detector may hear at once: all but late words of losses."""
        now: list[Evidence] = []
        gasps: dict[str, Evidence] = {}
        for row in rows:
            late = row.kind in LATE_KINDS and row.received_ms - row.at_ms > LATE_MS
            if late:
                self._keep(row, row.received_ms)
            for gasp, power_up in self._overtaken(row, gasps):
                self._keep(gasp, row.received_ms)
                self._keep(power_up, row.received_ms)
            if not late or row.kind is not EvidenceKind.POWER_OFF:
                now.append(row)
        return now

    def _keep(self, row: Evidence, received_ms: int) -> None:
        self.first_ms = self.first_ms if self.rows else received_ms
        self.rows.append(row)
        self.newest_ms = max(self.newest_ms, received_ms)

    def _overtaken(self, row: Evidence, gasps: dict[str, Evidence]) -> Iterator[tuple[Evidence, Evidence]]:
        """Pairs of a last gasp and the power-up after it that are known only together, as of this row.

        ``gasps`` are the last gasps of the same breath, by meter.
        """
        if row.kind is EvidenceKind.POWER_ON:
            for device in row.devices:
                self._power_ups.pop(device, None)
                self._power_ups[device] = row
                if device in gasps and gasps[device].at_ms < row.at_ms:
                    yield gasps[device], row
            while len(self._power_ups) > POWER_UPS_KEPT:
                del self._power_ups[next(iter(self._power_ups))]
        elif row.kind is EvidenceKind.POWER_OFF:
            for device in row.devices:
                gasps[device] = row
                power_up = self._power_ups.get(device)
                if power_up is not None and row.at_ms < power_up.at_ms:
                    yield row, power_up

    @property
    def due_ms(self) -> int | None:
        """When to conclude; None while nothing is kept."""
        if not self.rows:
            return None
        if len(self.rows) >= MAX_ROWS:
            return self.newest_ms
        return min(self.newest_ms + SETTLED_MS, self.first_ms + MOST_MS)

    def taken(self) -> list[Evidence]:
        """What was kept, with that of the floods before it, in the order of the devices' clocks."""
        once = {row.key: row for row in (*self._concluded, *self.rows)}
        since_ms = self.newest_ms - REMEMBERED_MS
        self._concluded = [row for row in once.values() if row.received_ms >= since_ms][-MAX_ROWS:]
        self.rows = []
        return sorted(self._concluded, key=lambda row: (row.at_ms, row.key))


def past_outages(
    detector: Detector,
    rules: DetectorRules,
    rows: Sequence[Evidence],
    told: Iterable[OutageRevision],
    now_ms: int,
) -> tuple[OutageRevision, ...]:
    """Chains of the outages that these rows (ascending) tell of and that are over, as told at ``now_ms``.

    None that was told already: ``told`` are the newest revisions of all outages. One that is over and proves
    to be part of a larger one is merged into it.
    """
    if len({d for row in rows if row.kind is EvidenceKind.POWER_OFF for d in row.devices}) < FEWEST:
        return ()
    network = detector.network
    apart = Detector(network, rules, known=_of_others(network, detector.fold.known, rows))
    chains: defaultdict[str, list[OutageRevision]] = defaultdict(list)
    parts = _steps(rows)
    for part, until_ms in zip(parts, [*(later[0].at_ms for later in parts[1:]), None], strict=True):
        apart.observe(part, part[-1].at_ms)
        for pause_ms in (0, *PAUSES_MS):
            look_ms = part[-1].at_ms + pause_ms
            if until_ms is None or look_ms <= until_ms:
                for revision in apart.evaluate(look_ms, force=True):
                    chains[revision.outage_id].append(replace(revision, at_ms=now_ms))
    over = [chain for chain in chains.values() if chain[-1].state is OutageState.RESTORED]
    known = [each for each in told if each.state in OPEN_STATES or each.state is OutageState.RESTORED]
    return tuple(revision for chain in over for revision in _new(detector, chain, known, now_ms))


def _new(
    detector: Detector, chain: Sequence[OutageRevision], known: Sequence[OutageRevision], now_ms: int
) -> Iterator[OutageRevision]:
    """The chain, and the end of what it swallows; nothing where it is known already."""
    same = [other for other in known if _same(detector, chain[-1], other)]
    whole = slice_below(detector.network, detector.tree, chain[-1].cause.element)
    parts = [slice_below(detector.network, detector.tree, other.cause.element) for other in same]
    smaller = [lies_in(part, whole) and part != whole for part in parts]
    if not all(smaller) or any(other.state in OPEN_STATES for other in same):
        return
    yield from chain
    for other in same:
        yield replace(
            other, revision=other.revision + 1, at_ms=now_ms, state=OutageState.MERGED,
            merged_into=chain[-1].outage_id, cut=(), restored=(),
        )  # fmt: skip


def _steps(rows: Sequence[Evidence]) -> list[list[Evidence]]:
    """Cut where a meter's supply turned, and else each half minute; a few dozen times at most."""
    parts: list[list[Evidence]] = [[]]
    said: dict[str, EvidenceKind] = {}
    for row in rows:
        turns = any(said.get(device, row.kind) is not row.kind for device in row.devices)
        waited = bool(parts[-1]) and row.at_ms - parts[-1][0].at_ms >= STEP_MS
        if parts[-1] and (turns or waited) and len(parts) < MAX_STEPS:
            parts.append([])
            said.clear()
        parts[-1].append(row)
        if row.kind is not EvidenceKind.ALIVE:
            said.update(dict.fromkeys(row.devices, row.kind))
    return [part for part in parts if part]


def _of_others(network: Network, known: Known, rows: Sequence[Evidence]) -> Known:
    """What is known, except of those who speak in these rows: of them nothing is."""
    fresh, seen = nothing_known(network), known.observations
    said = {device for row in rows for device in row.devices} | {row.source for row in rows}
    meters = np.array([network.meter_row[d] for d in said if d in network.meter_row], np.int32)
    terminals = np.array([network.terminal_row[d] for d in said if d in network.terminal_row], np.int32)
    columns = {}
    for name, marked in (("meter_", meters), ("terminal_", terminals)):
        for column in (f"{name}off_ms", f"{name}alive_ms", f"{name}silent_ms"):
            cells = getattr(seen, column).copy()
            cells[marked] = NEVER
            columns[column] = cells
    # Only supply and switches: a call or a voltage of today says nothing of then.
    switches = {name: getattr(seen, name).copy() for name in ("edge_open_ms", "edge_closed_ms")}
    columns["meter_off_ms"][:] = NEVER  # of the others only their life tells that they were not part of it
    columns["terminal_off_ms"][:] = NEVER
    return replace(fresh, observations=replace(fresh.observations, **columns, **switches))


def _same(detector: Detector, one: OutageRevision, other: OutageRevision) -> bool:
    """About the same onset, and one inside the other."""
    if abs(one.started_at_ms - other.started_at_ms) > SAME_ONSET_MS:
        return False
    mine = slice_below(detector.network, detector.tree, one.cause.element)
    theirs = slice_below(detector.network, detector.tree, other.cause.element)
    return bool(mine.start < theirs.stop and theirs.start < mine.stop)
