"""Things of the western cell that nobody of the eastern one may find: one of each kind that has an id."""

from typing import Any

from field_api.people.users import Role
from tests.field_api.people import hire
from tests.field_api.pictures import announcement, picture
from tests.field_api.world import Person, World

AT = "2026-11-22T08:00:00Z"


def plant(world: World) -> dict[str, str]:
    """Path parameter → id of what was made."""
    dispatcher, crew = world.log_in("dispatcher"), world.log_in("crew-02")
    supervisor = hire(world, "sonja", Role.SUPERVISOR)
    entry = {"from": "visit", "kind": "new_connection", "wanted_day": "2026-12-01"}
    ticket = {"number": "T-1", "accepted_at": AT, "customer": "C3"}
    finding = {"rule": "late-arrival", "evidence": "seen", "person_id": "crew-02"}
    photo = announcement(0, "ord-out-west-1", picture())
    return {
        "call_id": _made(dispatcher, "calls", {"customer_id": "C3"})["id"],
        "entry_id": _made(dispatcher, "registers/demand/entries", {"about": "G2", "entry": entry})["id"],
        "ticket_number": _made(dispatcher, "tickets", {"tickets": [ticket]})["items"][0]["ticket"]["number"],
        "photo_id": _made(crew, "photos", photo)["id"],
        "finding_id": _made(supervisor, "findings-on-people", finding)["id"],
    }


def _made(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = person.send("POST", f"/api/v1/{path}", body)
    assert answer.status_code in {200, 201}, f"{path}: {answer.text}"
    made: dict[str, Any] = answer.get_json()
    return made
