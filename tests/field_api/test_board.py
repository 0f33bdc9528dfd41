"""The board on paper: what is open, by crew and due time, masked, whole, and not too many of them."""

import re
from pathlib import Path

import pytest

from field_api.adapters.board_folder import NEWEST, page, write_board
from field_api.board import Board, paper_numbers
from field_api.sideline import Chore, Sideline
from field_api.sideline_app import SidelinePlan, build_sideline
from tests.field_api.world import TestClock, World

MINUTE = 60_000


def _written(world: World, folder: Path, keep: int = 3) -> Sideline:
    plan = SidelinePlan(folder, 300.0, keep, folder / "in", None)
    return build_sideline(world.home, plan, world.services.readings, world.clock)


@pytest.fixture
def busy_board(world: World, tmp_path: Path) -> str:
    world.confirmed("out-east", cause="T1")
    opened = world.log_in("dispatcher").send(
        "POST", "/api/v1/orders", {"operation_id": "open-0001", "type": "verification", "subject_id": "C3"}
    )
    assert opened.status_code == 201, opened.text
    world.clock.now_ms += 60 * MINUTE
    _written(world, tmp_path / "board").turn()
    return (tmp_path / "board" / NEWEST).read_text(encoding="utf-8")


def test_it_tells_what_a_night_on_paper_needs(busy_board: str) -> None:
    shown = re.sub(r"<[^>]+>", " ", busy_board)
    for words in (
        "out-east",
        "一号变",
        "故障抢修",
        "单户停电核实",
        "王* 136****5670 西山村",
        "超时",
        "P-20261122-",
    ):
        assert words in shown, words
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", shown), "contacts are masked"
    assert "王五" not in shown
    assert shown.index("单户停电核实") > shown.index("out-east"), "outages come first"


def test_it_needs_nothing_else(busy_board: str) -> None:
    assert not re.search(r"(src|href)=|@import|url\(|<script", busy_board)
    assert "@page { size: A4" in busy_board


def test_names_are_text(tmp_path: Path) -> None:
    board = Board("11-22 16:05", (), (), 0, False, ("<script>1</script>",))
    assert "<script>1" not in page(board)


def test_only_the_newest_are_kept(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "board"
    sideline = _written(world, folder)
    for _ in range(5):
        sideline.turn()
        sideline.turn()  # not yet time for another
        world.clock.now_ms += 5 * MINUTE
    kept = sorted(path.name for path in folder.iterdir())
    assert len([name for name in kept if name != NEWEST]) == 3
    assert (folder / kept[-1]).name.startswith("board")
    assert (folder / NEWEST).read_text() == max(folder.glob("board-*.html")).read_text()


def test_a_place_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    clock = TestClock()
    done: list[int] = []
    (tmp_path / "file").write_text("in the way")

    def fails(now_ms: int) -> None:
        write_board(tmp_path / "file" / "board", "x", now_ms, 1)

    sideline = Sideline([Chore("board", 1000, fails), Chore("other", 1000, done.append)], clock)
    for _ in range(3):
        sideline.turn()
        clock.now_ms += 1000
    assert len(done) == 3


def test_no_two_boards_give_the_same_numbers() -> None:
    assert len(set(paper_numbers(0)) | set(paper_numbers(5 * MINUTE))) == 40
