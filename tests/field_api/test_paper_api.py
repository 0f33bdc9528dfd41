"""Paper entered afterwards: its own times once two people stand for them, and what is refused."""

from typing import Any

import pytest

from field_api.board import paper_numbers, sheet_ms
from field_api.instants import MINUTE_MS, iso
from tests.field_api.world import START_MS, Person, World


def _sheet(order: dict[str, Any], *steps: tuple[str, int], operation: str = "paper-01") -> dict[str, Any]:
    listed = [{"step": step, "at": iso(START_MS + minute * MINUTE_MS)} for step, minute in steps]
    return {
        "operation_id": operation, "number": "P-20261122-0605-01", "revision": order["revision"],
        "steps": listed,
    }  # fmt: skip


def _entered(world: World, who: Person, *steps: tuple[str, int]) -> tuple[dict[str, Any], Any]:
    order = world.confirmed()
    world.clock.now_ms += 240 * MINUTE_MS
    world.worker.watched_ms = 0
    world.work()  # the passed limits are noted before anybody enters the paper
    sent = _sheet(order, *steps)
    return order, who.send("POST", f"/api/v1/orders/{order['id']}/paper-steps", sent)


def _arrival(person: Person, order_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    shown = person.get(f"/api/v1/orders/{order_id}").get_json()
    entry = next(one for one in shown["history"] if one["step"] == "arrive")
    return entry, next(due for due in shown["due"] if due["clock"] == "arrival")


def test_the_papers_times_count_once_a_second_person_has_signed(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    order, answer = _entered(world, dispatcher, ("accept", 5), ("arrive", 30))
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["taken"], answer.get_json()["refused"]) == (2, None)
    entry, due = _arrival(dispatcher, order["id"])
    assert (entry["time_source"], entry["details"]["source"], due["state"]) == ("no_offset", "paper", "late")
    assert entry["details"]["paper_number"] == "P-20261122-0605-01"

    path, sign = f"/api/v1/orders/{order['id']}/paper-steps/countersign", {"operation_id": "sign-0001"}
    own = dispatcher.send("POST", path, sign)
    assert (own.status_code, own.get_json()["code"]) == (403, "paper.own_entry")
    admin = world.log_in("admin")
    signed = admin.send("POST", path, sign)
    assert signed.status_code == 200, signed.text
    assert admin.send("POST", path, sign).data == signed.data
    entry, due = _arrival(dispatcher, order["id"])
    assert (entry["time_source"], entry["happened_at"]) == ("paper", iso(START_MS + 30 * MINUTE_MS))
    assert (due["state"], due["by_device"]) == ("met", True)
    assert admin.send("POST", path, {"operation_id": "sign-0002"}).status_code == 422


def test_a_paper_that_contradicts_the_record_counts_as_of_its_entry(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    order, _ = _entered(world, dispatcher, ("accept", 5), ("arrive", 3))
    path = f"/api/v1/orders/{order['id']}/paper-steps/countersign"
    assert world.log_in("admin").send("POST", path, {"operation_id": "sign-0001"}).status_code == 200
    entry, _ = _arrival(dispatcher, order["id"])
    assert entry["time_source"] == "implausible"


def test_what_was_taken_stands_and_the_rest_can_follow(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    order, answer = _entered(world, dispatcher, ("accept", 5), ("repair", 30))
    told = answer.get_json()
    assert (told["taken"], told["order"]["state"]) == (1, "accepted")
    assert told["refused_code"] == "order.step_not_now"
    assert "现在可以" in told["refused"]
    mended = _sheet(order, ("accept", 5), ("arrive", 20))
    again = dispatcher.send("POST", f"/api/v1/orders/{order['id']}/paper-steps", mended)
    assert (again.get_json()["taken"], again.get_json()["order"]["state"]) == (2, "arrived")


def test_a_first_step_that_is_refused_changes_nothing(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    order, answer = _entered(world, dispatcher, ("repair", 5))
    assert answer.status_code == 422
    assert dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()["state"] == "assigned"


@pytest.mark.parametrize(
    ("number", "code"),
    [("P-20261122-0605-21", "paper.number_unlike"), ("P-20261322-0605-01", "paper.number_unlike"),
     ("sheet 7", "paper.number_unlike"), ("P-20261230-0605-01", "paper.number_in_future")],
)  # fmt: skip
def test_a_number_that_no_board_gave_is_refused(world: World, number: str, code: str) -> None:
    order, dispatcher = world.confirmed(), world.log_in("dispatcher")
    path, sent = f"/api/v1/orders/{order['id']}/paper-steps", _sheet(order, ("accept", 5))
    refused = dispatcher.send("POST", path, sent | {"number": number}).get_json()
    assert (refused["status"], refused["code"], refused["facts"]["number"]) == (409, code, number)
    assert dispatcher.send("POST", path, sent).status_code == 200


def test_every_number_that_a_board_gives_is_one() -> None:
    printed_ms = START_MS - START_MS % MINUTE_MS
    assert {sheet_ms(number) for number in paper_numbers(START_MS)} == {printed_ms}
