"""Planned work over HTTP: entered, cancelled, seen in one's own cells, and evidence to the detector."""

from typing import Any

from field_api.people.users import WHOLE_COMPANY
from geo.adapters.database import open_database
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.evidence import EvidenceKind
from telemetry.outages import OutageState
from telemetry.planned_work import work_named
from tests.field_api.world import World

FROM, TO = "2026-11-23T00:00:00Z", "2026-11-23T04:00:00Z"


def _body(**changes: Any) -> dict[str, Any]:
    body = {"operation_id": "plan-000001", "element": "T2", "starts_at": FROM, "ends_at": TO, "note": "换变"}
    return body | changes


def _plans(world: World, who: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = world.log_in(who).get("/api/v1/planned-work").get_json()["items"]
    return listed


def test_planned_work_is_kept_with_its_author_and_becomes_evidence(world: World) -> None:
    answer = world.log_in("dispatcher").send("POST", "/api/v1/planned-work", _body())
    assert answer.status_code == 201, answer.text
    (plan,) = answer.get_json()["items"]
    assert (plan["element"], plan["state"], plan["note"]) == ("T2", "announced", "换变")
    (row,) = SqlEvidenceLog(open_database(world.home.location, "desk")).read(0)
    assert row.evidence.kind is EvidenceKind.PLANNED_WORK
    work = work_named(row.evidence.devices[0])
    assert (work.element, work.ends_ms - work.starts_ms) == ("T2", 4 * 3_600_000)


def test_sent_again_it_is_the_same_and_cancelled_it_is_over(world: World) -> None:
    person = world.log_in("dispatcher")
    for _ in range(2):
        assert person.send("POST", "/api/v1/planned-work", _body()).status_code == 201
    assert person.send("POST", "/api/v1/planned-work", _body(element="T1")).status_code == 409
    cancel = _body(operation_id="plan-000002", action="cancel")
    (plan,) = person.send("POST", "/api/v1/planned-work", cancel).get_json()["items"]
    assert plan["state"] == "cancelled"
    again = _body(operation_id="plan-000003", action="cancel")
    assert person.send("POST", "/api/v1/planned-work", again).status_code == 404


def test_what_makes_no_sense_is_refused(world: World) -> None:
    person = world.log_in("dispatcher")
    for wrong, code in (
        ({"element": "T9"}, 404),
        ({"ends_at": FROM}, 422),
        ({"ends_at": "2026-11-21T00:00:00Z"}, 422),
    ):
        assert person.send("POST", "/api/v1/planned-work", _body(**wrong)).status_code == code
    assert world.log_in("crew-01").send("POST", "/api/v1/planned-work", _body()).status_code == 403


def test_a_crew_sees_the_work_of_its_own_cells(world: World) -> None:
    world.log_in("dispatcher").send("POST", "/api/v1/planned-work", _body())
    assert [plan["element"] for plan in _plans(world, "crew-02")] == ["T2"]
    assert _plans(world, "crew-01") == []


def test_within_its_window_planned_work_makes_no_order_and_beyond_it_does(world: World) -> None:
    world.publish("out-1", OutageState.CONFIRMED, reasons=("last_gasps=2", "planned=T2"))
    world.work()
    with world.services.desk.reading() as session:
        assert session.orders.of_outage(WHOLE_COMPANY, "out-1") == ()
    reasons = ("last_gasps=2", "planned=T2", "overrun_at=1")
    world.publish("out-1", OutageState.CONFIRMED, reasons=reasons)
    world.work()
    with world.services.desk.reading() as session:
        assert len(session.orders.of_outage(WHOLE_COMPANY, "out-1")) == 1
