"""Builds what serves other systems."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from field_api.adapters.ticket_files import load_mappings
from field_api.adapters.vault import Vault
from field_api.company import Company
from field_api.partners.webhooks import TargetRules
from field_api.partners_house import Partners
from field_api.ports import Desk, Sites
from field_api.usecases.advise import Advise
from field_api.usecases.customer_reports import CustomerReports
from field_api.usecases.manage_webhooks import ManageWebhooks
from field_api.usecases.take_tickets import TakeTickets

TICKETS: Final = "tickets"
"""Folder of the site's own mappings."""


@dataclass(frozen=True, slots=True)
class PartnersHome:
    site: Path | None
    """The site's own files."""
    webhooks: TargetRules
    vault: Vault


def build_partners(
    home: PartnersHome, desk: Desk, company: Company, sites: Sites, advise: Advise
) -> Partners:
    """For the web process; the worker's sideline takes its parts too."""
    mappings = load_mappings(None if home.site is None else home.site / TICKETS)
    return Partners(
        TakeTickets(desk, sites, advise.supply, advise, CustomerReports(company, sites)),
        mappings,
        ManageWebhooks(desk, home.webhooks, home.vault.seal),
    )
