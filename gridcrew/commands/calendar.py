"""``gridcrew calendar``: the working days of a year, shown and entered."""

import csv
import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click
from sqlalchemy import inspect

from field_api.adapters.calendar_tables import work_calendar
from field_api.adapters.sql_calendar import SqlCalendar, fill_published_years
from field_api.adapters.system_clock import wall_clock_ms
from field_api.deadlines.calendar_entries import (
    EVERYBODY,
    FIRST_YEAR,
    LAST_YEAR,
    BadCalendar,
    CalendarEntry,
    check_entry,
    days_of,
)
from field_api.deadlines.working_days import CalendarDay
from field_api.instants import iso
from geo.adapters.database import open_database, writing
from gridcrew.english import in_english
from gridcrew.settings import Settings

_YEAR = click.IntRange(FIRST_YEAR, LAST_YEAR)
_WORDS = {
    "work": True,
    "1": True,
    "true": True,
    "班": True,
    "off": False,
    "0": False,
    "false": False,
    "休": False,
}


@click.group(name="calendar")
def command() -> None:
    """Working days: what is known of a year, and entering it."""


@command.command()
@click.argument("year", type=_YEAR)
@click.option("--json", "as_json", is_flag=True, help="Every day, as JSON.")
def show(year: int, as_json: bool) -> None:
    """Days of YEAR that differ from Monday to Friday, and who said so when."""
    with _calendar() as calendars:
        calendar, changes = calendars(), calendars.changes(year)
    days = [calendar.of(day) for day in days_of(year)]
    if as_json:
        click.echo(json.dumps([_document(one) for one in days], ensure_ascii=False))
        return
    known = "published" if all(one.published for one in days) else "provisional 暂定"
    click.echo(f"{year}: {sum(one.is_work for one in days)} working days, {known}")
    for one in days:
        if one.is_work != (one.day.weekday() < 5):
            click.echo(f"{one.day}  {one.day:%a}  {'work 班' if one.is_work else 'off 休'}  {one.source}")
    for entry in changes:
        click.echo(f"entered {iso(entry.at_ms)} by {entry.user_name}: {len(entry.said)} days, {entry.source}")


@command.command(name="import")
@click.argument("year", type=_YEAR, required=False)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--source", help="Who says so: the number or the address of the notice.")
@click.option("--own", is_flag=True, help="Only the named days, and only for this company.")
@click.option("--guess", is_flag=True, help="Not published yet: due times stay provisional.")
def import_days(year: int | None, file: Path | None, source: str | None, own: bool, guess: bool) -> None:
    """Enter the days of YEAR from a CSV FILE with the columns day and work (work or off).

    Only days that differ from Monday to Friday are named. Without YEAR: the years that the installed package
    of published days has and nobody has entered.
    """
    with _calendar() as calendars:
        if year is None:
            _import_published()
            return
        if file is None or not source:
            raise click.UsageError("expected FILE and --source beside YEAR")
        settings = Settings()
        if own and not settings.company.code:
            raise click.UsageError("--own needs the setting company.code")
        company = settings.company.code if own else EVERYBODY
        entry = CalendarEntry(
            year,
            company,
            source,
            not guess,
            _read(file),
            wall_clock_ms(),
            "",
            f"{getpass.getuser()} (command line)",
        )
        try:
            check_entry(entry)
        except BadCalendar as problem:
            raise click.ClickException(f"{file}: {in_english(problem)}") from problem
        calendars.enter(entry)
    click.echo(f"{year}: {len(entry.said)} days entered; due times follow at once")


def _document(day: CalendarDay) -> dict[str, str | bool]:
    return {
        "day": day.day.isoformat(), "is_work": day.is_work, "source": day.source, "published": day.published,
    }  # fmt: skip


def _import_published() -> None:
    engine = open_database(Settings().database_location, "desk")
    with writing(engine).begin() as connection:
        years = fill_published_years(connection, wall_clock_ms())
    engine.dispose()
    click.echo(f"entered: {', '.join(map(str, years)) or 'nothing, all published years are there'}")


def _read(file: Path) -> dict[date, bool]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if not {"day", "work"} <= set(rows.fieldnames or ()):
            raise click.ClickException(f"{file}: line 1: expected the columns day and work")
        found: dict[date, bool] = {}
        for number, row in enumerate(rows, start=2):
            day, is_work = _row(f"{file}: line {number}", row["day"] or "", row["work"] or "")
            if day in found:
                raise click.ClickException(f"{file}: line {number}: {day} is named twice")
            found[day] = is_work
    return found


def _row(place: str, day: str, work: str) -> tuple[date, bool]:
    try:
        return date.fromisoformat(day.strip()), _WORDS[work.strip().lower()]
    except KeyError:
        raise click.ClickException(f"{place}: work is {work!r}: expected work or off") from None
    except ValueError:
        raise click.ClickException(f"{place}: day is {day!r}: expected such as 2027-02-06") from None


@contextmanager
def _calendar() -> Iterator[SqlCalendar]:
    settings = Settings()
    engine = open_database(settings.database_location, "desk")
    try:
        if not inspect(engine).has_table(work_calendar.name):
            raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
        yield SqlCalendar(engine, settings.company.code)
    finally:
        engine.dispose()
