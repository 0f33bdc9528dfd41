"""Traces, isolation, restoration, what-if, switching by hand and changes of the network over HTTP."""

import uuid
from typing import Any

import pytest

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from telemetry.adapters.detector_service import DetectorService
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.detector import DetectorRules
from telemetry.evidence import EvidenceKind
from telemetry.inference import InferenceModel
from tests.field_api.world import Person, World


@pytest.fixture
def dispatcher(world: World) -> Person:
    """At 04:26 UTC, hours after the network took effect."""
    world.clock.now_ms += 6 * 3_600_000
    return world.log_in("dispatcher")


def _report(person: Person, element: str, position: str, **more: object) -> Any:
    body = {"operation_id": uuid.uuid4().hex, "element": element, "position": position, "note": "test"} | more
    return person.send("POST", "/api/v1/network/switching", body)


def test_a_trace_tells_edges_with_phases_and_positions(dispatcher: Person) -> None:
    up = dispatcher.get("/api/v1/elements/M3/trace").get_json()
    assert [edge["id"] for edge in up["edges"]] == ["CB1", "LN2", "T2"]
    assert up["edges"][0] == {
        "id": "CB1", "kind": "breaker", "name": "出线开关", "name_en": "feeder breaker", "from_id": "S1",
        "to_id": "J1", "phases": "ABC", "closed": True, "normally_closed": True, "energised": True,
    }  # fmt: skip
    down = dispatcher.get("/api/v1/elements/CB1/trace?direction=down&until=transformer").get_json()
    assert [edge["id"] for edge in down["stopped_at"]] == ["T2", "T1"]
    assert [edge["id"] for edge in down["edges"]] == ["CB1", "LN2"]
    way = dispatcher.get("/api/v1/elements/T1/trace?to=T2").get_json()
    assert [edge["id"] for edge in way["edges"]] == ["T1", "LN2", "T2"]
    assert dispatcher.get("/api/v1/elements/T1/trace?until=nothing").status_code == 404
    assert dispatcher.get("/api/v1/elements/T1").get_json()["id"] == "T1"


def test_a_crew_sees_only_its_own_people(world: World) -> None:
    shown = world.log_in("crew-01").get("/api/v1/elements/CB1/trace?direction=down").get_json()
    assert (shown["customers"], shown["customer_ids"]) == (4, ["C1", "C2"])


def test_isolation_and_restoration(dispatcher: Person) -> None:
    shown = dispatcher.get("/api/v1/elements/LN2/isolation").get_json()
    assert [(edge["id"], edge["feeds"]) for edge in shown["open"]] == [("CB1", True)]
    assert (shown["possible"], shown["customers"], shown["in_zone"]) == (True, 4, 4)
    plan = dispatcher.get("/api/v1/elements/LN2/restoration").get_json()
    assert (plan["steps"], plan["left"]["customers"], plan["check_zh"]) == ([], 4, "合闸前先核查反送电")


def test_what_if_touches_nothing(world: World, dispatcher: Person) -> None:
    asked = {"open": ["LN2"], "close": ["~L2"]}
    shown = dispatcher.send("POST", "/api/v1/network/what-if", asked).get_json()
    assert (shown["loses"]["customers"], shown["on_generators"]["customer_ids"]) == (0, ["C3", "C4"])
    assert dispatcher.get("/api/v1/network/switching").get_json()["items"] == []
    foreign = world.log_in("crew-01").send("POST", "/api/v1/network/what-if", {"open": ["T2"]})
    assert foreign.status_code == 404
    both = dispatcher.send("POST", "/api/v1/network/what-if", {"open": ["CB1"], "close": ["CB1"]})
    assert both.status_code == 409


def test_switching_by_hand_is_kept_listed_and_evidence(world: World, dispatcher: Person) -> None:
    assert _report(dispatcher, "CB1", "open", at="2026-11-22T03:10:00Z").status_code == 201
    assert _report(dispatcher, "L2~L1", "closed").get_json()["element"] == "L1~L2"
    assert _report(dispatcher, "~L2", "closed").get_json()["kind"] == "generator_on"
    items = dispatcher.get("/api/v1/network/switching").get_json()["items"]
    assert [(one["element"], one["kind"], one["closed"]) for one in items] == [
        ("CB1", "breaker", False), ("L1~L2", "jumper", True), ("~L2", "generator", True),
    ]  # fmt: skip
    assert (items[0]["since"], items[0]["note"]) == ("2026-11-22T03:10:00.000Z", "test")
    assert items[2]["customers_fed"] == 4, "over the jumper both areas hang on the generator"
    with world.services.desk.reading() as session:
        kept = session.corrections.of_kinds({EvidenceKind.SWITCH_OPEN}, 10)
    assert [word.things for word in kept] == [("CB1",)]
    mine = world.log_in("crew-02").get("/api/v1/network/switching").get_json()["items"]
    assert "L1~L2" not in {one["element"] for one in mine}


def test_the_detector_reads_what_was_reported(world: World, dispatcher: Person) -> None:
    _report(dispatcher, "CB1", "open")
    _report(dispatcher, "~J1", "closed")
    desk, network = (open_database(world.home.location, name) for name in ("desk", "network"))
    service = DetectorService(
        logs={"desk": SqlEvidenceLog(desk)}, outages=world.outages, snapshots=world.outages,
        networks=SqlNetworkStore(network, None), rules=DetectorRules(InferenceModel()), clock_ms=world.clock,
    )  # fmt: skip
    service.tick()
    assert service.detector is not None
    assert list(service.detector.switches) == [("CB1", False), ("~J1", True)]


def test_the_same_operation_twice_is_one_word(dispatcher: Person) -> None:
    operation = uuid.uuid4().hex
    first = _report(dispatcher, "CB1", "open", operation_id=operation)
    assert _report(dispatcher, "CB1", "open", operation_id=operation).get_json() == first.get_json()
    assert _report(dispatcher, "CB1", "closed", operation_id=operation).status_code == 409


@pytest.mark.parametrize(
    ("element", "more", "status"),
    [
        ("LN2", {}, 422),
        ("nothing", {}, 404),
        ("J1~L1", {}, 422),
        ("CB1", {"at": "2026-12-22T03:10:00Z"}, 422),
        ("CB1", {"at": "2026-10-01T03:10:00Z"}, 422),
    ],
)
def test_what_cannot_be_switched_is_refused(
    dispatcher: Person, element: str, more: dict[str, str], status: int
) -> None:
    assert _report(dispatcher, element, "open", **more).status_code == status


def test_a_crew_reports_in_its_cells_only_and_a_viewer_never(world: World) -> None:
    crew = world.log_in("crew-01")
    assert _report(crew, "~L2", "closed").status_code == 404
    assert _report(crew, "~L1", "closed").status_code == 201
    assert _report(world.log_in("viewer"), "CB1", "open").status_code == 403


def test_who_hung_here_then(world: World, dispatcher: Person) -> None:
    _report(dispatcher, "CB1", "open", at="2026-11-22T03:10:00Z")
    path = "/api/v1/elements/S1/trace?direction=down&at="
    version = dispatcher.get("/api/v1/network/versions").get_json()["items"][-1]["effective_at"]
    before = dispatcher.get(f"{path}2026-11-22T03:09:00Z")
    assert version <= "2026-11-22T03:09:00Z"
    assert (before.get_json()["customers"], before.get_json()["switches"]) == (4, [])
    after = dispatcher.get(f"{path}2026-11-22T03:12:00Z").get_json()
    assert (after["customers"], after["switches"]) == (0, [{"element": "CB1", "closed": False}])
    assert dispatcher.get(f"{path}1969-12-31T00:00:00Z").status_code == 404


def test_an_edit_is_a_version_that_can_be_rolled_back(dispatcher: Person) -> None:
    edit = {"table": "edges", "id": "LN2", "fields": {"name": "新名"}}
    changed = dispatcher.send(
        "POST", "/api/v1/network/edits", {"edits": [edit], "note": "renamed"}
    ).get_json()
    assert changed["changed"] and changed["version"]["made_by"] == "dispatcher"
    versions = dispatcher.get("/api/v1/network/versions").get_json()["items"]
    assert versions[0]["note"].endswith("renamed")
    body = {"network_hash": versions[1]["network_hash"], "note": "back"}
    back = dispatcher.send("POST", "/api/v1/network/rollback", body).get_json()
    assert back["version"]["network_hash"] == versions[1]["network_hash"]
    wrong = {"edits": [{"table": "edges", "id": "LN2", "fields": {"from_id": "J9"}}], "note": "x"}
    assert dispatcher.send("POST", "/api/v1/network/edits", wrong).status_code == 409
    assert dispatcher.send("POST", "/api/v1/network/proposals/7/approve", {}).status_code == 404
    assert dispatcher.get("/api/v1/network/proposals").get_json()["items"] == []
