"""The network in force, or a clear word that there is none yet."""

from field_api.http.operations import Call
from field_api.http.problems import HttpProblem
from field_api.projection import Site


def current_site(call: Call) -> Site:
    """The site; a problem 503 before the first import."""
    site = call.services.sites.current()
    if site is None:
        raise HttpProblem(503, "network.none_yet")
    return site
