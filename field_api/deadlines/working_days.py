"""Which days are working days (工作日), with make-up days (调休), and where counting them leads.

A year that was published is known day by day. Beyond it a day is a guess: Monday to Friday without the days
off that the law gives. Whatever rests on a guess is provisional (暂定) and made again when the year is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from field_api.deadlines.statutory_days import statutory_days

_DAY: Final = timedelta(days=1)
GUESSED: Final = "weekdays without statutory days off (provisional)"
MAX_DAYS: Final = 1_000
"""More than any limit; keeps a wrong number from counting through the centuries."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    day: date
    is_work: bool
    source: str
    """Who says so: a notice, a library, the company itself."""
    published: bool


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a count of days ends."""

    day: date
    provisional: bool
    """One of the days counted is not published yet."""


class WorkCalendar:
    """Known days over guessed ones. Immutable; ``known`` is not copied."""

    def __init__(self, known: Mapping[date, CalendarDay]) -> None:
        self._known = known

    def of(self, day: date) -> CalendarDay:
        """What is known or guessed of that day."""
        known = self._known.get(day)
        if known is not None:
            return known
        is_work = day.weekday() < 5 and day not in statutory_days(day.year)
        return CalendarDay(day, is_work, GUESSED, published=False)

    def after(self, day: date, working_days: int) -> Landing:
        """The n-th working day after ``day``, which does not count itself; 0 is that very day.

        ValueError for a negative number or one beyond ``MAX_DAYS``.
        """
        if not 0 <= working_days <= MAX_DAYS:
            raise ValueError(f"expected 0 to {MAX_DAYS} working days, got {working_days}")
        provisional = False
        while working_days:
            day += _DAY
            found = self.of(day)
            working_days -= found.is_work
            provisional |= not found.published
        return Landing(day, provisional)

    def known_to(self, day: date) -> date:
        """The last day of which every day from ``day`` on is published; the day before it where it is not."""
        while self.of(day).published:
            day += _DAY
        return day - _DAY

    def between(self, first: date, last: date) -> int:
        """Number of working days after ``first`` up to and with ``last``; 0 where ``last`` is not later."""
        return sum(self.of(first + n * _DAY).is_work for n in range(1, (last - first).days + 1))
