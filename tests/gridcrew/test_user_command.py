"""``gridcrew user``: people are added, listed and changed; what is wrong is said in one line."""

import getpass
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcrew.commands.user import command
from gridcrew.migrations.runner import migrate_all
from tests.field_api.world import World, make_world

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("users"))


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(world.home.data_dir))
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    return lambda *arguments: CliRunner().invoke(command, arguments)


def test_a_person_is_added_and_can_log_in(run: Run, world: World) -> None:
    added = run("add", "anna", "--role", "dispatcher", "--grid", "G1", "--password", "long enough")
    assert added.exit_code == 0, added.output
    person = world.log_in("anna", "long enough")
    assert person.user["grid_ids"] == ["G1"]
    listed = json.loads(run("list", "--json").output)
    assert "anna" in [one["username"] for one in listed]
    assert "anna\tdispatcher\tanna\tG1" in run("list").output


@pytest.mark.parametrize(
    ("wanted", "told"),
    [(("viewer", "--grid", "G1"), "no grid cells yet"), (("crew", "--crew", "crew-01"), "no crews yet")],
)
def test_before_the_workers_first_run_is_said_where_cells_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: tuple[str, ...], told: str
) -> None:
    migrate_all(str(tmp_path))
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    arguments = ["add", "bert", "--password", "long enough", "--role", *wanted]
    added = CliRunner().invoke(command, arguments)
    assert added.exit_code == 1
    assert told in added.output
    assert "let the worker run once" in added.output


def test_a_changed_password_ends_what_was_open(run: Run, world: World) -> None:
    person = world.log_in("viewer")
    assert run("passwd", "viewer", "--password", "viewer-demo-2").exit_code == 0
    assert person.get("/api/v1/session").status_code == 401
    world.log_in("viewer", "viewer-demo-2")


def test_another_place_holds_at_once_and_a_disabled_person_is_out(run: Run, world: World) -> None:
    run("add", "paula", "--role", "grid_manager", "--grid", "G1", "--password", "long enough")
    person = world.log_in("paula", "long enough")
    assert run("place", "paula", "--role", "grid_manager", "--grid", "G2").output == (
        "paula is grid_manager for G2\n"
    )
    assert person.get("/api/v1/session").get_json()["user"]["grid_ids"] == ["G2"]
    assert run("disable", "paula").exit_code == 0
    assert person.get("/api/v1/session").status_code == 401
    assert "disabled" in run("list").output
    refused = world.app.test_client().post(
        "/api/v1/session", json={"username": "paula", "password": "long enough"}
    )
    assert refused.status_code == 401
    assert run("enable", "paula").exit_code == 0
    world.log_in("paula", "long enough")


def test_a_reset_gives_a_password_and_forgives(run: Run, world: World) -> None:
    lock_out = world.services.people.lock_out
    for number in range(25):
        lock_out.failed("crew-02", f"10.0.0.{number}", world.clock())
    assert lock_out.wait_s("crew-02", "10.0.1.1", world.clock()) > 0
    name, password = run("reset", "crew-02").output.strip().split(": ")
    assert (name, lock_out.wait_s("crew-02", "10.0.1.1", world.clock())) == ("crew-02", 0)
    world.log_in("crew-02", password)


def test_a_phone_is_kept_sealed_and_found(run: Run, world: World) -> None:
    assert run("phone", "admin", "138 1234 5678").exit_code == 0
    assert run("list", "--phone", "13812345678").output.startswith("admin\t")
    assert "2 sealed anew" in run("rotate-keys").output
    assert run("list", "--phone", "13812345678").output.startswith("admin\t")
    assert run("list", "--phone", "13812345679").output == ""
    assert b"5678" not in (world.home.data_dir / "people.keys").read_bytes()


def test_a_systems_token_is_made_listed_and_revoked(run: Run, world: World) -> None:
    secret = run("token", "add", "gis", "--grid", "G1", "--days", "3").output.strip()
    header = {"Authorization": f"Bearer {secret}"}
    world.clock.now_ms = int(time.time() * 1000)
    assert world.app.test_client().get("/api/v1/outages", headers=header).status_code == 200
    assert run("token", "list").output.startswith("gis\tG1\tuntil ")
    assert secret not in run("token", "list", "--json").output
    assert "revoke it first" in run("token", "add", "gis").output
    assert run("token", "revoke", "gis").exit_code == 0
    assert world.app.test_client().get("/api/v1/outages", headers=header).status_code == 401
    assert "no token gis" in run("token", "revoke", "gis").output


def test_what_was_done_here_is_on_record_with_who_sat_here(run: Run, world: World) -> None:
    run("add", "rita", "--role", "viewer", "--password", "long enough")
    with world.services.desk.reading() as session:
        newest = session.audit.newest()
    assert newest is not None
    assert (newest.act.action, newest.act.subject, newest.act.actor_id) == ("user.add", "rita", "console")
    assert newest.act.actor_name == getpass.getuser()


def test_roles_are_told_for_every_operation(run: Run) -> None:
    rows = {one["operation"]: one["roles"] for one in json.loads(run("roles", "--json").output)}
    assert rows["list_audit"] == ["auditor"]
    assert rows["log_in"] == ["everybody"]
    assert "list_audit\tGET /api/v1/audit\tauditor" in run("roles").output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "admin", "--role", "admin", "--password", "long enough"), "exists already"),
        (("add", "bert", "--role", "admin", "--password", "short"), "at least 8"),
        (
            ("add", "bert", "--role", "crew", "--crew", "x", "--password", "long enough"),
            "no such crew; known: crew-01",
        ),
        (("add", "bert", "--role", "viewer", "--grid", "G9", "--password", "long enough"), "unknown G9"),
        (("passwd", "nobody", "--password", "long enough"), "no user nobody"),
        (("add", "bert", "--role", "viewer", "--password", "12345678"), "first that are guessed"),
        (("place", "viewer", "--role", "machine"), "machine"),
        (("token", "add", "x", "--grid", "G9"), "unknown G9"),
        (("disable", "nobody"), "no user nobody"),
    ],
)
def test_what_is_wrong_is_said(run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert told in result.output
    assert "Traceback" not in result.output
