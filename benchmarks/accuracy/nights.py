"""Nights with faults: what happens, what gets through, and the truth. Shares no code with the inference.

Supply is found by a breadth-first search over the closed edges (scipy). All faults of a night strike at
instant 0, which is harder than faults minutes apart. Fault sizes follow the quantiles of customers
interrupted in 5,384 real outages; the element is drawn among those nearest to the drawn size.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order
from scipy.spatial import cKDTree

from geo.network import Bool, EdgeKind, Float64, Int32, Network, NodeKind

Int64 = NDArray[np.int64]

NEVER_S: Final = -np.inf

SIZE_SHARE: Final = (0.0, 0.28, 0.50, 0.75, 0.90, 0.95, 0.99, 1.0)
SIZE_CUSTOMERS: Final = (1.0, 1.0, 9.0, 46.0, 386.0, 1070.0, 2020.0, 4000.0)
"""Quantiles of customers per real outage (public data of 11 utilities, 2026); log-linear between them."""


@dataclass(frozen=True, slots=True)
class Condition:
    name: str
    miss: float
    """Share of last gasps lost."""
    false_alarm: float
    """P(a living meter sends a last gasp between −60 s and 60 s)."""
    mapping: float
    """Share of meters that hang in a near area instead of the recorded one."""
    blocked: float
    """Share of areas from which nothing gets through."""
    heartbeat: float
    """Share of living meters heard of within 60 s after the fault."""
    mean_delay_s: float = 15.0


PLAIN: Final = Condition("plain", 0.4, 1e-3, 0.0, 0.0, 0.3)
FIELD: Final = Condition("field", 0.4, 1e-3, 0.03, 0.10, 0.3)


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """How the network is fed in its normal state, searched breadth first from its source."""

    network: Network
    order: Int64
    feeder: Int32
    """[nodes] the node that feeds it, −1 at a source or without supply."""
    feeding_edge: Int32
    """[nodes] the edge that feeds it, −1."""
    area: Int32
    """[nodes] the transformer edge whose area it belongs to, −1 above all of them."""
    customers_below: Int64
    """[nodes] meters at or below the node (one customer each)."""


@dataclass(frozen=True, slots=True, eq=False)
class Night:
    """One scenario. Instants are seconds after the faults; −inf for never."""

    faults: Int32
    """Edges that fail."""
    dead_by_record: Bool
    """[meters] the recorded place is dead."""
    dead: Bool
    """[meters] the place where the meter really hangs is dead."""
    off_s: Float64
    """[meters] arrival of the last gasp, inf if none."""
    before_s: Float64
    """[meters] last sign of life before the faults."""
    alive_s: Float64
    """[meters] arrival of the sign of life after the faults, inf if none."""


def find_supply(network: Network) -> Supply:
    edges, nodes = network.edges, len(network.nodes)
    closed = np.flatnonzero(edges.closed)
    graph = coo_array(
        (closed + 1.0, (edges.from_node[closed], edges.to_node[closed])), shape=(nodes, nodes)
    ).tocsr()
    source = int(np.flatnonzero(network.nodes.kind == NodeKind.SUBSTATION)[0])
    order, feeder = breadth_first_order(graph, source, directed=False)
    feeder = np.where(feeder < 0, -1, feeder).astype(np.int32)
    edge_of = {frozenset((int(edges.from_node[e]), int(edges.to_node[e]))): int(e) for e in closed[::-1]}
    feeding_edge = np.full(nodes, -1, dtype=np.int32)
    area = np.full(nodes, -1, dtype=np.int32)
    for node in order[1:]:
        edge = edge_of[frozenset((int(node), int(feeder[node])))]
        feeding_edge[node] = edge
        low = edges.kind[edge] == EdgeKind.TRANSFORMER and network.nodes.voltage_kv[node] < 1.0
        area[node] = edge if low else area[feeder[node]]
    customers = np.bincount(network.meters.node, minlength=nodes)
    for node in order[:0:-1]:
        customers[feeder[node]] += customers[node]
    return Supply(network, order.astype(np.int64), feeder, feeding_edge, area, customers)


def draw_night(supply: Supply, condition: Condition, rng: np.random.Generator) -> Night:
    faults = _faults(supply, rng)
    dead_node = _dead(supply, faults)
    recorded = supply.network.meters.node
    place = _true_places(supply, condition.mapping, rng)
    dead = dead_node[place]
    areas = np.unique(supply.area)
    deaf = areas[(rng.random(len(areas)) < condition.blocked) & (areas >= 0)]
    heard = ~np.isin(supply.area[place], deaf)
    meters = len(recorded)
    gasp = dead & heard & (rng.random(meters) >= condition.miss)
    false = ~dead & heard & (rng.random(meters) < condition.false_alarm)
    beat = ~dead & heard & (rng.random(meters) < condition.heartbeat)
    off_s = np.where(gasp, rng.exponential(condition.mean_delay_s, meters), np.inf)
    return Night(
        faults=faults,
        dead_by_record=dead_node[recorded],
        dead=dead,
        off_s=np.where(false, rng.uniform(-60, 60, meters), off_s),
        before_s=-rng.uniform(0, 900, meters),
        alive_s=np.where(beat, rng.uniform(0, 60, meters), np.inf),
    )


def _faults(supply: Supply, rng: np.random.Generator) -> Int32:
    """One to three elements, none below another."""
    chosen: list[int] = []
    wanted = int(rng.integers(1, 4))
    while len(chosen) < wanted:
        size = np.exp(np.interp(rng.random(), SIZE_SHARE, np.log(SIZE_CUSTOMERS)))
        candidates = np.flatnonzero((supply.customers_below > 0) & (supply.feeding_edge >= 0))
        distance = np.abs(np.log(supply.customers_below[candidates] / size))
        near = candidates[distance <= distance.min() + 0.1]
        node = int(rng.choice(near))
        if not any(_related(supply, node, other) for other in chosen):
            chosen.append(node)
    return supply.feeding_edge[chosen]


def _related(supply: Supply, one: int, other: int) -> bool:
    return other in _way_up(supply, one) or one in _way_up(supply, other)


def _way_up(supply: Supply, node: int) -> set[int]:
    way = set()
    while node >= 0:
        way.add(node)
        node = int(supply.feeder[node])
    return way


def _dead(supply: Supply, faults: Int32) -> Bool:
    """[nodes] without supply once these edges have failed."""
    dead = np.zeros(len(supply.feeder), dtype=np.bool_)
    failed = np.isin(supply.feeding_edge, faults)
    for node in supply.order[1:]:
        dead[node] = failed[node] or dead[supply.feeder[node]]
    return dead


def _true_places(supply: Supply, share: float, rng: np.random.Generator) -> Int32:
    """[meters] the node where it really hangs: pairs of meters of near areas have swapped places."""
    recorded = supply.network.meters.node
    place: Int32 = recorded.copy()
    area = supply.area[recorded]
    areas = np.unique(area[area >= 0])
    if share <= 0.0:
        return place
    nodes = supply.network.nodes
    heads = supply.network.edges.to_node[areas]
    spots = np.column_stack((nodes.lon[heads] * np.cos(np.radians(nodes.lat[heads])), nodes.lat[heads]))
    _, near = cKDTree(spots).query(spots, k=min(6, len(areas)))
    for meter in rng.permutation(np.flatnonzero(area >= 0))[: int(share * len(recorded) / 2)]:
        home = int(np.searchsorted(areas, area[meter]))
        other_area = areas[rng.choice(np.asarray(near)[home][1:])]
        other = int(rng.choice(np.flatnonzero(area == other_area)))
        place[meter], place[other] = place[other], place[meter]
    return place
