"""Tickets of another system (95598): what each becomes before a truck rolls, and what is told back.

A ticket is kept once by its external number, whatever it becomes. Its acceptance there starts our clock.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from field_api.people.users import Scope

STALE_MS: Final = 24 * 3_600_000
"""A ticket accepted longer ago than this is called back first: a truck would find what was long repaired."""
FOLLOWED_MS: Final = 30 * 60_000
"""So long after an advice an outage may still prove the caller right: meters speak later than people."""
TICKET_95598: Final = "95598"
"""``Order.source`` of what a ticket opened."""


class TicketKind(StrEnum):
    FAULT = "fault"
    COMPLAINT = "complaint"


class Verdict(StrEnum):
    UNKNOWN = "unknown"
    """Whose it is has to be found out by a person."""
    COVERED = "covered"
    """The customer is in an outage that is known already: the ticket goes with it."""
    DUPLICATE = "duplicate"
    """An order about this customer is open already."""
    ADVICE = "advice"
    """Behind the ownership boundary, or the meter lives: advice, no truck."""
    STALE = "stale"
    """Too old for a truck without a call back."""
    VERIFY = "verify"
    """Nothing explains it: somebody looks."""
    COMPLAINT = "complaint"
    """No matter of supply: it has an order of its own, by which it is answered."""
    OPENED = "opened"
    """Of a call: nothing explained it, and an order was opened with it."""


_SEEKING: Final = frozenset({Verdict.VERIFY, Verdict.DUPLICATE, Verdict.STALE})


@dataclass(frozen=True, slots=True)
class SentTicket:
    """As the other system says."""

    number: str
    accepted_ms: int
    customer_ref: str
    """Their customer number; may be one that we do not know."""
    text: str = ""
    address: str = ""
    kind: TicketKind = TicketKind.FAULT


@dataclass(frozen=True, slots=True)
class Ticket:
    """``sequence`` grows with each change of any ticket, so that readers can ask for what changed since."""

    sent: SentTicket
    sequence: int
    received_ms: int
    source: str
    """api, file or pasted."""
    taken_by: str
    is_open: bool = True
    customer_id: str = ""
    grid_id: str = ""
    verdict: Verdict = Verdict.UNKNOWN
    outage_id: str = ""
    order_id: str = ""
    advice: str = ""
    """``reason=element``, as of advice to callers."""
    cause: str = ""
    arrived_ms: int | None = None
    restored_ms: int | None = None

    @property
    def seeks_outage(self) -> bool:
        """Would an outage found now explain it? Not where it is known to be the customer's own."""
        advised = self.verdict is Verdict.ADVICE and not self.outage_id
        return advised or self.verdict in _SEEKING

    @property
    def number(self) -> str:
        """The external one."""
        return self.sent.number


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a ticket's customer at this moment."""

    outage_id: str | None = None
    """The open outage that they are in."""
    advice: str = ""
    open_order_id: str = ""
    """An open order about this very customer."""


def judge(findings: Findings, accepted_ms: int, now_ms: int) -> Verdict:
    """In the order in which each saves a drive: their own side, covered upstream, duplicate, too old."""
    if findings.advice:
        return Verdict.ADVICE
    if findings.outage_id is not None:
        return Verdict.COVERED
    if findings.open_order_id:
        return Verdict.DUPLICATE
    if now_ms - accepted_ms > STALE_MS:
        return Verdict.STALE
    return Verdict.VERIFY


class TicketBook(Protocol):
    """The tickets within one transaction."""

    def get(self, scope: Scope, number: str) -> Ticket | None: ...

    def put(self, ticket: Ticket) -> Ticket:
        """Add it, or replace what has its number, under the next sequence."""

    def open_ones(self, limit: int) -> tuple[Ticket, ...]:
        """Not told to their end yet, least recently changed first."""

    def open_complaints(self, grid_id: str, limit: int) -> tuple[Ticket, ...]:
        """Of customers of that cell, those accepted first before the others."""

    def changed(
        self, scope: Scope, since: int, limit: int, verdicts: Collection[Verdict] = ()
    ) -> tuple[Ticket, ...]:
        """Whose sequence is above ``since``, in its order."""
