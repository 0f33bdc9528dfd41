"""What somebody enters of a year: the days that differ from Monday to Friday, and who says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from field_api.deadlines.working_days import CalendarDay
from field_api.saying import Saying

EVERYBODY: Final = ""
"""As an entry's company: the days of the State Council's notice."""
FIRST_YEAR: Final = 2004
LAST_YEAR: Final = 2100
_ALWAYS_OFF: Final = ("01-01", "05-01", "10-01", "10-02", "10-03")


class BadCalendar(Saying, ValueError):
    """An entry that cannot be the calendar of that year; says which day and what was expected."""


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """For everybody it is the whole year; a company's own entry is only the days that it names."""

    year: int
    company: str
    source: str
    published: bool
    """False: a better guess than ours, still provisional."""
    said: Mapping[date, bool]
    """Day → is it a working day?"""
    at_ms: int
    user_id: str
    user_name: str

    def days(self) -> tuple[CalendarDay, ...]:
        """The days that hold from now on."""
        if self.company != EVERYBODY:
            chosen = sorted(self.said.items())
        else:
            chosen = [(day, self.said.get(day, day.weekday() < 5)) for day in days_of(self.year)]
        return tuple(CalendarDay(day, is_work, self.source, self.published) for day, is_work in chosen)


def days_of(year: int) -> tuple[date, ...]:
    """Every day of a year."""
    first = date(year, 1, 1)
    return tuple(first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days))


def check_entry(entry: CalendarEntry) -> None:
    """Raises ``BadCalendar`` for days of another year, and for a year that works on the national days off."""
    if not FIRST_YEAR <= entry.year <= LAST_YEAR:
        raise BadCalendar("calendar.year_out_of_range", year=entry.year, first=FIRST_YEAR, last=LAST_YEAR)
    for day in sorted(entry.said):
        if day.year != entry.year:
            raise BadCalendar("calendar.day_of_another_year", day=day.isoformat(), year=entry.year)
    if entry.company != EVERYBODY:
        return
    for name in _ALWAYS_OFF:
        day = date.fromisoformat(f"{entry.year}-{name}")
        if entry.said.get(day, day.weekday() < 5):
            raise BadCalendar("calendar.day_off_by_law", day=day.isoformat())
