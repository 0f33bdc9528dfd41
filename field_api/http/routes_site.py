"""The network and what devices say: start page data, search, elements, meters, feeders."""

from functools import lru_cache
from typing import Final, Literal

from pydantic import Field

from field_api.calendars import ZONE
from field_api.feeder_knowledge import Feeder, FeederKnowledge, feeders, knowledge
from field_api.http.fields import Page, PageQuery, Query
from field_api.http.operations import EVERYONE, READERS, SIGNED_IN, Answer, Call, Operations
from field_api.http.paging import number_after
from field_api.http.problems import HttpProblem
from field_api.http.security import origin
from field_api.http.site_of import current_site
from field_api.instants import iso, iso_or_none
from field_api.presentation import cell_resource, degrees
from field_api.projection import Place, Site
from field_api.resources import Box, GridCellResource, Instant, Resource
from field_api.saying import Language
from field_api.search import Found, SearchIndex
from geo.errors import UnknownElement
from geo.network import ABSENT, SWITCHING_KINDS, EdgeKind
from geo.tracing import Element
from telemetry.ports import DeviceState, GatewayRecords
from telemetry.readings import Quality, Reading

operations: Final = Operations()
MAX_TERMINALS: Final = 100_000
Doubt = Literal["late", "out_of_range", "stale", "clock_suspect", "estimated"]
_WORDS: Final[dict[Quality, Doubt]] = {
    Quality.LATE: "late",
    Quality.OUT_OF_RANGE: "out_of_range",
    Quality.STALE: "stale",
    Quality.CLOCK_SUSPECT: "clock_suspect",
    Quality.ESTIMATED: "estimated",
}
_CARRIERS: Final = (EdgeKind.LINE, EdgeKind.CABLE)


class CountsResource(Resource):
    customers: int
    meters: int
    transformers: int
    lines: int
    switches: int


class BootstrapResource(Resource):
    network_hash: str
    bounds: Box
    counts: CountsResource
    events_url: str
    demo: bool
    language: Language
    time_zone: str = Field(description="Of the company, IANA name: people's times are told in it.")
    grid_cells: tuple[GridCellResource, ...]


class SearchQuery(Query):
    q: str = Field(min_length=2, max_length=100, description="Two letters or more of an id, name or number.")


class FoundResource(Resource):
    type: Literal["edge", "node", "customer", "meter", "terminal", "sensor"]
    id: str
    name: str
    name_en: str = ""
    kind: str
    lon: float | None
    lat: float | None


class FoundPage(Page[FoundResource]):
    pass


class StepResource(Resource):
    id: str
    kind: str
    name: str
    name_en: str = ""


class ElementResource(Resource):
    id: str
    type: str
    kind: str
    name: str
    name_en: str = ""
    lon: float | None
    lat: float | None
    voltage_kv: float | None
    grid_id: str
    customers_below: int
    path: tuple[StepResource, ...] = Field(description="What feeds it, source first.")
    outage_id: str | None
    demo_failed: bool


class ReadingResource(Resource):
    at: Instant
    values: dict[str, str]
    quality: dict[str, tuple[Doubt, ...]] = Field(
        description="What is to be doubted of a value; values that are not named are good."
    )


class MeterResource(Resource):
    id: str
    customer_id: str | None
    terminal_id: str | None
    node_id: str
    latest: ReadingResource | None


class SourceAgeResource(Resource):
    kind: str = Field(description="Kind of door (mqtt, file, …), or sensor: switches and fault indicators.")
    devices: int = Field(description="That ever spoke.")
    newest_at: Instant
    oldest_at: Instant


class FeederResource(Resource):
    element: str
    name: str
    name_en: str = ""
    customers: int
    observable_share: float
    newest_evidence_at: Instant | None
    oldest_terminal_age_s: float | None
    sources: tuple[SourceAgeResource, ...]
    unheard: int = Field(description="Terminals and sensors that never spoke.")


class FeederPage(Page[FeederResource]):
    pass


@operations.add(
    "GET", "/api/v1/bootstrap", "What a page needs to begin",
    roles=SIGNED_IN, answers={200: BootstrapResource}, refuses=frozenset({503}),
)  # fmt: skip
def bootstrap(call: Call) -> Answer:
    """The network's name and size, my grid cells, where events come from."""
    site, config = current_site(call), call.services.config
    with call.services.desk.reading() as session:
        cells = session.organisation.cells(call.scope)
        crews = session.organisation.crews(call.scope)
    resource = BootstrapResource(
        network_hash=site.network.content_hash,
        bounds=site.bounds,
        counts=_counts(site),
        events_url=f"{origin(call.request, config.events_port)}/api/v1/events",
        demo=config.demo,
        language="en" if config.language == "en" else "zh",
        time_zone=ZONE.key,
        grid_cells=tuple(cell_resource(cell, crews) for cell in cells),
    )
    return Answer(200, resource)


def _counts(site: Site) -> CountsResource:
    network = site.network
    kinds = [int(kind) for kind in network.edges.kind]
    return CountsResource(
        customers=len(network.customers),
        meters=len(network.meters),
        transformers=kinds.count(EdgeKind.TRANSFORMER),
        lines=sum(kinds.count(kind) for kind in _CARRIERS),
        switches=sum(kinds.count(kind) for kind in SWITCHING_KINDS),
    )


@operations.add(
    "GET", "/api/v1/search", "Find by id, name or number",
    roles=EVERYONE, query=SearchQuery, answers={200: FoundPage}, refuses=frozenset({503}),
)  # fmt: skip
def search(call: Call) -> Answer:
    """At most twenty, best match first, names of people masked."""
    found = _index(current_site(call)).find(call.query(SearchQuery).q, call.scope)
    return Answer(200, FoundPage(items=tuple(_found(one) for one in found), next_cursor=None))


@lru_cache(maxsize=2)
def _index(site: Site) -> SearchIndex:
    return SearchIndex(site)


def _found(found: Found) -> FoundResource:
    return FoundResource(
        type=found.element.type, id=found.element.id, name=found.name, name_en=found.place.name_en,
        kind=found.kind, lon=degrees(found.place.lon), lat=degrees(found.place.lat),
    )  # fmt: skip


@operations.add(
    "GET", "/api/v1/elements/{element_id:path}", "One element: where it is, what feeds it, whom it feeds",
    roles=READERS, answers={200: ElementResource}, refuses=frozenset({503}),
)  # fmt: skip
def get_element(call: Call) -> Answer:
    """An edge, node, meter, terminal, sensor or customer of my grid cells."""
    site = current_site(call)
    element, cell = _visible(call, site, call.path["element_id"])
    place = site.place(element)
    resource = ElementResource(
        id=element.id,
        type=element.type,
        kind=place.kind,
        name="" if element.type == "customer" else place.name,
        name_en=place.name_en,
        lon=degrees(place.lon),
        lat=degrees(place.lat),
        voltage_kv=degrees(place.voltage_kv),
        grid_id=cell,
        customers_below=len(site.feeding.customers_lost_with(element)),
        path=tuple(_step(one) for one in site.path(element)),
        outage_id=_outage_at(call, site, element),
        demo_failed=_is_failed(call, element.id),
    )
    return Answer(200, resource)


def _visible(call: Call, site: Site, identifier: str) -> tuple[Element, str]:
    try:
        element = site.find(identifier)
    except UnknownElement:
        raise HttpProblem(404, "network.no_element", element=identifier) from None
    cell = site.cell_of_element(element)
    if not call.scope.sees(cell):
        raise HttpProblem(404, "network.no_element", element=identifier)
    return element, cell


def _step(place: Place) -> StepResource:
    return StepResource(id=place.id, kind=place.kind, name=place.name, name_en=place.name_en)


def _outage_at(call: Call, site: Site, element: Element) -> str | None:
    node = site.feeding.node_of(element)
    with call.services.desk.reading() as session:
        views = session.outages.listed(call.scope, True, None, 500)
    for view in views:
        revision = call.services.supply.newest(view.outage_id)
        if revision is None or revision.network_hash != site.network.content_hash:
            continue
        scope = call.services.supply.impact(revision).scope
        if (element.type == "edge" and element.row in scope.edge_rows) or node in scope.node_rows:
            return view.outage_id
    return None


def _is_failed(call: Call, element: str) -> bool:
    if not call.services.config.demo:
        return False
    return any(failed.element == element for failed in call.services.simulator.failed())


@operations.add(
    "GET", "/api/v1/meters/{meter_id:path}", "A meter and its newest reading",
    roles=EVERYONE, answers={200: MeterResource}, refuses=frozenset({503}),
)  # fmt: skip
def get_meter(call: Call) -> Answer:
    """Values are exact decimals, as text."""
    site = current_site(call)
    element, _ = _visible(call, site, call.path["meter_id"])
    if element.type != "meter":
        raise HttpProblem(404, "network.no_meter", element=element.id)
    meters, row = site.network.meters, element.row
    customer, terminal = int(meters.customer[row]), int(meters.terminal[row])
    latest = call.services.readings.latest([element.id]).get(element.id)
    resource = MeterResource(
        id=element.id,
        customer_id=None if customer == ABSENT else site.network.customers.ids[customer],
        terminal_id=None if terminal == ABSENT else site.network.terminals.ids[terminal],
        node_id=site.network.nodes.ids[int(meters.node[row])],
        latest=None if latest is None else _reading(latest),
    )
    return Answer(200, resource)


def _reading(reading: Reading) -> ReadingResource:
    values = {name: format(value, "f") for name, value in reading.values.items()}
    quality = {name: _doubts(doubts) for name, doubts in reading.doubts.items() if doubts}
    return ReadingResource(at=iso(reading.at_ms), values=values, quality=quality)


def _doubts(quality: Quality) -> tuple[Doubt, ...]:
    return tuple(word for doubt, word in _WORDS.items() if doubt in quality)


@operations.add(
    "GET", "/api/v1/feeders", "How old and how complete knowledge is, feeder by feeder",
    roles=READERS, query=PageQuery, answers={200: FeederPage}, refuses=frozenset({503}),
)  # fmt: skip
def list_feeders(call: Call) -> Answer:
    """A page of feeders of my grid cells, by element id."""
    query, site = call.query(PageQuery), current_site(call)
    mine = [feeder for feeder in _feeders(site) if call.scope.sees_any(frozenset(feeder.cells))]
    start = number_after(query.cursor) or 0
    part = mine[start : start + query.limit]
    known = knowledge(part, _terminals(call.services.gateway), call.now_ms)
    cursor = str(start + query.limit) if start + query.limit < len(mine) else None
    items = tuple(_feeder(one, site.place_of(one.element).name_en) for one in known)
    return Answer(200, FeederPage(items=items, next_cursor=cursor))


@lru_cache(maxsize=2)
def _feeders(site: Site) -> tuple[Feeder, ...]:
    return feeders(site)


def _terminals(gateway: GatewayRecords) -> dict[str, DeviceState]:
    found: dict[str, DeviceState] = {}
    after = ""
    while len(found) < MAX_TERMINALS:
        page = gateway.terminals(after, 1000)
        if not page:
            break
        found.update((state.device, state) for state in page)
        after = page[-1].device
    return found


def _feeder(known: FeederKnowledge, name_en: str) -> FeederResource:
    age_s = known.oldest_terminal_age_s
    return FeederResource(
        element=known.element,
        name=known.name,
        name_en=name_en,
        customers=known.customers,
        observable_share=round(known.observable_share, 4),
        newest_evidence_at=iso_or_none(known.newest_evidence_ms),
        oldest_terminal_age_s=None if age_s is None else round(age_s, 1),
        sources=tuple(
            SourceAgeResource(
                kind=one.kind, devices=one.devices, newest_at=iso(one.newest_ms), oldest_at=iso(one.oldest_ms)
            )
            for one in known.sources
        ),
        unheard=known.unheard,
    )
