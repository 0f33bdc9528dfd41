"""An order's life through the API: steps, repetition, stale revisions, proof of supply."""

import json
from typing import Any

import pytest

from field_api.calendars import clock_face
from field_api.instants import iso
from field_api.usecases.follow_calls import FollowCalls
from telemetry.outages import OutageState
from tests.field_api.world import Person, World

AT = "2026-11-22T08:00:00Z"


def _step(who: Person, order: dict[str, Any], step: str, operation: str = "", **more: object) -> Any:
    body = {
        "operation_id": operation or f"op-{order['id']}-{step}-{order['revision']}",
        "step": step, "at": AT, "revision": order["revision"], **more,
    }  # fmt: skip
    return who.send("POST", f"/api/v1/orders/{order['id']}/steps", body)


def _up_to(who: Person, order: dict[str, Any], *steps: str) -> dict[str, Any]:
    for step in steps:
        answer = _step(who, order, step)
        assert answer.status_code == 200, answer.text
        order = answer.get_json()
    return order


def test_from_assigned_to_closed(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    finding = {"element": "T2", "cause": "tree"}
    order = _up_to(crew, order, "accept", "arrive")
    order = _step(crew, order, "repair", finding=finding, note="树枝，联系人13812345678").get_json()
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    order = _up_to(crew, order, "close")
    assert order["state"] == "closed"
    assert order["transitions"] == []
    detail = crew.get(f"/api/v1/orders/{order['id']}").get_json()
    steps = [entry["step"] for entry in detail["history"]]
    assert steps == ["assign", "accept", "arrive", "repair", "supply_returned", "close"]
    assert detail["history"][1]["device_at"] == "2026-11-22T08:00:00.000Z"
    assert crew.get("/api/v1/orders").get_json()["items"] == []


def test_an_order_says_whether_its_crew_is_clear(world: World) -> None:
    """On site it is not, until it reports so."""
    order = world.confirmed()
    dispatcher, path = world.log_in("dispatcher"), f"/api/v1/orders/{order['id']}"
    seen = [dispatcher.get(path).get_json()["is_clear"]]
    for revision, step in enumerate(("accept", "arrive", "report_clear"), order["revision"]):
        answers = {"earthing_removed": 0} if step == "report_clear" else {}
        body = {
            "operation_id": f"operation-{revision}", "step": step, "at": "2026-11-22T08:00:00Z",
            "answers": answers, "revision": revision,
        }  # fmt: skip
        answer = dispatcher.send("POST", f"{path}/steps", body)
        assert answer.status_code == 200, answer.text
        seen.append(dispatcher.get(path).get_json()["is_clear"])
    assert seen == [True, True, False, True]


def test_a_crew_follows_its_orders_steps(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    seen = []
    for step in ("accept", "arrive"):
        order = _up_to(crew, order, step)
        mine = next(one for one in crew.get("/api/v1/crews").get_json()["items"] if one["id"] == "crew-02")
        seen.append((mine["state"], mine["order_id"]))
    assert seen == [("travelling", order["id"]), ("working", order["id"])]


def test_the_same_operation_gets_the_same_answer(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    first = _step(crew, order, "accept", "op-00000001")
    again = _step(crew, order, "accept", "op-00000001")
    assert (first.status_code, first.data) == (again.status_code, again.data)
    other = _step(crew, order, "accept", "op-00000001", note="another thing")
    assert other.status_code == 409
    history = crew.get(f"/api/v1/orders/{order['id']}").get_json()["history"]
    assert [entry["step"] for entry in history] == ["assign", "accept"]


def test_an_outdated_revision_is_told_what_is_current(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    _up_to(crew, order, "accept")
    stale = _step(crew, order, "arrive")
    assert stale.status_code == 409
    assert stale.content_type == "application/problem+json"
    assert stale.get_json()["current"]["revision"] == 2


@pytest.mark.parametrize("step", ["arrive", "repair", "close"])
def test_a_step_out_of_turn_is_not_possible(world: World, step: str) -> None:
    answer = _step(world.log_in("crew-02"), world.confirmed(), step)
    assert answer.status_code == 422
    told = answer.get_json()
    assert (told["code"], told["facts"]["state"]) == ("order.step_not_now", "assigned")
    assert "accept" in told["facts"]["possible"]


def test_closing_waits_until_the_meters_live(world: World) -> None:
    crew = world.log_in("crew-02")
    order = _up_to(crew, world.confirmed(), "accept", "arrive", "repair")
    refused = _step(crew, order, "close")
    assert refused.status_code == 409
    told = refused.get_json()
    assert (told["code"], told["facts"]) == ("order.still_dead", {"count": 2, "meters": ["M3", "M4"]})
    # Straight from the log: the desk's own view may lag behind.
    world.publish("out-1", OutageState.RESTORED)
    assert _step(crew, order, "close").status_code == 200


def test_closing_waits_for_meters_that_are_recorded_elsewhere(world: World) -> None:
    crew = world.log_in("crew-02")
    order = _up_to(crew, world.confirmed(), "accept", "arrive", "repair")
    world.publish("out-1", OutageState.CONFIRMED, cut=(), also_out=("C1",))
    refused = _step(crew, order, "close")
    assert refused.status_code == 409
    assert "M1" in refused.get_json()["facts"]["meters"]


def test_closing_looks_at_the_outage_that_it_was_merged_into(world: World) -> None:
    crew = world.log_in("crew-02")
    order = _up_to(crew, world.confirmed(), "accept", "arrive", "repair")
    world.publish("out-9", OutageState.CONFIRMED, "LN2", cut=("LN2",))
    world.publish("out-1", OutageState.MERGED, merged_into="out-9")
    assert _step(crew, order, "close").status_code == 409
    world.publish("out-9", OutageState.RESTORED, "LN2")
    assert _step(crew, order, "close").status_code == 200


def test_who_may_step(world: World) -> None:
    order = world.confirmed()
    assert _step(world.log_in("crew-01"), order, "accept").status_code == 404, "another cell's: unseen"
    assert _step(world.log_in("viewer"), order, "accept").status_code == 403
    assert _step(world.log_in("dispatcher"), order, "accept").status_code == 200


def test_a_customers_call_joins_its_outage_and_opens_none(world: World) -> None:
    """REP-01: later calls attach."""
    order = world.confirmed()
    dispatcher = world.log_in("dispatcher")
    body = {"customer_id": "C3", "text": "没电，请回电13612345670"}
    answer = dispatcher.send("POST", "/api/v1/calls", body)
    assert (answer.status_code, answer.get_json()["outage_id"]) == (201, "out-1")
    assert (answer.get_json()["verdict"], answer.get_json()["order_id"]) == ("covered", order["id"])
    assert set(answer.get_json()["told"]) == {"zh", "en"}
    history = dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()["history"]
    assert [one["step"] for one in history] == ["assign", "call_attached"]
    assert dispatcher.get("/api/v1/outages/out-1").get_json()["calls"] == 1
    with world.services.desk.reading() as session:
        told = [one.event for one in session.feed.read(0, 100) if one.event.name == "call_attached"]
    assert [(json.loads(one.data)["order_id"], one.grid_ids) for one in told] == [
        (order["id"], frozenset({"G2"}))
    ]
    alone = dispatcher.send("POST", "/api/v1/calls", {"customer_id": "C1"})
    assert (alone.get_json()["verdict"], alone.get_json()["order_id"]) == ("verify", "")
    assert alone.get_json()["outage_id"] is None
    assert dispatcher.send("POST", "/api/v1/calls", {"customer_id": "C99"}).status_code == 404
    world.work()
    assert len(dispatcher.get("/api/v1/orders?state=all").get_json()["items"]) == 1


def test_a_call_that_nothing_explains_opens_an_order_where_that_is_asked_for(world: World) -> None:
    dispatcher, body = world.log_in("dispatcher"), {"customer_id": "C3", "open_order": True}
    opened = dispatcher.send("POST", "/api/v1/calls", body).get_json()
    order = dispatcher.get(f"/api/v1/orders/{opened['order_id']}").get_json()
    assert (opened["verdict"], order["type"], order["source"]) == ("opened", "verification", "call")
    second = dispatcher.send("POST", "/api/v1/calls", body).get_json()
    assert (second["verdict"], second["order_id"]) == ("duplicate", order["id"])
    repair = world.confirmed()
    services = world.services
    follow = FollowCalls(services.desk, services.company, services.supply)
    assert (follow(world.clock()), follow(world.clock())) == (1, 0)
    assert dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()["state"] == "cancelled"
    noted = dispatcher.get(f"/api/v1/orders/{repair['id']}").get_json()["history"][-1]
    assert (noted["step"], noted["note"]) == ("call_attached", f"call of {order['number']}")
    now = dispatcher.get(f"/api/v1/calls/{opened['id']}").get_json()
    assert (now["verdict"], now["outage_id"]) == ("covered", "out-1")


def test_the_same_call_again_is_the_same_call(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    body = {"operation_id": "op-call-01", "customer_id": "C3", "text": "没电"}
    first = dispatcher.send("POST", "/api/v1/calls", body)
    world.clock.now_ms += 60_000
    assert dispatcher.send("POST", "/api/v1/calls", body).get_json()["id"] == first.get_json()["id"]
    assert dispatcher.send("POST", "/api/v1/calls", body | {"customer_id": "C1"}).status_code == 409
    without = {"customer_id": "C3"}
    ids = {dispatcher.send("POST", "/api/v1/calls", without).get_json()["id"] for _ in range(2)}
    assert len(ids) == 2


def test_positions_are_of_ones_own_crew_and_never_go_back(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    assert _step(crew, order, "accept").status_code == 200
    path = "/api/v1/crews/crew-02/position"

    def put(lon: float, at: str) -> int:
        body = {"lon": lon, "lat": 39.0, "at": at, "state": "travelling"}
        return crew.send("PUT", path, body).status_code

    assert put(116.5, "2026-11-21T22:20:00Z") == 204
    assert put(116.1, "2026-11-21T22:10:00Z") == 204
    mine = next(one for one in crew.get("/api/v1/crews").get_json()["items"] if one["id"] == "crew-02")
    assert (mine["lon"], mine["state"]) == (116.5, "travelling")
    other = {"lon": 1, "lat": 2, "at": AT, "state": "free"}
    assert crew.send("PUT", "/api/v1/crews/crew-01/position", other).status_code == 404


def test_lists_come_in_pages(world: World) -> None:
    for number in range(5):
        world.clock.now_ms += 1000
        world.confirmed(f"out-{number}", "T2" if number % 2 else "T1")
    dispatcher = world.log_in("dispatcher")
    for resource in ("orders", "outages", "notices", "crews"):
        whole = dispatcher.get(f"/api/v1/{resource}?limit=500").get_json()["items"]
        page = dispatcher.get(f"/api/v1/{resource}?limit=2").get_json()
        paged, pages = page["items"], 1
        while page["next_cursor"]:
            page = dispatcher.get(f"/api/v1/{resource}?limit=2&cursor={page['next_cursor']}").get_json()
            paged, pages = paged + page["items"], pages + 1
        assert paged == whole, resource
        assert pages == -(-len(whole) // 2), resource


def test_a_time_of_restoration_that_has_passed_is_refused_and_the_clock_is_named(world: World) -> None:
    crew = world.log_in("crew-02")
    order = _up_to(crew, world.confirmed(), "accept")
    now_ms = world.clock()
    refused = _step(crew, order, "estimate", at=iso(now_ms), estimate_at=iso(now_ms - 1)).get_json()
    assert (refused["status"], refused["code"]) == (422, "order.estimate_passed")
    assert refused["facts"] == {"estimate": iso(now_ms - 1), "said": iso(now_ms)}
    assert clock_face(now_ms) in refused["detail"]
    assert _step(crew, order, "estimate", at=iso(now_ms), estimate_at=iso(now_ms + 1)).status_code == 200


def test_a_list_of_a_type_that_does_not_exist_names_the_field(world: World) -> None:
    told = world.log_in("dispatcher").get("/api/v1/orders?type=repairs").get_json()
    (field,) = told["errors"]
    assert (told["status"], field["field"], field["code"]) == (422, "type", "order.no_type")
    assert "repair" in field["facts"]["known"]
    assert "repair" in field["message"]
