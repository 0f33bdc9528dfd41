"""``gridcrew network``: import, check, trace, export."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from geo.adapters.csv_folder import read_folder
from gridcrew.commands.network import command
from gridcrew.migrations.runner import migrate_all

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    data = str(tmp_path / "var")
    migrate_all(data)

    def invoked(*arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(command, words, env={"GRIDCREW_DATA_DIR": data})

    return invoked


def test_an_imported_network_can_be_followed_and_taken_out(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run("import", folder).exit_code == 0
    up = json.loads(run("trace", "M3", "--up", "--json").stdout)
    assert [step["id"] for step in up["up"]] == ["S1", "CB1", "J1", "LN2", "J2", "T2", "L2"]
    down = json.loads(run("trace", "T1", "--down", "--json").stdout)
    assert [step["id"] for step in down["down"]] == ["T1", "SV1"]
    out = json.loads(run("trace", "LN2", "--customers", "--json").stdout)
    assert (out["customers"], out["customers_below"]) == ([{"id": "C3"}], 1)
    assert run("export", tmp_path / "out").exit_code == 0
    assert read_folder(tmp_path / "out").accepted().content_hash == up["network_hash"]


def test_importing_the_same_again_makes_no_new_version(run: Run, folder: Path) -> None:
    first = json.loads(run("import", folder, "--json").stdout)
    second = json.loads(run("import", folder, "--json").stdout)
    assert first == second
    assert first["counts"]["customers"] == 3


def test_a_bad_network_is_refused_with_its_report(run: Run, folder: Path) -> None:
    broken = (folder / "edges.csv").read_text().replace("J1,J2", "J1,J9")
    (folder / "edges.csv").write_text(broken)
    for action in ("check", "import"):
        result = run(action, folder)
        assert result.exit_code == 2
        assert "edges.csv:3: error: LN2: to_id names 'J9'" in result.stderr
        report = json.loads(run(action, folder, "--json").stdout)
        assert not report["accepted"]
        assert [(found["file"], found["line"], found["element"]) for found in report["findings"]] == [
            ("edges.csv", 3, "LN2")
        ]
    assert run("trace", "LN2").exit_code != 0


def test_what_is_missing_is_said(folder: Path, tmp_path: Path, run: Run) -> None:
    assert "run `gridcrew network import SOURCE` first" in run("trace", "M1").stderr
    bare = CliRunner().invoke(
        command, ["import", str(folder)], env={"GRIDCREW_DATA_DIR": str(tmp_path / "new")}
    )
    assert bare.exit_code != 0
    assert "run `gridcrew migrate` first" in bare.stderr
