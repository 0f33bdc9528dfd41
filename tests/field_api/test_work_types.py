"""Every kind of work is a file, and every file is walked from its opening to its end."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from field_api.adapters.data_files import shipped_work_types
from field_api.orders.declarations import work_type_of
from field_api.orders.proofs import unmet_conditions, wrong_answers
from field_api.orders.work import IllegalStep, StepRule, WorkType, apply, is_open, legal_steps
from field_api.orders.work_type_parts import composed
from field_api.organisation.cells import AreaKind
from field_api.people.users import Role
from field_api.saying import plain_facts
from tests.field_api.forms import answer
from tests.field_api.pictures import announcement, picture
from tests.field_api.world import Person, World

TYPES = shipped_work_types()
SHIPPED = {
    "repair", "patrol", "switching", "restoration_check", "verification", "topology_check", "defect",
    "inspection", "site_survey", "meter_installation", "meter_exchange", "call_back", "liaison_notice",
    "home_service", "key_customer_visit", "enterprise_check_up", "campaign", "training",
    "customer_contact", "key_project", "village_inquiry", "arrears_cut_off", "training_need",
    "complaint",
}  # fmt: skip
SUBJECTS = {"customer": "C1", "element": "T1", "grid": "G1"}


def test_the_kinds_of_work_that_are_shipped() -> None:
    """CUS-04, CUS-10, CUS-15, INT-05, NTF-02, REL-06, REL-09, TRN-01 are work types, not code."""
    assert set(TYPES) == SHIPPED
    assert len({one.number_prefix for one in TYPES.values()}) == len(TYPES), "a number tells the kind"


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_state_is_reached_and_leads_to_an_end(name: str) -> None:
    work_type = TYPES[name]
    reached = {apply(work_type, None, work_type.opening)}
    while more := {target for state in reached for target in _next(work_type, state)} - reached:
        reached |= more
    assert reached == {rule.target for rule in work_type.steps} - {""}
    for state in reached:
        assert _ends_from(work_type, state) or state in work_type.closed_states, state
        assert dict(work_type.states)[state], state


def _next(work_type: WorkType, state: str) -> set[str]:
    found = set()
    for rule in work_type.steps:
        try:
            found.add(apply(work_type, state, rule.name))
        except IllegalStep:
            continue
    return found


def _ends_from(work_type: WorkType, state: str) -> bool:
    seen: set[str] = set()
    ahead = {state}
    while ahead:
        seen |= ahead
        ahead = {target for one in ahead for target in _next(work_type, one)} - seen
    return bool(seen & work_type.closed_states)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_what_people_see_of_it_is_in_both_languages(name: str) -> None:
    work_type = TYPES[name]
    assert set(dict(work_type.titles)) == {"zh", "en"}
    for state, words in work_type.states:
        assert set(dict(words)) == {"zh", "en"}, state
    for field, schema in work_type.form.get("properties", {}).items():
        assert " · " in schema["title"], field


@pytest.mark.parametrize("name", sorted(TYPES))
def test_rep_02_no_order_of_any_kind_is_without_a_due_time(name: str, world: World) -> None:
    from_opening = [clock for clock in TYPES[name].clocks if clock.starts == TYPES[name].opening]
    assert from_opening, "a clock runs from the start"
    for area in AreaKind:
        for clock in TYPES[name].clocks:
            assert world.services.company.profile.limit(clock.name, area.value)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_it_can_be_opened_and_worked_to_its_end_over_the_api(name: str, world: World) -> None:
    work_type = TYPES[name]
    dispatcher = world.log_in("dispatcher")
    outage = world.confirmed()["outage_id"] if work_type.incident_job else None
    for before in work_type.preceded_by:
        _closed_before(world, TYPES[before])
    sent = {
        "operation_id": f"open-{name}".replace("_", "-"), "type": name,
        "subject_id": SUBJECTS[work_type.subject.value],
        "answers": _form(work_type, work_type.needed_to_open), "outage_id": outage,
    }  # fmt: skip
    opened = dispatcher.send("POST", "/api/v1/orders", sent)
    assert opened.status_code == 201, opened.text
    order = opened.get_json()
    assert order["due"], "every order has a due time (REP-02)"
    assert order["crew_id"] == "crew-01"
    assert order["number"].startswith(f"{work_type.number_prefix}-20261122-")
    again = dispatcher.send("POST", "/api/v1/orders", sent)
    assert again.get_json()["id"] == order["id"], "the same operation, the same order"
    closed = _walk(world, work_type, order)
    assert closed["state"] == "closed"
    assert closed["transitions"] == []


def _closed_before(world: World, work_type: WorkType) -> None:
    body = {"operation_id": "before-01", "type": work_type.name, "subject_id": "C1"}
    opened = world.log_in("dispatcher").send("POST", "/api/v1/orders", body)
    assert _walk(world, work_type, opened.get_json())["state"] == "closed"


def test_cus_16_nobody_is_cut_off_before_the_village_was_asked(world: World) -> None:
    world.work()
    body = {
        "operation_id": "cut-off-01", "type": "arrears_cut_off", "subject_id": "C1",
        "answers": {"noticed_on": "2026-11-10"},
    }  # fmt: skip
    dispatcher = world.log_in("dispatcher")
    refused = dispatcher.send("POST", "/api/v1/orders", body)
    assert refused.status_code == 409
    assert "village_inquiry" in refused.text
    _closed_before(world, TYPES["village_inquiry"])
    assert dispatcher.send("POST", "/api/v1/orders", body).status_code == 201
    world.clock.now_ms += 31 * 24 * 3_600_000
    late = body | {"operation_id": "cut-off-02"}
    assert world.log_in("dispatcher").send("POST", "/api/v1/orders", late).status_code == 409, (
        "asked too long ago"
    )


def test_cus_05_a_key_project_goes_before_everything(world: World) -> None:
    world.work()
    dispatcher = world.log_in("dispatcher")
    body = {"operation_id": "project-01", "type": "key_project", "subject_id": "C1"}
    refused = dispatcher.send("POST", "/api/v1/orders", body | {"answers": {"project": "X", "owner": "甲"}})
    assert "second_owner" in refused.text, "two named owners"
    named = {"project": "X", "owner": "甲", "second_owner": "乙"}
    order = dispatcher.send("POST", "/api/v1/orders", body | {"answers": named}).get_json()
    assert order["priority"] == "key", "first in every queue, whoever the customer is"


def test_org_15_a_survey_that_finds_works_needs_both_signatures() -> None:
    survey = TYPES["site_survey"]
    (missing,) = unmet_conditions(survey, {"works_needed": True})
    assert (missing.code, plain_facts(missing)) == ("form.unanswered", {"field": "project_manager"})
    assert unmet_conditions(survey, {"works_needed": True, "project_manager": "甲"}) == ()
    assert unmet_conditions(survey, {"works_needed": False}) == ()
    assert unmet_conditions(survey, {}) == ()


def _walk(world: World, work_type: WorkType, order: dict[str, Any]) -> dict[str, Any]:
    """The shortest way to ``closed``, each step by somebody who may, with what it asks for."""
    world.services.step_order._still_dead = lambda _: ()
    for number, rule in enumerate(_way(work_type, order["state"])):
        person = world.log_in("crew-01" if Role.CREW in rule.roles else "admin")
        world.clock.now_ms += 60_000
        sent = {
            "operation_id": f"walk-{number}-{order['id']}", "step": rule.name,
            "revision": order["revision"], "at": "2026-11-22T08:00:00Z", **_wanted(work_type, rule),
        }  # fmt: skip
        sent["photos"] = [_announced(person, order["id"], number) for number in range(rule.photos)] or None
        answered = person.send("POST", f"/api/v1/orders/{order['id']}/steps", sent)
        assert answered.status_code == 200, answered.text
        order = answered.get_json()
    return order


def _announced(person: Person, order_id: str, number: int) -> str:
    """A picture that the phone has taken and will send when it can."""
    told = announcement(number, order_id, picture())
    assert person.send("POST", "/api/v1/photos", told).status_code in {200, 201}
    return str(told["id"])


def _way(work_type: WorkType, state: str) -> list[StepRule]:
    ways: list[tuple[str, list[StepRule]]] = [(state, [])]
    seen = {state}
    while ways:
        here, way = ways.pop(0)
        if here == "closed":
            return way
        for name in legal_steps(work_type, here):
            rule = work_type.rule(name)
            there = apply(work_type, here, name)
            if rule is not None and there not in seen:
                seen.add(there)
                ways.append((there, [*way, rule]))
    raise AssertionError(f"{work_type.name} cannot be closed")


def _wanted(work_type: WorkType, rule: StepRule) -> dict[str, Any]:
    wanted: dict[str, Any] = {"answers": _form(work_type, rule.fields) or None}
    if "appointment" in rule.needs:
        wanted["appointment"] = {"begins_at": "2026-11-23T01:00:00Z", "ends_at": "2026-11-23T03:00:00Z"}
    if "position" in rule.needs:
        wanted["position"] = {"lon": 116.01, "lat": 39.0, "accuracy_m": 8.0}
    if "note" in rule.needs:
        wanted["note"] = "说明"
    return wanted


def _form(work_type: WorkType, names: tuple[str, ...]) -> dict[str, Any]:
    """Answers to these fields and to what the form's conditions ask for besides."""
    more = {name for one in work_type.form.get("allOf", ()) for name in one["then"]["required"]}
    asked = sorted({*names, *(more if names else ())})
    given = {name: answer(work_type.form["properties"][name]) for name in asked}
    assert not wrong_answers(work_type, given)
    return given


def test_a_step_without_what_it_asks_for_is_refused_and_says_all_of_it(world: World) -> None:
    dispatcher = world.log_in("dispatcher")
    body = {"operation_id": "survey-01", "type": "inspection", "subject_id": "T1"}
    order = dispatcher.send("POST", "/api/v1/orders", body).get_json()
    for step in ("accept", "arrive"):
        sent = _step(order, step)
        order = dispatcher.send("POST", f"/api/v1/orders/{order['id']}/steps", sent).get_json()
    refused = dispatcher.send("POST", f"/api/v1/orders/{order['id']}/steps", _step(order, "close"))
    assert refused.status_code == 422
    missing = refused.get_json()["facts"]["missing"]
    assert {one["code"] for one in missing} == {"proof.position", "form.unanswered", "proof.photos"}
    assert {"code": "form.unanswered", "facts": {"field": "condition"}} in missing
    wrong = _step(order, "close") | {"answers": {"condition": "fine", "colour": "red"}}
    told = dispatcher.send("POST", f"/api/v1/orders/{order['id']}/steps", wrong).get_json()
    wrong_ones = [(one["code"], one["facts"]) for one in told["facts"]["missing"]]
    assert ("form.unknown_fields", {"fields": ["colour"]}) in wrong_ones
    assert ("form.not_listed", "condition") in [(code, facts.get("field")) for code, facts in wrong_ones]


def _step(order: Mapping[str, Any], step: str, **more: Any) -> dict[str, Any]:
    identifier = f"{order['id']}-{order['revision']}-{step}".replace("_", "-")
    return {
        "operation_id": identifier[:64], "step": step, "at": "2026-11-22T08:00:00Z",
        "revision": order["revision"], **more,
    }  # fmt: skip


def test_who_acts_for_a_crew_is_marked(world: World) -> None:
    order = world.confirmed()
    dispatcher = world.log_in("dispatcher")
    dispatcher.send("POST", f"/api/v1/orders/{order['id']}/steps", _step(order, "accept"))
    detail = dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()
    assert detail["history"][-1]["behalf"] == order["crew_id"]


def test_rep_03_an_order_does_not_go_back_and_forth(world: World) -> None:
    """A → B is fine, B → A is refused to a crew and allowed to a dispatcher who says why."""
    order = world.confirmed(cause="T1")
    west = world.log_in("crew-01")
    url = f"/api/v1/orders/{order['id']}/steps"
    moved = west.send("POST", url, _step(order, "transfer", to_crew="crew-02", note="近"))
    assert moved.status_code == 200, moved.text
    order = world.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()
    assert (order["crew_id"], order["state"]) == ("crew-02", "assigned")
    assert west.send("POST", url, _step(order, "accept")).status_code == 403, "no longer theirs"
    dispatcher = world.log_in("dispatcher")
    unknown = dispatcher.send("POST", url, _step(order, "transfer", to_crew="crew-99", note="?"))
    assert unknown.status_code == 422
    back = _step(order, "transfer", to_crew="crew-01", note="设备在一班")
    assert dispatcher.send("POST", url, back).status_code == 200


def test_rep_04_a_warm_hand_over_is_on_record(world: World) -> None:
    order = world.confirmed(cause="T1")
    url = f"/api/v1/orders/{order['id']}/steps"
    spoken = _step(order, "transfer", to_crew="crew-02", note="近", spoken_at="2026-11-21T22:20:00Z")
    assert world.log_in("crew-01").send("POST", url, spoken).status_code == 200
    dispatcher = world.log_in("dispatcher")
    (told,) = dispatcher.get(f"/api/v1/orders/{order['id']}").get_json()["hand_overs"]
    assert (told["from_crew"], told["to_crew"], told["accepted_at"]) == ("crew-01", "crew-02", None)
    assert told["spoken_at"].startswith("2026-11-21T22:20:00")


def test_org_14_time_with_each_department_adds_up(world: World) -> None:
    order = world.confirmed()
    for minutes, step in ((3, "accept"), (20, "arrive")):
        world.clock.now_ms += minutes * 60_000
        current = world.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()
        url = f"/api/v1/orders/{order['id']}/steps"
        assert world.log_in("crew-02").send("POST", url, _step(current, step)).status_code == 200
    world.clock.now_ms += 10 * 60_000
    dwell = world.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()["dwell_s"]
    assert dwell == {"dispatch": 3 * 60, "operations": 30 * 60}


def test_org_13_an_approval_states_its_reason() -> None:
    approvals = [rule for one in TYPES.values() for rule in one.steps if rule.approval_reason]
    assert [rule.name for rule in approvals] == ["endorse"], "none by default"
    parts = resources.files("field_api.work_types")
    declared = tomllib.loads((parts / "training_need.toml").read_text(encoding="utf-8"))
    read = [
        tomllib.loads((parts / "parts" / f"{p}.toml").read_text(encoding="utf-8"))
        for p in declared["include"]
    ]
    endorse = next(step for step in declared["steps"] if step["name"] == "endorse")
    del endorse["approval_reason"]
    with pytest.raises(ValueError, match=r"steps\.endorse: an approval states its reason"):
        work_type_of(composed(declared, read))


def test_trn_and_cus_11_topics_are_data() -> None:
    """TRN-03 needs go up the hierarchy, TRN-04 daily points with a quiz, TRN-05 new energy, CUS-11."""
    need, training = TYPES["training_need"], TYPES["training"].form["properties"]
    assert [rule.target for rule in _way(need, "assigned")] == ["accepted", "endorsed", "closed"]
    closing = need.rule("close")
    assert closing is not None and Role.GRID_MANAGER not in closing.roles, "the centre decides"
    assert {"daily_point", "quiz"} <= set(training)
    assert "new_energy" in training["topic"]["enum"]
    assert len(TYPES["campaign"].form["properties"]["topic"]["enum"]) >= 5


def test_a_part_that_is_not_there_and_a_field_that_no_form_has() -> None:
    file = resources.files("field_api.work_types") / "inspection.toml"
    declared = tomllib.loads(file.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="opening"):
        work_type_of(composed(declared, []))
    parts = resources.files("field_api.work_types") / "parts"
    read = [tomllib.loads((parts / f"{p}.toml").read_text(encoding="utf-8")) for p in declared["include"]]
    declared["form"] = {"properties": {}}
    with pytest.raises(ValueError, match=r"form: has no property \['condition'\]"):
        work_type_of(composed(declared, read))


def test_forms_are_json_schema() -> None:
    for work_type in TYPES.values():
        Draft202012Validator.check_schema(work_type.form)
        assert is_open(work_type, "assigned"), work_type.name
