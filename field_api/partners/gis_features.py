"""What a geographic information system sees of the desk: five collections of points and lines (GeoJSON).

A feature's geometry is null where the network has no place for it. Transformers, outages, orders and crews
are those of the person's grid cells; lines are everybody's, as on the map.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from field_api.organisation.cells import Crew
from field_api.people.users import Scope
from field_api.ports import OutageView, StoredOrder
from field_api.projection import Site
from geo.network import EdgeKind

Box = tuple[float, float, float, float]
"""West, south, east, north; west above east crosses the date line."""
EVERYWHERE: Final[Box] = (-math.inf, -math.inf, math.inf, math.inf)
COLLECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "outages": ("Open outages · 停电", "At the probable cause."),
    "orders": ("Open orders · 工单", "Where the work is."),
    "crews": ("Crews · 班组", "Where each was last."),
    "transformers": ("Transformers · 配变", "Of the network in force."),
    "lines": ("Lines and cables · 线路", "From node to node, of the network in force."),
}
_CARRIERS: Final = (EdgeKind.LINE, EdgeKind.CABLE)


@dataclass(frozen=True, slots=True)
class Feature:
    id: str
    geometry: Mapping[str, Any] | None
    properties: Mapping[str, Any]
    span_ms: tuple[int, int | None] | None = None
    """Since when, until when; None: of no particular time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    box: Box = EVERYWHERE
    from_ms: int | None = None
    to_ms: int | None = None

    def takes(self, feature: Feature) -> bool:
        """Does it lie in the box and in the time? Without a place only where no box is asked for."""
        if feature.span_ms is not None:
            begins, ends = feature.span_ms
            if self.to_ms is not None and begins > self.to_ms:
                return False
            if self.from_ms is not None and ends is not None and ends < self.from_ms:
                return False
        if self.box == EVERYWHERE:
            return True
        return feature.geometry is not None and bool(_inside(self.box, *_envelope(feature.geometry)))


def outage_features(views: Sequence[OutageView], documents: Sequence[Mapping[str, Any]]) -> list[Feature]:
    """``documents``: the views' JSON, read."""
    found = []
    for view, told in zip(views, documents, strict=True):
        cause = told["cause"]
        flat = {
            "state": told["state"], "started_at": told["started_at"], "cause": cause["element"],
            "cause_kind": cause["kind"], "cause_name": cause["name"], "probability": told["probability"],
            "customers_out": told["customers_out"], "key_customers": told["key_customers"],
            "grid_id": told["grid_id"],
        }  # fmt: skip
        point = _point(cause["lon"], cause["lat"])
        found.append(Feature(view.outage_id, point, flat, (view.started_ms, None)))
    return found


def order_features(stored: Sequence[StoredOrder]) -> list[Feature]:
    """Without the customer: a map is not where people's data belong."""
    return [
        Feature(
            one.order.id,
            _point(one.order.lon, one.order.lat),
            {
                "number": one.order.number, "type": one.order.type, "state": one.state,
                "crew_id": one.order.crew_id, "priority": one.order.priority,
                "outage_id": one.order.outage_id, "grid_id": one.order.grid_id,
                "customers": one.order.customers,
            },
            (one.order.created_ms, None),
        )
        for one in stored
    ]  # fmt: skip


def crew_features(crews: Sequence[Crew]) -> list[Feature]:
    """Where each was last, with the time of it."""
    return [
        Feature(
            crew.id,
            _point(crew.lon, crew.lat),
            {"name": crew.name, "state": crew.state.value, "grid_ids": ",".join(crew.grid_ids)},
        )
        for crew in crews
    ]


def network_rows(site: Site, collection: str, scope: Scope, box: Box) -> NDArray[np.int64]:
    """Rows of the edges of ``transformers`` or ``lines`` in the box, ascending."""
    edges, nodes = site.network.edges, site.network.nodes
    kinds = [EdgeKind.TRANSFORMER] if collection == "transformers" else list(_CARRIERS)
    rows = np.flatnonzero(np.isin(edges.kind, [int(kind) for kind in kinds]))
    if collection == "transformers" and not scope.whole_company:
        mine = [scope.sees(site.cells.cell_of_edge(int(row))) for row in rows]
        rows = rows[np.array(mine, dtype=bool)]
    if box == EVERYWHERE:
        return rows
    ends = edges.from_node[rows], edges.to_node[rows]
    lon, lat = (np.stack([values[end] for end in ends]) for values in (nodes.lon, nodes.lat))
    inside = _inside(box, lon.min(0), lat.min(0), lon.max(0), lat.max(0))
    return cast("NDArray[np.int64]", rows[inside])


def edge_feature(site: Site, collection: str, row: int) -> Feature:
    """A transformer as a point, a line or cable with its two ends."""
    edges, nodes = site.network.edges, site.network.nodes
    told: dict[str, Any] = {
        "name": edges.name[row] or edges.ids[row],
        "kind": EdgeKind(int(edges.kind[row])).name.lower(),
        "closed": bool(edges.closed[row]),
    }
    if collection == "transformers":
        rated = float(edges.rated_kva[row])
        told |= {"rated_kva": None if math.isnan(rated) else rated, "grid_id": site.cells.cell_of_edge(row)}
        place = site.place(site.find(edges.ids[row]))
        return Feature(edges.ids[row], _point(place.lon, place.lat), told)
    length = float(edges.length_m[row])
    told["length_m"] = None if math.isnan(length) else length
    points = [
        [float(nodes.lon[end]), float(nodes.lat[end])] for end in (edges.from_node[row], edges.to_node[row])
    ]
    known = all(math.isfinite(value) for point in points for value in point)
    return Feature(edges.ids[row], {"type": "LineString", "coordinates": points} if known else None, told)


def _point(lon: float | None, lat: float | None) -> Mapping[str, Any] | None:
    if lon is None or lat is None or not (math.isfinite(lon) and math.isfinite(lat)):
        return None
    return {"type": "Point", "coordinates": [lon, lat]}


def _envelope(geometry: Mapping[str, Any]) -> Box:
    told = geometry["coordinates"]
    points = [told] if geometry["type"] == "Point" else told
    lons, lats = [point[0] for point in points], [point[1] for point in points]
    return min(lons), min(lats), max(lons), max(lats)


def _inside(box: Box, west: Any, south: Any, east: Any, north: Any) -> Any:  # noqa: ANN401 (numbers or arrays)
    """Do the envelopes touch the box? Unknown places never do."""
    in_lat = (north >= box[1]) & (south <= box[3])
    after_west, before_east = east >= box[0], west <= box[2]
    return in_lat & (after_west & before_east if box[0] <= box[2] else after_west | before_east)
