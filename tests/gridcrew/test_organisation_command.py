"""``gridcrew organisation``: files in and out, all or nothing, what is wrong by file, line and field."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcrew.commands.organisation import command
from tests.field_api.world import World, make_world, prepare

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prepare(folder := tmp_path_factory.mktemp("organisation"))
    return folder


@pytest.fixture
def world(tmp_path: Path, template: Path) -> World:
    return make_world(tmp_path / "world", template=template)


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(world.home.data_dir))
    monkeypatch.setenv("GRIDCREW_CONFIG", "none.toml")
    return lambda *arguments: CliRunner().invoke(command, [str(one) for one in arguments])


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _write(file: Path, rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    """As it is in force."""
    assert run("export", tmp_path / "org").exit_code == 0
    return tmp_path / "org"


def test_what_was_exported_changes_nothing(run: Run, folder: Path) -> None:
    assert run("check", folder).output == "0 records would change\n"
    assert run("import", folder).output == "0 records changed\n"
    assert len(_rows(folder / "people.csv")) == 6
    assert (folder / "people.csv").stat().st_mode & 0o077 == 0
    assert run("show").output.startswith("default  示范供电公司  company  6\n")


def test_a_changed_file_is_told_entered_and_idempotent(run: Run, folder: Path, world: World) -> None:
    people = _rows(folder / "people.csv")
    anna = people[0] | {"id": "anna", "name": "安娜", "phone": "13812345678", "rating": "4.5"}
    _write(folder / "people.csv", [*people, anna])
    duties = _rows(folder / "duties.csv")
    duties[0]["valid_to"] = "2026-12-01"
    _write(
        folder / "duties.csv",
        [*duties, duties[0] | {"person_id": "anna", "valid_from": "2026-12-01", "valid_to": ""}],
    )
    crews = _rows(folder / "crews.csv")
    crews[0]["name"] = "东河一班"
    _write(folder / "crews.csv", crews)
    told = run("check", folder).output
    assert "+ people.csv anna\n" in told
    assert "~ duties.csv G1: until_ms None → " in told
    assert "+ duties.csv G1/2026-12-01\n" in told
    assert "~ crews.csv crew-01: name" in told
    assert run("import", folder).output.endswith("4 records changed\n")
    assert run("import", folder).output == "0 records changed\n"
    assert "G1\t" in run("show", "--at", "2026-11-30").output
    assert "anna" not in run("show", "--at", "2026-11-30T23:59").output
    assert "\tanna\t安娜" in run("show", "--at", "2026-12-01").output
    with world.services.desk.reading() as session:
        (change,) = session.establishment.noted(None, 10)
    assert "13812345678" not in change.document
    assert len(json.loads(change.document)) == 4


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("people.csv", {"unit_id": "nowhere"}, "people.csv: line 2: unit_id: there is no unit 'nowhere'"),
        ("people.csv", {"rating": "6"}, "people.csv: line 2: rating: '6': expected a number from 0 to 5"),
        ("people.csv", {"name": ""}, "people.csv: line 2: name: empty"),
        ("duties.csv", {"asset": "no"}, "duties.csv: line 2: service: customer manager"),
        ("duties.csv", {"valid_from": "soon"}, "duties.csv: line 2: valid_from: 'soon': expected such as"),
        ("duties.csv", {"grid_id": "G2"}, "duties.csv: line 3: grid_id: named twice"),
        ("crews.csv", {"grid_ids": "G9"}, "crews.csv: line 2: grid_ids: there is no grid cell 'G9'"),
        ("crews.csv", {"grid_ids": "G2"}, "crews.csv: grid cell G1 has no crew"),
        ("shifts.csv", {"starts": "25:00"}, "shifts.csv: line 2: starts: '25:00': expected such as 08:30"),
        ("shifts.csv", {"days": "189"}, "shifts.csv: line 2: days: '189': expected all, work, off"),
        ("liaisons.csv", {"person_id": "ghost"}, "liaisons.csv: line 2: person_id: there is no person"),
        ("cells.csv", {"area": "moon"}, "cells.csv: line 2: area: 'moon': expected urban, rural, remote"),
        ("units.csv", {"parent_id": "default-centre"}, "units.csv: line 2: parent_id: 'default-centre'"),
        ("villages.csv", {"grid_id": "G7"}, "villages.csv: line 2: grid_id: there is no grid cell 'G7'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_half_done(
    run: Run, folder: Path, file: str, change: dict[str, str], told: str
) -> None:
    rows = _rows(folder / file)
    _write(folder / file, [rows[0] | change, *rows[1:]])
    villages = _rows(folder / "villages.csv")
    _write(
        folder / "villages.csv",
        [villages[0] | {"name": "新村"} | (change if file == "villages.csv" else {}), *villages[1:]],
    )
    result = run("import", folder)
    assert result.exit_code == 1
    assert told in result.output
    assert "nothing was changed" in result.output
    assert "新村" not in run("export", folder.parent / "after").output
    assert "新村" not in (folder.parent / "after" / "villages.csv").read_text(encoding="utf-8")


def test_a_missing_file_leaves_its_kind_alone_and_a_foreign_folder_is_refused(run: Run, folder: Path) -> None:
    for name in ("people.csv", "duties.csv", "crews.csv"):
        (folder / name).unlink()
    assert run("check", folder).output == "0 records would change\n"
    (folder / "skills.csv").write_text("person,skill\nx,y\n", encoding="utf-8")
    refused = run("check", folder).output
    assert "skills.csv: line 1: person: unknown; expected person_id" in refused
    assert "skills.csv: line 1: person_id: the column is missing" in refused
    (folder / "skills.csv").write_bytes("人,技能\n".encode("gb18030"))
    assert "skills.csv: not UTF-8" in run("check", folder).output
    assert "no file of an organisation" in run("check", folder.parent).output


def test_gaps_are_listed_and_end_with_one(run: Run, folder: Path) -> None:
    """ORG-08."""
    assert run("gaps").exit_code == 0
    assert "customers          4/4  100.00%" in run("gaps").output
    duties = _rows(folder / "duties.csv")
    _write(folder / "duties.csv", [row for row in duties if row["grid_id"] != "G2"])
    (folder / "liaisons.csv").write_text("village_id,person_id\n", encoding="utf-8")
    assert run("import", folder).exit_code == 0
    report = run("gaps", "--json")
    assert report.exit_code == 1
    told = json.loads(report.output)
    assert told["customers"] == {"covered": 2, "whole": 4, "part": 0.5}
    assert [(gap["grid_id"], gap["customers"], gap["transformer_areas"]) for gap in told["gaps"]] == [
        ("G2", 2, 1)
    ]
    assert "T2" in told["gaps"][0]["examples"]
    assert "village village-G1: no liaison" in run("gaps").output
