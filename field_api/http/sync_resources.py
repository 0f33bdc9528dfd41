"""What a phone gets when it asks for changes, and the sketch that comes with an order."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from field_api.http.routes_people import PersonResource
from field_api.http.routes_work_types import WorkTypeResource
from field_api.people.masking import address_area
from field_api.people.users import Scope
from field_api.presentation import degrees
from field_api.projection import PRIORITY_NAMES, Place, Site
from field_api.resources import Instant, OrderDetailResource, Resource, VillageResource
from field_api.sketches import MAX_METERS, Line, meters_in_scope, sketch
from geo.network import Phases


class SketchNodeResource(Resource):
    id: str
    kind: str
    name: str = Field(description="Pole or box number.")
    lon: float | None
    lat: float | None


class SketchLineResource(Resource):
    id: str
    kind: str
    name: str
    from_id: str
    to_id: str


class SketchMeterResource(Resource):
    id: str
    customer_id: str
    node_id: str
    phases: str
    address_area: str
    priority: str


class SketchResource(Resource):
    network_hash: str
    path: tuple[SketchNodeResource, ...] = Field(description="From the source to the element.")
    nodes: tuple[SketchNodeResource, ...]
    lines: tuple[SketchLineResource, ...]
    meters: tuple[SketchMeterResource, ...] = Field(description="Door by door, along the lines.")
    truncated: bool


class ContactListResource(Resource):
    wipe_at: Instant
    items: tuple[PersonResource, ...]


class SyncItem(Resource):
    kind: Literal["order", "work_type", "village"]
    id: str
    removed: Literal["", "closed", "elsewhere"] = Field(description="Why the phone forgets it; empty: keep.")
    order: OrderDetailResource | None = None
    sketch: SketchResource | None = Field(
        default=None, description="Null: as it was sent before, or there is none."
    )
    dead_meters: tuple[str, ...] = Field(
        default=(), description="Meters of its outage that read dead by the evidence of when this was sent."
    )
    contacts: ContactListResource | None = Field(
        default=None, description="Of an accepted order; gone from the phone at `wipe_at` or when it closes."
    )
    work_type: WorkTypeResource | None = None
    village: VillageResource | None = None


class SyncPage(Resource):
    server_time: Instant
    reset: bool = Field(description="Forget all orders held; operations not yet answered stay.")
    more: bool = Field(description="Ask again at once.")
    next_cursor: str
    items: tuple[SyncItem, ...]


def dead_in_scope(site: Site, meters: Sequence[str], scope: Scope) -> tuple[str, ...]:
    """Those of the person's grid cells, at most ``MAX_METERS``."""
    network = site.network
    rows = [network.meter_row[one] for one in meters if one in network.meter_row]
    seen = meters_in_scope(site, np.array(rows, np.int32), scope)[:MAX_METERS]
    return tuple(network.meters.ids[int(row)] for row in seen)


def sketch_resource(site: Site, element_id: str, scope: Scope) -> SketchResource | None:
    """Around an element; None where the network does not know it."""
    found = sketch(site, element_id, scope)
    if found is None:
        return None
    return SketchResource(
        network_hash=site.network.content_hash,
        path=tuple(map(_node, found.path)), nodes=tuple(map(_node, found.nodes)),
        lines=tuple(map(_line, found.lines)), truncated=found.truncated,
        meters=tuple(_meter(site, int(row)) for row in found.meters),
    )  # fmt: skip


def _node(place: Place) -> SketchNodeResource:
    return SketchNodeResource(
        id=place.id, kind=place.kind, name=place.name, lon=degrees(place.lon), lat=degrees(place.lat)
    )


def _line(line: Line) -> SketchLineResource:
    return SketchLineResource(
        id=line.place.id, kind=line.place.kind, name=line.place.name, from_id=line.from_id, to_id=line.to_id
    )


def _meter(site: Site, row: int) -> SketchMeterResource:
    network = site.network
    customer = int(network.meters.customer[row])
    return SketchMeterResource(
        id=network.meters.ids[row],
        customer_id=network.customers.ids[customer],
        node_id=network.nodes.ids[int(network.meters.node[row])],
        phases=str(Phases(int(network.meters.phases[row])).name or "").replace("|", ""),
        address_area=address_area(network.customers.address[customer]),
        priority=PRIORITY_NAMES[int(network.customers.priority[customer])],
    )
