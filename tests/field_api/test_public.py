"""What customers may do: look up how far it is without persons, and rate a closed order once (CUS-02)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.instants import iso
from field_api.orders.work import HistoryEntry
from field_api.service.public_progress import Stage, stage_of
from telemetry.outages import OutageState
from tests.field_api.world import World

DAY_MS = 86_400_000
RATING = {"service": 5, "result": 4, "words": "来得很快"}


def _look(world: World, number: str) -> dict[str, Any]:
    answer = world.app.test_client().post("/api/v1/public/progress", json={"number": number})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def _step(world: World, order: dict[str, Any], step: str) -> dict[str, Any]:
    body = {"operation_id": f"op-{step}-0001", "step": step, "at": iso(world.clock()),
            "revision": order["revision"], "note": "试验"}  # fmt: skip
    answer = world.log_in("crew-02").send("POST", f"/api/v1/orders/{order['id']}/steps", body)
    assert answer.status_code == 200, answer.text
    stepped: dict[str, Any] = answer.get_json()
    return stepped


def test_a_number_that_is_nobodys_looks_like_one_without_an_outage(world: World) -> None:
    world.confirmed(cause="T2")
    assert _look(world, "nobody") == _look(world, "C1") == {
        "supply": "nothing_known", "since": None, "expected_at": None, "stage": None,
        "hotlines": ["95598", "12398"],
    }  # fmt: skip


def test_a_customer_without_power_and_an_order_tell_how_far_it_is(world: World) -> None:
    order = world.confirmed(cause="T2")
    shown = _look(world, "C3")
    assert (shown["supply"], shown["stage"]) == ("out", "assigned")
    assert shown["expected_at"] > shown["since"]
    order = _step(world, order, "accept")
    assert _look(world, order["number"])["stage"] == "on_the_way"
    _step(world, order, "arrive")
    assert _look(world, "C3")["stage"] == "on_site"
    assert set(_look(world, "C3")) == set(_look(world, "nobody")), "one shape"


def test_the_number_of_a_restored_outages_ticket_or_order_tells_since_when_supply_is_back(
    world: World,
) -> None:
    order, who = world.confirmed(cause="T2"), world.log_in("dispatcher")
    sent = {"number": "T-1", "accepted_at": iso(world.clock()), "customer": "C4", "text": "没电"}
    taken = who.send("POST", "/api/v1/tickets", {"tickets": [sent]})
    assert taken.status_code == 200, taken.text
    assert (_look(world, "T-1")["supply"], _look(world, "T-1")["stage"]) == ("out", "assigned")
    world.clock.now_ms += 600_000
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    back = iso(world.clock())
    for number in ("T-1", order["number"]):
        assert (_look(world, number)["supply"], _look(world, number)["since"]) == ("back", back)
    assert _look(world, "C4")["supply"] == "nothing_known", "a customer's number tells no past"


def test_planned_work_is_told_too(world: World) -> None:
    starts_ms = world.clock() + DAY_MS
    plan = {"operation_id": "op-plan-0001", "element": "T1", "starts_at": iso(starts_ms),
            "ends_at": iso(starts_ms + 3_600_000), "note": "检修"}  # fmt: skip
    assert world.log_in("dispatcher").send("POST", "/api/v1/planned-work", plan).status_code == 201
    shown = _look(world, "C1")
    assert (shown["supply"], shown["since"]) == ("planned", iso(starts_ms))
    assert _look(world, "C3")["supply"] == "nothing_known"


def test_trying_numbers_soon_costs_the_allowance(world: World) -> None:
    client = world.app.test_client()
    for number in range(5_000):
        answer = client.post("/api/v1/public/progress", json={"number": f"C{number}"})
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_cus_02_a_closed_order_has_one_rating_by_somebody_else(world: World) -> None:
    order = world.confirmed(cause="T2")
    path = f"/api/v1/orders/{order['id']}/rating"
    dispatcher = world.log_in("dispatcher")
    assert dispatcher.get(path).status_code == 404
    assert dispatcher.send("POST", path, RATING).status_code == 409, "still open"
    for step in ("accept", "arrive", "repair"):
        order = _step(world, order, step)
    world.clock.now_ms += 600_000
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    order = world.log_in("crew-02").get(f"/api/v1/orders/{order['id']}").get_json()
    _step(world, order, "close")
    assert world.log_in("crew-02").send("POST", path, RATING).status_code == 403, "their own work"
    kept = dispatcher.send("POST", path, RATING)
    assert kept.status_code == 201, kept.text
    assert dispatcher.send("POST", path, RATING).get_json() == kept.get_json(), "the same again"
    assert dispatcher.send("POST", path, RATING | {"service": 1}).status_code == 409, "one for each"
    assert dispatcher.send("POST", path, RATING | {"result": 6}).status_code == 422
    assert world.log_in("crew-01").get(path).status_code == 404, "another cell"
    assert dispatcher.get(path).get_json()["taken_by"] == "指挥员"


def test_cus_02_whoever_took_a_step_does_not_rate_it(world: World) -> None:
    order = world.confirmed(cause="T2")
    dispatcher = world.log_in("dispatcher")
    body = {"operation_id": "op-cancel-001", "step": "cancel", "at": iso(world.clock()),
            "revision": order["revision"], "note": "误报"}  # fmt: skip
    assert dispatcher.send("POST", f"/api/v1/orders/{order['id']}/steps", body).status_code == 200
    path = f"/api/v1/orders/{order['id']}/rating"
    assert dispatcher.send("POST", path, RATING).status_code == 403
    assert world.log_in("admin").send("POST", path, RATING).status_code == 201


@given(st.lists(st.sampled_from(["assign", "accept", "note", "arrive", "repair", "reopen", "close"])))
@settings(max_examples=80, deadline=None)
def test_a_stage_is_known_for_every_history(steps: list[str]) -> None:
    history = [HistoryEntry(n, n, step, n, "u", "U") for n, step in enumerate(steps, start=1)]
    assert isinstance(stage_of(history), Stage)
    if steps and steps[-1] == "close":
        assert stage_of(history) is Stage.CLOSED


@pytest.mark.parametrize("body", [{}, {"number": ""}, {"number": "C1", "name": "张三"}])
def test_nothing_else_is_asked(world: World, body: dict[str, str]) -> None:
    assert world.app.test_client().post("/api/v1/public/progress", json=body).status_code == 422
