"""An incident's jobs: put together, put asunder, and found by what they are about."""

from pathlib import Path
from typing import Any

import pytest

from tests.field_api.world import Person, World, make_world

AT = "2026-11-22T08:00:00Z"


def _open(who: Person, operation: str, subject: str = "T2", **more: object) -> dict[str, Any]:
    body = {"operation_id": operation, "type": "repair", "subject_id": subject, **more}
    answer = who.send("POST", "/api/v1/orders", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def test_merged_orders_tell_it_and_one_goes_on(world: World) -> None:
    """REP-03"""
    first, dispatcher = world.confirmed(), world.log_in("dispatcher")
    second = _open(dispatcher, "op-second-1", outage_id="out-1")
    body = {"operation_id": "op-merge-01", "into": first["id"]}
    path = f"/api/v1/orders/{second['id']}/merge"
    merged = dispatcher.send("POST", path, body)
    assert (merged.status_code, merged.get_json()["id"]) == (200, first["id"])
    assert dispatcher.send("POST", path, body).data == merged.data, "the answer was lost"
    gone = dispatcher.get(f"/api/v1/orders/{second['id']}").get_json()
    assert (gone["state"], gone["history"][-1]["details"]) == (
        "cancelled",
        {"merged_into": first["id"], "number": first["number"]},
    )
    kept = dispatcher.get(f"/api/v1/orders/{first['id']}").get_json()
    assert (kept["state"], kept["history"][-1]["details"]) == (
        "assigned",
        {"absorbed": second["id"], "number": second["number"]},
    )
    again = dispatcher.send("POST", path, body | {"operation_id": "op-merge-02"})
    assert again.status_code == 409, "it is closed"


@pytest.mark.parametrize("into", ["ord-none", "itself", "stranger"])
def test_only_orders_of_one_incident_are_merged(world: World, into: str) -> None:
    first, dispatcher = world.confirmed(), world.log_in("dispatcher")
    alone = _open(dispatcher, "op-alone-1")
    wanted = {"itself": first["id"], "stranger": alone["id"]}.get(into, into)
    body = {"operation_id": "op-merge-01", "into": wanted}
    answer = dispatcher.send("POST", f"/api/v1/orders/{first['id']}/merge", body)
    assert answer.status_code == (404 if into == "ord-none" else 422)
    assert dispatcher.get(f"/api/v1/orders/{first['id']}").get_json()["state"] == "assigned"


def test_work_under_way_is_not_merged_away(world: World) -> None:
    first, dispatcher = world.confirmed(), world.log_in("dispatcher")
    second = _open(dispatcher, "op-second-1", outage_id="out-1")
    for revision, step in enumerate(("accept", "arrive"), start=1):
        body = {"operation_id": f"op-step-{step}", "step": step, "at": AT, "revision": revision}
        assert dispatcher.send("POST", f"/api/v1/orders/{second['id']}/steps", body).status_code == 200
    body = {"operation_id": "op-merge-01", "into": first["id"]}
    assert dispatcher.send("POST", f"/api/v1/orders/{second['id']}/merge", body).status_code == 422
    kept = dispatcher.get(f"/api/v1/orders/{first['id']}").get_json()
    assert [one["step"] for one in kept["history"]] == ["assign"], "nothing is half done"


def test_an_order_alone_joins_an_incident(world: World) -> None:
    first, dispatcher = world.confirmed(), world.log_in("dispatcher")
    alone = _open(dispatcher, "op-alone-1")
    body = {"operation_id": "op-attach-1", "incident_id": first["incident_id"]}
    joined = dispatcher.send("POST", f"/api/v1/orders/{alone['id']}/attach", body).get_json()
    assert (joined["incident_id"], joined["outage_id"]) == (first["incident_id"], "out-1")
    again = dispatcher.send(
        "POST", f"/api/v1/orders/{alone['id']}/attach", body | {"operation_id": "op-attach-2"}
    )
    assert again.status_code == 409
    shown = dispatcher.get(f"/api/v1/incidents/{first['incident_id']}").get_json()
    assert {one["id"] for one in shown["orders"]} == {first["id"], alone["id"]}
    assert shown["outage_ids"] == ["out-1"]
    assert world.log_in("crew-01").get(f"/api/v1/incidents/{first['incident_id']}").status_code == 404


def test_a_second_place_of_damage_is_an_order_of_its_own(world: World) -> None:
    first, dispatcher = world.confirmed(), world.log_in("dispatcher")
    body = {"operation_id": "op-split-01", "element": "LN2", "note": "second broken pole"}
    path = f"/api/v1/orders/{first['id']}/split"
    answer = dispatcher.send("POST", path, body)
    assert answer.status_code == 201, answer.text
    second = answer.get_json()
    assert (second["element"], second["incident_id"], second["parent_id"]) == (
        "LN2", first["incident_id"], first["id"],
    )  # fmt: skip
    assert dispatcher.send("POST", path, body).data == answer.data
    same = body | {"operation_id": "op-split-02", "element": first["element"]}
    assert dispatcher.send("POST", path, same).status_code == 422


FILTERS = {
    "state=open&type=repair": {"r1", "r2"},
    "type=inspection": {"i"},
    "crew_id=crew-01": {"r2"},
    "grid_id=G2": {"r1", "i"},
    "outage_id=out-1": {"r1"},
    "incident_id=inc-out-1": {"r1"},
    "priority=key": {"r1"},
    "step_state=accepted": set(),
    "updated_since=2100-01-01T00:00:00Z": set(),
    "updated_since=2020-01-01T00:00:00Z": {"r1", "r2", "i"},
    "customer_id=C3": set(),
}


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Person, dict[str, str]]:
    world = make_world(tmp_path_factory.mktemp("filters"), template=template)
    dispatcher = world.log_in("dispatcher")
    inspection = {"operation_id": "op-inspect-1", "type": "inspection", "subject_id": "T2"}
    names = {world.confirmed()["id"]: "r1", _open(dispatcher, "op-other-01", "T1")["id"]: "r2"}
    names[dispatcher.send("POST", "/api/v1/orders", inspection).get_json()["id"]] = "i"
    return dispatcher, names


@pytest.mark.parametrize("query", FILTERS)
def test_orders_are_found_by_what_they_are_about(query: str, listed: tuple[Person, dict[str, str]]) -> None:
    who, names = listed
    found: set[str] = set()
    cursor = ""
    while True:
        answer = who.get(f"/api/v1/orders?limit=1&{query}{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.get_json()
        found |= {names[one["id"]] for one in page["items"]}
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == FILTERS[query]
