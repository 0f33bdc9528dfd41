"""Tickets as they are answered and as the feed carries them."""

from field_api.instants import iso, iso_or_none
from field_api.partners.tickets import Ticket, TicketKind, Verdict
from field_api.ports import FeedEvent
from field_api.presentation import document
from field_api.resources import Instant, Resource


class TicketResource(Resource):
    number: str
    sequence: int
    open: bool
    accepted_at: Instant
    received_at: Instant
    customer_ref: str
    customer_id: str
    grid_id: str
    text: str
    source: str
    kind: TicketKind
    verdict: Verdict
    outage_id: str
    order_id: str
    advice: str
    cause: str
    arrived_at: Instant | None
    restored_at: Instant | None


def ticket_resource(ticket: Ticket) -> TicketResource:
    """Without the address, which only the export back to its own system carries."""
    return TicketResource(
        number=ticket.number, sequence=ticket.sequence, open=ticket.is_open,
        accepted_at=iso(ticket.sent.accepted_ms), received_at=iso(ticket.received_ms),
        customer_ref=ticket.sent.customer_ref, customer_id=ticket.customer_id, grid_id=ticket.grid_id,
        text=ticket.sent.text, source=ticket.source, kind=ticket.sent.kind,
        verdict=ticket.verdict, outage_id=ticket.outage_id, order_id=ticket.order_id,
        advice=ticket.advice, cause=ticket.cause,
        arrived_at=iso_or_none(ticket.arrived_ms), restored_at=iso_or_none(ticket.restored_ms),
    )  # fmt: skip


def ticket_event(ticket: Ticket) -> FeedEvent:
    """For the people of its cell; of an unknown customer only for those of the whole company."""
    cells = frozenset({ticket.grid_id}) if ticket.grid_id else frozenset[str]()
    return FeedEvent("ticket", cells, document(ticket_resource(ticket)))
