"""What time alone does to orders: warnings, escalation, estimates withdrawn, unproven closings undone."""

from typing import Any

import pytest

from field_api.adapters.data_files import load_work_type
from field_api.instants import iso
from field_api.orders.safety import is_clear
from field_api.orders.work import HistoryEntry
from field_api.people.users import WHOLE_COMPANY
from field_api.usecases.expected_return import expected_return
from telemetry.outages import OutageState
from tests.field_api.world import Person, World

MINUTE_MS = 60_000
REPAIR = load_work_type("repair")


def _step(world: World, person: Person, order: dict[str, Any], step: str, **more: Any) -> Any:
    current = person.get(f"/api/v1/orders/{order['id']}").get_json()
    sent = {
        "operation_id": f"{step}-{current['revision']}-{order['id']}".replace("_", "-")[:64], "step": step,
        "at": "2026-11-22T08:00:00Z", "revision": current["revision"], **more,
    }  # fmt: skip
    return person.send("POST", f"/api/v1/orders/{order['id']}/steps", sent)


def _detail(world: World, order: dict[str, Any]) -> dict[str, Any]:
    detail: dict[str, Any] = world.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()
    return detail


def _facts(world: World, order: dict[str, Any], name: str) -> list[str]:
    return [entry["note"] for entry in _detail(world, order)["history"] if entry["step"] == name]


def _wait(world: World, minutes: float) -> None:
    world.clock.now_ms += int(minutes * MINUTE_MS)
    world.work()


def test_an_order_nobody_accepts_is_escalated_level_by_level(world: World) -> None:
    order = world.confirmed()
    _wait(world, 4)
    assert _facts(world, order, "escalated") == []
    for level in (1, 2, 3):
        _wait(world, 5)
        assert _facts(world, order, "escalated") == [f"level {n}" for n in range(1, level + 1)]
    _wait(world, 30)
    assert len(_facts(world, order, "escalated")) == 3, "there is an end to it"


def test_an_accepted_order_is_not_escalated(world: World) -> None:
    order = world.confirmed()
    assert _step(world, world.log_in("crew-02"), order, "accept").status_code == 200
    _wait(world, 20)
    assert _facts(world, order, "escalated") == []


def test_a_clock_warns_once_and_is_overdue_once(world: World) -> None:
    order = world.confirmed()
    for _ in range(3):
        _wait(world, 40)
    assert _facts(world, order, "at_risk").count("arrival") == 1
    assert _facts(world, order, "overdue").count("arrival") == 1


def test_a_passed_estimate_is_withdrawn_everywhere_and_may_be_given_again(world: World) -> None:
    """Invariant 5."""
    order = world.confirmed()
    crew = world.log_in("crew-02")
    assert _step(world, crew, order, "accept").status_code == 200
    soon = iso(world.clock.now_ms + 30 * MINUTE_MS)
    promised = _step(world, crew, order, "estimate", estimate_at=soon)
    assert promised.status_code == 200, promised.text
    assert promised.get_json()["estimate_at"] == soon
    _wait(world, 31)
    assert _detail(world, order)["estimate_at"] is None
    assert len(_facts(world, order, "estimate_withdrawn")) == 1
    later = iso(world.clock.now_ms + 30 * MINUTE_MS)
    assert _step(world, crew, order, "estimate", estimate_at=later).get_json()["estimate_at"] is not None


def test_a_second_damage_point_does_not_overwrite_the_crews_word(world: World) -> None:
    """The newest order has no word yet: the one that was given stands, and passes (invariant 5)."""
    order, crew = world.confirmed(), world.log_in("crew-02")
    _step(world, crew, order, "accept")
    said_ms = world.clock.now_ms + 30 * MINUTE_MS
    _step(world, crew, order, "estimate", estimate_at=iso(said_ms))
    second = {"operation_id": "split-order-1", "element": "LN2", "note": "a second pole"}
    dispatcher = world.log_in("dispatcher")
    assert dispatcher.send("POST", f"/api/v1/orders/{order['id']}/split", second).status_code == 201
    company = world.services.company
    with world.services.desk.reading() as session:
        repairs = session.orders.of_outage(WHOLE_COMPANY, "out-1")
    assert len(repairs) == 2
    assert expected_return(company, repairs, world.clock.now_ms) == said_ms
    assert expected_return(company, repairs, said_ms) is None


def test_closing_without_a_signal_waits_for_the_meters(world: World) -> None:
    order = world.confirmed()
    crew = world.log_in("crew-02")
    for step in ("accept", "arrive", "repair"):
        assert _step(world, crew, order, step).status_code == 200
    assert _step(world, crew, order, "close").status_code == 409, "the meters read dead"
    bare = _step(world, crew, order, "close_unverified")
    assert bare.status_code == 422, "the measured voltage is asked for"
    measured = _step(world, crew, order, "close_unverified", answers={"measured_voltage_v": 231.5})
    assert measured.get_json()["state"] == "verification_pending"
    world.publish("out-1", OutageState.RESTORED, "T2", cut=())
    world.work()
    assert _detail(world, order)["state"] == "closed"
    assert _detail(world, order)["history"][-1]["step"] == "confirm"


def test_a_closing_that_the_meters_contradict_is_undone(world: World) -> None:
    order = world.confirmed()
    crew = world.log_in("crew-02")
    for step in ("accept", "arrive", "repair"):
        _step(world, crew, order, step)
    _step(world, crew, order, "close_unverified", answers={"measured_voltage_v": 231.5})
    _wait(world, 14)
    assert _detail(world, order)["state"] == "verification_pending"
    _wait(world, 2)
    assert _detail(world, order)["state"] == "repaired"
    assert "2 meters still read dead" in _facts(world, order, "reopen")


@pytest.mark.parametrize(
    ("steps", "clear"),
    [
        ("assign accept", True),
        ("assign accept arrive", False),
        ("assign accept arrive make_safe", False),
        ("assign accept arrive make_safe report_clear", True),
        ("assign accept arrive report_clear make_safe", False),
    ],
)
def test_a_crew_on_site_is_in_danger_until_it_says_that_it_is_clear(steps: str, clear: bool) -> None:
    """Invariant 10."""
    history = [HistoryEntry(n, n, step, n, "x", "x") for n, step in enumerate(steps.split(), start=1)]
    assert is_clear(REPAIR, "arrived", history) is clear
    assert is_clear(REPAIR, "closed", history)


def test_nothing_is_made_alive_above_a_crew_at_work(world: World) -> None:
    """A switching job at the line above cannot end before the crew at the transformer is clear."""
    order = world.confirmed()
    crew = world.log_in("crew-02")
    for step in ("accept", "arrive"):
        _step(world, crew, order, step)
    dispatcher = world.log_in("dispatcher")
    body = {"operation_id": "switching-01", "type": "switching", "subject_id": "LN2", "outage_id": "out-1"}
    job = dispatcher.send("POST", "/api/v1/orders", body).get_json()
    assert job["incident_id"] == order["incident_id"], "one outage, one incident with its jobs"
    for step in ("accept", "arrive"):
        assert _step(world, dispatcher, job, step).status_code == 200
    done = {"answers": {"switched_to": "closed", "operation_ticket": "20261122-7"}}
    refused = _step(world, dispatcher, job, "close", **done)
    assert refused.status_code == 409
    assert order["number"] in refused.text
    assert _step(world, crew, order, "report_clear", answers={"earthing_removed": 1}).status_code == 200
    assert _step(world, dispatcher, job, "close", **done).status_code == 200


def test_nobody_is_clear_with_an_earthing_set_left_on_the_line(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    for step in ("accept", "arrive"):
        _step(world, crew, order, step)
    safe = {"work_ticket": "T-1", "permit_by": "李", "voltage_tested": True, "earthing_placed": 2}
    for _ in range(2):
        assert _step(world, crew, order, "make_safe", answers=safe).status_code == 200
        refused = _step(world, crew, order, "report_clear", answers={"earthing_removed": 1})
        assert refused.status_code == 422
        assert {"code": "proof.unearthed", "facts": {}} in refused.get_json()["facts"]["missing"]
        assert _step(world, crew, order, "report_clear", answers={"earthing_removed": 2}).status_code == 200


def test_what_would_become_alive_names_the_crews_at_work_there(world: World) -> None:
    """Invariant 10; whoever may not see the order hears that there is one."""
    world.clock.now_ms += 6 * 60 * MINUTE_MS
    order = world.confirmed(cause="T2")
    crew = world.log_in("crew-02")
    for step in ("accept", "arrive"):
        _step(world, crew, order, step)
    dispatcher, neighbour = world.log_in("dispatcher"), world.log_in("crew-01")
    opened = {"operation_id": "by-hand-0001", "element": "CB1", "position": "open", "note": "test"}
    assert dispatcher.send("POST", "/api/v1/network/switching", opened).status_code in {200, 201}
    asked = {"open": [], "close": ["CB1"]}
    world.clock.now_ms += MINUTE_MS
    told = dispatcher.send("POST", "/api/v1/network/what-if", asked).get_json()
    assert told["not_clear"] == {"orders": [order["number"]], "elsewhere": 0}
    hidden = neighbour.send("POST", "/api/v1/network/what-if", asked).get_json()
    assert hidden["not_clear"] == {"orders": [], "elsewhere": 1}
    _step(world, crew, order, "report_clear", answers={"earthing_removed": 0})
    told = dispatcher.send("POST", "/api/v1/network/what-if", asked).get_json()
    assert told["not_clear"] == {"orders": [], "elsewhere": 0}
