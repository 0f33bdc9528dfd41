"""Every person sees only their grid cells, and nobody an unmasked person (invariant 6)."""

import itertools
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from field_api.feeder_knowledge import feeders, knowledge
from field_api.http.app import all_operations
from field_api.http.operations import Operation
from field_api.people.users import Role
from telemetry.ports import DeviceState
from tests.field_api.foreign import plant
from tests.field_api.people import PASSWORD, hire
from tests.field_api.world import Person, World, make_world

OPERATIONS = all_operations(demo=True)
GUARDED = [operation for operation in OPERATIONS if not operation.public]
WESTERN = {"G2", "crew-02", "out-west", "inc-out-west", "ord-out-west-1"}
WESTERN |= {"C3", "C4", "M3", "M4", "T2", "TT2", "L2"}
"""Ids of the cell that crew-01 has nothing to do with; what is planted there adds its own, here and below."""
FOREIGN: dict[str, list[str]] = {
    "outage_id": ["out-west"],
    "order_id": ["ord-out-west-1"],
    "crew_id": ["crew-02"],
    "element_id": ["C3", "T2", "TT2", "M3", "L2"],
    "meter_id": ["M3"],
    "call_id": ["none"],
    "collection_id": ["outages", "orders", "crews", "transformers"],
    "feature_id": ["out-west", "ord-out-west-1", "crew-02", "T2"],
    "webhook_id": ["hook-1"],
    "ticket_number": ["T-1"],
    "device_id": ["M3", "TT2"],
    "element": ["T2"],
    "proposal_id": ["1"],
    "layer": ["customers", "areas"],
    "customer_id": ["C3"],
    "grid_id": ["G2"],
    "village_id": ["village-G2"],
    "person_id": ["G2-manager"],
    "skill": ["metering"],
    "plan_id": ["none"],
    "division": ["grid_cell", "transformer", "line"],
    "year": ["2026"],
    "token_id": ["none"],
    "finding_id": ["none"],
    "channel": ["sms"],
    "register": ["demand"],
    "photo_id": ["none"],
    "incident_id": ["inc-out-west"],
}
EVERYBODYS: dict[str, str] = {
    "get_tile": "lines of the map; what is in a tile is checked below",
    "show_calendar": "working days",
    "enter_calendar": "working days",
    "list_entries": "the name of a register; entries are of a cell and checked by their ids",
    "count_entries": "the name of a register; only entries of one's cells count",
    "list_reliability": "the name of a division; its parts are those of one's cells",
    "approve_proposal": "the network is one",
    "dismiss_proposal": "the network is one",
    "put_skill": "an employee belongs to a unit, not to a cell",
    "restore": "the demo's grid is one",
    "list_gis_items": "the name of a layer; its features are those of one's cells",
    "show_gis_collection": "the name of a layer",
}
"""Operations whose path names what belongs to no cell, and what that is."""
QUERIES = {
    "q": [f"q={word}" for word in ("C3", "T2", "M4", "王五", "13612345670", "西山")],
    "segment": ["segment=key"],
    "lon": ["lon=116.03&lat=39.001"],
    "year": ["year=2026"],
    "first_day": ["first_day=2026-01-01&last_day=2026-12-31"],
    "field": ["field=kind"],
    "state": ["state=open", "state=closed", "state=all"],
}
"""By a parameter that the operation takes; the first that fits."""
PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
NAMES = ("张三", "李四", "王五", "赵六医院")


def _bodies() -> dict[str, Any]:
    return {
        "step_order": {
            "operation_id": uuid.uuid4().hex, "step": "accept", "at": "2026-11-22T08:00:00Z", "revision": 1,
        },
        "enter_paper_steps": {
            "operation_id": uuid.uuid4().hex, "number": "P-20261122-0626-01", "revision": 1,
            "steps": [{"step": "accept", "at": "2026-11-22T08:00:00Z"}],
        },
        "announce_photo": {
            "id": "01JDA0000000000000000000WX", "order_id": "ord-out-west-1", "size": 9, "sha256": "0" * 64,
            "content_type": "image/jpeg", "taken_at": "2026-11-22T08:00:00Z",
        },
        "push_operations": {"operations": [{
            "operation_id": uuid.uuid4().hex, "kind": "remark", "at": "2026-11-22T08:00:00Z",
            "order_id": "ord-out-west-1", "body": {"note": "seen"},
        }]},
        "merge_order": {"operation_id": uuid.uuid4().hex, "into": "ord-out-west-1"},
        "attach_order": {"operation_id": uuid.uuid4().hex, "incident_id": "inc-out-west"},
        "split_order": {"operation_id": uuid.uuid4().hex, "element": "T2"},
        "put_position": {"lon": 116.0, "lat": 39.0, "at": "2026-11-22T08:00:00Z", "state": "free"},
        "take_call": {"customer_id": "C3"},
        "correct_outage": {"operation_id": uuid.uuid4().hex, "kind": "found_sound", "things": ["T2"],
                           "note": "checked"},
        "decide_notices": {"operation_id": uuid.uuid4().hex, "incident_id": "inc-out-west",
                           "decision": "approve"},
        "hold_notices": {"operation_id": uuid.uuid4().hex, "kind": "outage", "thing": "out-west",
                         "note": "checking"},
        "release_notices": {"hold_id": "none"},
        "rate_order": {"service": 5, "result": 5},
        "take_receipts": {"reference": "none"},
        "reveal_customer": {"reason": "call"},
        "object_to_finding": {"words": "no"},
        "decide_finding": {"upheld": True, "words": "yes"},
        "name_manager": {"person_id": "G2-manager", "from_at": "2026-11-22T08:00:00Z"},
        "name_liaison": {"person_id": "G2-manager", "from_at": "2026-11-22T08:00:00Z"},
        "put_skill": {"from_at": "2026-11-22T08:00:00Z"},
        "propose_plan": {"county": "东河县"},
        "step_plan": {"step": "approve", "sequence": 2},
        "name_ticket_customer": {"customer_id": "C3"},
        "countersign_paper_steps": {"operation_id": uuid.uuid4().hex},
        "add_entry": {"about": "G2", "entry": {"from": "visit", "kind": "other", "wanted_day": "2026-12-01"}},
        "trip": {"element": "T2"},
        "ask_what_if": {"open": ["T2"]},
        "report_switching": {"operation_id": uuid.uuid4().hex, "element": "~L2", "position": "closed"},
    }  # fmt: skip


def _paths(operation: Operation) -> list[str]:
    if operation.name == "get_tile":
        return [f"/tiles/{layer}/14/13471/6252.mvt" for layer in FOREIGN["layer"]]
    paths = [operation.documented_path]
    for name in operation.parameters:
        paths = [path.replace(f"{{{name}}}", value) for path in paths for value in FOREIGN[name]]
    asked = operation.query.model_fields if operation.query else {}
    queries = next((QUERIES[name] for name in QUERIES if name in asked), None)
    return [f"{path}?{query}" for path in paths for query in queries] if queries else paths


def _ids(document: Any) -> set[str]:
    if isinstance(document, dict):
        return set().union(*(_ids(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(_ids(value) for value in document))
    return {document} if isinstance(document, str) else set()


@pytest.fixture(scope="module")
def busy_world(tmp_path_factory: pytest.TempPathFactory, template: Path) -> World:
    """With an outage in each cell, and things of every kind in the western one."""
    world = make_world(tmp_path_factory.mktemp("scope"), template=template)
    world.confirmed("out-east", cause="T1")
    world.confirmed("out-west", cause="T2")
    for parameter, identifier in plant(world).items():
        FOREIGN[parameter] = [identifier]
        WESTERN.add(identifier)
    return world


@pytest.fixture(scope="module")
def stranger(busy_world: World) -> Person:
    """Of the eastern cell."""
    return busy_world.log_in("crew-01")


@pytest.fixture(scope="module")
def eastern(busy_world: World) -> dict[Role, Person]:
    """Somebody of the eastern cell alone in each role that people have."""
    people = set(Role) - {Role.MACHINE}
    return {role: hire(busy_world, f"east-{role.value}", role, ("G1",)) for role in people}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
def test_no_operation_shows_a_foreign_cell(
    operation: Operation, stranger: Person, eastern: dict[Role, Person]
) -> None:
    if operation.name in {"log_out", "change_password"}:
        return  # they would end the session that the others need, and answer nothing
    asking = [stranger, *(eastern[role] for role in sorted(operation.roles & eastern.keys()))]
    for person, path in itertools.product(asking, _paths(operation)):
        told = f"{person.user['role']}: {operation.method} {path}"
        body = _bodies().get(operation.name)
        answer = person.send(operation.method, path, body)
        shown = _ids(answer.get_json()) if answer.is_json and answer.status_code < 400 else set()
        assert not (shown - _ids(body)) & WESTERN, told  # what somebody says themselves is no leak
        if operation.parameters and operation.name not in EVERYBODYS:
            assert answer.status_code in {403, 404}, f"{told}: {answer.text}"
        if operation.name == "get_tile":
            assert answer.status_code == 200
            assert not any(identifier.encode() in answer.data for identifier in ("C3", "C4")), told


def test_the_matrix_would_see_it(busy_world: World, stranger: Person) -> None:
    """The same requests of somebody who may see everything do show those ids."""
    everywhere = [busy_world.log_in("dispatcher"), busy_world.log_in("sonja", PASSWORD)]
    shown: set[str] = set()
    for operation in GUARDED:
        if operation.method == "GET" and operation.name != "get_tile":
            for person, path in itertools.product(everywhere, _paths(operation)):
                answer = person.get(path)
                shown |= _ids(answer.get_json()) if answer.is_json else set()
    assert shown >= WESTERN
    assert stranger.get("/api/v1/outages/out-east").status_code == 200


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
def test_every_operation_wants_to_know_who_asks(operation: Operation, busy_world: World) -> None:
    client = busy_world.app.test_client()
    for path in _paths(operation):
        for header in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
            answer = client.open(
                path, method=operation.method, json=_bodies().get(operation.name), headers=header
            )
            assert answer.status_code == 401, path


def test_no_answer_holds_an_unmasked_person(busy_world: World) -> None:
    dispatcher = busy_world.log_in("dispatcher")
    paths = [path for one in OPERATIONS if one.method == "GET" for path in _paths(one)]
    paths += ["/api/v1/outages/out-west/customers", "/api/v1/elements/C3", "/api/v1/meters/M3"]
    scanned = 0
    for path in paths:
        text = dispatcher.get(path).get_data(as_text=True)
        scanned += bool(text)
        assert not PHONE.search(text), path
        assert not any(name in text for name in NAMES), path
    assert scanned > 15
    shown = dispatcher.get("/api/v1/outages/out-west/customers").get_json()["items"]
    assert [(one["id"], one["name"], one["phone"], one["address_area"]) for one in shown] == [
        ("C4", "赵*", "137****5671", "西山村医院路"),
        ("C3", "王*", "136****5670", "西山村"),
    ]


def test_the_feed_is_masked_too(busy_world: World) -> None:
    with busy_world.services.desk.reading() as session:
        text = json.dumps([logged.event.data for logged in session.feed.read(0, 1000)], ensure_ascii=False)
    assert "136****5670" in text or "137****5671" in text
    assert not PHONE.search(text)


def test_bootstrap_knows_the_site(busy_world: World) -> None:
    shown = busy_world.log_in("viewer").get("/api/v1/bootstrap").get_json()
    assert shown["counts"] == {"customers": 4, "meters": 4, "transformers": 2, "lines": 1, "switches": 1}
    assert [(cell["id"], cell["crew_ids"]) for cell in shown["grid_cells"]] == [
        ("G1", ["crew-01"]),
        ("G2", ["crew-02"]),
    ]
    assert shown["events_url"] == "http://localhost:8441/api/v1/events"
    assert shown["time_zone"] == "Asia/Shanghai"


def test_an_element_tells_its_way_from_the_source(busy_world: World) -> None:
    shown = busy_world.log_in("viewer").get("/api/v1/elements/T2").get_json()
    assert [step["id"] for step in shown["path"]] == ["S1", "CB1", "LN2", "T2"]
    assert (shown["customers_below"], shown["outage_id"], shown["kind"]) == (2, "out-west", "transformer")


def test_feeders_tell_how_little_is_known(busy_world: World) -> None:
    shown = busy_world.log_in("viewer").get("/api/v1/feeders").get_json()["items"]
    assert [(one["element"], one["customers"], one["observable_share"]) for one in shown] == [("CB1", 4, 0.0)]
    assert [(one["sources"], one["unheard"]) for one in shown] == [
        ([], len(busy_world.network.terminals) + 1)
    ]


def test_feeders_tell_the_age_of_each_source(world: World) -> None:
    """What came by MQTT, by files, and from switches are sources of their own."""
    devices = {
        "TT1": DeviceState("TT1", "TT1", 0, 5_000, True, "mqtt:own"),
        "TT2": DeviceState("TT2", "TT2", 0, 9_000, False, "file:rows"),
    }
    site = world.services.sites.current()
    assert site is not None
    (known,) = knowledge(feeders(site), devices, 10_000)
    assert [(one.kind, one.devices, one.newest_ms, one.oldest_ms) for one in known.sources] == [
        ("file", 1, 9_000, 9_000), ("mqtt", 1, 5_000, 5_000),
    ]  # fmt: skip
    assert known.unheard == 1, "its switch"
