"""The network in force and its customers, or a clear word that there is none such."""

from field_api.http.operations import Call
from field_api.http.problems import HttpProblem
from field_api.projection import Site


def current_site(call: Call) -> Site:
    """The site; a problem 503 before the first import."""
    site = call.services.sites.current()
    if site is None:
        raise HttpProblem(503, "network.none_yet")
    return site


def seen_customer_row(call: Call, site: Site, customer_id: str) -> int:
    """The row of a customer of my grid cells; a problem 404 for any other."""
    cell = site.cell_of_customer_id(customer_id)
    if cell is None or not call.scope.sees(cell):
        raise HttpProblem(404, "customer.unknown", customer=customer_id)
    return site.network.customer_row[customer_id]
