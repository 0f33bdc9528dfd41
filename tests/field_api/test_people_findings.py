"""A finding on a person counts only after they could object and somebody else decided (SUP-03)."""

from typing import Any

import pytest

from field_api.people.findings import (
    OBJECT_WITHIN_MS,
    CauseClass,
    FindingState,
    NotNow,
    PersonFinding,
    decide,
)
from field_api.people.users import Role
from tests.field_api.people import acts, hire
from tests.field_api.world import Person, World

PATH = "/api/v1/findings-on-people"


def _raised(supervisor: Person, person: str = "crew-01", **more: Any) -> dict[str, Any]:
    body = {"rule": "late-arrival", "evidence": "R-20261122-0001", "person_id": person, **more}
    answer = supervisor.send("POST", PATH, body)
    assert answer.status_code == 201, answer.text
    finding: dict[str, Any] = answer.get_json()
    return finding


def _decided(supervisor: Person, finding: dict[str, Any], upheld: bool = True, **more: Any) -> Any:
    body = {"upheld": upheld, "words": "heard both", **more}
    return supervisor.send("POST", f"{PATH}/{finding['id']}/decision", body)


def test_the_person_sees_it_and_objects_before_it_counts(world: World) -> None:
    sonja, tim = (hire(world, name, Role.SUPERVISOR) for name in ("sonja", "tim"))
    crew = world.log_in("crew-01")
    finding = _raised(sonja)
    assert [one["id"] for one in crew.get(PATH).get_json()["items"]] == [finding["id"]]
    assert world.log_in("crew-02").get(PATH).get_json()["items"] == []
    assert _decided(sonja, finding).status_code == 409, "they may still object"
    objection = f"{PATH}/{finding['id']}/objection"
    assert world.log_in("crew-02").send("POST", objection, {"words": "no"}).status_code == 404
    assert crew.send("POST", objection, {"words": "the road was closed"}).status_code == 200
    assert crew.send("POST", objection, {"words": "again"}).status_code == 409
    assert _decided(sonja, finding).status_code == 403, "raised it herself"
    upheld = _decided(tim, finding)
    assert upheld.get_json()["counts"] is True
    assert _decided(tim, finding, upheld=False).status_code == 409
    assert [action for action, subject, _ in acts(world) if subject == finding["id"]] == [
        "finding.raise",
        "finding.objection",
        "finding.decision",
    ]


def test_only_staffs_own_cause_counts(world: World) -> None:
    supervisor = hire(world, "sonja", Role.SUPERVISOR)
    finding = _raised(supervisor)
    world.clock.now_ms += OBJECT_WITHIN_MS
    supervisor = world.log_in("sonja", "a long enough one")
    upheld = _decided(supervisor, finding, cause="customer").get_json()
    assert (upheld["state"], upheld["counts"]) == ("upheld", False)


def test_nobody_judges_themselves_or_a_foreign_cell(world: World) -> None:
    sonja = hire(world, "sonja", Role.SUPERVISOR)
    east = hire(world, "ella", Role.SUPERVISOR, ("G1",))
    body = {"rule": "r", "evidence": "e", "person_id": "sonja"}
    assert sonja.send("POST", PATH, body).status_code == 403
    about_sonja = _raised(hire(world, "tim", Role.SUPERVISOR), "sonja")
    assert _decided(sonja, about_sonja, upheld=False).status_code == 403
    assert east.send("POST", PATH, body | {"person_id": "crew-02"}).status_code == 404
    west = _raised(sonja, "crew-02")
    assert west["id"] not in [one["id"] for one in east.get(PATH).get_json()["items"]]
    assert _decided(east, west, upheld=False).status_code == 404
    assert world.log_in("dispatcher").send("POST", PATH, body).status_code == 403


def test_dropping_needs_no_waiting() -> None:
    finding = PersonFinding("f", "r", "e", "p", "", CauseClass.STAFF, FindingState.OPEN, "s", 1_000)
    assert decide(finding, "s", False, "mistake", CauseClass.STAFF, 1_001).state is FindingState.DROPPED
    with pytest.raises(NotNow):
        decide(finding, "s", True, "sure", CauseClass.STAFF, 1_001)
