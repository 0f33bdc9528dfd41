"""Work that comes round by the calendar: on a working day of its months, for whom it is (REL-06, CUS-03)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from field_api.deadlines.working_days import WorkCalendar


@dataclass(frozen=True, slots=True)
class Schedule:
    """A file of ``recurring_work/``: a work type, the customers it concerns, and when."""

    name: str
    work_type: str
    classes: frozenset[str]
    """Of customers; empty: any."""
    priorities: frozenset[str]
    months: frozenset[int]
    working_day: int
    """The n-th working day of the month: 1, 2, …"""
    answers: Mapping[str, str]
    """Known of the form from the start; ``{month}`` is filled in."""

    def concerns(self, customer_class: str, priority: str) -> bool:
        """Is it for such a customer?"""
        of_class = not self.classes or customer_class in self.classes
        return of_class and (not self.priorities or priority in self.priorities)


def due_day(schedule: Schedule, year: int, month: int, calendar: WorkCalendar) -> date | None:
    """The day on which it falls that month; None where it does not come that month."""
    if month not in schedule.months:
        return None
    before = date(year, month, 1) - timedelta(days=1)
    return calendar.after(before, schedule.working_day).day


def is_due(schedule: Schedule, today: date, calendar: WorkCalendar) -> bool:
    """Has its day of this month come? Once it has, it stays due until the month ends."""
    day = due_day(schedule, today.year, today.month, calendar)
    return day is not None and day.month == today.month and today >= day


def filled(schedule: Schedule, today: date) -> dict[str, str]:
    """The answers with the month in them."""
    return {name: text.format(month=f"{today:%Y-%m}") for name, text in schedule.answers.items()}
