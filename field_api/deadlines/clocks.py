"""Due times: each states its rule, what it counts from, and whether it is provisional (暂定) (REP-02).

A company profile holds the limits; a work type says from which step to which a clock runs. The restoration
clock counts from arrival; until the crew has arrived it counts from the arrival's own due time and is
provisional. Of limits in days the day that begins them does not count, and the last one counts to its end.
Nothing here is kept: a due time is made anew whenever somebody looks, from the history and the calendar.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from field_api.calendars import end_of_day_ms, local_day
from field_api.deadlines.limits import Limit, LimitUnit, Profile
from field_api.deadlines.pauses import attributed_ms, pauses_of
from field_api.deadlines.step_times import TimeSource, happened_times
from field_api.deadlines.working_days import MAX_DAYS, WorkCalendar
from field_api.instants import MINUTE_MS
from field_api.orders.work import ClockRule, HistoryEntry, WorkType

_TOLD: Final = frozenset({TimeSource.DEVICE, TimeSource.PAPER})
OURS: Final = "company"
"""A wait of the company's own stops no clock."""
_UNIT_MS: Final = {LimitUnit.MINUTES: MINUTE_MS, LimitUnit.HOURS: 60 * MINUTE_MS}


class ClockState(StrEnum):
    RUNNING = "running"
    AT_RISK = "at_risk"
    MET = "met"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Deadline:
    due_ms: int
    provisional: bool


@dataclass(frozen=True, slots=True)
class OtherDue:
    """What a second set of limits says of the same clock; nobody is alarmed on it."""

    due_ms: int
    rule: str
    origin: str
    unverified: bool
    provisional: bool
    state: ClockState


@dataclass(frozen=True, slots=True)
class Due:
    clock: str
    due_ms: int
    rule: str
    basis: str
    """What it counts from: the step, or ``<clock> due`` while that step has not happened."""
    provisional: bool
    state: ClockState
    from_ms: int = 0
    at_risk_ms: int = 0
    """From when on a running clock is at risk."""
    origin: str = ""
    unverified: bool = False
    by_device: bool = False
    """Its start or its stop counts by a device's corrected clock or a signed paper, not by the reception."""
    waited_ms: Mapping[str, int] = field(default_factory=dict)
    """Whose waits lay in its time, and how long; those of others are not counted."""
    beside: OtherDue | None = None
    moving: bool = False
    """A wait goes on in its time: what is told of it changes with every moment."""


@dataclass(frozen=True, slots=True)
class _Moment:
    at_ms: int
    by_device: bool = False


@dataclass(frozen=True, slots=True)
class _Basis:
    moment: _Moment
    words: str
    provisional: bool


def due_times(
    work_type: WorkType, profile: Profile, area: str, history: Sequence[HistoryEntry], now_ms: int,
    calendar: WorkCalendar, accepted_ms: int | None = None,
) -> tuple[Due, ...]:  # fmt: skip
    """All due times of an order, in the work type's order of clocks.

    ``accepted_ms``: when the request was accepted elsewhere (95598), which counts as the opening step.
    """
    steps = _Steps(work_type, history, accepted_ms)
    found: dict[str, Due] = {}
    for clock in work_type.clocks:
        basis = _basis(clock, steps, found)
        if basis is not None:
            found[clock.name] = _Clock(clock, basis, steps, now_ms).due(
                profile, area, calendar, work_type.name
            )
    return tuple(found.values())


def unchanged_until_ms(found: Sequence[Due], now_ms: int) -> float:
    """When something else is told of these due times though nothing happens to the order: one is at risk, or
    late. ``now_ms`` where that is every instant, infinity where it is none."""
    if any(due.moving for due in found):
        return now_ms
    turns = [turn for due in found for turn in (due.at_risk_ms, due.due_ms + 1)]
    turns += [due.beside.due_ms + 1 for due in found if due.beside is not None]
    return min((turn for turn in turns if turn > now_ms), default=math.inf)


def deadline(
    limit: Limit,
    from_ms: int,
    profile: Profile,
    calendar: WorkCalendar,
    waits: Sequence[tuple[int, int]] = (),
) -> Deadline:
    """When a limit that began at ``from_ms`` ends; ``waits`` (begin, end) in order of time are not counted.

    A wait that begins after the limit has ended moves nothing; waits that touch are one.
    """
    waits = _joined(waits)
    if limit.unit in _UNIT_MS:
        return Deadline(_by_the_minute(from_ms + limit.amount * _UNIT_MS[limit.unit], from_ms, waits), False)
    days = limit.amount
    found = _by_the_day(limit, from_ms, days, profile, calendar)
    for begin_ms, end_ms in waits:
        first, last = local_day(max(begin_ms, from_ms)), local_day(end_ms)
        if begin_ms > found.due_ms:
            break
        in_working_days = limit.unit is LimitUnit.WORKING_DAYS
        days += calendar.between(first, last) if in_working_days else max(0, (last - first).days)
        found = _by_the_day(limit, from_ms, days, profile, calendar)
    return found


def _joined(waits: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin_ms, end_ms in waits:
        if joined and begin_ms <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end_ms, joined[-1][1]))
        else:
            joined.append((begin_ms, end_ms))
    return joined


def _by_the_minute(due_ms: int, from_ms: int, waits: Sequence[tuple[int, int]]) -> int:
    for begin_ms, end_ms in waits:
        if begin_ms > due_ms:
            break
        due_ms += max(0, end_ms - max(begin_ms, from_ms))
    return due_ms


def _by_the_day(limit: Limit, from_ms: int, days: int, profile: Profile, calendar: WorkCalendar) -> Deadline:
    first = local_day(from_ms)
    closes = profile.office.closes if profile.day_ends == "office_close" else None
    if limit.unit is LimitUnit.CALENDAR_DAYS:
        return Deadline(end_of_day_ms(first + timedelta(days=days), closes), False)
    landing = calendar.after(first, min(days, MAX_DAYS))
    return Deadline(end_of_day_ms(landing.day, closes), landing.provisional)


class _Steps:
    """When what happened to an order, and its waits."""

    def __init__(self, work_type: WorkType, history: Sequence[HistoryEntry], accepted_ms: int | None) -> None:
        times = happened_times(history)
        self._taken = [
            (entry.step, _Moment(time.at_ms, time.source in _TOLD))
            for entry, time in zip(history, times, strict=True)
        ]
        if accepted_ms is not None:
            self._taken.insert(0, (work_type.opening, _Moment(accepted_ms)))
        self.pauses = pauses_of(work_type, history, times)
        self._closing = {rule.name for rule in work_type.steps if rule.target in work_type.closed_states}

    def first(self, step: str) -> _Moment | None:
        return next((moment for name, moment in self._taken if name == step), None)

    def end(self) -> _Moment | None:
        return next((moment for name, moment in self._taken if name in self._closing), None)


class _Clock:
    """One clock of an order."""

    def __init__(self, rule: ClockRule, basis: _Basis, steps: _Steps, now_ms: int) -> None:
        self._name = rule.name
        self._basis = basis
        self._stopped = steps.first(rule.stops) or steps.end()
        self._from_ms = basis.moment.at_ms
        self._until_ms = now_ms if self._stopped is None else self._stopped.at_ms
        self._pauses = steps.pauses
        stopping = [
            pause
            for pause in steps.pauses
            if pause.attribution != OURS
            and pause.from_ms < self._until_ms
            and pause.until(now_ms) > self._from_ms
        ]
        self._waits = [(pause.from_ms, min(pause.until(now_ms), self._until_ms)) for pause in stopping]
        self._stands_still = self._stopped is None and any(pause.to_ms is None for pause in stopping)

    def due(self, profile: Profile, area: str, calendar: WorkCalendar, case: str) -> Due:
        day = local_day(self._from_ms)
        limit = profile.limit(self._name, area, day, case)
        other = profile.other_limit(self._name, area, day, case)
        ends = self._ends(limit, profile, calendar)
        warned_ms = at_risk_ms(self._from_ms, ends.due_ms, profile)
        return Due(
            clock=self._name, due_ms=ends.due_ms, rule=self._words(limit, profile),
            basis=self._basis.words, provisional=ends.provisional,
            state=self._state(ends.due_ms, warned_ms), from_ms=self._from_ms, at_risk_ms=warned_ms,
            origin=limit.origin or profile.origin, unverified=limit.unverified,
            by_device=self._basis.moment.by_device or bool(self._stopped and self._stopped.by_device),
            waited_ms=attributed_ms(self._pauses, self._from_ms, self._until_ms),
            beside=None if other is None else self._beside(other, profile, calendar),
            moving=self._stopped is None and any(pause.to_ms is None for pause in self._pauses),
        )  # fmt: skip

    def _beside(self, limit: Limit, profile: Profile, calendar: WorkCalendar) -> OtherDue:
        ends = self._ends(limit, profile, calendar)
        state = self._state(ends.due_ms, ends.due_ms + 1)
        return OtherDue(
            ends.due_ms, self._words(limit, profile), limit.origin, limit.unverified, ends.provisional, state
        )

    def _ends(self, limit: Limit, profile: Profile, calendar: WorkCalendar) -> Deadline:
        ends = deadline(limit, self._from_ms, profile, calendar, self._waits)
        return Deadline(ends.due_ms, ends.provisional or self._basis.provisional or self._stands_still)

    def _state(self, due_ms: int, warned_ms: int) -> ClockState:
        if self._until_ms > due_ms:
            return ClockState.LATE
        if self._stopped is not None:
            return ClockState.MET
        return ClockState.AT_RISK if self._until_ms >= warned_ms else ClockState.RUNNING

    def _words(self, limit: Limit, profile: Profile) -> str:
        """``origin: Chinese · English``, with what besides the limit itself made the due time."""
        zh, _, en = limit.rule.partition(" · ")
        if limit.unit not in _UNIT_MS:
            closes = f"{profile.office.closes:%H:%M}" if profile.day_ends == "office_close" else "24:00"
            zh += f"，当日不计，末日{closes}止"
            en += f", the first day does not count, until {closes}"
        if self._waits:
            zh += "，非公司原因的等待不计时"
            en += ", waits that are not the company's do not count"
        return f"{zh} · {en}"


def at_risk_ms(from_ms: int, due_ms: int, profile: Profile) -> int:
    """When the last share of a clock's time begins, or the last minutes where these are more."""
    last_ms = max(round((due_ms - from_ms) * profile.at_risk.share), profile.at_risk.minutes * MINUTE_MS)
    return max(from_ms, due_ms - last_ms)


def _basis(clock: ClockRule, steps: _Steps, found: Mapping[str, Due]) -> _Basis | None:
    started = steps.first(clock.starts)
    if started is not None:
        return _Basis(started, clock.starts, provisional=False)
    before = found.get(clock.follows)
    return (
        None if before is None else _Basis(_Moment(before.due_ms), f"{clock.follows} due", provisional=True)
    )
