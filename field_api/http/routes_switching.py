"""What is not in its normal position, and what people report of switching by hand."""

from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import DeviceTime, Identifier, Input, Page, Words
from field_api.http.grid_resources import SwitchingResource
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.routes_tracing import MomentQuery, moment_of
from field_api.instants import iso, milliseconds
from field_api.orders.corrections import Correction
from field_api.ports import DeskSession
from field_api.presentation import degrees
from field_api.projection import Site
from field_api.resources import Instant, Resource
from field_api.usecases.switch_by_hand import MAY_SWITCH, SwitchRequest
from geo.live_grid import LiveGrid
from geo.standing import source_id, spare_of
from geo.tracing import Element
from telemetry.switch_history import Position

operations: Final = Operations()
MAX_LISTED: Final = 2_000


class SwitchingPage(Page[SwitchingResource]):
    pass


class SwitchingBody(Input):
    operation_id: str = Field(pattern=r"^[0-9A-Za-z-]{8,64}$", description="Made by the client, once.")
    element: Identifier = Field(
        description="A switch or fuse, A~B for a jumper between two nodes, ~A for a generator at one."
    )
    position: Literal["open", "closed"] = Field(description="Of a jumper or generator: closed = connected.")
    at: DeviceTime | None = Field(default=None, strict=False, description="When it was done; null: now.")
    note: Words = Field(default="", description="Why; kept with your name.")


class SwitchedResource(Resource):
    kind: str
    element: str
    at: Instant
    said_at: Instant
    by: str
    note: str


@operations.add(
    "GET", "/api/v1/network/switching", "Switches, jumpers and generators out of their normal position",
    roles=EVERYONE, query=MomentQuery, answers={200: SwitchingPage}, refuses=frozenset({404, 503}),
)  # fmt: skip
def list_switching(call: Call) -> Answer:
    """Of my grid cells, as of an instant; since when, who said so and why."""
    site, at_ms = moment_of(call, call.query(MomentQuery).at)
    grids = call.services.live_grids
    grid = grids.grid(site, at_ms)
    with call.services.desk.reading() as session:
        listed = [_listed(site, grid, one, session) for one in grids.positions(site, at_ms)[:MAX_LISTED]]
    mine = tuple(one for one in listed if call.scope.sees(one.grid_id))
    return Answer(200, SwitchingPage(items=mine, next_cursor=None))


@operations.add(
    "POST", "/api/v1/network/switching", "Report what was switched by hand",
    roles=MAY_SWITCH, body=SwitchingBody, answers={201: SwitchedResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def report_switching(call: Call) -> Answer:
    """A switch or fuse, a jumper, a generator: kept with your name; the detector follows within a second."""
    body = call.body(SwitchingBody)
    at_ms = None if body.at is None else milliseconds(body.at)
    request = SwitchRequest(body.operation_id, body.element, body.position == "closed", body.note, at_ms)
    return Answer(201, _switched(call.services.switch_by_hand(call.user, request, call.now_ms)))


def _switched(word: Correction) -> SwitchedResource:
    return SwitchedResource(
        kind=word.kind.value, element=word.things[0], at=iso(word.at_ms), said_at=iso(word.said_ms),
        by=word.user_name, note=word.note,
    )  # fmt: skip


def _listed(site: Site, grid: LiveGrid, position: Position, session: DeskSession) -> SwitchingResource:
    row = grid.network.edge_row[position.element]
    edge, word = grid.edge(row), session.corrections.by_key(position.word.key)
    place = _home(site, position.element)
    where = site.place(place)
    return SwitchingResource(
        element=edge.id,
        kind=edge.kind,
        name=edge.name,
        name_en=edge.name_en,
        closed=edge.closed,
        normally_closed=edge.normally_closed,
        since=iso(position.word.at_ms),
        by=position.word.source if word is None else word.user_name,
        note="" if word is None else word.note,
        grid_id=site.cell_of_element(place),
        lon=degrees(where.lon),
        lat=degrees(where.lat),
        customers_fed=_fed(grid, edge.id) if edge.kind == "generator" else None,
    )


def _home(site: Site, identifier: str) -> Element:
    """The edge itself; a jumper or generator lies where its first node does."""
    spare = spare_of(site.network, identifier)
    if spare is None:
        return Element("edge", site.network.edge_row[identifier], identifier)
    return Element("node", spare.node, site.network.nodes.ids[spare.node])


def _fed(grid: LiveGrid, generator: str) -> int:
    source = grid.network.node_row[source_id(generator)]
    return len(grid.feeding.customers_below(source))
