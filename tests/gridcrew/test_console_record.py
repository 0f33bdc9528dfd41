"""Commands that change the company's records, or take them out unmasked, are on the audit record."""

import getpass
import sys

import click
import pytest

from gridcrew import __main__ as entry
from gridcrew.cli import cli
from tests.field_api.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("console"))


def _run(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(world.home.data_dir))
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    monkeypatch.setattr(sys, "argv", ["gridcrew", *arguments])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    return int(ended.value.code or 0)


def _newest(world: World) -> tuple[str, str, str]:
    with world.services.desk.reading() as session:
        row = session.audit.newest()
    return ("", "", "") if row is None else (row.act.action, row.act.subject, row.act.actor_name)


def test_an_export_of_customers_is_on_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(world.home.data_dir.parent / "out")
    assert _run(world, monkeypatch, "network", "export", out) == 0
    assert _newest(world) == ("network export", out, getpass.getuser())


def test_a_command_that_failed_or_only_looked_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _newest(world)
    assert _run(world, monkeypatch, "network", "rollback", "--to", "none") != 0
    assert _run(world, monkeypatch, "network", "versions") == 0
    assert _run(world, monkeypatch, "network", "import", "--help") == 0
    assert _newest(world) == before


def test_every_recorded_command_exists() -> None:
    context = click.Context(cli)
    for name in entry.RECORDED:
        group, inner = name.split(" ")
        command = cli.get_command(context, group)
        assert isinstance(command, click.Group), name
        assert command.get_command(context, inner) is not None, name
