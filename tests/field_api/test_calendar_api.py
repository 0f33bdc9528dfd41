"""The calendar over HTTP and in both databases: entered by an administrator, due times follow."""

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import delete, inspect

from field_api.adapters.calendar_tables import work_calendar, work_calendar_changes
from field_api.adapters.data_files import load_profile
from field_api.adapters.published_days import published_years
from field_api.adapters.sql_calendar import SqlCalendar, fill_published_years
from field_api.calendars import ZONE, local
from field_api.deadlines.calendar_entries import CalendarEntry
from field_api.deadlines.clocks import Deadline, deadline
from field_api.deadlines.limits import Limit, LimitUnit
from field_api.instants import iso, milliseconds
from geo.adapters.database import writing
from tests.conftest import DatabaseFactory
from tests.field_api.world import START_MS, World

OFF_2027 = ["2027-01-01", "2027-01-04", "2027-02-05", "2027-02-08", "2027-10-01", "2027-10-04"]
BODY: dict[str, Any] = {
    "source": "国办发明电〔2026〕1号",
    "days": [{"day": day, "is_work": False} for day in [*OFF_2027, "2027-10-02", "2027-10-03", "2027-05-01"]]
    + [{"day": "2027-01-09", "is_work": True}],
}
EIGHT = Limit("connection", "any", 8, LimitUnit.WORKING_DAYS, "rule")


def _ends(calendars: SqlCalendar) -> Deadline:
    received = milliseconds(datetime(2026, 12, 24, 10, tzinfo=ZONE))
    return deadline(EIGHT, received, load_profile("promise"), calendars())


def test_a_published_year_is_there_from_the_start(world: World) -> None:
    shown = world.log_in("crew-01").get("/api/v1/calendar/2026").get_json()
    days = {one["day"]: one for one in shown["days"]}
    assert (shown["published"], len(days)) == (True, 365)
    assert days["2026-10-10"]["is_work"]
    assert not days["2026-10-07"]["is_work"]
    assert [(one["by_name"], one["source"][:16]) for one in shown["changes"]] == [
        ("system", "chinesecalendar ")
    ]


def test_entering_a_year_makes_its_due_times_certain(world: World) -> None:
    """Provisional until then; nothing has to be told (invariant 5)."""
    calendars = world.services.company.calendar
    assert isinstance(calendars, SqlCalendar)
    guessed = _ends(calendars)
    assert (local(guessed.due_ms).date(), guessed.provisional) == (date(2027, 1, 6), True)
    admin = world.log_in("admin")
    assert admin.get("/api/v1/calendar/2027").get_json()["published"] is False
    answer = admin.send("PUT", "/api/v1/calendar/2027", BODY)
    assert answer.status_code == 200, answer.text
    entered = answer.get_json()
    assert entered["published"]
    assert entered["changes"][0] == {
        "at": iso(START_MS), "by_name": admin.user["name"], "source": BODY["source"],
        "published": True, "own": False, "days": 10,
    }  # fmt: skip
    known = _ends(calendars)
    assert (local(known.due_ms).date(), known.provisional) == (date(2027, 1, 7), False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"days": []}, "calendar.day_off_by_law"),
        ({"days": [{"day": "2026-01-01", "is_work": False}]}, "calendar.day_of_another_year"),
        ({"own": True}, "company.code"),
        ({"days": [{"day": "2027-01-01", "is_work": False}] * 2}, "twice"),
        ({"days": [{"day": "soon", "is_work": False}]}, "days"),
        ({"source": ""}, "source"),
    ],
)
def test_a_year_that_cannot_be_is_refused_and_nothing_changes(
    world: World, change: dict[str, Any], told: str
) -> None:
    admin = world.log_in("admin")
    answer = admin.send("PUT", "/api/v1/calendar/2027", BODY | change)
    assert answer.status_code == 422
    assert told in answer.text
    assert admin.get("/api/v1/calendar/2027").get_json()["changes"] == []


def test_only_an_administrator_enters_and_only_years_that_are_ones(world: World) -> None:
    assert world.log_in("dispatcher").send("PUT", "/api/v1/calendar/2027", BODY).status_code == 403
    admin = world.log_in("admin")
    for year in ("2003", "2101", "soon", "٢٠٢٧", "20270"):
        assert admin.get(f"/api/v1/calendar/{year}").status_code == 404


def test_an_order_shows_rule_origin_and_the_other_limit(world: World) -> None:
    arrival = world.confirmed()["due"][0]
    assert arrival["clock"] == "arrival"
    assert arrival["origin"].startswith("State Grid")
    assert arrival["at_risk_at"] < arrival["due_at"] < arrival["beside"]["due_at"]
    assert (arrival["unverified"], arrival["by_device"], arrival["waited_s"]) == (False, False, {})


def test_two_companies_share_the_common_days_and_not_their_own(database: DatabaseFactory) -> None:
    engine = database("desk")
    ours, theirs = SqlCalendar(engine, "ours"), SqlCalendar(engine, "theirs")
    festival = date(2026, 4, 15)
    ours.enter(CalendarEntry(2026, "ours", "三月三", True, {festival: False}, 1, "u", "u"))
    assert (ours().of(festival).is_work, theirs().of(festival).is_work) == (False, True)
    assert ours().of(festival).source == "三月三"
    assert (len(ours.changes(2026)), len(theirs.changes(2026))) == (2, 1)
    ours.enter(CalendarEntry(2026, "ours", "taken back", True, {}, 2, "u", "u"))
    assert ours().of(festival).is_work


def test_published_years_are_filled_once_and_never_over_what_was_entered(database: DatabaseFactory) -> None:
    engine = database("desk")
    calendars = SqlCalendar(engine)
    entered = date(2026, 12, 31)
    said = {date(2026, 1, 1): False, date(2026, 10, 1): False, date(2026, 10, 2): False, entered: False}
    calendars.enter(CalendarEntry(2026, "", "by hand", True, said, 1, "u", "u"))
    with writing(engine).begin() as connection:
        assert fill_published_years(connection, 2) == ()
        connection.execute(delete(work_calendar).where(work_calendar.c.day < "2005"))
        assert fill_published_years(connection, 3) == (2004,)
    assert calendars().of(entered).source == "by hand"
    assert all(calendars().of(date(year, 1, 1)).published for year in published_years())
    assert not calendars().of(date(published_years().stop, 1, 1)).published


def test_tables_and_migration_agree(database: DatabaseFactory) -> None:
    made = inspect(database("desk"))
    for table in (work_calendar, work_calendar_changes):
        columns = {column["name"]: column["nullable"] for column in made.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
