"""How a network is fed, by breadth-first search (scipy): shares no code with the trees of the inference."""

from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from geo.network import Bool, EdgeKind, Float64, Int32, Network, NodeKind

Int64 = NDArray[np.int64]
Totals = TypeVar("Totals", Int64, Float64)


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """The network with given switch positions, from its sources down."""

    network: Network
    order: Int64
    """Supplied nodes, feeders before what they feed."""
    feeder: Int32
    """[nodes] the node that feeds it, −1 at a source or without supply."""
    feeding_edge: Int32
    """[nodes] the edge that feeds it, −1."""
    area: Int32
    """[nodes] the transformer edge whose area it belongs to, −1 above all of them."""
    customers_below: Int64
    """[nodes] meters at or below the node (one customer each)."""
    on_loop: Bool
    """[nodes] fed through a closed loop, so that one broken edge takes nothing from it."""

    def way_up(self, node: int) -> list[int]:
        """The node and all that feed it, up to the source."""
        way = []
        while node >= 0:
            way.append(node)
            node = int(self.feeder[node])
        return way

    def below(self, tops: Bool) -> Bool:
        """[nodes] at or below any of the marked nodes."""
        return _spread(self.order, self.feeder, tops)

    def sum_up(self, at: Totals) -> Totals:
        """[nodes] total of what stands at or below each node."""
        total = at.copy()
        _sum_up(self.order, self.feeder, total)
        return total


def find_supply(network: Network, closed: Bool | None = None) -> Supply:
    """The supply with the network's own switch positions, or with those given."""
    edges, nodes = network.edges, len(network.nodes)
    live = np.flatnonzero(edges.closed if closed is None else closed)
    sources = np.flatnonzero(network.nodes.kind == NodeKind.SUBSTATION)
    one: Int64 = np.concatenate((edges.from_node[live], np.full(len(sources), nodes)))
    other: Int64 = np.concatenate((edges.to_node[live], sources))
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(nodes + 1, nodes + 1)).tocsr()
    visited, above = breadth_first_order(graph, nodes, directed=False)
    order: Int64 = visited[1:].astype(np.int64)
    feeder: Int32 = np.where((above[:nodes] < 0) | (above[:nodes] == nodes), -1, above[:nodes]).astype(
        np.int32
    )
    feeding_edge = _feeding_edges(network, live, feeder)
    low = np.zeros(nodes, dtype=np.bool_)
    fed = feeding_edge >= 0
    transformer = edges.kind[feeding_edge[fed]] == EdgeKind.TRANSFORMER
    low[fed] = transformer & (network.nodes.voltage_kv[fed] < 1.0)
    customers: Int64 = np.bincount(network.meters.node, minlength=nodes).astype(np.int64)
    _sum_up(order, feeder, customers)
    area = _areas(order, feeder, feeding_edge, low)
    on_loop = np.zeros(nodes, dtype=np.bool_)
    supply = Supply(network, order, feeder, feeding_edge, area, customers, on_loop)
    _mark_loops(supply, np.setdiff1d(live, feeding_edge))
    return supply


def _mark_loops(supply: Supply, spare: Int64) -> None:
    """Every live edge that feeds nothing closes a loop: of the two ways up, down to where they part."""
    edges = supply.network.edges
    for edge in spare:
        ways = [set(supply.way_up(int(end))) for end in (edges.from_node[edge], edges.to_node[edge])]
        supply.on_loop[list(ways[0] ^ ways[1])] = True


def _feeding_edges(network: Network, live: Int64, feeder: Int32) -> Int32:
    """[nodes] the live edge to its feeder; of parallel ones the first."""
    edges, nodes = network.edges, len(feeder)
    ends = np.column_stack((edges.from_node[live], edges.to_node[live])).astype(np.int64)
    key = ends.min(axis=1) * nodes + ends.max(axis=1)
    by_key = np.argsort(key, kind="stable")
    child = np.flatnonzero(feeder >= 0)
    wanted = np.minimum(child, feeder[child]) * nodes + np.maximum(child, feeder[child])
    feeding = np.full(nodes, -1, dtype=np.int32)
    feeding[child] = live[by_key[np.searchsorted(key[by_key], wanted)]]
    return feeding


@numba.njit(cache=True)
def _areas(order: Int64, feeder: Int32, feeding_edge: Int32, low: Bool) -> Int32:
    area = np.full(len(feeder), -1, np.int32)
    for node in order:
        if low[node]:
            area[node] = feeding_edge[node]
        elif feeder[node] >= 0:
            area[node] = area[feeder[node]]
    return area


@numba.njit(cache=True)
def _spread(order: Int64, feeder: Int32, tops: Bool) -> Bool:
    out = tops.copy()
    for node in order:
        if feeder[node] >= 0 and out[feeder[node]]:
            out[node] = True
    return out


@numba.njit(cache=True)
def _sum_up(order: Int64, feeder: Int32, total: Int64 | Float64) -> None:
    for index in range(len(order) - 1, -1, -1):
        node = order[index]
        if feeder[node] >= 0:
            total[feeder[node]] += total[node]
