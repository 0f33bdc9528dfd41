"""The organisation over the API: who sees it, who changes it, and what orders make of it."""

from datetime import datetime
from typing import Any

import pytest

from field_api.calendars import ZONE
from field_api.instants import iso, milliseconds
from field_api.orders.work import Subject
from field_api.organisation.cells import Crew, CrewState
from field_api.organisation.establishment import Changes
from field_api.organisation.shifts import DAY_MINUTES, Shift
from field_api.organisation.staffing import Person
from field_api.people.users import Role
from field_api.service.recurring import Schedule
from field_api.usecases.follow_tickets import FollowTickets
from field_api.usecases.open_recurring import OpenRecurring
from telemetry.alarm_ports import Watched
from telemetry.fault_watch import Alarm
from telemetry.outages import OutageState
from tests.field_api.forms import answer
from tests.field_api.people import hire
from tests.field_api.world import START_MS, World, make_world
from tests.field_api.world import Person as Caller

DAY_MS = 24 * 3_600_000


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("organisation-api"))


@pytest.fixture
def admin(world: World) -> Caller:
    return world.log_in("admin")


def _json(caller: Caller, path: str) -> Any:
    got = caller.get(path)
    assert got.status_code == 200, got.text
    return got.get_json()


def test_units_people_and_cells_are_shown_with_their_people(world: World, admin: Caller) -> None:
    units = _json(admin, "/api/v1/organisation")["units"]
    assert [(one["id"], one["headcount"]) for one in units[:2]] == [("default", 6), ("default-centre", 6)]
    assert len(_json(admin, "/api/v1/staff?skill=metering")["items"]) == 4
    cell = _json(admin, "/api/v1/grid-cells/G1")
    assert cell["manager"]["id"] == "G1-manager"
    assert cell["crew_ids"] == ["crew-01"]
    assert [one["person"]["id"] for one in cell["liaisons"]] == ["G1-hand-2"]
    place = _json(admin, "/api/v1/places/cell?lon=116.031&lat=39.0")
    assert (place["grid_id"], place["manager"]["id"]) == ("G2", "G2-manager")


def test_pages_of_staff_join(world: World, admin: Caller) -> None:
    first = _json(admin, "/api/v1/staff?limit=4")
    rest = _json(admin, f"/api/v1/staff?limit=4&cursor={first['next_cursor']}")
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [4, 2, None]
    assert len({one["id"] for one in first["items"] + rest["items"]}) == 6


def test_telephones_of_staff_are_masked(world: World, admin: Caller) -> None:
    person = Person("anna", "安娜", "default-station-01-service", phone="13812345678")
    with world.services.desk.writing() as session:
        session.establishment.change(Changes({"people": (person,)}, {}, {}))
    phones = [one["phone"] for one in _json(admin, "/api/v1/staff")["items"]]
    assert "138****5678" in phones
    assert "13812345678" not in phones


def test_org_09_a_cells_customers_by_segment(world: World, admin: Caller) -> None:
    """ORG-09: each customer is in one segment; the filter shows only those, masked."""
    segments = _json(admin, "/api/v1/grid-cells/G2")["segments"]
    assert {name: count for name, count in segments.items() if count} == {"key": 1, "small_micro": 1}
    shown = _json(admin, "/api/v1/grid-cells/G2/customers?segment=key")["items"]
    assert shown == [{"id": "C4", "name": "赵*", "phone": "137****5671"}]


def test_org_08_an_orphan_asset_appears_in_the_gaps(world: World, admin: Caller) -> None:
    """ORG-08: the report as of an instant; before anybody was named everything is a gap."""
    now = _json(admin, "/api/v1/organisation/coverage")
    assert (now["customers"]["part"], now["assets"]["part"], now["gaps"]) == (1.0, 1.0, [])
    with world.services.desk.writing() as session:
        gone = tuple(one for one in session.establishment.read().assignments if one.grid_id == "G2")
        session.establishment.change(Changes({}, {}, {"assignments": gone}))
    report = _json(admin, "/api/v1/organisation/coverage")
    assert report["transformer_areas"] == {"covered": 1, "whole": 2, "part": 0.5}
    assert [(gap["grid_id"], gap["customers"]) for gap in report["gaps"]] == [("G2", 2)]
    assert "T2" in report["gaps"][0]["examples"]
    assert world.log_in("crew-01").get("/api/v1/organisation/coverage").get_json()["gaps"] == []


def test_org_01_a_hand_over_holds_from_its_instant_and_is_on_record(world: World, admin: Caller) -> None:
    """ORG-01: as of any instant one manager; the record says who named whom."""
    begins = START_MS + DAY_MS
    body = {"person_id": "G2-manager", "from_at": iso(begins), "note": "调岗"}
    for _ in range(2):
        named = admin.send("POST", "/api/v1/grid-cells/G1/duties", body)
        assert named.status_code == 200, named.text
    duties = named.get_json()["items"]
    assert [(one["person_id"], one["until_at"]) for one in duties] == [
        ("G1-manager", iso(begins)),
        ("G2-manager", None),
    ]
    for at_ms, expected in ((START_MS, "G1-manager"), (begins - 1, "G1-manager"), (begins, "G2-manager")):
        then = _json(admin, f"/api/v1/grid-cells/G1/duties?at={iso(at_ms)}")["items"]
        assert [one["person_id"] for one in then] == [expected]
        assert _json(admin, f"/api/v1/grid-cells/G1?at={iso(at_ms)}")["manager"]["id"] == expected
    with world.services.desk.reading() as session:
        (change,) = session.establishment.noted(None, 10)
    assert (change.user_name, change.note, change.at_ms) == ("管理员", "调岗", START_MS)
    assert "G2-manager" in change.document


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("grid-cells/G9/duties", {"person_id": "G1-manager"}, 404),
        ("grid-cells/G1/duties", {"person_id": "ghost"}, 422),
        ("villages/nowhere/liaisons", {"person_id": "G1-hand-1"}, 404),
        ("villages/village-G1/liaisons", {"person_id": "ghost"}, 422),
    ],
)
def test_what_cannot_be_is_refused(
    world: World, admin: Caller, path: str, body: dict[str, str], status: int
) -> None:
    told = admin.send("POST", f"/api/v1/{path}", body | {"from_at": iso(START_MS)})
    assert told.status_code == status, told.text
    refused = world.log_in("dispatcher").send("POST", f"/api/v1/{path}", body | {"from_at": iso(START_MS)})
    assert refused.status_code == 403


def test_org_17_the_database_holds_one_active_liaison(world: World, admin: Caller) -> None:
    """ORG-17, ORG-18: named over the API the one before ends; who would suit is told best first."""
    suits = _json(admin, "/api/v1/villages/village-G1/candidates")["items"]
    assert suits[0]["person"]["id"].startswith("G1-")
    assert [one["distance_km"] for one in suits] == sorted(one["distance_km"] for one in suits)
    body = {"person_id": "G1-hand-1", "from_at": iso(START_MS)}
    named = admin.send("POST", "/api/v1/villages/village-G1/liaisons", body).get_json()["items"]
    assert [one["until_at"] for one in named] == [iso(START_MS), None]
    village = _json(admin, "/api/v1/villages")["items"][0]
    assert (village["id"], village["liaison"]["id"]) == ("village-G1", "G1-hand-1")


def test_org_03_every_kind_of_order_has_the_cells_manager(world: World) -> None:
    """ORG-03, TRN-02: each work type's order is the manager's, and a skilled crew's of the cell."""
    subjects = {Subject.CUSTOMER: "C3", Subject.ELEMENT: "T2", Subject.GRID: "G2"}
    made = {}
    for work_type in world.services.company.work_types.values():
        if not work_type.opened_by or work_type.incident_job or work_type.preceded_by:
            continue
        role = sorted(one.value for one in work_type.opened_by if one.value in {"admin", "dispatcher"})
        if not role:
            continue
        made[work_type.name] = _opened(world, role[0], work_type.name, subjects[work_type.subject])
    assert len(made) >= 8
    assert {(one["owner_id"], one["crew_id"]) for one in made.values()} == {("G2-manager", "crew-02")}
    repair = world.confirmed("out-west", cause="T2")
    assert (repair["owner_id"], repair["crew_id"]) == ("G2-manager", "crew-02")


def _opened(world: World, role: str, name: str, subject: str) -> dict[str, Any]:
    work_type = world.services.company.work_types[name]
    caller = world.log_in(role)
    shape = work_type.form.get("properties", {})
    answers = {field: answer(shape[field]) for field in work_type.needed_to_open}
    body = {
        "operation_id": f"op-{name.replace('_', '-')}-{subject}",
        "type": name,
        "subject_id": subject,
        "answers": answers,
    }
    opened = caller.send("POST", "/api/v1/orders", body)
    assert opened.status_code == 201, (name, opened.text)
    found: dict[str, Any] = opened.get_json()
    return found


def test_nobody_skilled_is_told_in_the_history_and_nobody_named_leaves_no_owner(world: World) -> None:
    """TRN-02: the work reaches somebody all the same."""
    world.work()
    with world.services.desk.writing() as session:
        there = session.establishment.read()
        session.establishment.change(
            Changes({}, {}, {"qualifications": there.qualifications, "assignments": there.assignments})
        )
    order = world.confirmed("out-east", cause="T1")
    assert (order["owner_id"], order["crew_id"]) == ("", "crew-01")
    history = world.log_in("dispatcher").get(f"/api/v1/orders/{order['id']}").get_json()["history"]
    assert "line_repair" in history[0]["note"]


def test_org_19_a_plan_goes_its_way_over_the_api(world: World, admin: Caller) -> None:
    """ORG-19: wide only after the review, by somebody else than who proposed it."""
    plan = admin.send("POST", "/api/v1/roll-out-plans", {"county": "东河县"}).get_json()
    path = f"/api/v1/roll-out-plans/{plan['id']}/steps"
    assert plan["possible"] == ["approve", "withdraw"]
    assert admin.send("POST", path, {"step": "widen", "sequence": 2}).status_code == 422
    assert admin.send("POST", path, {"step": "approve", "sequence": 2}).status_code == 403
    assert admin.send("POST", path, {"step": "withdraw", "sequence": 3}).status_code == 409
    assert admin.send("POST", path, {"step": "withdraw", "sequence": 2}).get_json()["state"] == "withdrawn"
    assert [one["state"] for one in _json(admin, "/api/v1/roll-out-plans")["items"]] == ["withdrawn"]
    assert world.log_in("crew-01").get("/api/v1/roll-out-plans").status_code == 403


def test_org_10_the_third_outage_of_an_element_is_a_risk(world: World, admin: Caller) -> None:
    """ORG-10: two are none; an order that is late is one, and only in its own cell."""
    for number in range(3):
        world.publish(f"out-{number}", OutageState.CONFIRMED, "T2")
        world.work()
        kinds = [one["kind"] for one in _json(admin, "/api/v1/grid-cells/G2/risks")["items"]]
        assert ("repeated_outages" in kinds) is (number == 2)
        if number < 2:
            world.publish(f"out-{number}", OutageState.RESTORED, "T2")
        world.work()
        world.clock.now_ms += 3_600_000
    found = _json(admin, "/api/v1/grid-cells/G2/risks")["items"]
    assert [one["events"] for one in found if one["kind"] == "repeated_outages"] == [
        ["out-0", "out-1", "out-2"]
    ]
    assert _json(admin, "/api/v1/grid-cells/G1/risks")["items"] == []
    world.clock.now_ms += DAY_MS
    later = _json(world.log_in("admin"), "/api/v1/grid-cells/G2/risks")["items"]
    assert "over_limit" in {one["kind"] for one in later}


def test_a_sheet_is_for_its_person_and_who_judges(world: World, admin: Caller) -> None:
    """ORG-09."""
    path = "/api/v1/staff/G1-manager/assessment?first_day=2026-11-01&last_day=2026-11-30"
    sheet = _json(admin, path)
    assert (sheet["score"], sheet["closed"], sheet["lines"]) == (100.0, 0, [])
    assert world.log_in("dispatcher").get(path).status_code == 403
    assert world.log_in("crew-02").get(path).status_code == 404
    visits = _json(admin, "/api/v1/grid-cells/G1/first-visits?first_day=2026-11-01&last_day=2026-11-30")
    assert visits == {"ratio": None, "first": [], "again": []}


def test_rep_03_the_local_solve_rate_of_a_cell_and_its_crews(world: World, admin: Caller) -> None:
    """REP-03: of two closed tasks one went through another crew's hands; each crew sees its own cell's."""
    path = "/api/v1/grid-cells/G2/local-solves?first_day=2026-11-01&last_day=2026-11-30"
    assert _json(admin, path) == {"closed": 0, "solved": 0, "ratio": None, "crews": []}
    _contacted(world, "C3", handed_on=False)
    _contacted(world, "C4", handed_on=True)
    assert _json(admin, path) == {
        "closed": 2, "solved": 1, "ratio": 0.5,
        "crews": [{"crew_id": "crew-02", "closed": 2, "solved": 1, "ratio": 0.5}],
    }  # fmt: skip
    assert world.log_in("crew-01").get(path).status_code == 404


def _contacted(world: World, customer_id: str, handed_on: bool) -> None:
    """A task of the western cell from opening to closing, by the dispatcher."""
    dispatcher = world.log_in("dispatcher")
    order = _opened(world, "dispatcher", "customer_contact", customer_id)
    steps: list[dict[str, object]] = [{"step": "accept"}, {"step": "close", "answers": {"outcome": "later"}}]
    if handed_on:
        steps.insert(0, {"step": "transfer", "note": "不在本区", "to_crew": "crew-01"})
    for number, step in enumerate(steps):
        body = {"operation_id": f"op-{order['id']}-{number}", "at": iso(world.clock()), **step}
        answer = dispatcher.send(
            "POST", f"/api/v1/orders/{order['id']}/steps", body | {"revision": order["revision"]}
        )
        assert answer.status_code == 200, answer.text
        order = answer.get_json()


def test_org_10_an_open_complaint_is_a_risk_until_it_is_answered(world: World, admin: Caller) -> None:
    """ORG-10: by customer, with the tickets' numbers, in the customer's cell alone; no truck rolls for it."""
    dispatcher = world.log_in("dispatcher")
    sent = [
        {"number": number, "accepted_at": iso(START_MS - 1_000), "customer": customer, "kind": kind}
        for number, customer, kind in (
            ("T-1", "C3", "complaint"), ("T-2", "C3", "complaint"), ("T-3", "C1", "fault")
        )
    ]  # fmt: skip
    taken = dispatcher.send("POST", "/api/v1/tickets", {"tickets": sent}).get_json()["items"]
    assert [one["ticket"]["verdict"] for one in taken] == ["complaint", "complaint", "verify"]
    risk = {"kind": "open_complaint", "subject": "C3", "events": ["T-1", "T-2"]}
    assert _json(admin, "/api/v1/grid-cells/G2/risks")["items"] == [risk]
    assert _json(admin, "/api/v1/grid-cells/G1/risks")["items"] == []

    services = world.services
    follow = FollowTickets(services.desk, services.company, services.supply, services.partners.take_tickets)
    order_id = taken[0]["ticket"]["order_id"]
    order = dispatcher.get(f"/api/v1/orders/{order_id}").get_json()
    assert (order["type"], {due["clock"] for due in order["due"]}) == (
        "complaint", {"complaint_contact", "complaint_answer"},
    )  # fmt: skip
    for number, step in enumerate(("accept", "contact", "close")):
        body = {
            "operation_id": f"op-complaint-{number}", "step": step, "at": iso(world.clock()),
            "revision": order["revision"], "answers": {"justified": True, "answered": "已致歉"},
        }  # fmt: skip
        order = dispatcher.send("POST", f"/api/v1/orders/{order_id}/steps", body).get_json()
    follow(world.clock())
    assert _json(admin, "/api/v1/grid-cells/G2/risks")["items"] == [risk | {"events": ["T-2"]}]


def test_whatever_opens_an_order_asks_the_companys_calendar_who_is_there(world: World) -> None:
    """Saturday 2026-10-10 is worked for the National Day week: who works on working days is there."""
    world.clock.now_ms = milliseconds(datetime(2026, 10, 10, 9, tzinfo=ZONE))
    rosters = Shift("crew-02", "off", 0, DAY_MINUTES), Shift("crew-09", "work", 0, DAY_MINUTES)
    services = world.services
    with services.desk.writing() as session:
        session.organisation.put_crew(Crew("crew-09", "九班", ("G2",), CrewState.FREE, 117.0, 40.0, 1))
        before = tuple(one for one in session.establishment.read().shifts if one.crew_id == "crew-02")
        session.establishment.change(Changes({"shifts": rosters}, {}, {"shifts": before}))
    dispatcher = world.log_in("dispatcher")
    _opened(world, "dispatcher", "customer_contact", "C3")
    ticket = {"number": "T-1", "accepted_at": iso(world.clock()), "customer": "C3"}
    dispatcher.send("POST", "/api/v1/tickets", {"tickets": [ticket]})
    call = {"customer_id": "C4", "open_order": True, "operation_id": "op-call-01"}
    dispatcher.send("POST", "/api/v1/calls", call)
    schedule = Schedule("visits", "enterprise_check_up", frozenset(), frozenset({"key"}),
                        frozenset(range(1, 13)), 1, {"month": "{month}"})  # fmt: skip
    assert OpenRecurring(services.desk, services.company, services.sites, [schedule])(world.clock()) == 1
    opened = {one["source"]: one["crew_id"] for one in _json(dispatcher, "/api/v1/orders")["items"]}
    assert opened == dict.fromkeys(("hand", "95598", "call", "schedule"), "crew-09")


def test_org_12_cases_from_ten_kilovolt_are_in_one_queue(world: World, admin: Caller) -> None:
    """ORG-12: of all cells together; low voltage and the jobs of an outage are not in it."""
    east, west = (_opened(world, "admin", "defect", element) for element in ("T1", "T2"))
    low = _opened(world, "admin", "home_service", "C3")
    world.confirmed("out-east", cause="T1")
    listed = _json(admin, "/api/v1/central-queue")["items"]
    assert {one["order_id"] for one in listed} == {east["id"], west["id"]}
    assert {(one["voltage_kv"], one["queue"]) for one in listed} == {(10.0, "central")}
    assert low["grid_id"] == "G2"
    assert world.log_in("crew-01").get("/api/v1/central-queue").status_code == 403


def test_org_10_standing_low_voltage_is_a_risk_of_its_cell(world: World, admin: Caller) -> None:
    """ORG-10: until it ends."""
    low = Alarm("under_voltage", "M3", "T2", START_MS - 5, START_MS, 180.0)
    world.services.alarms.keep(Watched({low.key: low}, {}, {}), START_MS)
    (risk,) = _json(admin, "/api/v1/grid-cells/G2/risks")["items"]
    assert (risk["kind"], risk["subject"]) == ("low_voltage", "M3")
    assert _json(admin, "/api/v1/grid-cells/G1/risks")["items"] == []


def test_an_administrator_of_one_cell_says_nothing_of_another_cells_people(
    world: World, admin: Caller
) -> None:
    local = hire(world, "anna", Role.ADMIN, ("G1",))
    body = {"from_at": iso(world.clock())}
    answers = {}
    for cell in ("G1", "G2"):
        person = _json(admin, f"/api/v1/grid-cells/{cell}")["manager"]["id"]
        path = f"/api/v1/staff/{person}/skills/live_work"
        answers[cell] = local.send("PUT", path, body).status_code
        assert admin.send("PUT", path, body).status_code == 200
    assert answers == {"G1": 200, "G2": 404}
