"""``gridcrew calendar``: a year is shown, and entered from a file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from geo.adapters.database import open_database
from gridcrew.commands.calendar import command
from gridcrew.migrations.runner import migrate
from tests.commands import invoke

Run = Callable[..., Result]
NOTICE = """day,work
2027-01-01,off
2027-02-05,off
2027-02-20,work
2027-05-01,休
2027-10-01,休
2027-10-02,off
2027-10-03,off
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    migrate(open_database(str(folder), "desk"), "desk")
    return folder


@pytest.fixture
def run(tmp_path: Path, prepared: Path) -> Run:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    settings = {"GRIDCREW_DATA_DIR": str(tmp_path), "GRIDCREW_COMPANY__CODE": "ours"}
    return lambda *arguments: invoke(command, [str(one) for one in arguments], settings)


def test_a_published_year_is_shown(run: Run) -> None:
    shown = run("show", 2026).output
    assert "2026: 248 working days, published" in shown
    assert "2026-10-10  Sat  work 班  chinesecalendar" in shown
    assert len(json.loads(run("show", 2026, "--json").output)) == 365


def test_a_year_is_entered_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "2027.csv"
    file.write_text(NOTICE, encoding="utf-8")
    assert "provisional 暂定" in run("show", 2027).output
    entered = run("import", 2027, file, "--source", "notice of 2026")
    assert entered.exit_code == 0, entered.output
    shown = run("show", 2027).output
    assert "published" in shown
    assert "2027-02-20  Sat  work 班  notice of 2026" in shown
    assert "(command line): 7 days, notice of 2026" in shown


def test_a_companys_own_days_go_before_the_common_ones(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("day,work\n2026-04-15,off\n", encoding="utf-8")
    assert run("import", 2026, file, "--source", "三月三", "--own").exit_code == 0
    shown = run("show", 2026).output
    assert "2026-04-15  Wed  off 休  三月三" in shown
    assert "2026: 247 working days" in shown


def test_years_that_are_there_stay(run: Run) -> None:
    assert "nothing, all published years are there" in run("import").output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day,work\n2027-01-01,perhaps\n", "line 2: work is 'perhaps': expected work or off"),
        ("day,work\nsoon,off\n", "line 2: day is 'soon'"),
        ("day,work\n2027-01-01,off\n2027-01-01,off\n", "line 3: 2027-01-01 is named twice"),
        ("date,work\n", "line 1: expected the columns day and work"),
        ("day,work\n2027-01-01,off\n", "2027-10-01 is a day off by law"),
        ("day,work\n2026-01-01,off\n", "2026-01-01 is not a day of 2027"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(run: Run, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(text, encoding="utf-8")
    refused = run("import", 2027, file, "--source", "x")
    assert refused.exit_code != 0
    assert told in refused.output
    assert "provisional" in run("show", 2027).output
