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
    assert first.pop("changes") is None
    assert not any(count for table in second.pop("changes").values() for count in table.values())
    assert first == second
    assert first["counts"]["customers"] == 3
    assert "against the network before: nothing changed" in run("import", folder).stdout


def test_another_import_tells_what_changed(run: Run, folder: Path) -> None:
    run("import", folder)
    text = (folder / "meters.csv").read_text().replace("M2,L1,C2,B,TT1", "M2,L2,C2,B,TT2")
    (folder / "meters.csv").write_text(text)
    told = run("diff", "stored", folder)
    assert "~ meters M2: node_id 'L1' → 'L2', terminal_id 'TT1' → 'TT2'" in told.stdout
    assert "> customer C2: T1 → T2" in told.stdout
    assert json.loads(run("diff", folder, folder, "--json").stdout)["nothing_changed"]
    assert "meters changed 1, customers moved 1" in run("import", folder).stdout


def test_a_version_dated_back_holds_until_the_next_one(run: Run, folder: Path) -> None:
    run("import", folder)
    text = (folder / "meters.csv").read_text().replace("M2,L1,C2,B,TT1", "M2,L2,C2,B,TT2")
    (folder / "meters.csv").write_text(text)
    told = run("import", folder, "--effective", "2026-01-01T03:12:00+08:00").stdout.splitlines()[-1]
    assert told.startswith("in force from 2025-12-31T19:12:00.000Z until 20")
    then = run("trace", "C2", "--at", "2026-01-01T00:00:00Z").stdout
    assert "T2" in then
    assert "T1" in run("trace", "C2").stdout
    assert "no network was in force then" in run("trace", "C2", "--at", "2025-01-01T00:00:00Z").stderr
    versions = json.loads(run("versions", "--json").stdout)
    assert all(version["made_by"] for version in versions)


def test_rows_may_be_set_aside(run: Run, folder: Path) -> None:
    text = (folder / "meters.csv").read_text().replace("M2,L1", "M2,L9")
    (folder / "meters.csv").write_text(text)
    assert run("check", folder).exit_code == 2
    report = json.loads(run("check", folder, "--set-aside", "--json").stdout)
    assert (report["accepted"], report["set_aside"], report["counts"]["meters"]) == (True, 1, 2)
    assert report["feeders"]["CB1"] == {"unknown-node": 1}
    assert report["linkage"][0]["customers"] == 3


def test_findings_are_told_in_chinese_too(run: Run, folder: Path) -> None:
    text = (folder / "edges.csv").read_text().replace("J1,J2", "J1,J9")
    (folder / "edges.csv").write_text(text)
    assert "LN2: to_id 为 J9，该对象不存在" in run("check", folder, "--language", "zh").stderr


def test_identifiers_are_told_by_system_and_area(run: Run, folder: Path) -> None:
    (folder / "identifiers.csv").write_text(
        "system,foreign_id,own_id,from,to\nPMS,12345,T1,2025-01-01,\nHES,1,M1,,2026-05-04\n"
        "HES,2,M1,2026-05-04,\nHES,3,M9,,\n"
    )
    told = run("identifiers", "--network", folder, "--at", "2026-06-01").stdout.splitlines()
    assert told == [
        "HES: T1: 1 of 2 meters unmatched: M2",
        "HES: T2: 1 of 1 meters unmatched: M3",
        "PMS: T2: 1 of 1 transformers unmatched: T2",
        "HES: 3 names 'M9', which is nothing of ours",
        "HES: exchanged: 1 = M1 (… – 2026-05-04), 2 = M1 (2026-05-04 – …)",
    ]


@pytest.mark.parametrize("path", ["out", "out.gpkg", "out.xml"])
def test_what_is_exported_comes_back(run: Run, folder: Path, tmp_path: Path, path: str) -> None:
    run("import", folder)
    assert run("export", tmp_path / path).exit_code == 0
    assert run("diff", "stored", tmp_path / path).stdout == "nothing changed\n"


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
