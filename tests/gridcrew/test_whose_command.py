"""Whose telephone number it is: found by its keyed hash, told as an id, on record without the number."""

import json
import sys

import pytest

from gridcrew import __main__ as entry
from gridcrew.sealed_networks import seal_networks
from gridcrew.settings import Settings
from tests.field_api.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("whose"))


def _told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str]:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(world.home.data_dir))
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    monkeypatch.setattr(sys, "argv", ["gridcrew", "network", "whose", *arguments])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), (said.out + said.err).strip()


def test_a_number_finds_its_customer_and_the_look_is_on_record(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = _told(world, monkeypatch, capsys, "13612345670")
    assert (code, "gridcrew migrate seals it" in told) == (2, True), "no keyed hash lies there yet"
    assert seal_networks(Settings()) == 1
    assert _told(world, monkeypatch, capsys, "136 1234-5670") == (0, "C3")
    assert json.loads(_told(world, monkeypatch, capsys, "--json", "13712345671")[1]) == ["C4"]
    for part in ("1361234567", "5670", "-"):
        assert _told(world, monkeypatch, capsys, part) == (0, "nobody in the network has that number")
    assert _told(world, monkeypatch, capsys, "13612345670")[1] == "C3"
    with world.services.desk.reading() as session:
        acts = [row.act for row in session.audit.all_rows()]
    assert {one.action for one in acts} == {"network whose"}
    assert acts[-1].subject == "136****5670"
    assert not any("12345" in one.subject for one in acts)
