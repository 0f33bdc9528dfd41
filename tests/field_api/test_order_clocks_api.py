"""Clocks of an order over HTTP: a phone without signal, and a wait for the customer."""

from typing import Any

from field_api.instants import MINUTE_MS, iso
from tests.field_api.world import START_MS, Person, World

HOUR_MS = 60 * MINUTE_MS


def _step(who: Person, order: dict[str, Any], step: str, at_ms: int, **more: object) -> dict[str, Any]:
    body = {
        "operation_id": f"op-{order['id']}-{step}-{order['revision']}", "step": step, "at": iso(at_ms),
        "revision": order["revision"], **more,
    }  # fmt: skip
    answer = who.send("POST", f"/api/v1/orders/{order['id']}/steps", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def _arrival(order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(due for due in order["due"] if due["clock"] == "arrival")
    return found


def test_an_arrival_without_signal_counts_when_it_was_and_says_by_which_clock(world: World) -> None:
    """The crew's phone is an hour slow; it arrived after 40 minutes and could send after 90."""
    order, crew = world.confirmed(), world.log_in("crew-02")
    world.clock.now_ms = START_MS + 5 * MINUTE_MS
    order = _step(crew, order, "accept", START_MS + 5 * MINUTE_MS)
    world.clock.now_ms = START_MS + 90 * MINUTE_MS
    slow = START_MS - HOUR_MS
    sent = iso(slow + 90 * MINUTE_MS)
    order = _step(crew, order, "arrive", slow + 40 * MINUTE_MS, sent_at=sent)
    arrival = _arrival(order)
    assert (arrival["state"], arrival["by_device"]) == ("met", True)
    newest = crew.get(f"/api/v1/orders/{order['id']}").get_json()["history"][-1]
    assert newest["at"] == iso(START_MS + 90 * MINUTE_MS)
    assert (newest["happened_at"], newest["time_source"]) == (iso(START_MS + 40 * MINUTE_MS), "device")


def test_an_arrival_whose_clock_proves_nothing_counts_as_of_its_reception(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    order = _step(crew, order, "accept", START_MS)
    world.clock.now_ms = START_MS + 90 * MINUTE_MS
    order = _step(crew, order, "arrive", START_MS + 40 * MINUTE_MS)
    assert (_arrival(order)["state"], _arrival(order)["by_device"]) == ("late", False)
    newest = crew.get(f"/api/v1/orders/{order['id']}").get_json()["history"][-1]
    assert newest["time_source"] == "no_offset"


def test_a_wait_for_the_customer_moves_the_due_time_and_is_told_as_theirs(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    order = _step(crew, order, "accept", START_MS)
    promised = _arrival(order)["due_at"]
    order = _step(crew, order, "wait", START_MS, note="大门锁着", attribution="customer")
    world.clock.now_ms = START_MS + 30 * MINUTE_MS
    standing = _arrival(crew.get(f"/api/v1/orders/{order['id']}").get_json())
    assert (standing["provisional"], standing["state"]) == (True, "running")
    order = _step(crew, order, "resume", world.clock.now_ms)
    arrival = _arrival(order)
    assert arrival["due_at"] == iso(
        START_MS + 30 * MINUTE_MS + (45 if "45" in arrival["rule"] else 90) * MINUTE_MS
    )
    assert arrival["due_at"] > promised
    assert (arrival["waited_s"], arrival["provisional"]) == ({"customer": 1800}, False)
    assert "等待不计时" in arrival["rule"]
