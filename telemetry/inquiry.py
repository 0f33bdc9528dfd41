"""Asks and explains on top of a detector: which meters to ping now, and why each outage is believed.

It changes nothing of what the detector concludes; answers come back as evidence. All times are epoch ms.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np

from telemetry.detector import Detector
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.explanation import Explanation, explain, pings_of
from telemetry.lifecycle import Tracked, resumed
from telemetry.outages import OPEN_STATES, OutageRevision, OutageState
from telemetry.parts import part_of, taken_by
from telemetry.phase_explanation import PhaseSight, explain_phase
from telemetry.sight import Sight
from telemetry.verification import (
    Limits,
    Question,
    Subject,
    Verifier,
    lone_signs,
    questions_of,
)

PACE_MS: Final = 1_000
"""Between two looks for questions."""
AT_ONCE_MS: Final = 200
"""The same after a last gasp or a call: it may be a single sign."""
_SIGNS: Final = frozenset({EvidenceKind.POWER_OFF, EvidenceKind.CALL, EvidenceKind.CHECK})
CHECK_HOLDS_MS: Final = 10 * 60_000
"""A wish to verify before a crew leaves is good for this long."""
RETURN_HOLDS_MS: Final = 5 * 60_000
"""Branches are asked for this long after an outage ended."""
MAX_WAITING: Final = 10_000
LOOKED_AT: Final = 40
"""Outages whose doubts are looked at in one turn: a storm has hundreds."""
RETELL_MS: Final = 2_000
"""Least time between two explanations of one revision that differ only in answers to pings."""


@dataclass(slots=True)
class Inquiry:
    """Not for several threads."""

    limits: Limits = field(default_factory=Limits)
    verifier: Verifier = field(init=False)
    _checks: dict[str, int] = field(default_factory=dict)
    """Outage → when somebody asked for it to be verified."""
    _ended: dict[str, OutageRevision] = field(default_factory=dict)
    _waiting: dict[str, OutageRevision] = field(default_factory=dict)
    """Newest revision of each outage that is not explained yet."""
    _explained: dict[str, tuple[OutageRevision, Explanation]] = field(default_factory=dict)
    _asked_ms: int = 0
    _told_of_trouble: bool = False
    _turn: int = 0

    def __post_init__(self) -> None:
        self.verifier = Verifier(self.limits)

    def hear(self, evidence: Iterable[Evidence]) -> None:
        """Take note of trouble and of wishes to verify."""
        for row in evidence:
            self._told_of_trouble = self._told_of_trouble or row.kind in _SIGNS
            if row.kind is EvidenceKind.CHECK:
                for outage in row.devices[:MAX_WAITING]:
                    self._checks[outage] = max(self._checks.get(outage, 0), row.received_ms)

    def told(self, revisions: Sequence[OutageRevision]) -> None:
        """What was published: to be explained, and asked about after its end."""
        for revision in revisions:
            if len(self._waiting) < MAX_WAITING or revision.outage_id in self._waiting:
                self._waiting[revision.outage_id] = revision
            if revision.state is OutageState.RESTORED:
                self._ended[revision.outage_id] = revision

    def questions(self, detector: Detector, now_ms: int) -> tuple[Question, ...]:
        """What may be asked now; counts as asked. Once a second, and at once after a sign of trouble."""
        if now_ms - self._asked_ms < (AT_ONCE_MS if self._told_of_trouble else PACE_MS):
            return ()
        self._asked_ms, self._told_of_trouble = now_ms, False
        self._tidy(now_ms)
        if self.verifier.full(now_ms):
            return ()
        return self.verifier.choose(self._wanted(detector), _Heard(detector), now_ms)

    def explanations(self, detector: Detector, most: int) -> tuple[Explanation, ...]:
        """Of up to ``most`` revisions that wait for one, newest first; then of those with new answers."""
        found: list[Explanation] = []
        for outage in list(self._waiting)[-most:]:
            found.extend(self._explanation(detector, self._waiting.pop(outage)))
        found.extend(islice(self._answered(detector), max(0, most - len(found))))
        return tuple(found)

    def _explanation(self, detector: Detector, revision: OutageRevision) -> Iterator[Explanation]:
        sight = detector.sight_at(revision.cause.element)
        if sight is None:
            return
        asked = self.verifier.of_outage(revision.outage_id)
        if revision.phases:
            seen = sight.phases or PhaseSight(sight.scene, ())
            made = explain_phase(seen, revision, asked, self.limits.timeout_ms)
        else:
            made = explain(sight.scene, sight.posterior, revision, asked, self.limits.timeout_ms)
        if revision.state in OPEN_STATES or revision.outage_id in self._ended:
            self._explained[revision.outage_id] = revision, made
        else:
            self._explained.pop(revision.outage_id, None)
        yield made

    def _answered(self, detector: Detector) -> Iterator[Explanation]:
        """Again where a ping was asked or answered since; all else stays as of the revision."""
        for outage, (revision, made) in list(self._explained.items()):
            asked = self.verifier.of_outage(outage)
            sight = detector.sight_at(revision.cause.element) if asked else None
            if sight is None or sight.scene.now_ms - made.at_ms < RETELL_MS:
                continue
            pings = pings_of(sight.scene, asked, self.limits.timeout_ms)
            if pings != made.pings:
                again = replace(made, pings=pings, at_ms=sight.scene.now_ms)
                self._explained[outage] = revision, again
                yield again

    def _wanted(self, detector: Detector) -> Iterator[Question]:
        """Single signs of everywhere, what somebody asked to be verified, then a few outages in turn."""
        subjects: list[tuple[Sight, Subject]] = []
        for sight, own in detector.sights():
            explained = np.append(taken_by(sight.scene, [t for t in own if t.is_open]), False)
            yield from lone_signs(sight.scene, explained)
            subjects.extend((sight, _subject(sight, tracked)) for tracked in own)
        subjects.extend(self._over(detector))
        checked = [each for each in subjects if each[1].outage_id in self._checks]
        for sight, subject in checked:
            yield from questions_of(sight.scene, sight.posterior, subject, check=True)
        self._turn = self._turn % max(1, len(subjects))
        in_turn = [*subjects[self._turn :], *subjects[: self._turn]][:LOOKED_AT]
        self._turn += LOOKED_AT
        for sight, subject in in_turn:
            yield from questions_of(sight.scene, sight.posterior, subject)

    def _over(self, detector: Detector) -> Iterator[tuple[Sight, Subject]]:
        """Outages that ended a while ago: some branches may not have spoken."""
        for revision in self._ended.values():
            sight = detector.sight_at(revision.cause.element)
            if sight is not None:
                yield sight, _subject(sight, resumed(revision))

    def _tidy(self, now_ms: int) -> None:
        self._checks = {o: at_ms for o, at_ms in self._checks.items() if now_ms - at_ms < CHECK_HOLDS_MS}
        for outage, revision in list(self._ended.items()):
            if now_ms - revision.at_ms >= RETURN_HOLDS_MS:
                del self._ended[outage]
                self._explained.pop(outage, None)


def _subject(sight: Sight, tracked: Tracked) -> Subject:
    return Subject(
        outage_id=tracked.outage_id,
        state=tracked.state,
        cause=tracked.cause,
        started_at_ms=tracked.started_at_ms,
        cut=tracked.cut,
        returning=tracked.returning_since_ms is not None,
        part=part_of(sight.scene, tracked),
        phases=tracked.phases,
    )


class _Heard:
    """When a meter last said, or was noted, anything."""

    def __init__(self, detector: Detector) -> None:
        self._rows: Mapping[str, int] = detector.network.meter_row
        self._seen = detector.fold.observations

    def __call__(self, meter: str) -> int:
        row, seen = self._rows.get(meter), self._seen
        if row is None:
            return 0
        columns = (seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms)
        return max(int(column[row]) for column in columns)
