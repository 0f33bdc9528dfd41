"""When a crew works: rosters with hours, on working days, days off or chosen weekdays, on duty or on call.

Hours are of the company's wall clock. A shift that ends at or before its beginning ends on the next day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import Final

from field_api.calendars import ZONE, local
from field_api.instants import MINUTE_MS, milliseconds

DAY_MINUTES: Final = 24 * 60
ALL_DAYS: Final = "all"
WORKING_DAYS: Final = "work"
DAYS_OFF: Final = "off"

IsWorkingDay = Callable[[date], bool]
"""By the company's calendar, make-up days and all; there is no default that one could forget to replace."""


class Presence(IntEnum):
    """How far a crew is from starting; smaller is sooner."""

    ON_SHIFT = 0
    ON_CALL = 1
    OFF = 2


@dataclass(frozen=True, slots=True)
class Shift:
    """One line of a crew's roster."""

    crew_id: str
    days: str
    """``all``, ``work``, ``off``, or weekdays as digits, Monday 1 to Sunday 7: ``12345``."""
    starts: int
    """Minute of the day, 0 to 1439."""
    ends: int
    """Minute of the day, up to 1440; at or before ``starts``: on the next day."""
    on_call: bool = False
    from_day: date | None = None
    """First day of the roster; None: always."""
    until_day: date | None = None
    """Last day; None: it has none."""


def begins_on(shift: Shift, day: date, is_working_day: IsWorkingDay) -> bool:
    """Does the shift begin on that day?"""
    if (shift.from_day and day < shift.from_day) or (shift.until_day and day > shift.until_day):
        return False
    if shift.days in {WORKING_DAYS, DAYS_OFF}:
        return is_working_day(day) is (shift.days == WORKING_DAYS)
    return shift.days == ALL_DAYS or str(day.isoweekday()) in shift.days


def covers(shift: Shift, at_ms: int, is_working_day: IsWorkingDay) -> bool:
    """Is that instant within the shift?"""
    now = local(at_ms)
    today, minute = now.date(), now.hour * 60 + now.minute
    length = _length(shift)
    since = minute - shift.starts
    yesterday = today - timedelta(days=1)
    return (0 <= since < length and begins_on(shift, today, is_working_day)) or (
        since + DAY_MINUTES < length and begins_on(shift, yesterday, is_working_day)
    )


def working_spans(
    shifts: Sequence[Shift], first: date, days: int, is_working_day: IsWorkingDay
) -> tuple[tuple[int, int], ...]:
    """From and until when (epoch ms) a crew can be sent, by shifts that begin on these days; joined.

    Hours on call count: who is on call comes when sent.
    """
    spans = sorted(
        (_instant(day, shift.starts), _instant(day, shift.starts + _length(shift)))
        for day in (first + timedelta(days=number) for number in range(days))
        for shift in shifts
        if begins_on(shift, day, is_working_day)
    )
    joined: list[tuple[int, int]] = []
    for begins, ends in spans:
        if joined and begins <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(ends, joined[-1][1])
        else:
            joined.append((begins, ends))
    return tuple(joined)


def presence(shifts: Sequence[Shift], at_ms: int, is_working_day: IsWorkingDay) -> Presence:
    """On shift, on call or off; a crew without any roster is always on shift."""
    if not shifts:
        return Presence.ON_SHIFT
    now = [shift for shift in shifts if covers(shift, at_ms, is_working_day)]
    return min((Presence.ON_CALL if one.on_call else Presence.ON_SHIFT for one in now), default=Presence.OFF)


def _length(shift: Shift) -> int:
    """Minutes."""
    return shift.ends - shift.starts + (0 if shift.ends > shift.starts else DAY_MINUTES)


def _instant(day: date, minute: int) -> int:
    midnight = milliseconds(datetime.combine(day, time(0), ZONE))
    return midnight + minute * MINUTE_MS
