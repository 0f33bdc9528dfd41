"""Every few minutes the board is written where it can be printed without us."""

from collections.abc import Callable
from dataclasses import dataclass

from field_api.board import MAX_OUTAGES, Board, make_board
from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, Sites

Written = Callable[[Board, int], None]


@dataclass(frozen=True, slots=True)
class WriteBoard:
    """``written`` takes the board to its place."""

    desk: Desk
    company: Company
    sites: Sites
    written: Written

    def __call__(self, now_ms: int) -> None:
        """The board as of now; raises OSError where the place does not take it."""
        site = self.sites.current()
        with self.desk.reading() as session:
            board = make_board(
                session.outages.listed(WHOLE_COMPANY, True, None, MAX_OUTAGES + 1),
                session.orders.open_of(WHOLE_COMPANY),
                session.organisation.crews(WHOLE_COMPANY),
                self.company,
                None if site is None else site.network,
                now_ms,
            )
        self.written(board, now_ms)
