"""A ticket comes in: kept once, told to the detector as a call, and judged before a truck rolls (REP-01).

It goes with the open outage that its customer is in; behind the ownership boundary there is advice; an order
about the same customer is not opened twice; an old one is called back. Only what nothing explains opens a
verification order, whose clock began when the ticket was accepted elsewhere (REP-02). A ticket whose customer
nobody knows is kept and listed until a person says whose it is. A complaint tells nothing of the supply:
it opens the order by which it is answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from field_api.partners.ticket_documents import ticket_event
from field_api.partners.tickets import TICKET_95598, Findings, SentTicket, Ticket, TicketKind, Verdict, judge
from field_api.people.masking import mask_text
from field_api.people.users import WHOLE_COMPANY, User
from field_api.ports import Call, Desk, DeskSession, Sites
from field_api.usecases.advise import Advise
from field_api.usecases.customer_reports import (
    COMPLAINT,
    VERIFICATION,
    CustomerReports,
    open_verification,
    witness,
)
from field_api.usecases.errors import Conflict, NotFound, NotPossible
from field_api.usecases.open_order import OpenRequest
from field_api.usecases.supply import Supply


@dataclass(frozen=True, slots=True)
class Taken:
    ticket: Ticket
    is_new: bool
    differs: bool = False
    """It was known, and said something else then; the first word stands."""


@dataclass(frozen=True, slots=True)
class TakeTickets:
    desk: Desk
    sites: Sites
    supply: Supply
    advise: Advise
    reports: CustomerReports

    def __call__(self, user: User, sent: Sequence[SentTicket], source: str, now_ms: int) -> tuple[Taken, ...]:
        """What each became; each in a transaction of its own, so that no bad one takes others with it."""
        return tuple(self._take(user, one, source, now_ms) for one in sent)

    def name(self, user: User, number: str, customer_id: str, now_ms: int) -> Ticket:
        """Somebody found out whose it is: judged as if it had just come, its clock as it was."""
        with self.desk.reading() as session:
            ticket = session.tickets.get(user.scope, number)
        if ticket is None:
            raise NotFound("ticket.unknown", ticket=number)
        if ticket.customer_id:
            raise Conflict("ticket.has_customer", customer=ticket.customer_id)
        cell = self.reports.cell(customer_id)
        if cell is None or not user.scope.sees(cell):
            raise NotFound("customer.unknown", customer=customer_id)
        named = replace(ticket, customer_id=customer_id, grid_id=cell)
        return self._judged(user, named, now_ms)

    def again(self, ticket: Ticket, now_ms: int) -> Ticket:
        """What explained it was none: judged anew, without calling a second time."""
        return self._judged(None, replace(ticket, outage_id="", order_id=""), now_ms)

    def _take(self, user: User, sent: SentTicket, source: str, now_ms: int) -> Taken:
        sent = replace(sent, text=mask_text(sent.text), address=mask_text(sent.address))
        with self.desk.reading() as session:
            known = session.tickets.get(WHOLE_COMPANY, sent.number)
        if known is not None:
            return Taken(known, is_new=False, differs=known.sent != sent)
        accepted_ms = min(sent.accepted_ms, now_ms)
        customer_id = self._customer(sent.customer_ref)
        ticket = Ticket(
            replace(sent, accepted_ms=accepted_ms), 0, now_ms, source, user.id, customer_id=customer_id,
            grid_id=self.reports.cell(customer_id) or "",
        )  # fmt: skip
        return Taken(self._judged(user, ticket, now_ms), is_new=True)

    def _judged(self, user: User | None, ticket: Ticket, now_ms: int) -> Ticket:
        reports_fault = ticket.customer_id and ticket.sent.kind is TicketKind.FAULT
        outage_id = self.supply.outage_of(ticket.customer_id) if reports_fault else None
        accepted_ms = ticket.sent.accepted_ms
        advice = self.advise(ticket.customer_id, outage_id, accepted_ms) if reports_fault else ""
        with self.desk.writing() as session:
            known = session.tickets.get(WHOLE_COMPANY, ticket.number)
            if known is not None and known.sequence != ticket.sequence:
                return known  # the same ticket came by another door at this moment
            if ticket.customer_id:
                if reports_fault and user is not None:
                    witness(session, _call(ticket, outage_id, user, now_ms))
                found = Findings(outage_id, advice, open_verification(session, ticket.customer_id))
                ticket = self._acted(session, ticket, found, now_ms)
            kept = session.tickets.put(ticket)
            session.feed.append(now_ms, [ticket_event(kept)])
        return kept

    def _acted(self, session: DeskSession, ticket: Ticket, found: Findings, now_ms: int) -> Ticket:
        is_complaint = ticket.sent.kind is TicketKind.COMPLAINT
        verdict = Verdict.COMPLAINT if is_complaint else judge(found, ticket.sent.accepted_ms, now_ms)
        judged = replace(
            ticket, verdict=verdict, outage_id=found.outage_id or "", advice=found.advice,
            is_open=verdict is not Verdict.ADVICE or found.outage_id is None,
        )  # fmt: skip
        if verdict is Verdict.DUPLICATE:
            return replace(judged, order_id=found.open_order_id)
        if verdict not in _OPENS:
            return judged
        try:
            request = OpenRequest(
                "", _OPENS[verdict], ticket.customer_id, f"95598 {ticket.number} {ticket.sent.text}".strip(),
                source=TICKET_95598, basis_ms=ticket.sent.accepted_ms,
            )  # fmt: skip
            return replace(judged, order_id=self.reports.open(session, request, now_ms))
        except (NotPossible, NotFound) as problem:
            return replace(judged, cause=f"{_NO_ORDER} ({problem.said.code})")  # kept and listed all the same

    def _customer(self, reference: str) -> str:
        """Our id of their number: the same, or one that the network's crosswalk names."""
        site = self.sites.current()
        if site is None or not reference:
            return ""
        if reference in site.network.customer_row:
            return reference
        known = site.network.identifiers
        own = {
            mine for theirs, mine in zip(known.foreign_id, known.own_id, strict=True) if theirs == reference
        }
        return next(iter(own & site.network.customer_row.keys()), "") if len(own) == 1 else ""


_OPENS: Final[Mapping[Verdict, str]] = {Verdict.VERIFY: VERIFICATION, Verdict.COMPLAINT: COMPLAINT}
_NO_ORDER: Final = "未能派单，请调度员处理 · no order could be opened, a dispatcher must look"


def _call(ticket: Ticket, outage_id: str | None, user: User, now_ms: int) -> Call:
    """The detector hears of it like of any call."""
    return Call(
        f"95598-{ticket.number}", ticket.customer_id, ticket.grid_id, ticket.sent.accepted_ms, now_ms,
        ticket.sent.text, user.id, outage_id,
    )  # fmt: skip
