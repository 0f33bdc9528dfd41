"""The published days of mainland China as the package ``chinesecalendar`` (MIT) has them."""

from importlib.metadata import version

import chinese_calendar

from field_api.deadlines.calendar_entries import days_of
from field_api.deadlines.working_days import CalendarDay


def published_years() -> range:
    """The years that the installed package knows."""
    days = chinese_calendar.holidays
    return range(min(days).year, max(days).year + 1)


def published_days(year: int) -> tuple[CalendarDay, ...]:
    """Every day of one of the ``published_years``."""
    source = f"chinesecalendar {version('chinesecalendar')}"
    return tuple(
        CalendarDay(day, chinese_calendar.is_workday(day), source, published=True) for day in days_of(year)
    )
