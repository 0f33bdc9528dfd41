"""Builds what serves other systems."""

from pathlib import Path
from typing import Final

from field_api.adapters.ticket_files import load_mappings
from field_api.company import Company
from field_api.partners import Partners
from field_api.ports import Desk, Sites
from field_api.usecases.advise import Advise
from field_api.usecases.take_tickets import TakeTickets

TICKETS: Final = "tickets"
"""Folder of the site's own mappings."""


def build_partners(site: Path | None, desk: Desk, company: Company, sites: Sites, advise: Advise) -> Partners:
    """For the web process; the worker's sideline takes its parts too."""
    mappings = load_mappings(None if site is None else site / TICKETS)
    return Partners(TakeTickets(desk, company, sites, advise.supply, advise), mappings)
