"""REL-01: the door for interruption files, and the documented keys."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcrew.commands.reliability import command
from gridcrew.migrations.runner import migrate_all

DOCS = Path(__file__).parents[2] / "docs"
HEADER = "started_at,restored_at,customers,cause"
KNOWN = (
    ("00:08:10.2", 200, "fault"), ("01:11:18", 600, "fault"), ("00:30:18", 25, "tree on the line"),
    ("04:27:12", 90, "fault"), ("02:00:00", 700, "fault"), ("00:10:00", 1500, "fault"),
    ("00:40:00", 100, "fault"),
)  # fmt: skip


def _file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    file = tmp_path / "interruptions.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_the_known_answer_through_the_door(tmp_path: Path) -> None:
    rows = [f"2026-03-01T00:00:00Z,2026-03-01T{end}Z,{n},{cause}" for end, n, cause in KNOWN]
    result = _run("--interruptions", _file(tmp_path, *rows), "--customers", 2000, "--year", 2026, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["ieee1366"]["saifi"] == pytest.approx(1.6075)
    assert answer["ieee1366"]["saidi_min"] == pytest.approx(86.11, abs=0.005)
    assert answer["ieee1366"]["caidi_min"] == pytest.approx(53.57, abs=0.005)
    assert answer["ieee1366"]["asai"] == pytest.approx(0.999836, abs=5e-7)
    assert answer["dlt836"]["saidi_1_h"] == pytest.approx(86.11 / 60, abs=1e-4)


def test_steps_blank_restorations_and_other_years(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        "2026-03-01T00:00:00Z,2026-03-01T00:30:00Z,100,fault,I-1",
        "2026-03-01T00:30:00Z,2026-03-01T01:30:00Z,40,fault,I-1",
        "2026-06-01T00:00:00Z,,10,planned,",
        "2025-06-01T00:00:00Z,2025-06-01T09:00:00Z,1000,fault,",
        header=f"{HEADER},interruption_id",
    )
    arguments = ("--interruptions", file, "--customers", 1000, "--year", 2026, "--at", "2026-06-01T10:00:00Z")
    answer = json.loads(_run(*arguments, "--json").stdout)
    assert answer["ieee1366"]["saifi"] == pytest.approx(0.110)
    assert answer["dlt836"]["customer_hours"] == pytest.approx(60 * 0.5 + 40 * 1.5 + 100)
    assert answer["dlt836"]["saidi_s_h"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("yesterday,2026-03-01T00:30:00Z,10,fault", ":2: started_at: expected an ISO-8601 time"),
        ("2026-03-01T00:30:00Z,2026-03-01T00:00:00Z,10,fault", ":2: restored_at:"),
        ("2026-03-01T00:00:00Z,2026-03-01T00:30:00Z,-3,fault", ":2: customers: expected a whole number"),
        ("2026-03-01T00:00:00Z,2026-03-01T00:30:00Z,10", ":2: expected 4 columns"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_field(tmp_path: Path, row: str, said: str) -> None:
    result = _run("--interruptions", _file(tmp_path, row), "--customers", 10, "--year", 2026)
    assert result.exit_code != 0
    assert said in result.output


def test_customers_are_needed_with_a_file(tmp_path: Path) -> None:
    result = _run("--interruptions", _file(tmp_path), "--year", 2026)
    assert result.exit_code != 0
    assert "--customers is needed" in result.output


def test_times_without_a_zone_need_one(tmp_path: Path) -> None:
    file = _file(tmp_path, "2026-01-01 07:30:00,2026-01-01 08:30:00,10,fault")
    arguments = ("--interruptions", file, "--customers", 10, "--json")
    assert "names no zone" in _run(*arguments).output
    of_year = [
        json.loads(_run(*arguments, "--zone", "Asia/Shanghai", "--year", year).stdout)["ieee1366"]["saifi"]
        for year in (2025, 2026)
    ]
    assert of_year == [0, 1], "in Shanghai it is 2026 already"


def test_a_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    result = _run("--interruptions", _file(tmp_path), "--customers", 1, "--year", 2026, "--zone", "../Moon")
    assert "no time zone" in result.output


def test_every_key_is_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "reliability.md").read_text(encoding="utf-8")
    answer = json.loads(
        _run("--interruptions", _file(tmp_path), "--customers", 1, "--year", 2026, "--json").stdout
    )
    keys = {key for part in answer.values() if isinstance(part, dict) for key in part}
    assert not [key for key in {*answer, *keys} if f"`{key}`" not in page]


def test_without_a_ledger_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDCREW_DATA_DIR", str(tmp_path))
    assert "run gridcrew migrate" in _run("--year", 2026).output
    migrate_all(str(tmp_path))
    assert "gridcrew network import" in _run("--year", 2026).output
