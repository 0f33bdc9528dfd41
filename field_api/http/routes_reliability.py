"""Reliability: indices of a year for the company and its parts, each customer's own account (REL-01, REL-07).

The numbers come from the outage log alone, so they equal what the map showed and the notices said.
"""

from typing import Any, Final

from pydantic import Field

from field_api.calendars import ZONE
from field_api.http.fields import Page, PageQuery, Query
from field_api.http.operations import EVERYONE, OFFICE, Answer, Call, Operations
from field_api.http.paging import cut, number_after
from field_api.http.problems import HttpProblem
from field_api.http.site_of import seen_customer_row
from field_api.people.users import Role
from field_api.projection import Site
from field_api.resources import Instant, Resource
from geo.tracing import Element
from telemetry import reliability_report
from telemetry.interruptions import Ledger
from telemetry.reliability_parts import Division, parts_of
from telemetry.reliability_report import Year

operations: Final = Operations()


class YearQuery(Query):
    year: int = Field(ge=1970, le=9998, description="Calendar year of the company's zone.")


class YearPageQuery(PageQuery):
    year: int = Field(ge=1970, le=9998, description="Calendar year of the company's zone.")


class IndicesResource(Resource):
    customers: int
    equivalent_customers: int = Field(description="Distribution transformers.")
    ieee1366: dict[str, float | None]
    dlt836: dict[str, float | None]
    dlt836_medium_voltage: dict[str, float | None]


class MajorEventDaysResource(Resource):
    threshold_min: float | None = Field(description="Null: too few days with interruptions to tell.")
    days_used: int
    dates: tuple[str, ...]
    ieee1366: dict[str, float | None] = Field(description="Without what began on these days.")


class ReliabilityResource(IndicesResource):
    year: int
    major_event_days: MajorEventDaysResource


class PartResource(IndicesResource):
    id: str


class PartPage(Page[PartResource]):
    pass


class CauseShareResource(Resource):
    interruptions: int
    hours: float


class InterruptionResource(Resource):
    started_at: Instant
    ended_at: Instant = Field(description="An interruption that is still open lasts until now.")
    cause: str
    outage: str


class AccountResource(Resource):
    customer: str
    year: int
    interruptions: int = Field(description="That began in the year.")
    hours: float = Field(description="Inside the year.")
    by_cause: dict[str, CauseShareResource]
    rows: tuple[InterruptionResource, ...]


@operations.add(
    "GET", "/api/v1/reliability", "Reliability indices of a year for the whole company",
    roles=OFFICE | {Role.MACHINE}, query=YearQuery, answers={200: ReliabilityResource},
    refuses=frozenset({404}),
)  # fmt: skip
def get_reliability(call: Call) -> Answer:
    """IEEE 1366 and DL/T 836.1, both counts of customers, major event days."""
    year = call.query(YearQuery).year
    site, ledger = _ledger(call)
    company = parts_of(site.network, Division.COMPANY, ledger)
    found = reliability_report.of_ledger(ledger, company, Year(year, ZONE))
    return Answer(200, ReliabilityResource.model_validate({"year": year} | found))


@operations.add(
    "GET", "/api/v1/reliability/{division}", "The same by line, transformer or grid_cell, the worst first",
    roles=OFFICE | {Role.MACHINE}, query=YearPageQuery, answers={200: PartPage},
)  # fmt: skip
def list_reliability(call: Call) -> Answer:
    """Parts in my grid cells."""
    query = call.query(YearPageQuery)
    if call.path["division"] not in set(Division) - {Division.COMPANY}:
        raise HttpProblem(404, "reliability.no_division")
    division = Division(call.path["division"])
    site, ledger = _ledger(call)
    parts = parts_of(site.network, division, ledger)
    found = reliability_report.by_part(ledger, parts, Year(query.year, ZONE))
    seen = [row for row in found if call.scope.sees(_cell(site, division, row["id"]))]
    first = number_after(query.cursor) or 0
    numbered = list(enumerate(seen[first : first + query.limit + 1], start=first + 1))
    rows, cursor = cut(numbered, query.limit, lambda row: (row[0], ""))
    items = tuple(PartResource.model_validate(row) for _, row in rows)
    return Answer(200, PartPage(items=items, next_cursor=cursor))


@operations.add(
    "GET", "/api/v1/customers/{customer_id}/interruptions", "How often, how long and why a customer was out",
    roles=EVERYONE, query=YearQuery, answers={200: AccountResource},
)  # fmt: skip
def get_customer_interruptions(call: Call) -> Answer:
    """Of a customer in my grid cells."""
    year = call.query(YearQuery).year
    site, ledger = _ledger(call)
    row = seen_customer_row(call, site, call.path["customer_id"])
    found = reliability_report.of_customer(ledger, row, Year(year, ZONE))
    named: dict[str, Any] = {"customer": call.path["customer_id"], "year": year}
    return Answer(200, AccountResource.model_validate(named | found))


def _ledger(call: Call) -> tuple[Site, Ledger]:
    found = call.services.interruptions.ledger(call.now_ms)
    if found is None:
        raise HttpProblem(404, "network.none_yet")
    return found


def _cell(site: Site, division: Division, part: str) -> str:
    """The cell that decides who may see the part; "" for what is in none."""
    if division is Division.GRID_CELL or not part:
        return part
    return site.cell_of_element(Element("edge", site.network.edge_row[part], part))
