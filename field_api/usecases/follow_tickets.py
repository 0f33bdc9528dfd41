"""What became of open tickets: an outage found since, the crew's arrival, the cause, supply back.

A ticket may come before the meters tell of the outage (call before meters). Once the outage is known the
ticket goes with it: its verification order is withdrawn where nobody has set out, and the repair's clock
begins no later than the ticket was accepted (REP-02).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from field_api.company import Company
from field_api.deadlines.step_times import happened_times
from field_api.instants import milliseconds
from field_api.orders.work import is_open
from field_api.partners.ticket_documents import ticket_event
from field_api.partners.tickets import FOLLOWED_MS, TICKET_95598, Ticket, Verdict
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, OutageView, Sites, StoredOrder
from field_api.usecases.note_by_system import note_by_system
from field_api.usecases.supply import MAX_MERGES, Supply
from field_api.usecases.take_tickets import TYPE, TakeTickets
from field_api.usecases.tell import order_event
from telemetry.outages import OutageState

AT_ONCE: Final = 2_000
ATTACHED: Final = "call_attached"


@dataclass(frozen=True, slots=True)
class FollowTickets:
    desk: Desk
    company: Company
    supply: Supply
    sites: Sites
    take: TakeTickets

    def __call__(self, now_ms: int) -> int:
        """How many tickets changed."""
        with self.desk.reading() as session:
            waiting = session.tickets.open_ones(AT_ONCE)
        outages = self._covered() if any(one.seeks_outage for one in waiting) else {}
        changed = 0
        for ticket in waiting:
            with self.desk.reading() as session:
                view = _view(session, ticket)
                moves = self._moved(session, ticket, outages, now_ms) != ticket
            if view is not None and view.state == OutageState.RETRACTED:
                self.take.again(ticket, now_ms)
                changed += 1
                continue
            if moves:
                with self.desk.writing() as session:
                    changed += self._keep(session, ticket, outages, now_ms)
        return changed

    def _covered(self) -> Mapping[str, str]:
        """Customer → the likeliest open outage that they are in."""
        found: dict[str, str] = {}
        for revision in sorted(self.supply.open_now(), key=lambda one: one.probability):
            network = self.sites.of(revision.network_hash).network
            impact = self.supply.impact(revision)
            found |= {network.customers.ids[int(row)]: revision.outage_id for row in impact.customers}
        return found

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
        view = _view(session, ticket)
        if view is not None and view.outage_id != ticket.outage_id:
            ticket = replace(ticket, outage_id=view.outage_id, order_id="")
        stored = self._order(session, ticket)
        if stored is not None:
            ticket = _told(ticket, stored)
        restored_ms = _restored_ms(session, ticket)
        done = restored_ms is not None or (stored is not None and not self._open(stored))
        done |= ticket.verdict is Verdict.ADVICE and now_ms - ticket.received_ms > FOLLOWED_MS
        return replace(ticket, restored_ms=restored_ms, is_open=ticket.is_open and not done)

    def _order(self, session: DeskSession, ticket: Ticket) -> StoredOrder | None:
        if ticket.outage_id:
            jobs = session.orders.of_outage(WHOLE_COMPANY, ticket.outage_id)
            repairs = [one for one in jobs if one.order.type == self.company.repair.name]
            return repairs[-1] if repairs else None
        return session.orders.get(WHOLE_COMPANY, ticket.order_id) if ticket.order_id else None

    def _open(self, stored: StoredOrder) -> bool:
        return is_open(self.company.work_type(stored.order.type), stored.state)

    def _withdraw(self, session: DeskSession, ticket: Ticket, outage_id: str, now_ms: int) -> None:
        """Nobody drives to look at what is known by now."""
        stored = session.orders.get(WHOLE_COMPANY, ticket.order_id) if ticket.order_id else None
        if stored is None or stored.order.type != TYPE or stored.order.source != TICKET_95598:
            return
        opening = self.company.work_type(TYPE).rule(self.company.work_type(TYPE).opening)
        if opening is not None and stored.state == opening.target:
            self._note(session, stored, "cancel", f"covered by outage {outage_id}", now_ms)

    def _attach(self, session: DeskSession, ticket: Ticket, now_ms: int) -> None:
        """The order knows of the ticket, and its clock begins no later than the ticket was accepted."""
        stored = session.orders.get(WHOLE_COMPANY, ticket.order_id)
        if stored is None or not self._open(stored):
            return
        accepted_ms = ticket.sent.accepted_ms
        if accepted_ms < stored.order.accepted_ms:
            session.orders.amend(replace(stored.order, basis_ms=accepted_ms))
        self._note(session, stored, ATTACHED, f"95598 {ticket.number}", now_ms)

    def _note(self, session: DeskSession, stored: StoredOrder, step: str, note: str, now_ms: int) -> None:
        work_type = self.company.work_type(stored.order.type)
        if step not in work_type.facts and work_type.rule(step) is None:
            return
        if note_by_system(session, self.company, stored, step, note, now_ms) is not None:
            session.feed.append(now_ms, [order_event(session, self.company, stored.order.id, now_ms)])


def _view(session: DeskSession, ticket: Ticket) -> OutageView | None:
    """Its outage, or the one that this was merged into."""
    outage_id, view = ticket.outage_id, None
    for _ in range(MAX_MERGES):
        view = session.outages.get(WHOLE_COMPANY, outage_id) if outage_id else None
        if view is None or view.state != OutageState.MERGED:
            return view
        outage_id = str(json.loads(view.document)["merged_into"])
    return view


def _restored_ms(session: DeskSession, ticket: Ticket) -> int | None:
    """The outage's end; without an outage there was nothing to restore."""
    view = _view(session, ticket)
    told = None if view is None else json.loads(view.document)["restored_at"]
    return None if told is None else milliseconds(datetime.fromisoformat(told))


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
