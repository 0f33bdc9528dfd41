"""Builds the sideline of the worker's process from what it stands on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from field_api.adapters.board_folder import page, write_board
from field_api.adapters.network_sites import NetworkSites
from field_api.adapters.pinned_post import PinnedPost
from field_api.adapters.sql_calendar import SqlCalendar
from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.adapters.ticket_files import TicketInbox, TicketOutbox
from field_api.app import Installation, company, vault
from field_api.board import Board
from field_api.partners.tickets import SentTicket
from field_api.partners_app import build_partners
from field_api.people.users import Role, User
from field_api.ports import Clock
from field_api.sideline import Chore, Sideline
from field_api.usecases.advise import Advise
from field_api.usecases.answer_tickets import AnswerTickets
from field_api.usecases.deliver_webhooks import DeliverWebhooks
from field_api.usecases.follow_calls import FollowCalls
from field_api.usecases.follow_tickets import FollowTickets
from field_api.usecases.supply import Supply
from field_api.usecases.take_tickets import TakeTickets
from field_api.usecases.write_board import WriteBoard
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.ports import ReadingStore

TICKETS_EVERY_MS: Final = 5_000
ANSWERS_EVERY_MS: Final = 60_000
HOOKS_EVERY_MS: Final = 500
TIDY_EVERY_MS: Final = 3_600_000
HOOK_THREADS: Final = 8
_FILE: Final = User("file-drop", "file-drop", "file drop", Role.MACHINE, None, (), True, "zh")


@dataclass(frozen=True, slots=True)
class SidelinePlan:
    """Where things go and how often."""

    board_folder: Path
    board_every_s: float
    boards_kept: int
    tickets_in: Path
    tickets_out: Path | None
    """None: nothing goes back as files."""


def build_sideline(
    home: Installation, plan: SidelinePlan, readings: ReadingStore, clock: Clock = wall_clock_ms
) -> Sideline:
    """With a database connection of its own."""
    desk_database = open_database(home.location, "desk")
    desk = SqlDesk(desk_database, vault(home))
    ours = company(home, SqlCalendar(desk_database, home.company))
    sites = NetworkSites(SqlNetworkStore(open_database(home.location, "network"), vault(home)), clock)
    supply = Supply(SqlOutageLog(open_database(home.location, "outages")), sites)
    partners = build_partners(home.partners, desk, ours, sites, Advise(supply, sites, readings))
    inbox = TicketInbox(plan.tickets_in, partners.ticket_mappings, _TakeFile(partners.take_tickets, clock))
    chores = [
        Chore(
            "board", int(plan.board_every_s * 1000), WriteBoard(desk, ours, sites, partial(_written, plan))
        ),
        Chore("tickets", TICKETS_EVERY_MS, FollowTickets(desk, ours, supply, partners.take_tickets)),
        Chore("calls", TICKETS_EVERY_MS, FollowCalls(desk, ours, supply)),
        Chore("ticket files", TICKETS_EVERY_MS, inbox),
    ]
    hooks = DeliverWebhooks(
        desk, PinnedPost(home.webhooks), home.partners.vault.unseal, ThreadPoolExecutor(HOOK_THREADS, "hook")
    )
    chores += [
        Chore("webhooks", HOOKS_EVERY_MS, hooks),
        Chore("old webhook deliveries", TIDY_EVERY_MS, hooks.tidy),
    ]
    if plan.tickets_out is not None:
        answers = TicketOutbox(plan.tickets_out, partners.ticket_mappings[0])
        chores.append(Chore("ticket answers", ANSWERS_EVERY_MS, AnswerTickets(desk, answers.write)))
    return Sideline(chores, clock)


@dataclass(frozen=True, slots=True)
class _TakeFile:
    """Tickets of a dropped file come from nobody in particular."""

    take: TakeTickets
    clock: Clock

    def __call__(self, sent: Sequence[SentTicket]) -> object:
        return self.take(_FILE, sent, "file", self.clock())


def _written(plan: SidelinePlan, board: Board, now_ms: int) -> None:
    write_board(plan.board_folder, page(board), now_ms, plan.boards_kept)
