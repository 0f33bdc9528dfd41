"""Builds the sideline of the worker's process from what it stands on."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from field_api.adapters.board_folder import page, write_board
from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.sql_calendar import SqlCalendar
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.app import Installation, company
from field_api.board import Board
from field_api.ports import Clock
from field_api.sideline import Chore, Sideline
from field_api.usecases.write_board import WriteBoard
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore


@dataclass(frozen=True, slots=True)
class SidelinePlan:
    """Where things go and how often."""

    board_folder: Path
    board_every_s: float
    boards_kept: int


def build_sideline(home: Installation, plan: SidelinePlan, clock: Clock = wall_clock_ms) -> Sideline:
    """With a database connection of its own."""
    desk_database = open_database(home.location, "desk")
    desk = SqlDesk(desk_database)
    ours = company(home, SqlCalendar(desk_database, home.company))
    sites = NetworkSites(SqlNetworkStore(open_database(home.location, "network")), clock)
    board = WriteBoard(desk, ours, sites, partial(_written, plan))
    return Sideline([Chore("board", int(plan.board_every_s * 1000), board)], clock)


def _written(plan: SidelinePlan, board: Board, now_ms: int) -> None:
    write_board(plan.board_folder, page(board), now_ms, plan.boards_kept)
