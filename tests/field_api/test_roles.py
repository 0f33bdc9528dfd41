"""Who may do what: nobody by default, and nobody what is unreasonable for the role, tomorrow's operations
included; the page about people says the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from field_api.http.app import all_operations
from field_api.http.operations import EVERYONE, OFFICE, READERS, Operation
from field_api.people.users import Role
from gridcrew.permissions import role_rows
from tests.field_api.people import hire
from tests.field_api.world import World

OPERATIONS = all_operations(demo=True)
GUARDED = [one for one in OPERATIONS if not one.public]
CHANGING = [one for one in GUARDED if one.method != "GET"]
OWN = {"log_out", "change_password", "object_to_finding"}
"""What everybody may do with what is theirs."""
ASKING = {"ask_what_if"}
"""Sent as POST, but changes nothing."""
MACHINES_CHANGE = re.compile(r"^(log_out$|take_call$|push|\w*(ticket|95598|receipt)\w*$)")
"""Other systems bring calls, tickets and receipts; nothing else."""
AUDITORS_READ = {
    "who_am_i", "bootstrap", "list_audit", "list_orders", "get_order", "list_corrections", "list_versions",
    "list_security_events", "show_calendar", "list_work_types", "list_findings_on_people",
}  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "people.md"


def _named(role: Role, operations: list[Operation]) -> set[str]:
    return {one.name for one in operations if role in one.roles}


def test_wide_roles_leave_out_auditors_and_machines() -> None:
    assert not EVERYONE & {Role.AUDITOR, Role.MACHINE}
    assert Role.AUDITOR not in READERS
    assert not OFFICE & {Role.AUDITOR, Role.MACHINE, Role.CREW}


def test_auditors_change_nothing_and_see_no_customers() -> None:
    assert _named(Role.AUDITOR, CHANGING) <= OWN
    seen = _named(Role.AUDITOR, GUARDED) - OWN
    assert not [name for name in seen if re.search("customer|affected|contact|reveal|meter|search", name)]
    assert seen >= AUDITORS_READ


def test_viewers_change_nothing() -> None:
    assert _named(Role.VIEWER, CHANGING) <= OWN | ASKING


def test_machines_bring_calls_and_see_no_people() -> None:
    assert not [name for name in _named(Role.MACHINE, CHANGING) if not MACHINES_CHANGE.match(name)]
    seen = _named(Role.MACHINE, GUARDED)
    assert not [name for name in seen if re.search("reveal|contact|crew|audit|finding|password", name)]


def test_only_auditors_read_the_record_and_only_administrators_make_tokens() -> None:
    for one in GUARDED:
        if "/audit" in one.path:
            assert one.roles == {Role.AUDITOR}, one.name
        if "machine-tokens" in one.path:
            assert one.roles == {Role.ADMIN}, one.name


def test_unmasked_people_are_for_those_who_work_with_them() -> None:
    for one in GUARDED:
        if re.search("reveal|contacts", one.path):
            assert one.roles <= {Role.DISPATCHER, Role.GRID_MANAGER, Role.CREW}, one.name


def test_crews_do_not_decide_about_the_network_devices_or_people() -> None:
    for one in CHANGING:
        if one.name in ASKING | {"report_switching"}:
            continue  # the latter is what a crew did with its own hands
        if re.search(r"/(network|devices|calendar|machine-tokens|organisation|users|holds?)\b", one.path):
            assert not one.roles & {Role.CREW, Role.VIEWER, Role.AUDITOR, Role.MACHINE}, one.name


def test_who_decides_on_people_is_no_colleague() -> None:
    for one in GUARDED:
        if one.name in {"raise_finding", "decide_finding"}:
            assert one.roles == {Role.SUPERVISOR}


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.VIEWER, Role.SUPERVISOR], ids=lambda role: role.value)
def test_a_role_that_is_not_named_is_refused(role: Role, world: World) -> None:
    person = hire(world, "someone", role)
    for one in GUARDED:
        if role in one.roles or one.name == "log_out":
            continue
        path = re.sub(r"\{\w+\}", "x", one.documented_path)
        assert person.send(one.method, path, {}).status_code == 403, one.name


def test_another_cell_holds_from_the_next_request_on(world: World) -> None:
    manager = hire(world, "gina", Role.GRID_MANAGER, ("G1",))
    world.confirmed("out-west", cause="T2")
    assert manager.get("/api/v1/outages/out-west").status_code == 404
    with world.services.desk.writing() as session:
        login = session.users.by_username("gina")
        assert login is not None
        session.users.change(replace(login.user, grid_ids=("G2",)))
    assert manager.get("/api/v1/outages/out-west").status_code == 200
    with world.services.desk.writing() as session:
        session.users.change(replace(login.user, disabled=True))
    assert manager.get("/api/v1/outages/out-west").status_code == 401


def test_the_page_about_people_is_true() -> None:
    """Rows may be missing for a day while operations are added; none may be wrong or about nothing."""
    row = re.compile(r"^\| `(\w+)` \| (?:GET|POST|PUT|PATCH|DELETE) [^|]* \| ([^|]*) \|$", re.MULTILINE)
    rows = row.findall(PAGE.read_text(encoding="utf-8"))
    told = {name: tuple(may.split(", ")) for name, may in rows}
    true = {name: may for name, _, may in role_rows()}
    assert told
    assert {name: may for name, may in told.items() if true.get(name) != may} == {}
