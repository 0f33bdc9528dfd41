"""The audit record: what gets in, and that nothing gets out of it unseen (fault 32)."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.http import routes_audit
from field_api.http.app import all_operations
from field_api.http.auditing import RECORDED_ELSEWHERE, is_written
from field_api.people.audit_chain import START, Act, AuditRow, Head, breaches, link
from field_api.people.users import Role
from gridcrew.commands.audit import command
from tests.field_api.people import acts, hire
from tests.field_api.test_calendar_api import BODY as CALENDAR
from tests.field_api.world import Person, World

Run = Callable[..., Result]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(world.home.data_dir))
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    return lambda *arguments: CliRunner().invoke(command, [str(one) for one in arguments])


def _recorded(world: World, rows: int = 6) -> None:
    with world.services.desk.writing() as session:
        for number in range(rows):
            session.audit.append(world.clock() + number, Act("test", f"thing {number}", "u1", "某人"))


def _sql(world: World, statement: str) -> None:
    """As somebody would who has the database's file."""
    with sqlite.connect(world.home.data_dir / "desk.db") as connection:
        connection.execute(statement)


def _chain(acts_of: Sequence[str]) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number, action in enumerate(acts_of, start=1):
        before = rows[-1].hash if rows else START
        rows.append(link(number, 1_000 * number, Act(action, "s", "u", "n", "a", {"k": action}), before))
    return rows


CHAINS = st.lists(st.text(max_size=5), min_size=2, max_size=12).map(_chain)


@given(CHAINS, st.data())
@settings(max_examples=60, deadline=None)
def test_any_single_change_is_named(rows: list[AuditRow], data: st.DataObject) -> None:
    head = Head(rows[-1].sequence, rows[-1].hash)
    assert breaches(rows, [head]) == ()
    place = data.draw(st.integers(0, len(rows) - 1))
    number = rows[place].sequence
    altered = replace(rows[place], act=replace(rows[place].act, subject="another"))
    forged = link(number, rows[place].at_ms, altered.act, rows[place].before)
    for changed in (
        [*rows[:place], altered, *rows[place + 1 :]],
        [*rows[:place], forged, *rows[place + 1 :]],
        [*rows[:place], *rows[place + 1 :]],
    ):
        found = breaches(changed, [head])
        assert found
        assert found[0].sequence in {number, number + 1}


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit SET subject = 'other' WHERE sequence = 3", "row 3 was altered"),
        ("UPDATE audit SET details = 'no json' WHERE sequence = 3", "row 3 was altered"),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 3", "row 3 was altered"),
        ("DELETE FROM audit WHERE sequence = 3", "row 3 is missing"),
        ("DELETE FROM audit WHERE sequence IN (1, 2)", "rows 1 to 2 are missing"),
    ],
)
def test_an_edit_of_the_database_is_named(world: World, run: Run, statement: str, told: str) -> None:
    _recorded(world)
    assert run("verify").exit_code == 0
    _sql(world, statement)
    result = run("verify")
    assert result.exit_code == 1
    assert told in result.output


def test_a_cut_tail_is_seen_with_an_exported_head_only(world: World, run: Run, tmp_path: Path) -> None:
    _recorded(world)
    head = tmp_path / "head.json"
    assert run("head", "--out", head).exit_code == 0
    assert run("verify", "--head", head).exit_code == 0
    _sql(world, "DELETE FROM audit WHERE sequence > 4")
    assert "nobody can tell" in run("verify").output
    result = run("verify", "--head", head)
    assert result.exit_code == 1
    assert "the end was cut off: rows 5 to 6 are missing" in result.output
    _recorded(world, 3)
    assert "row 6 is not the one of the exported head" in run("verify", "--head", head).output


def test_a_head_that_was_altered_is_refused(world: World, run: Run, tmp_path: Path) -> None:
    _recorded(world)
    head = tmp_path / "head.json"
    run("head", "--out", head)
    told = json.loads(head.read_text())
    head.write_text(json.dumps(told | {"sequence": 2}))
    assert "the signature does not belong to it" in run("verify", "--head", head).output
    head.write_text("[]")
    assert "not a head" in run("verify", "--head", head).output


def test_the_export_holds_every_row(world: World, run: Run, tmp_path: Path) -> None:
    _recorded(world)
    out = tmp_path / "audit.jsonl"
    assert run("export", out).exit_code == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[2]["before"] == rows[1]["hash"]
    assert json.loads((tmp_path / "audit.jsonl.head.json").read_text())["sequence"] == 6


def test_logins_failures_changes_and_refusals_are_on_record(world: World) -> None:
    wrong = {"username": "dispatcher", "password": "wrong"}
    world.app.test_client().post("/api/v1/session", json=wrong)
    world.app.test_client().post("/api/v1/session", json=wrong | {"username": "a password typed here"})
    dispatcher, path = world.log_in("dispatcher"), "/api/v1/calendar/2027"
    assert dispatcher.send("PUT", path, CALENDAR).status_code == 403
    admin = world.log_in("admin")
    assert admin.send("PUT", path, CALENDAR).status_code == 200
    admin.send("DELETE", "/api/v1/session")
    assert acts(world) == [
        ("login.failed", "dispatcher", "dispatcher"),
        ("login.failed", "unknown", "unknown"),
        ("login", "session", "dispatcher"),
        ("refused", "year=2027", "dispatcher"),
        ("login", "session", "admin"),
        ("enter_calendar", "year=2027", "admin"),
        ("logout", "session", "admin"),
    ]


def test_a_step_for_somebody_else_is_on_record(world: World) -> None:
    order = world.confirmed()
    dispatcher = world.log_in("dispatcher")
    step = {
        "operation_id": "0123456789", "step": "accept", "at": "2026-11-22T08:00:00Z",
        "revision": order["revision"],
    }  # fmt: skip
    assert dispatcher.send("POST", f"/api/v1/orders/{order['id']}/steps", step).status_code == 200
    assert ("order.behalf", order["id"], "dispatcher") in acts(world)


def test_what_was_made_is_named_and_found_by_its_id(world: World) -> None:
    dispatcher, order = world.log_in("dispatcher"), world.confirmed()
    split = {"operation_id": "operation-1", "element": "T1"}
    made = dispatcher.send("POST", f"/api/v1/orders/{order['id']}/split", split).get_json()["id"]
    opened = {"operation_id": "operation-2", "type": "inspection", "subject_id": "T2"}
    alone = dispatcher.send("POST", "/api/v1/orders", opened).get_json()["id"]
    assert acts(world)[-2:] == [
        ("split_order", f"order_id={order['id']}", "dispatcher"), ("open_order", alone, "dispatcher"),
    ]  # fmt: skip
    auditor = hire(world, "olga", Role.AUDITOR)
    for thing, told in ((order["id"], {"made": made}), (alone, {})):
        rows = auditor.get(f"/api/v1/audit?subject={thing}").get_json()["items"]
        assert [row["details"] for row in rows] == [told]


def test_auditors_read_pages_and_nobody_else_does(world: World) -> None:
    auditor = hire(world, "olga", Role.AUDITOR)
    _recorded(world, 5)
    first = auditor.get("/api/v1/audit?limit=2&action=test").get_json()
    assert [row["subject"] for row in first["items"]] == ["thing 4", "thing 3"]
    second = auditor.get(f"/api/v1/audit?limit=2&action=test&cursor={first['next_cursor']}").get_json()
    assert [row["subject"] for row in second["items"]] == ["thing 2", "thing 1"]
    logins = auditor.get("/api/v1/audit?actor=olga").get_json()["items"]
    assert [row["action"] for row in logins] == ["login"]
    name, number = (
        auditor.get(f"/api/v1/audit?actor={one}").get_json()["items"]
        for one in ("dispatcher", world.log_in("dispatcher").user["id"])
    )
    assert name == number != [], "a login name is as good as an id"
    assert auditor.get("/api/v1/audit?since=2030-01-01T00:00:00Z").get_json()["items"] == []
    for name in ("admin", "dispatcher", "crew-01"):
        assert world.log_in(name).get("/api/v1/audit").status_code == 403


def test_auditors_check_the_chain_piece_by_piece(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_audit, "CHECKED_AT_ONCE", 4)
    auditor = hire(world, "olga", Role.AUDITOR)
    _recorded(world, 8)  # the login is the first row
    checked = _checked(auditor)
    assert [(one["checked"], one["last"], one["next_after"]) for one in checked] == [
        (4, 4, 4), (4, 8, 8), (1, 9, None),
    ]  # fmt: skip
    assert not [one for part in checked for one in part["breaches"]]
    newest = auditor.get("/api/v1/audit?limit=1").get_json()["items"][0]
    assert (checked[-1]["newest"], checked[-1]["hash"]) == (9, newest["hash"])
    _sql(world, "UPDATE audit SET subject = 'other' WHERE sequence = 5")
    _sql(world, "DELETE FROM audit WHERE sequence IN (7, 8)")
    found = [
        (one["sequence"], one["until"], one["kind"]) for part in _checked(auditor) for one in part["breaches"]
    ]
    assert found == [(5, 5, "altered"), (7, 8, "missing")]
    _sql(world, "DELETE FROM audit WHERE sequence = 4")
    behind = auditor.get("/api/v1/audit/chain?after=4").get_json()["breaches"]
    assert (5, "unlinked") in {(one["sequence"], one["kind"]) for one in behind}
    assert world.log_in("dispatcher").get("/api/v1/audit/chain").status_code == 403


def _checked(auditor: Person) -> list[dict[str, Any]]:
    """All pieces, as the page asks for them."""
    pieces: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        pieces.append(auditor.get(f"/api/v1/audit/chain?after={after}").get_json())
        after = pieces[-1]["next_after"]
    return pieces


def test_what_is_recorded_elsewhere_exists() -> None:
    """A name that no operation has any more would hide the next one of that name."""
    names = {one.name for one in all_operations(demo=True)}
    assert not RECORDED_ELSEWHERE - names
    assert is_written(next(one for one in all_operations(demo=True) if one.name == "hold_notices"))
