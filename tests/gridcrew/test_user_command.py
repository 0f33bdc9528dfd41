"""``gridcrew user``: people are added, listed and changed; what is wrong is said in one line."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from gridcrew.commands.user import command
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


def test_a_changed_password_ends_what_was_open(run: Run, world: World) -> None:
    person = world.log_in("viewer")
    assert run("passwd", "viewer", "--password", "viewer-demo-2").exit_code == 0
    assert person.get("/api/v1/session").status_code == 401
    world.log_in("viewer", "viewer-demo-2")


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
        (("passwd", "nobody", "--password", "long enough"), "no user 'nobody'"),
    ],
)
def test_what_is_wrong_is_said(run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert told in result.output
    assert "Traceback" not in result.output
