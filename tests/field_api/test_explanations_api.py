"""The outage's reasons over HTTP: what a dispatcher reads, corrects and asks to be verified."""

from typing import Any

import pytest

from field_api.adapters.tables import evidence
from geo.adapters.database import open_database
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.customer_evidence import CustomerEvidence
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.explanation import (
    Alternative,
    ElementChance,
    Explanation,
    Ping,
    Settling,
    Spoken,
)
from telemetry.outages import OutageState
from tests.field_api.world import Person, World

AT = "2026-11-22T08:00:00Z"


def _desk_evidence(world: World) -> list[Evidence]:
    log = SqlEvidenceLog(open_database(world.home.location, "desk"), evidence)
    return [row.evidence for row in log.read(0)]


def _explained(world: World, user: str = "") -> None:
    world.confirmed()
    now_ms = world.clock()
    explanation = Explanation(
        outage_id="out-1", revision=1, at_ms=now_ms,
        signs={"last_gasps": "2", "alive_after": "0"}, probability=0.97, dead=0.999,
        elements=(ElementChance("T2", "transformer", 0.97),),
        alternatives=(Alternative("LN2", "line", 0.02, 4, 2, 0), Alternative("", "none", 0.01, 0, 0, 2)),
        doubt_bits=0.2, settling=(Settling("M4", "TT2", 0.15),), blocked=("TT2",),
        pings=(Ping("M3", "doubtful_cut", now_ms, "silent", now_ms + 30_000),),
        said=(Spoken("found_sound", "LN2", f"desk:{user}", now_ms),), owner_side="",
        customers=(
            CustomerEvidence("C3", 0.999, 0.99, now_ms, None, None, None, "below_cut"),
            CustomerEvidence("C4", 0.999, 0.03, None, now_ms, None, None, "not_out"),
        ),
    )  # fmt: skip
    SqlExplanations(open_database(world.home.location, "outages")).keep([explanation])


def _correct(person: Person, **changes: Any) -> Any:
    body = {"operation_id": "op-correct-0001", "kind": "found_sound", "things": ["T2"], "note": "seen"}
    return person.send("POST", "/api/v1/outages/out-1/corrections", body | changes)


def test_the_explanation_says_it_in_both_languages_with_names(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    _explained(world, dispatcher.user["id"])
    shown = dispatcher.get("/api/v1/outages/out-1/explanation").get_json()
    assert shown["elements"] == [
        {
            "element": "T2",
            "kind": "transformer",
            "name": "二号变",
            "name_en": "transformer 2",
            "probability": 0.97,
        }
    ]
    assert shown["alternatives"][0]["name"] == "二号线"
    said = [one for one in shown["sentences"] if one["section"] == "said"]
    assert dispatcher.user["name"] in said[0]["zh"]
    assert "found LN2 sound" in said[0]["en"]
    sections = [one["section"] for one in shown["sentences"]]
    assert {"verdict", "sign", "blocked", "alternative", "settle", "ping"} <= set(sections)
    assert shown["customer"] is None


def test_one_customer_carries_reason_and_evidence(world: World) -> None:
    _explained(world)
    dispatcher = world.log_in("dispatcher")
    shown = dispatcher.get("/api/v1/outages/out-1/explanation?customer=C4").get_json()["customer"]
    assert shown["verdict"] == "not_out"
    assert shown["place_probability"] == 0.999
    assert "户变关系" in shown["text"]["zh"]
    people = dispatcher.get("/api/v1/outages/out-1/customers").get_json()["items"]
    assert {one["id"]: one["out_probability"] for one in people} == {"C3": 0.99, "C4": 0.03}
    assert "C3" in people[0]["why"]["en"] + people[1]["why"]["en"]


def test_without_one_it_is_not_found(world: World) -> None:
    world.confirmed()
    dispatcher = world.log_in("dispatcher")
    assert dispatcher.get("/api/v1/outages/out-1/explanation").status_code == 404
    _explained_later = dispatcher.get("/api/v1/outages/nowhere/explanation")
    assert _explained_later.status_code == 404


def test_a_correction_is_evidence_with_its_author_and_reason(world: World) -> None:
    world.confirmed()
    dispatcher = world.log_in("dispatcher")
    first, again = _correct(dispatcher), _correct(dispatcher)
    assert (first.status_code, again.status_code) == (201, 201)
    (kept,) = dispatcher.get("/api/v1/outages/out-1/corrections").get_json()["items"]
    assert kept["by"] == dispatcher.user["name"]
    assert (kept["kind"], kept["things"], kept["note"]) == ("found_sound", ["T2"], "seen")
    (fact,) = _desk_evidence(world)
    assert fact.kind is EvidenceKind.FOUND_SOUND
    assert fact.source == f"desk:{dispatcher.user['id']}"


def test_an_invalid_outage_names_the_places_of_its_cause(world: World) -> None:
    world.confirmed()
    assert _correct(world.log_in("dispatcher"), kind="invalid", things=[]).status_code == 201
    (fact,) = _desk_evidence(world)
    assert (fact.kind, fact.devices, fact.at_ms) == (EvidenceKind.INVALID, ("T2",), world.clock())


def test_what_is_found_faulty_failed_when_the_outage_began(world: World) -> None:
    world.confirmed()
    assert _correct(world.log_in("crew-02"), kind="found_faulty").status_code == 201
    (fact,) = _desk_evidence(world)
    assert fact.at_ms == world.published["out-1"].started_at_ms


@pytest.mark.parametrize(
    ("who", "changes", "status"),
    [
        ("viewer", {}, 403),
        ("crew-02", {"kind": "invalid", "things": []}, 403),
        ("crew-01", {}, 404),
        ("dispatcher", {"things": ["nowhere"]}, 422),
        ("dispatcher", {"things": []}, 422),
        ("dispatcher", {"kind": "customer_on", "things": ["C9"]}, 422),
        ("dispatcher", {"note": ""}, 422),
        ("dispatcher", {"kind": "guess"}, 422),
    ],
)
def test_who_may_say_what(world: World, who: str, changes: dict[str, Any], status: int) -> None:
    world.confirmed()
    assert _correct(world.log_in(who), **changes).status_code == status
    assert _desk_evidence(world) == []


def test_an_outage_that_is_over_is_not_corrected(world: World) -> None:
    world.confirmed()
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    assert _correct(world.log_in("dispatcher")).status_code == 409


def test_a_crew_asks_for_verification_before_it_leaves(world: World) -> None:
    world.confirmed()
    assert world.log_in("crew-02").send("POST", "/api/v1/outages/out-1/checks").status_code == 202
    (fact,) = _desk_evidence(world)
    assert (fact.kind, fact.devices) == (EvidenceKind.CHECK, ("out-1",))


def test_a_crews_finding_is_a_word_to_the_detector(world: World) -> None:
    order = world.confirmed()
    crew = world.log_in("crew-02")
    for step in ("accept", "arrive", "repair"):
        body: dict[str, Any] = {"operation_id": f"op-{step}-0001", "step": step, "at": AT}
        finding = {"finding": {"element": "T2", "cause": "overheated"}} if step == "repair" else {}
        path = f"/api/v1/orders/{order['id']}/steps"
        answer = crew.send("POST", path, body | {"revision": order["revision"]} | finding)
        assert answer.status_code == 200, answer.text
        order = answer.get_json()
    (fact,) = _desk_evidence(world)
    assert (fact.kind, fact.devices) == (EvidenceKind.FOUND_FAULTY, ("T2",))
    (kept,) = crew.get("/api/v1/outages/out-1/corrections").get_json()["items"]
    assert kept["note"] == "overheated"


def test_a_call_inside_an_owners_fault_gets_advice_and_no_truck(world: World) -> None:
    world.publish("out-1", OutageState.CONFIRMED, owner_side="dedicated_transformer=T2")
    world.work()
    dispatcher = world.log_in("dispatcher")
    call = dispatcher.send("POST", "/api/v1/calls", {"customer_id": "C3"}).get_json()
    assert call["outage_id"] == "out-1"
    assert call["advice"]["reason"] == "dedicated_transformer=T2"
    assert "专变" in call["advice"]["zh"]
    assert "no truck" in call["advice"]["en"]
    assert dispatcher.get(f"/api/v1/calls/{call['id']}").get_json() == call


def test_a_caller_without_an_outage_gets_no_advice_before_the_meter_spoke(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    call = dispatcher.send("POST", "/api/v1/calls", {"customer_id": "C3"}).get_json()
    assert call["advice"] is None
