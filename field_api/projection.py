"""What a revision means on the network: names, places, cells and the people who are out. Pure array work.

A ``Site`` is one network snapshot with what is derived from it once; trees for other switch positions are
kept for the few that were asked for last.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from field_api.organisation.cells import Bounds
from geo.cells import Cells
from geo.errors import UnknownElement
from geo.feeders import Feeders, feeders_of
from geo.locating import CellFinder
from geo.network import ABSENT, CustomerClass, EdgeKind, Extra, Int32, Network, NodeKind, Priority
from geo.tracing import Element, Feeding, find
from telemetry.outages import OutageRevision
from telemetry.scope import OutageScope
from telemetry.scopes import Scopes


@dataclass(frozen=True, slots=True)
class Place:
    """An element as people see it; NaN coordinates where the network has none."""

    id: str
    type: str
    kind: str
    name: str
    lon: float
    lat: float
    voltage_kv: float
    name_en: str = ""
    """Empty where the network has no English name."""


@dataclass(frozen=True, slots=True, eq=False)
class Impact:
    """Who is out: rows of customers, most urgent first, and how many by cell."""

    scope: OutageScope
    customers: Int32
    by_cell: dict[str, int]
    key_customers: int
    vulnerable_customers: int


class Site:
    """A network and what the desk derives from it. Safe to share between threads."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._scopes = Scopes(network)

    @cached_property
    def feeding(self) -> Feeding:
        """The network fed in its normal switch positions."""
        return Feeding.normal(self.network)

    @cached_property
    def bounds(self) -> Bounds:
        """West, south, east, north of everything that has a place."""
        return _bounds(self.network.nodes.lon, self.network.nodes.lat)

    def warm(self) -> None:
        """Derive what every request needs, before one waits for it."""
        _ = self.cells, self.feeding, self.bounds

    def impact(self, revision: OutageRevision) -> Impact:
        """Who is out as of this revision; nobody once it is over."""
        scope = self._scopes.of(revision)
        priority = self.network.customers.priority[scope.customer_rows]
        order = np.argsort(-priority.astype(np.int16), kind="stable")
        cells, counts = np.unique(self.cells.of_customer[scope.customer_rows], return_counts=True)
        return Impact(
            scope=scope,
            customers=scope.customer_rows[order],
            by_cell={self.cells.ids[code]: int(count) for code, count in zip(cells, counts, strict=True)},
            key_customers=int(np.count_nonzero(priority == Priority.KEY)),
            vulnerable_customers=int(np.count_nonzero(priority == Priority.VULNERABLE)),
        )

    @cached_property
    def feeders(self) -> Feeders:
        """Which feeder everything belongs to, in the normal switch positions."""
        return feeders_of(self.network, self.feeding.tree)

    def feeder_of(self, element: Element) -> str:
        """Id of the feeder's first element; '' above the feeders and on islands."""
        return self.feeders.name(f"{element.type}s", element.row)

    @cached_property
    def cells(self) -> Cells:
        """Which grid cell everything belongs to."""
        return Cells.of(self.network)

    def cell_of_customer(self, row: int) -> str:
        """The one cell of a customer (ORG-01)."""
        return self.cells.cell_of_customer(row)

    def cell_of_customer_id(self, customer_id: str) -> str | None:
        """The same by id; None for whom the network does not know."""
        row = self.network.customer_row.get(customer_id)
        return None if row is None else self.cell_of_customer(row)

    def customers_in(self, rows: Int32, wanted: frozenset[str]) -> Int32:
        """Those of the customers who live in one of the cells, in the same order."""
        chosen = np.array([cell in wanted for cell in self.cells.ids])
        kept: Int32 = rows[chosen[self.cells.of_customer[rows]]]
        return kept

    @cached_property
    def _cell_finder(self) -> CellFinder:
        return CellFinder(self.network, self.cells)

    def cell_at(self, lon: float, lat: float) -> str:
        """The one cell of a place on the map, degrees (ORG-02)."""
        return self._cell_finder.cell_at(lon, lat)

    def cell_of_element(self, element: Element) -> str:
        """The one cell of an element (ORG-02)."""
        if element.type == "customer":
            return self.cell_of_customer(element.row)
        if element.type in {"node", "meter"}:
            node = self.feeding.node_of(element)
            return self.cells.cell_of_node(node)
        return self.cells.cell_of_edge(self.feeding.edge_of(element))

    def find(self, element: str) -> Element:
        """The element of that id; raises ``UnknownElement``."""
        return find(self.network, element)

    def place(self, element: Element) -> Place:
        """Where it is and what it is called."""
        if element.type == "edge":
            return self._edge_place(element.row)
        if element.type in {"terminal", "sensor"}:
            spot = self._edge_place(self.feeding.edge_of(element))
            return Place(
                element.id, element.type, element.type, element.id, spot.lon, spot.lat, spot.voltage_kv
            )
        return self._node_place(element, self.feeding.node_of(element))

    def place_of(self, element_id: str) -> Place:
        """As ``place``; an id that the network does not know has no place."""
        try:
            return self.place(self.find(element_id))
        except UnknownElement:
            return Place(element_id, "unknown", "unknown", element_id, math.nan, math.nan, math.nan)

    def _edge_place(self, row: int) -> Place:
        edges, nodes = self.network.edges, self.network.nodes
        ends = [int(edges.from_node[row]), int(edges.to_node[row])]
        kind = EdgeKind(int(edges.kind[row])).name.lower()
        lon, lat = _middle(nodes.lon[ends]), _middle(nodes.lat[ends])
        voltage = float(nodes.voltage_kv[ends[0]])
        name, english = edges.name[row] or edges.ids[row], _english(edges.extra, row)
        return Place(edges.ids[row], "edge", kind, name, lon, lat, voltage, english)

    def _node_place(self, element: Element, node: int) -> Place:
        nodes = self.network.nodes
        name, kind, english = element.id, str(element.type), ""
        if element.type == "node":
            name = nodes.name[node] or element.id
            kind = NodeKind(int(nodes.kind[node])).name.lower()
            english = _english(nodes.extra, node)
        if node == ABSENT:
            return Place(element.id, element.type, kind, name, math.nan, math.nan, math.nan)
        spot = float(nodes.lon[node]), float(nodes.lat[node])
        return Place(element.id, element.type, kind, name, *spot, float(nodes.voltage_kv[node]), english)

    def path(self, element: Element) -> tuple[Place, ...]:
        """What feeds it, source first, each step by the edge that leads there."""
        tree = self.feeding.tree
        positions = self.feeding.path(self.feeding.node_of(element))
        return tuple(
            self._node_place(self._node(int(tree.node[p])), int(tree.node[p]))
            if tree.edge[p] == ABSENT
            else self._edge_place(int(tree.edge[p]))
            for p in positions
        )

    def _node(self, row: int) -> Element:
        return Element("node", row, self.network.nodes.ids[row])

    def scope_bounds(self, scope: OutageScope) -> Bounds:
        """The box around what is out; the whole site where nothing has a place."""
        nodes = self.network.nodes
        rows = np.concatenate([scope.node_rows, scope.lacking_node_rows])
        lon, lat = nodes.lon[rows], nodes.lat[rows]
        return _bounds(lon, lat) if np.isfinite(lon).any() else self.bounds

    def cell_bounds(self, cell: str) -> Bounds:
        """The box around what belongs to a cell; the whole site where nothing of it has a place."""
        nodes, mine = self.network.nodes, self.cells.of_node == self.cells.ids.index(cell)
        lon, lat = nodes.lon[mine], nodes.lat[mine]
        return _bounds(lon, lat) if np.isfinite(lon).any() else self.bounds


CLASS_NAMES: Final = {kind.value: kind.name.lower() for kind in CustomerClass}
PRIORITY_NAMES: Final = {level.value: level.name.lower() for level in Priority}


def _english(extra: Extra, row: int) -> str:
    column = extra.get("name_en")
    return column[row] if column else ""


def _middle(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _bounds(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Bounds:
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        return -180.0, -85.0, 180.0, 85.0
    lon, lat = lon[known], lat[known]
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
