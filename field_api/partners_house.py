"""What the desk does for other systems: their tickets, and telling them what happens."""

from collections.abc import Sequence
from dataclasses import dataclass

from field_api.partners.ticket_mapping import TicketMapping
from field_api.usecases.manage_webhooks import ManageWebhooks
from field_api.usecases.take_tickets import TakeTickets


@dataclass(frozen=True, slots=True)
class Partners:
    take_tickets: TakeTickets
    ticket_mappings: Sequence[TicketMapping]
    """Columns of ticket lists, the site's before the shipped ones."""
    manage_webhooks: ManageWebhooks
