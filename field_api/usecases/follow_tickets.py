"""What became of open tickets: an outage found since, the crew's arrival, the cause, supply back.

A ticket may come before the meters tell of the outage (call before meters). Once the outage is known the
ticket goes with it: its verification order is withdrawn where nobody has set out, and the repair's clock
begins no later than the ticket was accepted (REP-02).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from field_api.company import Company
from field_api.deadlines.step_times import happened_times
from field_api.partners.ticket_documents import ticket_event
from field_api.partners.tickets import FOLLOWED_MS, TICKET_95598, Ticket, Verdict
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, StoredOrder
from field_api.usecases.attach_calls import attach, repair_of, withdraw_unstarted
from field_api.usecases.customer_reports import VERIFICATION
from field_api.usecases.standing_outage import restored_ms, standing_outage
from field_api.usecases.supply import Supply
from field_api.usecases.take_tickets import TakeTickets
from telemetry.outages import OutageState

AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class FollowTickets:
    desk: Desk
    company: Company
    supply: Supply
    take: TakeTickets

    def __call__(self, now_ms: int) -> int:
        """How many tickets changed."""
        with self.desk.reading() as session:
            waiting = session.tickets.open_ones(AT_ONCE)
        outages = self.supply.customers_out() if any(one.seeks_outage for one in waiting) else {}
        changed = 0
        for ticket in waiting:
            with self.desk.reading() as session:
                view = standing_outage(session, ticket.outage_id)
                retracted = view is not None and view.state == OutageState.RETRACTED
                moves = not retracted and self._moved(session, ticket, outages, now_ms) != ticket
            if retracted:
                self.take.again(ticket, now_ms)
                changed += 1
            elif moves:
                with self.desk.writing() as session:
                    changed += self._keep(session, ticket, outages, now_ms)
        return changed

    def _keep(self, session: DeskSession, ticket: Ticket, outages: Mapping[str, str], now_ms: int) -> bool:
        known = session.tickets.get(WHOLE_COMPANY, ticket.number)
        if known is None or known.sequence != ticket.sequence:
            return False
        moved = self._moved(session, known, outages, now_ms)
        if moved.verdict is Verdict.COVERED and known.verdict is not Verdict.COVERED:
            self._withdraw(session, known, moved.outage_id, now_ms)
        if moved.order_id and moved.order_id != known.order_id:
            self._attach(session, moved, now_ms)
        kept = session.tickets.put(moved)
        session.feed.append(now_ms, [ticket_event(kept)])
        return True

    def _moved(self, session: DeskSession, ticket: Ticket, outages: Mapping[str, str], now_ms: int) -> Ticket:
        """The ticket with what is known now."""
        outage_id = outages.get(ticket.customer_id, "")
        if ticket.seeks_outage and outage_id:
            ticket = replace(ticket, verdict=Verdict.COVERED, outage_id=outage_id, order_id="", advice="")
        view = standing_outage(session, ticket.outage_id)
        if view is not None and view.outage_id != ticket.outage_id:
            ticket = replace(ticket, outage_id=view.outage_id, order_id="")
        stored = self._order(session, ticket)
        if stored is not None:
            ticket = _told(ticket, stored)
        back_ms = restored_ms(view)
        done = back_ms is not None or (stored is not None and not self.company.runs(stored))
        done |= ticket.verdict is Verdict.ADVICE and now_ms - ticket.received_ms > FOLLOWED_MS
        return replace(ticket, restored_ms=back_ms, is_open=ticket.is_open and not done)

    def _order(self, session: DeskSession, ticket: Ticket) -> StoredOrder | None:
        if ticket.outage_id:
            return repair_of(session, self.company, ticket.outage_id)
        return session.orders.get(WHOLE_COMPANY, ticket.order_id) if ticket.order_id else None

    def _withdraw(self, session: DeskSession, ticket: Ticket, outage_id: str, now_ms: int) -> None:
        stored = session.orders.get(WHOLE_COMPANY, ticket.order_id) if ticket.order_id else None
        if stored is not None and (stored.order.type, stored.order.source) == (VERIFICATION, TICKET_95598):
            withdraw_unstarted(session, self.company, stored, outage_id, now_ms)

    def _attach(self, session: DeskSession, ticket: Ticket, now_ms: int) -> None:
        told = f"95598 {ticket.number}"
        attach(session, self.company, ticket.order_id, told, ticket.sent.accepted_ms, now_ms)


def _told(ticket: Ticket, stored: StoredOrder) -> Ticket:
    """With the crew's arrival and what it found."""
    times = happened_times(stored.history)
    arrivals = [
        time.at_ms for entry, time in zip(stored.history, times, strict=True) if entry.step == "arrive"
    ]
    causes = (entry.finding_cause or entry.finding_element for entry in reversed(stored.history))
    return replace(
        ticket, order_id=stored.order.id, arrived_ms=arrivals[0] if arrivals else None,
        cause=next(filter(None, causes), ""),
    )  # fmt: skip
