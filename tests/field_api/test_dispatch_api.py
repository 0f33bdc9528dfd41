"""The plan over HTTP: proposals with reasons, taken by people or by the worker, within one's grid cells."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from field_api.app import build_dispatcher
from field_api.dispatcher import Dispatcher
from field_api.instants import iso
from field_api.orders.work import HistoryEntry, Order
from field_api.organisation.cells import Crew, CrewState
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import DeskSession
from field_api.usecases.expected_return import expected_return
from tests.field_api.world import World


@pytest.fixture
def two_crews(world: World) -> World:
    """A second crew of the western cell stands right beside its transformer, the first is far away."""
    with world.services.desk.writing() as session:
        _put(session, "crew-02", lon=116.9, lat=39.5)
        _put(session, "crew-09", lon=116.031, lat=39.0)
    return world


def _put(session: DeskSession, crew_id: str, lon: float, lat: float) -> None:
    session.organisation.put_crew(Crew(crew_id, f"抢修{crew_id}", ("G2",), CrewState.FREE, lon, lat, 1))


def _opened(world: World) -> dict[str, Any]:
    """An order that the absent crew has: the near one was busy then."""
    order = world.confirmed("out-west", cause="T2")
    if order["crew_id"] == "crew-02":
        return order
    with world.services.desk.writing() as session:
        session.orders.hand_over(order["id"], "crew-02")
    return {**order, "crew_id": "crew-02"}


def _dispatcher(world: World, automatic: bool = False) -> Dispatcher:
    return replace(build_dispatcher(replace(world.home, automatic_dispatch=automatic)), clock=world.clock)


def _visits(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {v["order_id"]: {**v, "to": one["crew_id"]} for one in plan["crews"] for v in one["visits"]}


def test_there_is_no_plan_before_the_first(world: World) -> None:
    assert world.log_in("dispatcher").get("/api/v1/dispatch/plan").status_code == 204


def test_a_proposal_says_why_and_is_taken_in_the_dispatchers_name(two_crews: World) -> None:
    order = _opened(two_crews)
    dispatcher = two_crews.log_in("dispatcher")
    made = dispatcher.send("POST", "/api/v1/dispatch/plan").get_json()
    visit = _visits(made)[order["id"]]
    assert (visit["to"], visit["crew_id"], visit["proposed"]) == ("crew-09", "crew-02", True)
    codes = [reason["code"] for reason in visit["reasons"]]
    assert {"key", "customers", "nearest", "handed_over"} <= set(codes)
    assert all(reason["zh"] and reason["en"] for reason in visit["reasons"])
    assert visit["restored"]["by"] == "computed"
    others = {one["crew_id"]: one for one in visit["runners_up"]}
    assert {name: one["own_cell"] for name, one in others.items()} == {"crew-01": False, "crew-02": True}
    assert others["crew-02"]["begins_at"] > visit["begins_at"]
    assert [reason["code"] for reason in others["crew-02"]["reasons"]] == ["later"]
    assert "other_cell" in [reason["code"] for reason in others["crew-01"]["reasons"]]
    mine = two_crews.log_in("crew-02").get("/api/v1/dispatch/plan").get_json()
    seen = _visits(mine)[order["id"]]["runners_up"]
    assert [one["crew_id"] for one in seen] == ["crew-02"], "crews of other cells are not named"
    assert dispatcher.get("/api/v1/dispatch/plan").get_json() == made

    body = {"operation_id": uuid.uuid4().hex}
    answer = dispatcher.send("POST", "/api/v1/dispatch/assignments", body)
    assert answer.get_json()["items"] == [
        {"order_id": order["id"], "crew_id": "crew-09", "taken": True, "problem": "", "code": ""}
    ]
    detail = dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()
    last = detail["history"][-1]
    assert (detail["crew_id"], last["step"], last["by_name"]) == (
        "crew-09",
        "transfer",
        dispatcher.user["name"],
    )
    two_crews.clock.now_ms += 5_000
    dispatcher.send("POST", "/api/v1/dispatch/plan")  # in which nothing is proposed any more
    again = dispatcher.send("POST", "/api/v1/dispatch/assignments", body)
    assert again.get_json() == answer.get_json(), "the answer was lost"
    other = dispatcher.send("POST", "/api/v1/dispatch/assignments", {**body, "orders": ["ord-nowhere"]})
    assert other.get_json()["code"] == "request.operation_reused"
    assert dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()["revision"] == detail["revision"]


def test_one_that_cannot_be_taken_stops_no_other(two_crews: World) -> None:
    order = _opened(two_crews)
    dispatcher = two_crews.log_in("dispatcher")
    dispatcher.send("POST", "/api/v1/dispatch/plan")
    _accept(two_crews, order)
    body = {"operation_id": uuid.uuid4().hex, "orders": [order["id"], "ord-nowhere"]}
    items = dispatcher.send("POST", "/api/v1/dispatch/assignments", body).get_json()["items"]
    assert [one["taken"] for one in items] == [False, False]
    assert [one["code"] for one in items] == ["order.stale", "dispatch.no_proposal"]
    assert "第 2 版" in items[0]["problem"]


def _accept(world: World, order: dict[str, Any]) -> None:
    body = {
        "operation_id": uuid.uuid4().hex, "step": "accept", "at": "2026-11-22T01:00:00Z",
        "revision": order["revision"],
    }  # fmt: skip
    answer = world.log_in("dispatcher").send("POST", f"/api/v1/orders/{order['id']}/steps", body)
    assert answer.status_code == 200, answer.text


def test_a_repair_waits_for_the_patrol_of_its_incident_and_says_so(two_crews: World) -> None:
    order, dispatcher = _opened(two_crews), two_crews.log_in("dispatcher")
    body = {"operation_id": "patrol-01", "type": "patrol", "subject_id": "LN2", "outage_id": "out-west"}
    patrol = dispatcher.send("POST", "/api/v1/orders", body).get_json()
    visits = _visits(dispatcher.send("POST", "/api/v1/dispatch/plan").get_json())
    assert visits[order["id"]]["begins_at"] >= visits[patrol["id"]]["finishes_at"]
    told = {one["code"]: one["en"] for one in visits[order["id"]]["reasons"]}
    assert told["in_turn"] == f"only after {patrol['number']}"
    assert "in_turn" not in {one["code"] for one in visits[patrol["id"]]["reasons"]}


def test_work_under_way_stays_with_its_crew(two_crews: World) -> None:
    order = _opened(two_crews)
    _accept(two_crews, order)
    plan = two_crews.log_in("dispatcher").send("POST", "/api/v1/dispatch/plan").get_json()
    visit = _visits(plan)[order["id"]]
    assert (visit["to"], visit["running"], visit["proposed"]) == ("crew-02", "under_way", False)
    assert [reason["code"] for reason in visit["reasons"]] == ["under_way"]


def test_people_see_the_visits_of_their_cells(two_crews: World) -> None:
    order = _opened(two_crews)
    two_crews.confirmed("out-east", cause="T1")
    plan = two_crews.log_in("dispatcher").send("POST", "/api/v1/dispatch/plan").get_json()
    assert len(_visits(plan)) == 2
    seen = two_crews.log_in("crew-01").get("/api/v1/dispatch/plan").get_json()
    assert order["id"] not in _visits(seen)
    assert len(_visits(seen)) == 1
    assert {one["outage_id"] for one in seen["outages"]} == {"out-east"}
    refused = two_crews.log_in("crew-01").send("POST", "/api/v1/dispatch/plan")
    assert refused.status_code == 403


def test_the_worker_plans_when_something_changed_and_at_most_once_a_second(two_crews: World) -> None:
    dispatcher = _dispatcher(two_crews)
    assert dispatcher.turn() is None  # nothing to do yet
    order = _opened(two_crews)
    plan = dispatcher.turn()
    assert plan is not None and order["id"] in _visits(plan.model_dump())
    assert dispatcher.turn() is None
    two_crews.clock.now_ms += 2_000
    assert dispatcher.turn() is None  # nothing changed
    _accept(two_crews, order)
    changed = dispatcher.turn()
    assert changed is not None and changed.number == plan.number + 1
    two_crews.clock.now_ms += 60_000
    assert dispatcher.turn() is not None


def test_in_between_nothing_is_assigned_unless_the_company_says_so(two_crews: World) -> None:
    order = _opened(two_crews)
    dispatcher = _dispatcher(two_crews)
    for _ in range(4):
        dispatcher.turn()
        two_crews.clock.now_ms += 30_000
    held = two_crews.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()
    assert held["crew_id"] == "crew-02"


def test_automatic_dispatch_takes_what_stood_for_a_while_and_signs_as_the_system(two_crews: World) -> None:
    order = _opened(two_crews)
    dispatcher, person = _dispatcher(two_crews, automatic=True), two_crews.log_in("dispatcher")
    dispatcher.turn()
    two_crews.clock.now_ms += 5_000
    dispatcher.turn()
    assert person.get(f"/api/v1/orders/{order['id']}").get_json()["crew_id"] == "crew-02"
    two_crews.clock.now_ms += 6_000
    dispatcher.turn()
    detail = person.get(f"/api/v1/orders/{order['id']}").get_json()
    assert (detail["crew_id"], detail["history"][-1]["by_name"]) == ("crew-09", "system")
    two_crews.clock.now_ms += 20_000
    dispatcher.turn()
    again = person.get(f"/api/v1/orders/{order['id']}").get_json()
    assert again["revision"] == detail["revision"]


def test_a_storm_is_planned_whole_with_times_for_every_outage(world: World) -> None:
    """Sixty outages and six crews: everybody has a turn, times in half hours, a crew's own word stands."""
    said_ms = world.clock() + 95 * 60_000
    with world.services.desk.writing() as session:
        for number in range(6):
            _put(session, f"storm-{number}", lon=116 + number * 0.01, lat=39.0)
        for number in range(60):
            order = _storm_order(world, number)
            session.orders.add(
                order, "assigned", HistoryEntry(1, 1, "assign", order.created_ms, "system", "system")
            )
        for step, sequence in (("accept", 2), ("arrive", 3), ("estimate", 4)):
            details = {"estimate_ms": said_ms} if step == "estimate" else {}
            entry = HistoryEntry(sequence, sequence, step, world.clock(), "u", "U", details=details)
            state = "accepted" if step == "accept" else "arrived"
            assert session.orders.append("storm-order-0", entry, state, is_open=True)
    plan = world.log_in("dispatcher").send("POST", "/api/v1/dispatch/plan").get_json()
    visits = _visits(plan)
    assert plan["storm"]
    assert len(visits) == 60
    assert not plan["left"]
    assert visits["storm-order-0"]["to"] == "storm-0"
    times = {one["outage_id"]: one["restored"] for one in plan["outages"]}
    assert len(times) == 60
    assert times.pop("storm-out-0") == {"at": iso(said_ms), "by": "crew"}
    assert {one["by"] for one in times.values()} == {"computed"}
    assert {one["at"][14:] for one in times.values()} <= {"00:00.000Z", "30:00.000Z"}
    for one in plan["crews"]:
        begins = [visit["begins_at"] for visit in one["visits"]]
        assert begins == sorted(begins)


def _storm_order(world: World, number: int) -> Order:
    return Order(
        id=f"storm-order-{number}", number=f"S-{number}", type="repair", incident_id=f"inc-{number}",
        outage_id=f"storm-out-{number}", grid_id="G2", crew_id=f"storm-{number % 6}", element="T2",
        element_kind="transformer", element_name="T2", lon=116 + number % 10 * 0.02,
        lat=39 + number // 10 * 0.02,
        customers=1 + number, priority="normal", area="rural", created_ms=world.clock(),
    )  # fmt: skip


def test_people_are_told_what_the_plan_computes_where_that_is_later_than_due(world: World) -> None:
    """Eighty outages, one crew: the clock's due time cannot be kept, and nobody is promised that."""
    with world.services.desk.writing() as session:
        _put(session, "storm-0", lon=116.0, lat=39.0)
        for number in range(80):
            order = replace(_storm_order(world, number), crew_id="storm-0")
            first = HistoryEntry(1, 1, "assign", order.created_ms, "system", "system")
            session.orders.add(order, "assigned", first)
    company, now_ms = world.services.company, world.clock()
    plan = world.log_in("dispatcher").send("POST", "/api/v1/dispatch/plan").get_json()
    computed = {one["outage_id"]: one["restored"]["at"] for one in plan["outages"]}
    with world.services.desk.reading() as session:
        told = []
        for number in range(80):
            (stored,) = session.orders.of_outage(WHOLE_COMPANY, f"storm-out-{number}")
            due_ms = max(one.due_ms for one in company.due_times(stored.order, stored.history, now_ms))
            planned_ms = session.plans.expected_ms(stored.order.outage_id)
            expected_ms = expected_return(company, [stored], now_ms, planned_ms)
            assert expected_ms == max(due_ms, planned_ms or 0)
            assert iso(planned_ms or 0) == computed[stored.order.outage_id]
            told.append(expected_ms == planned_ms)
        assert session.plans.expected_ms("unheard-of") is None
    assert any(told)
    assert not all(told)
