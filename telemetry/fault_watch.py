"""Watches readings for faults: every rule over a whole frame, single meters only where there is something.

What is beyond a limit is found by columns; only meters beyond it, or already remembered, are stepped one by
one (``telemetry.faults``). Many meters of one area with the same fault are the transformer's fault, and a
fault that another one explains is swallowed by it: one alarm, one cause.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.areas import Areas
from geo.network import ABSENT, Bool, Network
from telemetry.fault_rule import FaultRule, Limit, Measure
from telemetry.faults import Track, Turn, step
from telemetry.measured_frames import MeasuredFrame
from telemetry.measures import FORMULAS

HEARD_MS: Final = 86_400_000
"""A meter counts among those of its area for so long after it was last heard."""
MAX_TRACKS: Final = 200_000
"""Subjects remembered; beyond that new ones are passed over, and counted."""

Key = tuple[str, str]
"""(rule, subject): ids of the rule and of the meter, transformer or element."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A fault that stands."""

    rule: str
    subject: str
    transformer: str
    """Of the area that the subject lies in, '' outside of every area."""
    since_ms: int
    raised_ms: int
    worst: float | None
    """Of the measure; None where it was gathered from meters."""
    meters: int = 0
    """How many meters' faults it gathers."""
    swallowed_by: str = ""
    """Rule of the transformer's fault that explains it, or ``outage:`` and the outage."""

    @property
    def key(self) -> Key:
        return self.rule, self.subject


@dataclass(slots=True)
class FaultWatch:
    """One network's alarms. ``tracks`` is all that is remembered between values."""

    areas: Areas
    """Of the network that is watched."""
    rules: Sequence[FaultRule]
    tracks: dict[Key, Track] = field(default_factory=dict)
    cleared_ms: dict[Key, int] = field(default_factory=dict)
    """When faults that are over ended; whoever notes it takes it away."""
    passed_over: int = 0
    _heard_ms: NDArray[np.int64] = field(init=False)
    _subjects: dict[str, str] = field(init=False)
    _remembered: dict[str, Bool] = field(init=False)

    @property
    def network(self) -> Network:
        return self.areas.network

    def __post_init__(self) -> None:
        network = self.network
        self._heard_ms = np.full(len(network.meters), np.iinfo(np.int64).min, np.int64)
        sizes = {"meter": len(network.meters) + 1, "transformer": len(network.edges) + 1, "element": 1}
        self._subjects = {rule.id: rule.subject for rule in self.rules}
        self._remembered = {rule.id: np.zeros(sizes[rule.subject], np.bool_) for rule in self.rules}
        self.tracks = {key: track for key, track in self.tracks.items() if key[0] in self._subjects}
        for rule, subject in self.tracks:
            self._mark(rule, subject, remembered=True)

    def look(self, frame: MeasuredFrame) -> None:
        """Look at one frame."""
        known = frame.roster.meter[frame.roster.meter != ABSENT]
        self._heard_ms[known] = np.maximum(self._heard_ms[known], frame.at_ms)
        values: dict[Measure, NDArray[np.float64]] = {}
        for rule in self.rules:
            if rule.measure is None or rule.raises is None or rule.measure not in FORMULAS:
                continue
            if rule.measure not in values:
                values[rule.measure] = FORMULAS[rule.measure](frame.columns)
            self._look(rule, rule.raises, frame, values[rule.measure])

    def sample(self, measure: Measure, subject: str, at_ms: int, value: float) -> None:
        """One value of a measure that no frame tells: a day's line loss, the trips of 24 hours."""
        for rule in self.rules:
            if rule.measure is measure:
                self._step(rule, subject, at_ms, value)

    def alarms(self, now_ms: int, dark: Mapping[str, str] | None = None) -> dict[Key, Alarm]:
        """What stands now. ``dark``: transformer or element → outage that it lies in."""
        found = {
            key: Alarm(*key, self._transformer(key[1]), track.since_ms, track.raised_ms, track.worst)
            for key, track in self.tracks.items()
            if track.raised_ms is not None
        }
        found |= {alarm.key: alarm for alarm in self._gathered(found.values(), now_ms)}
        rules = {rule.id: rule for rule in self.rules}
        return {key: _explained(alarm, rules[alarm.rule], found, dark or {}) for key, alarm in found.items()}

    def _look(self, rule: FaultRule, limit: Limit, frame: MeasuredFrame, values: NDArray[np.float64]) -> None:
        of_transformer = frame.roster.transformer != ABSENT
        meters = rule.subject == "meter"
        rows = frame.roster.meter if meters else frame.roster.transformer
        known = (rows != ABSENT) & np.isfinite(values) & (of_transformer != meters)
        interesting = known & (limit.beyond(values) | self._remembered[rule.id][rows])
        for place in np.flatnonzero(interesting).tolist():
            self._step(rule, self._subject(rule, int(rows[place])), frame.at_ms, float(values[place]))

    def _step(self, rule: FaultRule, subject: str, at_ms: int, value: float) -> None:
        key = rule.id, subject
        before = self.tracks.get(key)
        if before is None and len(self.tracks) >= MAX_TRACKS:
            self.passed_over += 1
            return
        after, turn = step(rule, before, at_ms, value)
        if turn is Turn.CLEARED:
            self.cleared_ms[key] = at_ms
        if after is not None:
            self.tracks[key] = after
        elif before is not None:
            del self.tracks[key]
        if (before is None) != (after is None):
            self._mark(rule.id, subject, remembered=after is not None)

    def _mark(self, rule: str, subject: str, *, remembered: bool) -> None:
        """A rule or a subject that is no more is left alone."""
        kind = self._subjects.get(rule)
        rows = {"meter": self.network.meter_row, "transformer": self.network.edge_row}.get(kind or "", {})
        if subject in rows:
            self._remembered[rule][rows[subject]] = remembered

    def _subject(self, rule: FaultRule, row: int) -> str:
        return self.network.meters.ids[row] if rule.subject == "meter" else self.network.edges.ids[row]

    def _transformer(self, subject: str) -> str:
        row = self.network.meter_row.get(subject)
        edge = self.network.edge_row.get(subject)
        area = ABSENT
        if row is not None:
            area = int(self.areas.of_meter[row])
        elif edge is not None:
            area = int(self.areas.of_edge[edge])
        return "" if area == ABSENT else self.network.edges.ids[area]

    def _gathered(self, alarms: Iterable[Alarm], now_ms: int) -> Iterable[Alarm]:
        """Alarms of transformers made of many meters' ones, where the transformer has none of its own."""
        listed = list(alarms)
        standing = {alarm.key for alarm in listed}
        for rule in self.rules:
            if rule.gather is None:
                continue
            of_rule = [alarm for alarm in listed if alarm.rule == rule.id and alarm.transformer]
            counts = Counter(alarm.transformer for alarm in of_rule)
            for transformer, count in counts.items():
                key = rule.gather.into, transformer
                enough = count >= max(rule.gather.least, rule.gather.share * self._heard(transformer, now_ms))
                if enough and key not in standing:
                    own = [alarm for alarm in of_rule if alarm.transformer == transformer]
                    since_ms, raised_ms = min(a.since_ms for a in own), max(a.raised_ms for a in own)
                    yield Alarm(*key, transformer, since_ms, raised_ms, None, count)

    def _heard(self, transformer: str, now_ms: int) -> int:
        """Meters of the area that were heard of lately."""
        inside = self.areas.meters_in(self.network.edge_row[transformer])
        return int(np.count_nonzero(self._heard_ms[inside] > now_ms - HEARD_MS))


def _explained(
    alarm: Alarm, rule: FaultRule, standing: Mapping[Key, Alarm], dark: Mapping[str, str]
) -> Alarm:
    """The alarm with what swallows it."""
    outage = dark.get(alarm.subject) or dark.get(alarm.transformer)
    causes = (name for name in rule.swallowed_by if (name, alarm.transformer) in standing)
    swallowed_by = f"outage:{outage}" if outage else next(causes, "")
    return replace(alarm, swallowed_by=swallowed_by)
