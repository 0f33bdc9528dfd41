"""What the network room refuses, as a problem: its codes are ours under ``network.``."""

from field_api.http.problems import HttpProblem
from field_api.saying import Fact, Named, Said
from geo.errors import GeoError, NetworkRefused, UnknownElement


def network_problem(problem: GeoError, status: int) -> HttpProblem:
    """``status`` unless something is not there, which is a 404."""
    facts: dict[str, Fact] = dict(problem.facts)
    if isinstance(problem, NetworkRefused) and problem.findings:
        worst = problem.findings[0]
        facts["first"] = Named(worst.rule, worst.told(worst.message_zh), worst.told(worst.message))
    found = 404 if isinstance(problem, UnknownElement) else status
    return HttpProblem(found, Said(f"network.{problem.code}", facts))
