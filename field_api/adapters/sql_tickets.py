"""Tickets in the desk's table."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from field_api.adapters.sql_organisation import in_scope
from field_api.adapters.ticket_tables import tickets
from field_api.partners.tickets import SentTicket, Ticket, TicketKind, Verdict
from field_api.people.users import Scope
from geo.adapters.database import lock_log


class SqlTickets:
    """``TicketBook`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, scope: Scope, number: str) -> Ticket | None:
        query = select(tickets).where(tickets.c.number == number, in_scope(tickets.c.grid_id, scope))
        row = self._connection.execute(query).first()
        return None if row is None else _ticket(row)

    def put(self, ticket: Ticket) -> Ticket:
        lock_log(self._connection, "tickets")
        sequence = int(self._connection.scalar(select(func.max(tickets.c.sequence))) or 0) + 1
        self._connection.execute(delete(tickets).where(tickets.c.number == ticket.number))
        row = _columns(ticket) | {"sequence": sequence}
        self._connection.execute(insert(tickets), [row])
        found = self._connection.execute(select(tickets).where(tickets.c.number == ticket.number)).one()
        return _ticket(found)

    def open_ones(self, limit: int) -> tuple[Ticket, ...]:
        query = select(tickets).where(tickets.c.open).order_by(tickets.c.sequence).limit(limit)
        return tuple(_ticket(row) for row in self._connection.execute(query))

    def open_complaints(self, grid_id: str, limit: int) -> tuple[Ticket, ...]:
        theirs = tickets.c.grid_id == grid_id, tickets.c.kind == TicketKind.COMPLAINT.value, tickets.c.open
        query = select(tickets).where(*theirs).order_by(tickets.c.accepted_ms, tickets.c.number).limit(limit)
        return tuple(_ticket(row) for row in self._connection.execute(query))

    def changed(
        self, scope: Scope, since: int, limit: int, verdicts: Collection[Verdict] = ()
    ) -> tuple[Ticket, ...]:
        query = select(tickets).where(tickets.c.sequence > since, in_scope(tickets.c.grid_id, scope))
        if verdicts:
            query = query.where(tickets.c.verdict.in_(sorted(verdicts)))
        rows = self._connection.execute(query.order_by(tickets.c.sequence).limit(limit))
        return tuple(_ticket(row) for row in rows)


def _columns(ticket: Ticket) -> dict[str, Any]:
    sent = ticket.sent
    return {
        "number": sent.number, "accepted_ms": sent.accepted_ms, "customer_ref": sent.customer_ref,
        "kind": sent.kind.value, "text": sent.text, "address": sent.address, "open": ticket.is_open,
        "received_ms": ticket.received_ms, "source": ticket.source, "taken_by": ticket.taken_by,
        "customer_id": ticket.customer_id, "grid_id": ticket.grid_id, "verdict": ticket.verdict.value,
        "outage_id": ticket.outage_id, "order_id": ticket.order_id, "advice": ticket.advice,
        "cause": ticket.cause, "arrived_ms": ticket.arrived_ms, "restored_ms": ticket.restored_ms,
    }  # fmt: skip


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        SentTicket(
            row.number, row.accepted_ms, row.customer_ref, row.text, row.address, TicketKind(row.kind)
        ),
        sequence=row.sequence, received_ms=row.received_ms, source=row.source, taken_by=row.taken_by,
        is_open=row.open, customer_id=row.customer_id, grid_id=row.grid_id, verdict=Verdict(row.verdict),
        outage_id=row.outage_id, order_id=row.order_id, advice=row.advice, cause=row.cause,
        arrived_ms=row.arrived_ms, restored_ms=row.restored_ms,
    )  # fmt: skip
