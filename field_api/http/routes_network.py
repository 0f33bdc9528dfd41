"""How good the record is: what checks find, whom both systems link (INT-02), whom outages contradict."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from field_api.http.fields import Identifier, Page, PageQuery, Query
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.paging import number_after
from field_api.http.site_of import current_site, seen_customer_row
from field_api.projection import Site
from field_api.resources import Resource
from geo.errors import Finding
from geo.linkage import Linkage, LinkageRate
from geo.rules import Severity
from geo.tracing import Element, ElementType
from geo.validation import findings_of
from telemetry.mapping_suspects import Suspect, places_of
from telemetry.voltage_comparison import Compared, VoltageComparison
from telemetry.voltage_matching import Fit

operations: Final = Operations()
MOST_PER_RULE: Final = 2000
_TYPES: Final[Mapping[str, ElementType]] = {
    "nodes": "node",
    "edges": "edge",
    "meters": "meter",
    "terminals": "terminal",
    "sensors": "sensor",
    "customers": "customer",
}


class FindingQuery(PageQuery):
    feeder: Identifier | None = Field(
        default=None, description="Only of this feeder (id of its first switch)."
    )
    rule: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9-]+$")] | None = None
    severity: Literal["error", "warning"] | None = None


class FindingResource(Resource):
    rule: str
    severity: Literal["error", "warning"]
    element: str
    table: str
    feeder: str = Field(description="Empty for stations and what belongs to none.")
    grid_id: str
    message: str
    message_zh: str


class FindingPage(Page[FindingResource]):
    pass


class LinkageResource(Resource):
    grid_id: str
    name: str
    customers: int
    linked: int
    share: float | None = Field(description="Linked of all; null without customers.")
    gaps: dict[str, int] = Field(
        description="Customers by what they lack: meter, access_point, transformer, line, mismatch."
    )


class LinkagePage(Page[LinkageResource]):
    pass


@operations.add(
    "GET", "/api/v1/network/findings", "What the checks find in the network in force",
    roles=EVERYONE, query=FindingQuery, answers={200: FindingPage}, refuses=frozenset({503}),
)  # fmt: skip
def list_network_findings(call: Call) -> Answer:
    """A page of findings on elements of my grid cells, errors first; at most 2,000 of each rule."""
    query, site = call.query(FindingQuery), current_site(call)
    mine = [
        (finding, cell)
        for finding, cell in _findings(site)
        if call.scope.sees(cell) and _asked(query, finding)
    ]
    start = number_after(query.cursor) or 0
    stop = start + query.limit
    items = tuple(_finding(*found) for found in mine[start:stop])
    return Answer(200, FindingPage(items=items, next_cursor=str(stop) if stop < len(mine) else None))


def _asked(query: FindingQuery, finding: Finding) -> bool:
    wanted = (
        (query.feeder, finding.feeder),
        (query.rule, finding.rule),
        (query.severity, finding.severity.value),
    )
    return all(asked is None or asked == found for asked, found in wanted)


@lru_cache(maxsize=2)
def _findings(site: Site) -> tuple[tuple[Finding, str], ...]:
    """With the grid cell of each; what is only counted belongs to no element, and to nobody's cell."""
    found = findings_of(site.network, MOST_PER_RULE)
    return tuple((finding, _cell(site, finding)) for finding in found if finding.element)


def _cell(site: Site, finding: Finding) -> str:
    kind = _TYPES.get(finding.place)
    if kind is None:
        return ""
    rows: Mapping[str, int] = getattr(site.network, f"{kind}_row")
    return site.cell_of_element(Element(kind, rows[finding.element], finding.element))


def _finding(finding: Finding, cell: str) -> FindingResource:
    return FindingResource(
        rule=finding.rule,
        severity="error" if finding.severity is Severity.ERROR else "warning",
        element=finding.element,
        table=finding.place,
        feeder=finding.feeder,
        grid_id=cell,
        message=finding.message,
        message_zh=finding.message_zh,
    )


class CandidateResource(Resource):
    transformer: str
    outages: int = Field(description="In so many of them it was dead when the customer was out.")
    distance_m: float | None = Field(description="From the customer's place; null where one has none.")


class SuspectResource(Resource):
    customer_id: str
    meter_ids: tuple[str, ...]
    grid_id: str
    recorded_at: str = Field(description="Transformer of the record; empty where it is unknown.")
    outages: tuple[str, ...] = Field(description="Those that contradict the record.")
    sure: bool = Field(description="More than one outage: not just a stray last gasp.")
    perhaps_at: tuple[CandidateResource, ...] = Field(description="Likeliest first; empty: nothing fits.")


class SuspectPage(Page[SuspectResource]):
    pass


class VoltageQuery(Query):
    days: int = Field(default=7, ge=1, le=60, description="So many days up to now are compared.")


class FitResource(Resource):
    place: str = Field(description="Transformer, or phase.")
    correlation: float
    times: int = Field(description="Quarters of an hour that were compared.")


class ComparedMeterResource(Resource):
    meter_id: str
    recorded_at: str = Field(description="Transformer of the record; empty where it is unknown.")
    areas: tuple[FitResource, ...] = Field(description="Best first; empty: too few readings.")
    rather_at: str | None = Field(description="Transformer that fits better by a margin.")
    recorded_phase: str
    phases: tuple[FitResource, ...]
    rather_phase: str | None = Field(description="Phase that fits better; only of a meter with one.")


class ComparedCustomerResource(Resource):
    customer_id: str
    grid_id: str
    meters: tuple[ComparedMeterResource, ...]


@operations.add(
    "GET", "/api/v1/network/suspects", "Customers probably recorded at the wrong transformer",
    roles=EVERYONE, query=PageQuery, answers={200: SuspectPage}, refuses=frozenset({503}),
)  # fmt: skip
def list_suspects(call: Call) -> Answer:
    """A page of customers of my grid cells, most contradicted first: each asks for a check (INT-05)."""
    query, site = call.query(PageQuery), current_site(call)
    listed = ((one, _home(site, one)) for one in call.services.supply.suspects(site.network))
    mine = [(one, cell) for one, cell in listed if call.scope.sees(cell)]
    start = number_after(query.cursor) or 0
    stop = start + query.limit
    items = tuple(_suspect(site, *found) for found in mine[start:stop])
    return Answer(200, SuspectPage(items=items, next_cursor=str(stop) if stop < len(mine) else None))


def _home(site: Site, suspect: Suspect) -> str:
    return site.cell_of_customer(site.network.customer_row[suspect.customer])


def _suspect(site: Site, suspect: Suspect, cell: str) -> SuspectResource:
    network = site.network
    rows = np.flatnonzero(network.meters.customer == network.customer_row[suspect.customer])
    return SuspectResource(
        customer_id=suspect.customer,
        meter_ids=tuple(network.meters.ids[row] for row in rows.tolist()),
        grid_id=cell,
        recorded_at=suspect.transformer,
        outages=suspect.contradicted,
        sure=suspect.sure,
        perhaps_at=tuple(
            CandidateResource(transformer=one.transformer, outages=one.outages, distance_m=one.distance_m)
            for one in suspect.candidates
        ),
    )


@operations.add(
    "GET", "/api/v1/network/suspects/{customer_id}/voltages",
    "Where a customer's meters hang by their voltages: transformer and phase",
    roles=EVERYONE, query=VoltageQuery, answers={200: ComparedCustomerResource}, refuses=frozenset({503}),
)  # fmt: skip
def compare_voltages(call: Call) -> Answer:
    """Of any customer of my grid cells, beside the areas where outages would have them (INT-05)."""
    site, customer = current_site(call), call.path["customer_id"]
    cell = site.cell_of_customer(seen_customer_row(call, site, customer))
    others = places_of(customer, call.services.supply.suspects(site.network))
    days = call.query(VoltageQuery).days
    comparison = VoltageComparison(site.network, call.services.readings, call.now_ms, days)
    found = tuple(map(_compared, comparison.of_customer(customer, others)))
    return Answer(200, ComparedCustomerResource(customer_id=customer, grid_id=cell, meters=found))


def _compared(found: Compared) -> ComparedMeterResource:
    return ComparedMeterResource(
        meter_id=found.meter,
        recorded_at=found.recorded_at,
        areas=tuple(map(_fit, found.areas)),
        rather_at=None if found.rather_at is None else found.rather_at.place,
        recorded_phase=found.recorded_phase,
        phases=tuple(map(_fit, found.phases)),
        rather_phase=None if found.rather_phase is None else found.rather_phase.place,
    )


def _fit(fit: Fit) -> FitResource:
    return FitResource(place=fit.place, correlation=round(fit.correlation, 3), times=fit.times)


@operations.add(
    "GET", "/api/v1/network/linkage", "Linkage rate (营配贯通率) by grid cell",
    roles=EVERYONE, query=PageQuery, answers={200: LinkagePage}, refuses=frozenset({503}),
)  # fmt: skip
def list_linkage(call: Call) -> Answer:
    """A page of my grid cells: how many customers both systems link without a gap, and what others lack."""
    query, site = call.query(PageQuery), current_site(call)
    mine = [rate for rate in _rates(site) if call.scope.sees(rate.cell)]
    start = number_after(query.cursor) or 0
    stop = start + query.limit
    items = tuple(_linkage(rate) for rate in mine[start:stop])
    return Answer(200, LinkagePage(items=items, next_cursor=str(stop) if stop < len(mine) else None))


@lru_cache(maxsize=2)
def _rates(site: Site) -> tuple[LinkageRate, ...]:
    """Cell by cell, without the sum of all, which is not everybody's to see."""
    return Linkage(site.network).rates(site.cells)[1:]


def _linkage(rate: LinkageRate) -> LinkageResource:
    return LinkageResource(
        grid_id=rate.cell,
        name=rate.name,
        customers=rate.customers,
        linked=rate.linked,
        share=rate.share,
        gaps=dict(rate.gaps),
    )
