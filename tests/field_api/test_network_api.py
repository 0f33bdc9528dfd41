"""Findings and linkage of the network in force, each to the people of their grid cells."""

from pathlib import Path

import pytest

from telemetry.outages import OutageState
from tests.field_api.voltages import store_voltages
from tests.field_api.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("network-api"))


def test_findings_are_told_in_both_languages_with_feeder_and_cell(world: World) -> None:
    page = world.log_in("dispatcher").get("/api/v1/network/findings").get_json()
    (finding,) = page["items"]
    assert (finding["rule"], finding["element"], finding["feeder"]) == ("too-short", "LN2", "CB1")
    assert finding["message"].startswith("its length 850 m is less than")
    assert finding["message_zh"].startswith("长度 850 米小于")
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [("feeder=CB1", 1), ("feeder=CB2", 0), ("rule=too-short", 1), ("severity=error", 0), ("limit=1", 1)],
)
def test_findings_can_be_asked_for(world: World, query: str, count: int) -> None:
    page = world.log_in("dispatcher").get(f"/api/v1/network/findings?{query}").get_json()
    assert len(page["items"]) == count


def test_a_crew_sees_the_linkage_of_its_own_cell(world: World) -> None:
    everybody = world.log_in("dispatcher").get("/api/v1/network/linkage").get_json()["items"]
    assert [rate["grid_id"] for rate in everybody] == ["G1", "G2"]
    mine = world.log_in("crew-01").get("/api/v1/network/linkage").get_json()["items"]
    assert [rate["grid_id"] for rate in mine] == ["G1"]
    assert mine[0]["customers"] == 2
    assert (mine[0]["linked"], mine[0]["gaps"]["access_point"]) == (0, 2)


def test_pages_follow_each_other(world: World) -> None:
    person = world.log_in("dispatcher")
    first = person.get("/api/v1/network/linkage?limit=1").get_json()
    second = person.get(f"/api/v1/network/linkage?limit=1&cursor={first['next_cursor']}").get_json()
    assert [page["items"][0]["grid_id"] for page in (first, second)] == ["G1", "G2"]
    assert second["next_cursor"] is None


def test_whom_outages_contradict_is_listed_with_the_evidence(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    assert dispatcher.get("/api/v1/network/suspects").get_json()["items"] == []
    world.publish("out-1", OutageState.CONFIRMED, "T2", also_out=("C1",))
    world.publish("out-2", OutageState.CONFIRMED, "T2", also_out=("C1",))
    (one,) = dispatcher.get("/api/v1/network/suspects").get_json()["items"]
    assert (one["customer_id"], one["meter_ids"], one["recorded_at"]) == ("C1", ["M1"], "T1")
    assert (sorted(one["outages"]), one["sure"]) == (["out-1", "out-2"], True)
    assert [(place["transformer"], place["outages"]) for place in one["perhaps_at"]] == [("T2", 2)]
    assert len(world.log_in("crew-01").get("/api/v1/network/suspects").get_json()["items"]) == 1
    assert world.log_in("crew-02").get("/api/v1/network/suspects").get_json()["items"] == []


def test_voltages_of_a_customer_are_compared_with_areas_and_phases(tmp_path: Path, template: Path) -> None:
    world = make_world(tmp_path, template=template)
    for outage in ("out-1", "out-2"):
        world.publish(outage, OutageState.CONFIRMED, "T2", also_out=("C1",))
    store_voltages(world.services.readings, world.clock())
    person = world.log_in("crew-01")
    found = person.get("/api/v1/network/suspects/C1/voltages?days=3").get_json()
    (meter,) = found["meters"]
    assert (meter["meter_id"], meter["recorded_at"], meter["rather_at"]) == ("M1", "T1", "T2")
    assert (meter["recorded_phase"], meter["rather_phase"]) == ("A", "B")
    assert meter["areas"][0]["correlation"] > 0.6
    assert person.get("/api/v1/network/suspects/C3/voltages").status_code == 404
    assert person.get("/api/v1/network/suspects/C1/voltages?days=0").status_code == 422
