"""The working days in the desk's database, read again when somebody has entered some."""

import json
import math
import threading
import time
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select

from field_api.adapters.calendar_tables import work_calendar, work_calendar_changes
from field_api.adapters.published_days import published_days, published_years
from field_api.deadlines.calendar_entries import EVERYBODY, CalendarEntry
from field_api.deadlines.working_days import CalendarDay, WorkCalendar
from field_api.orders.work import SYSTEM
from geo.adapters.database import lock_log, writing

MAX_LISTED: Final = 200
FRESH_S: Final = 1.0
"""A list of orders asks for the calendar once for each of them."""


class SqlCalendar:
    """``WorkCalendars`` on one engine: the common days under those of one company."""

    def __init__(self, engine: Engine, company: str = "") -> None:
        self._engine = engine
        self._company = company
        self._reading = threading.Lock()
        self._version = -1
        self._held = WorkCalendar({})
        self._asked_s = -math.inf

    def __call__(self) -> WorkCalendar:
        """The calendar as it was at most ``FRESH_S`` ago, with all that was entered here."""
        with self._reading:
            if time.monotonic() - self._asked_s > FRESH_S:
                self._refresh()
            return self._held

    def _refresh(self) -> None:
        asked_s = time.monotonic()
        with self._engine.connect() as connection:
            newest = _newest(connection)
            if newest != self._version:
                self._version, self._held = newest, self._read(connection)
        self._asked_s = asked_s

    def _read(self, connection: Connection) -> WorkCalendar:
        days = work_calendar.c
        rows = connection.execute(
            select(work_calendar).where(days.company.in_({EVERYBODY, self._company})).order_by(days.company)
        )
        return WorkCalendar({
            (day := date.fromisoformat(row.day)): CalendarDay(day, row.is_work, row.source, row.published)
            for row in rows
        })  # fmt: skip

    def enter(self, entry: CalendarEntry) -> None:
        """Replace the entry's days, all or none, and keep who said so."""
        with writing(self._engine).begin() as connection:
            keep_entry(connection, entry)
        with self._reading:
            self._refresh()

    def changes(self, year: int) -> tuple[CalendarEntry, ...]:
        """What was entered of a year, newest first, at most ``MAX_LISTED``."""
        log = work_calendar_changes.c
        query = select(work_calendar_changes).where(
            log.year == year, log.company.in_({EVERYBODY, self._company})
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(log.id.desc()).limit(MAX_LISTED)).all()
        return tuple(_entry(row) for row in rows)


def keep_entry(connection: Connection, entry: CalendarEntry) -> None:
    """Within the caller's transaction."""
    lock_log(connection, work_calendar_changes.name)
    days = work_calendar.c
    in_year = (days.day >= f"{entry.year}-01-01") & (days.day <= f"{entry.year}-12-31")
    connection.execute(delete(work_calendar).where(days.company == entry.company, in_year))
    if rows := [_row(day, entry.company) for day in entry.days()]:
        connection.execute(insert(work_calendar), rows)
    said = {day.isoformat(): is_work for day, is_work in sorted(entry.said.items())}
    connection.execute(
        insert(work_calendar_changes).values(
            id=_newest(connection) + 1, at_ms=entry.at_ms, user_id=entry.user_id, user_name=entry.user_name,
            year=entry.year, company=entry.company, source=entry.source, published=entry.published,
            days=json.dumps(said),
        )
    )  # fmt: skip


def fill_published_years(connection: Connection, at_ms: int) -> tuple[int, ...]:
    """Enter the package's years that nobody has entered; which those were.

    Years that are there stay as they are, whoever entered them. A newer package brings its years this way.
    """
    held = _years_held(connection)
    missing = tuple(year for year in published_years() if year not in held)
    for year in missing:
        found = published_days(year)
        said = {one.day: one.is_work for one in found if one.is_work != (one.day.weekday() < 5)}
        entry = CalendarEntry(year, EVERYBODY, found[0].source, True, said, at_ms, SYSTEM, SYSTEM)
        keep_entry(connection, entry)
    return missing


def _years_held(connection: Connection) -> frozenset[int]:
    year = func.substr(work_calendar.c.day, 1, 4)
    query = select(year).where(work_calendar.c.company == EVERYBODY, work_calendar.c.published).distinct()
    return frozenset(int(found) for found in connection.scalars(query))


def _newest(connection: Connection) -> int:
    return int(connection.scalar(select(func.max(work_calendar_changes.c.id))) or 0)


def _row(day: CalendarDay, company: str) -> dict[str, Any]:
    return {
        "day": day.day.isoformat(), "company": company, "is_work": day.is_work, "source": day.source,
        "published": day.published,
    }  # fmt: skip


def _entry(row: Row[Any]) -> CalendarEntry:
    said = {date.fromisoformat(day): is_work for day, is_work in json.loads(row.days).items()}
    return CalendarEntry(
        row.year, row.company, row.source, row.published, said, row.at_ms, row.user_id, row.user_name
    )
