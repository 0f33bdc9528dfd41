"""An order offers each person what that person may do with it now, and nothing else (role and scope)."""

import json
from typing import Any

from field_api.orders.work import legal_steps
from field_api.people.users import Role
from tests.field_api.people import hire
from tests.field_api.world import Person, World


def _step(who: Person, order: dict[str, Any], step: str, number: int = 0, **more: object) -> Any:
    body = {
        "operation_id": f"op-{step}-{order['revision']}-{number:04d}", "step": step,
        "at": "2026-11-22T08:00:00Z", "revision": order["revision"], **more,
    }  # fmt: skip
    return who.send("POST", f"/api/v1/orders/{order['id']}/steps", body)


def _people(world: World) -> dict[str, Person]:
    known = {name: world.log_in(name) for name in ("admin", "dispatcher", "viewer", "crew-01", "crew-02")}
    return known | {
        "manager": hire(world, "gina", Role.GRID_MANAGER, ("G2",)),
        "supervisor": hire(world, "sven", Role.SUPERVISOR),
        "auditor": hire(world, "olga", Role.AUDITOR),
    }


def _role(name: str) -> Role:
    known = {"crew-02": Role.CREW, "dispatcher": Role.DISPATCHER, "manager": Role.GRID_MANAGER}
    return known[name]


def _shown(who: Person, order: dict[str, Any]) -> list[str] | None:
    answer = who.get(f"/api/v1/orders/{order['id']}")
    if answer.status_code == 404:
        return None
    found: list[str] = answer.get_json()["transitions"]
    return found


def test_what_is_not_offered_is_refused(world: World) -> None:
    order, people = world.confirmed(), _people(world)
    accepted = _step(people["crew-02"], order, "accept").get_json()
    legal = legal_steps(world.services.company.repair, "accepted")
    offered = {name: _shown(person, accepted) for name, person in people.items()}
    assert offered["crew-01"] is None, "it works in another cell"
    assert not offered["viewer"]
    assert not offered["auditor"]
    assert "arrive" in (offered["crew-02"] or [])
    assert "transfer" in (offered["dispatcher"] or [])
    for name, steps in offered.items():
        for number, step in enumerate(set(legal) - set(steps or ())):
            refused = _step(people[name], accepted, step, number)
            assert refused.status_code in {403, 404}, (name, step, refused.text)
    for name in ("crew-02", "dispatcher", "manager"):
        rules = {rule.name for rule in world.services.company.repair.steps if _role(name) in rule.roles}
        assert set(offered[name] or ()) == rules.intersection(legal)


def test_a_crew_of_the_same_cell_is_offered_nothing_of_anothers_order(world: World) -> None:
    order, dispatcher = world.confirmed(), world.log_in("dispatcher")
    moved = _step(dispatcher, order, "transfer", to_crew="crew-01", note="help")
    assert moved.status_code == 200, moved.text
    assert _shown(world.log_in("crew-02"), order) == []
    assert "accept" in (_shown(world.log_in("crew-01"), order) or []), "it was given to them, in another cell"


def test_lists_pulls_and_answers_offer_the_same_and_the_feed_offers_nothing(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    answered = _step(crew, order, "accept").get_json()
    listed = crew.get("/api/v1/orders").get_json()["items"][0]
    outage = crew.get(f"/api/v1/outages/{order['outage_id']}").get_json()["orders"][0]
    incident = crew.get(f"/api/v1/incidents/{order['incident_id']}").get_json()["orders"][0]
    items = crew.get("/api/v1/sync/pull").get_json()["items"]
    pulled = next(one for one in items if one["kind"] == "order")
    shown = _shown(crew, order)
    assert shown
    for one in (answered, listed, outage, incident, pulled["order"]):
        assert one["transitions"] == shown
    again = _step(crew, order, "accept").get_json()
    assert again["transitions"] == shown, "the kept answer is the person's own"
    with world.services.desk.reading() as session:
        events = [one.event for one in session.feed.read(0, 100) if one.event.name == "order"]
    assert {json.loads(one.data)["transitions"] for one in events} == {None}


def test_whoever_did_the_work_is_not_offered_to_judge_it(world: World) -> None:
    dispatcher, admin = world.log_in("dispatcher"), world.log_in("admin")
    wanted = {"operation_id": "op-call-back-1", "type": "call_back", "subject_id": "C3"}
    opened = dispatcher.send("POST", "/api/v1/orders", wanted).get_json()
    taken = _step(dispatcher, opened, "accept")
    assert taken.status_code == 200, taken.text
    assert "close" not in taken.get_json()["transitions"]
    assert "close" in (_shown(admin, opened) or [])
    told = {"reached": True, "satisfaction": 5}
    refused = _step(dispatcher, taken.get_json(), "close", answers=told)
    assert (refused.status_code, "proof.other_person" in refused.text) == (422, True)


def test_numbers_in_the_note_of_an_opening_are_masked_before_they_are_kept(world: World) -> None:
    wanted = {
        "operation_id": "op-call-back-2", "type": "call_back", "subject_id": "C3",
        "note": "call 13612345670, card 110101199001011234",
    }  # fmt: skip
    opened = world.log_in("dispatcher").send("POST", "/api/v1/orders", wanted)
    assert opened.status_code == 201, opened.text
    viewer = world.log_in("viewer").get(f"/api/v1/orders/{opened.get_json()['id']}").get_json()
    assert viewer["history"][0]["note"] == "call 136****5670, card 1101**********1234"
