"""Alarms and voltage quality by the API: only of my cells, causes first."""

from datetime import date, datetime

import pytest

from field_api.calendars import day_name, midnight_ms
from field_api.instants import milliseconds
from geo.adapters.database import open_database
from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.alarm_ports import Watched
from telemetry.fault_watch import Alarm
from telemetry.voltage_quality import Counted
from tests.field_api.world import World


@pytest.fixture
def alarmed(world: World) -> World:
    """Meters of both cells below 198 V, one explained by its transformer."""
    meters = world.network.meters.ids
    low = [Alarm("under_voltage", meter, "T1", 1_000, 2_000, 190.0) for meter in meters]
    explained = Alarm("over_voltage", meters[0], "T1", 1_000, 2_000, 240.0, 0, "transformer_over_voltage")
    voltage = {("T1", "2026-11-22"): Counted(100, 1), ("T2", "2026-11-22"): Counted(100, 4)}
    alarms = {alarm.key: alarm for alarm in (*low, explained)}
    book = SqlAlarmBook(open_database(world.home.location, "desk"))
    book.keep(Watched(alarms, {}, {}, voltage), 3_000)
    return world


def test_the_dispatcher_sees_causes_and_may_ask_for_all(alarmed: World) -> None:
    person = alarmed.log_in("dispatcher")
    causes = person.get("/api/v1/alarms").get_json()["items"]
    assert {one["subject"] for one in causes} == set(alarmed.network.meters.ids)
    assert {(one["name_zh"], one["name_en"], one["severity"]) for one in causes} == {
        ("低电压", "Under-voltage", "warning")
    }
    everything = person.get("/api/v1/alarms?causes=false").get_json()["items"]
    assert len(everything) == len(causes) + 1


def test_a_crew_sees_its_own_cells(alarmed: World) -> None:
    crew = alarmed.log_in("crew-01")
    seen = crew.get("/api/v1/alarms").get_json()["items"]
    assert seen
    assert {one["grid_id"] for one in seen} == set(crew.user["grid_ids"])


def test_pages_follow_each_other(alarmed: World) -> None:
    person = alarmed.log_in("dispatcher")
    ids: list[str] = []
    more = ""
    for _ in alarmed.network.meters.ids:
        page = person.get(f"/api/v1/alarms?limit=1{more}").get_json()
        ids += [one["id"] for one in page["items"]]
        more = f"&cursor={page['next_cursor']}"
    assert len(ids) == len(set(ids)) == len(alarmed.network.meters.ids)


def test_pass_rates_by_cell(alarmed: World) -> None:
    person = alarmed.log_in("dispatcher")
    days = "first_day=2026-11-01&last_day=2026-11-30"
    rates = person.get(f"/api/v1/voltage-quality?{days}").get_json()["items"]
    assert sorted(one["pass_rate_percent"] for one in rates) == pytest.approx([96.0, 99.0])
    backwards = person.get("/api/v1/voltage-quality?first_day=2026-11-30&last_day=2026-11-01").get_json()
    assert backwards["items"] == []


def test_local_days_begin_in_the_companys_zone() -> None:
    at_ms = 1_764_000_000_000
    begin_ms = midnight_ms(at_ms)
    assert 0 <= at_ms - begin_ms < 86_400_000
    assert day_name(begin_ms) == day_name(at_ms) != day_name(begin_ms - 1)
    assert date.fromisoformat(day_name(at_ms)).year == 2025
    assert milliseconds(datetime.fromisoformat(f"{day_name(at_ms)}T00:00:00+08:00")) == begin_ms
