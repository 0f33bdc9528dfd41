"""REL-01, REL-07, REL-08: the numbers equal the outage store: the company, its parts, one customer."""

import pytest

from telemetry.outages import OutageState
from tests.field_api.world import World

HOUR_MS = 3_600_000


@pytest.fixture
def after_an_hour(world: World) -> World:
    """One outage of T2 that lasted an hour."""
    world.publish("out-1", OutageState.CONFIRMED)
    started_ms = world.published["out-1"].started_at_ms
    world.clock.now_ms = started_ms + HOUR_MS
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    return world


def test_the_company_equals_its_grid_cells_together(after_an_hour: World) -> None:
    person = after_an_hour.log_in("dispatcher")
    year = 2026
    company = person.get(f"/api/v1/reliability?year={year}").get_json()
    assert company["ieee1366"]["customers_interrupted"] > 0
    assert company["ieee1366"]["customer_minutes"] == pytest.approx(
        60 * company["ieee1366"]["customers_interrupted"]
    )
    for division in ("grid_cell", "line", "transformer"):
        parts = person.get(f"/api/v1/reliability/{division}?year={year}").get_json()["items"]
        assert sum(part["customers"] for part in parts) == company["customers"], division
        interrupted = sum(part["ieee1366"]["customers_interrupted"] or 0 for part in parts)
        assert interrupted == company["ieee1366"]["customers_interrupted"], division


def test_pages_of_parts_do_not_overlap(after_an_hour: World) -> None:
    person = after_an_hour.log_in("dispatcher")
    first = person.get("/api/v1/reliability/transformer?year=2026&limit=1").get_json()
    rest = person.get(f"/api/v1/reliability/transformer?year=2026&cursor={first['next_cursor']}").get_json()
    ids = [part["id"] for part in (*first["items"], *rest["items"])]
    assert first["items"][0]["ieee1366"]["saidi_min"] > 0
    assert len(ids) == len(set(ids)) > 1


def test_a_customers_account_names_the_outage_and_stays_in_its_cell(after_an_hour: World) -> None:
    world = after_an_hour
    affected = world.log_in("dispatcher").get("/api/v1/outages?state=all").get_json()["items"][0]
    network = world.network
    out = {
        customer: world.log_in("dispatcher")
        .get(f"/api/v1/customers/{customer}/interruptions?year=2026")
        .get_json()
        for customer in network.customers.ids
    }
    hit = {customer for customer, told in out.items() if told["interruptions"]}
    assert len(hit) == affected["customers_out"]
    (row,) = out[min(hit)]["rows"]
    assert (row["outage"], row["cause"]) == ("out-1", "fault")
    assert out[min(hit)]["by_cause"] == {"fault": {"interruptions": 1, "hours": pytest.approx(1.0)}}
    statuses = {
        world.log_in("crew-01").get(f"/api/v1/customers/{customer}/interruptions?year=2026").status_code
        for customer in network.customers.ids
    }
    assert statuses == {200, 404}


@pytest.mark.parametrize(
    "path", ["reliability/company?year=2026", "customers/nobody/interruptions?year=2026"]
)
def test_what_is_not_there(world: World, path: str) -> None:
    assert world.log_in("dispatcher").get(f"/api/v1/{path}").status_code == 404
