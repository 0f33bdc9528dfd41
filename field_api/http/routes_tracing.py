"""Questions about supply, answered without touching anything: traces, isolation, restoration, what-if."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import DeviceTime, Identifier, Input, Line, Query
from field_api.http.grid_resources import (
    IsolationResource,
    NotClearResource,
    RestorationResource,
    TraceResource,
    WhatIfResource,
)
from field_api.http.network_problems import network_problem
from field_api.http.operations import EVERYONE, READERS, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.http.site_of import current_site
from field_api.instants import EPOCH, iso, milliseconds
from field_api.projection import Site
from field_api.resources import BackFeedResource
from geo.back_feeds import back_feeds
from geo.doors import EDGE_KINDS
from geo.errors import GeoError, UnknownElement
from geo.following import Barriers, Direction, follow, way_between
from geo.isolation import isolate
from geo.live_grid import LiveGrid
from geo.network import Bool, EdgeKind, Int32
from geo.restoration import restore
from geo.standing import spare_of
from geo.told import Telling
from geo.tracing import Element, find
from geo.what_if import NotSwitchable, what_if
from telemetry.demand import MeasuredDemand

operations: Final = Operations()
OWNERSHIP: Final = "ownership"
MAX_CHANGES: Final = 20
_LATEST: Final = EPOCH + timedelta(days=365 * 200)


class MomentQuery(Query):
    at: DeviceTime | None = Field(
        default=None, description="As of this instant: version in force and switch positions of then."
    )


class TraceQuery(MomentQuery):
    direction: Literal["up", "down", "connected"] = "up"
    to: Identifier | None = Field(default=None, description="The way to this element instead.")
    until: Line | None = Field(
        default=None,
        description="Where it stops: kinds or ids of edges, or ownership (what a customer owns), by commas.",
    )


class WhatIfBody(Input):
    open: tuple[Identifier, ...] = Field(default=(), max_length=MAX_CHANGES, strict=False)
    close: tuple[Identifier, ...] = Field(
        default=(), max_length=MAX_CHANGES, strict=False, description="Also A~B (a jumper), ~A (a generator)."
    )
    at: DeviceTime | None = Field(default=None, strict=False)


@operations.add(
    "GET", "/api/v1/elements/{element_id:path}/trace",
    "What feeds it, whom it feeds, what hangs with it, the way to another",
    roles=READERS, query=TraceQuery, answers={200: TraceResource}, refuses=frozenset({503}),
)  # fmt: skip
def trace_element(call: Call) -> Answer:
    """In the network and the switch positions of an instant, with barriers."""
    query = call.query(TraceQuery)
    look = _Look.of(call, query.at)
    element = look.element(call.path["element_id"])
    try:
        if query.to is not None:
            trace = way_between(look.grid, element, look.element(query.to))
        else:
            trace = follow(look.grid, element, Direction(query.direction), _barriers(query.until))
    except GeoError as problem:
        raise network_problem(problem, 404) from None
    told = look.telling.trace(element, "path" if query.to else query.direction, trace)
    return Answer(200, TraceResource.model_validate(told | {"at": iso(look.at_ms)}))


@operations.add(
    "GET", "/api/v1/elements/{element_id:path}/isolation", "Which switches to open around it",
    roles=EVERYONE, query=MomentQuery, answers={200: IsolationResource}, refuses=frozenset({503}),
)  # fmt: skip
def isolate_element(call: Call) -> Answer:
    """The nearest operable switches, fuses apart, and who loses supply."""
    look = _Look.of(call, call.query(MomentQuery).at)
    element = look.element(call.path["element_id"])
    found = isolate(look.grid, element)
    return Answer(200, IsolationResource.model_validate(look.telling.isolation(element, found)))


@operations.add(
    "GET", "/api/v1/elements/{element_id:path}/restoration", "What could carry what its loss leaves dead",
    roles=EVERYONE, query=MomentQuery, answers={200: RestorationResource}, refuses=frozenset({503}),
)  # fmt: skip
def restore_element(call: Call) -> Answer:
    """A proposal in order; known back-feeds are to be checked before anything is closed."""
    look = _Look.of(call, call.query(MomentQuery).at)
    element = look.element(call.path["element_id"])
    found = restore(look.grid, element, look.demand)
    told = look.telling.restoration(element, found)
    at_work = look.not_clear(found.after.supplied & ~found.isolation.after.supplied)
    if at_work.orders or at_work.elsewhere:
        told |= {"steps": []}  # no advice to make alive what somebody is working on (invariant 10)
    return Answer(200, RestorationResource.model_validate(told | {"not_clear": at_work}))


@operations.add(
    "POST", "/api/v1/network/what-if", "Who would lose and gain supply by opening and closing",
    roles=EVERYONE, body=WhatIfBody, answers={200: WhatIfResource}, refuses=frozenset({404, 409, 503}),
)  # fmt: skip
def ask_what_if(call: Call) -> Answer:
    """A question: nothing is switched and nothing is kept."""
    body = call.body(WhatIfBody)
    look = _Look.of(call, body.at)
    for identifier in (*body.open, *body.close):
        look.check(identifier)
    try:
        found = what_if(look.grid, body.open, body.close)
    except NotSwitchable as problem:
        raise network_problem(problem, 409) from None
    told = Telling(found.after, look.seen).consequence(found)
    count = len(look.site.network.nodes)
    at_work = look.not_clear(found.after.supplied[:count] & ~look.grid.supplied[:count])
    return Answer(200, WhatIfResource.model_validate(told | {"at": iso(look.at_ms), "not_clear": at_work}))


def back_feeds_of(
    call: Call, identifiers: Collection[str]
) -> Mapping[str, tuple[BackFeedResource, ...] | None]:
    """What could feed the part around each element back; None where the network no longer has it."""
    if not identifiers:
        return {}
    look = _Look.of(call, None)
    return {identifier: _back_feeds_at(look, identifier) for identifier in identifiers}


def _back_feeds_at(look: "_Look", identifier: str) -> tuple[BackFeedResource, ...] | None:
    try:
        found = isolate(look.grid, find(look.grid.network, identifier))
    except UnknownElement:
        return None
    dead = look.grid.supplied & ~found.after.supplied
    dead[found.zone] = True
    # On the grid as it stands: a generator is a back-feed even where isolating it means switching it off.
    told = look.telling.back_feeds(back_feeds(look.grid, dead))
    return tuple(BackFeedResource.model_validate(one) for one in told)


def moment_of(call: Call, at: DeviceTime | None) -> tuple[Site, int]:
    """The network in force at an instant, or now."""
    if at is None:
        return current_site(call), call.now_ms
    if not EPOCH <= at <= _LATEST:
        raise HttpProblem(404, "network.no_instant")
    at_ms = milliseconds(at)
    return call.services.live_grids.site(at_ms), at_ms


class _Look:
    """What one person sees of the grid of one instant."""

    def __init__(self, call: Call, site: Site, grid: LiveGrid, at_ms: int) -> None:
        self.call, self.site, self.grid, self.at_ms = call, site, grid, at_ms
        self.telling = Telling(grid, self.seen)

    @staticmethod
    def of(call: Call, at: DeviceTime | None) -> "_Look":
        site, at_ms = moment_of(call, at)
        return _Look(call, site, call.services.live_grids.grid(site, at_ms), at_ms)

    @property
    def demand(self) -> MeasuredDemand:
        """What transformers carried of late."""
        return MeasuredDemand(self.call.services.readings, self.site.network, self.at_ms)

    def not_clear(self, becoming_alive: Bool) -> NotClearResource:
        """Crews at work at these nodes: numbers where I may see the order, else only how many."""
        nodes = becoming_alive[: len(self.site.network.nodes)]
        with self.call.services.desk.reading() as session:
            found = self.call.services.clearance.not_clear_at(session, self.site, nodes)
        mine = tuple(one.order.number for one in found if self.call.scope.sees(one.order.grid_id))
        return NotClearResource(orders=mine, elsewhere=len(found) - len(mine))

    def seen(self, customers: Int32) -> Int32:
        """Those of my grid cells."""
        scope = self.call.scope
        return customers if scope.whole_company else self.site.customers_in(customers, scope.grid_ids)

    def element(self, identifier: str) -> Element:
        """An element of my grid cells."""
        try:
            element = find(self.grid.network, identifier)
        except UnknownElement:
            raise self._missing(identifier) from None
        if not self._visible(element):
            raise self._missing(identifier)
        return element

    def check(self, identifier: str) -> None:
        """Refuse what is not mine: edges, devices, jumpers and generators that would be."""
        spare = spare_of(self.site.network, identifier)
        if spare is None:
            self.element(identifier)
            return
        nodes = [spare.node] if spare.other is None else [spare.node, spare.other]
        if not all(self._visible(self._node(row)) for row in nodes):
            raise self._missing(identifier)

    def _visible(self, element: Element) -> bool:
        network = self.site.network
        if element.type == "edge" and element.row >= len(network.edges):
            spare = spare_of(network, element.id)
            return spare is not None and self._visible(self._node(spare.node))
        if element.type == "node" and element.row >= len(network.nodes):
            return self.call.scope.whole_company
        return self.call.scope.sees(self.site.cell_of_element(element))

    def _node(self, row: int) -> Element:
        return Element("node", row, self.site.network.nodes.ids[row])

    @staticmethod
    def _missing(identifier: str) -> HttpProblem:
        return HttpProblem(404, "network.no_element", element=identifier)


def _barriers(listed: str | None) -> Barriers:
    until = [word.strip() for word in (listed or "").split(",") if word.strip()]
    kinds = frozenset(EdgeKind(EDGE_KINDS[word]) for word in until if word in EDGE_KINDS)
    ids = frozenset(word for word in until if word not in EDGE_KINDS and word != OWNERSHIP)
    return Barriers(kinds, ids, ownership=OWNERSHIP in until)
