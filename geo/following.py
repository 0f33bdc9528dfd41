"""Tracing with barriers: what feeds an element, what it feeds, what hangs with it, the way between two.

Up and down follow the energised tree. Where the element lies on a loop nothing loses supply with it alone,
and "down" is empty.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from geo.errors import GeoError, UnknownElement
from geo.flood import flood
from geo.live_grid import LiveGrid
from geo.network import ABSENT, Bool, EdgeKind, Float64, Int32, Network
from geo.ownership import customers_edges
from geo.tracing import Element

_OPEN_STEP: Final = 1e6
"""An open switch on the way counts like this many closed edges: the fewest of them are passed."""


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"
    CONNECTED = "connected"
    """Whatever hangs together over closed edges, fed from wherever."""


@dataclass(frozen=True, slots=True)
class Barriers:
    """Where a trace stops, besides open switches."""

    kinds: frozenset[EdgeKind] = frozenset()
    ids: frozenset[str] = frozenset()
    ownership: bool = False
    """At what a customer owns."""
    open_switches: bool = True
    """False: a ``connected`` trace passes open switches too."""

    def edges(self, network: Network) -> Bool:
        """Per edge whether it stops a trace. Raises ``UnknownElement`` for an id that is no edge's."""
        stops = np.isin(network.edges.kind, [int(kind) for kind in self.kinds])
        for identifier in self.ids:
            row = network.edge_row.get(identifier)
            if row is None:
                raise UnknownElement(identifier)
            stops[row] = True
        return stops | customers_edges(network) if self.ownership else stops


NO_BARRIERS: Final = Barriers()


def _nothing() -> Int32:
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Rows of the grid's tables."""

    edges: Int32
    """In the order of the trace: from the source down, or from the element on."""
    nodes: Int32
    stopped_at: Int32 = field(default_factory=_nothing)
    """Edges at which a barrier (or an open switch) ended it; they are not passed."""
    customers: Int32 = field(default_factory=_nothing)
    """With a meter at one of the nodes."""
    on_loop: bool = False


class NoWay(GeoError):
    """Nothing joins two elements."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(
            f"no way leads from {one} to {other}, whatever is switched", "no_way", one=one, other=other
        )


def follow(grid: LiveGrid, element: Element, direction: Direction, barriers: Barriers = NO_BARRIERS) -> Trace:
    """Trace from an element. Raises ``UnknownElement`` for a barrier that is no edge's id."""
    stops = barriers.edges(grid.network)
    if direction is Direction.UP:
        return _up(grid, element, stops)
    if direction is Direction.DOWN:
        return _down(grid, element, stops)
    return _connected(grid, element, stops, barriers.open_switches)


def _up(grid: LiveGrid, element: Element, stops: Bool) -> Trace:
    tree = grid.tree
    path = grid.feeding.path(grid.feeding.node_of(element))
    edges = tree.edge[path]
    barred = np.flatnonzero(_barred(stops, edges) & (edges != grid.carrier(element)))
    first = int(barred[-1]) if len(barred) else 0
    return Trace(
        edges=edges[first + 1 :],
        nodes=tree.node[path[first:]],
        stopped_at=edges[barred[-1:]],
        customers=grid.feeding.customers_lost_with(element),
        on_loop=bool(tree.on_loop[path[first + 1 :]].any()),
    )


def _down(grid: LiveGrid, element: Element, stops: Bool) -> Trace:
    tree, part = grid.tree, grid.feeding.lost_with(element)
    edges = tree.edge[part]
    barred = _barred(stops, edges)
    barred[:1] = False
    starts = np.flatnonzero(barred)
    behind = np.zeros(len(edges) + 1, np.int32)
    np.add.at(behind, starts, 1)
    np.add.at(behind, tree.end[part][starts] - part.start, -1)
    kept = np.cumsum(behind[:-1]) == 0
    reached = starts[kept[tree.parent[part][starts] - part.start]]
    passed = edges[kept]
    if grid.carrier(element) == ABSENT:
        passed = passed[1:]  # what feeds the place lies above it
    fed = grid.carrier(element)
    loops = fed != ABSENT and _on_loop(grid, fed)
    trace = _trace(grid, passed[passed != ABSENT], tree.node[part][kept], edges[reached], loops)
    if element.type in {"meter", "customer"}:
        return replace(trace, customers=grid.feeding.customers_lost_with(element))
    return trace


def _connected(grid: LiveGrid, element: Element, stops: Bool, open_switches: bool) -> Trace:
    passable = ~stops
    if open_switches:
        passable &= grid.closed
    own = grid.carrier(element)
    if own != ABSENT:
        passable[own] = True
    nodes, passed, border = flood(*grid.links, grid.ends_of(element), passable)
    position = grid.tree.position[nodes]
    loops = bool(grid.tree.on_loop[position[position >= 0]].any())
    return _trace(grid, passed, nodes, border, loops)


def _barred(stops: Bool, edges: Int32) -> Bool:
    """Where an edge of these stops; a source has none."""
    return stops[edges] & (edges != ABSENT) if len(stops) else np.zeros(len(edges), np.bool_)


def _on_loop(grid: LiveGrid, edge: int) -> bool:
    if (grid.tree.closing_edges == edge).any():
        return True
    fed = np.flatnonzero(grid.tree.edge == edge)
    return bool(grid.tree.on_loop[fed].any())


def _trace(grid: LiveGrid, edges: Int32, nodes: Int32, stopped_at: Int32, on_loop: bool) -> Trace:
    return Trace(edges, nodes, stopped_at, customers_at(grid, nodes), on_loop)


def customers_at(grid: LiveGrid, nodes: Int32) -> Int32:
    """Rows of the customers with a meter at one of these nodes, ascending, each once."""
    inside = np.zeros(len(grid.network.nodes), np.bool_)
    inside[nodes] = True
    owners = grid.network.meters.customer[inside[grid.network.meters.node]]
    return np.unique(owners[owners != ABSENT]).astype(np.int32)


def way_between(grid: LiveGrid, one: Element, other: Element) -> Trace:
    """The way from one element to another over closed edges, or over the fewest open ones.

    ``stopped_at`` are the open edges on the way. Raises ``NoWay`` where nothing joins them at all.
    """
    starts, ends = grid.ends_of(one), grid.ends_of(other)
    edges = grid.network.edges
    count = len(grid.network.nodes)
    if not len(starts) or not len(ends):
        raise NoWay(one.id, other.id)
    cost = np.where(grid.closed, 1.0, _OPEN_STEP)
    # A matrix adds parallel edges up: the cheapest stands for all of them.
    cheapest = _cheapest(edges.from_node, edges.to_node, cost, count)
    graph = coo_array(
        (cost[cheapest], (edges.from_node[cheapest], edges.to_node[cheapest])), shape=(count, count)
    ).tocsr()
    far, before, _ = dijkstra(graph, directed=False, indices=starts, min_only=True, return_predecessors=True)
    end = int(ends[np.argmin(far[ends])])
    if not np.isfinite(far[end]):
        raise NoWay(one.id, other.id)
    nodes = [end]
    while before[nodes[-1]] >= 0:
        nodes.append(int(before[nodes[-1]]))
    way = np.array(nodes[::-1], np.int32)
    rows = _joining(edges.from_node, edges.to_node, cheapest, way, count)
    rows = _with_ends(rows, grid.carrier(one), grid.carrier(other))
    return Trace(rows, way, rows[~grid.closed[rows]])


def _cheapest(from_node: Int32, to_node: Int32, cost: Float64, count: int) -> Int32:
    """Rows of one edge for each pair of nodes: the cheapest, then the lowest row."""
    pair = _pairs(from_node, to_node, count)
    order = np.lexsort((np.arange(len(pair)), cost, pair))
    first = np.append(True, pair[order][1:] != pair[order][:-1])[: len(order)]
    return np.asarray(order[first], np.int32)


def _joining(from_node: Int32, to_node: Int32, rows: Int32, way: Int32, count: int) -> Int32:
    """Of these edges (by ascending pair) those between each node of a way and the next."""
    pair = _pairs(from_node[rows], to_node[rows], count)
    place = np.searchsorted(pair, _pairs(way[:-1], way[1:], count))
    return rows[place]


def _pairs(one: Int32, other: Int32, count: int) -> NDArray[np.int64]:
    low, high = np.minimum(one, other).astype(np.int64), np.maximum(one, other)
    return np.asarray(low * count + high, np.int64)


def _with_ends(rows: Int32, first: int, last: int) -> Int32:
    """The edges that were asked for belong to the way."""
    before = [first] if first != ABSENT and first not in rows else []
    after = [last] if last != ABSENT and last not in rows and last != first else []
    return np.array([*before, *rows.tolist(), *after], np.int32)
