"""Service grid cells (网格): compact parts of the territory, each the duty of one crew.

A cell is written beside each customer (``grid_id``). From there every node and edge gets exactly one: what a
distribution transformer feeds belongs where most of its customers belong, everything else where the nearest
such place is (ORG-02).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from geo.coordinates import metres_around
from geo.network import Bool, EdgeKind, Float64, Int32, Network, Texts
from geo.topology import components
from geo.voltage import LV_BELOW_KV, low_side

NO_CELL: Final = "G00"
"""The one cell of a network whose customers name none."""


def bisect(lon: Float64, lat: Float64, weight: Float64, cells: int) -> Int32:
    """A cell number (0 … cells − 1) for each place: halve by weight across the longer side, again and again.

    Deterministic; places with the same coordinates may part only where a cut falls between them.
    """
    label = np.zeros(len(lon), np.int32)
    _halve(metres_around(lon, lat), weight, np.arange(len(lon)), min(cells, max(len(lon), 1)), 0, label)
    return label


def _halve(
    metres: Float64, weight: Float64, members: NDArray[np.intp], cells: int, first: int, label: Int32
) -> None:
    if cells <= 1 or len(members) <= 1:
        label[members] = first
        return
    axis = int(np.argmax(np.ptp(metres[members], axis=0)))
    order = members[np.lexsort((members, metres[members, axis]))]
    left = cells // 2
    share = np.cumsum(weight[order])
    cut = int(np.searchsorted(share, share[-1] * left / cells)) + 1
    cut = min(max(cut, left), len(order) - (cells - left))
    _halve(metres, weight, order[:cut], left, first, label)
    _halve(metres, weight, order[cut:], cells - left, first + left, label)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Which cell everything belongs to: numbers into ``ids``, one per row of the network's tables."""

    ids: Texts
    names: Texts
    names_en: Texts
    of_node: Int32
    of_edge: Int32
    of_customer: Int32

    def cell_of_edge(self, edge: int) -> str:
        return self.ids[int(self.of_edge[edge])]

    def cell_of_node(self, node: int) -> str:
        return self.ids[int(self.of_node[node])]

    def cell_of_customer(self, customer: int) -> str:
        return self.ids[int(self.of_customer[customer])]

    @classmethod
    def of(cls, network: Network) -> "Cells":
        """The cells named by the network's customers, extended to every node and edge."""
        ids = tuple(sorted({grid for grid in network.customers.grid if grid})) or (NO_CELL,)
        number = {identifier: row for row, identifier in enumerate(ids)}
        named = np.array([number.get(grid, -1) for grid in network.customers.grid], np.int32)
        of_node = _spread(network, _cell_of_zone(network, named))
        edges = network.edges
        transformer = edges.kind == EdgeKind.TRANSFORMER
        fed_end = np.where(transformer, low_side(network.nodes, edges), edges.to_node)
        of_customer = _customers(network, named, of_node)
        return cls(ids, *_names(network, ids), of_node, of_node[fed_end], of_customer)


def _cell_of_zone(network: Network, named: Int32) -> Int32:
    """Per node the cell of most customers in its low-voltage zone; −1 where none or no such zone."""
    zone = components(network, network.edges.kind != EdgeKind.TRANSFORMER)
    meters = network.meters
    low = _is_low(network)[meters.node]
    votes = Counter(
        pair
        for pair in zip(zone[meters.node[low]].tolist(), named[meters.customer[low]].tolist(), strict=True)
        if pair[1] >= 0
    )
    cell = np.full(int(zone.max(initial=-1)) + 1, -1, np.int32)
    for (where, which), _count in sorted(votes.items(), key=lambda vote: (vote[1], -vote[0][1])):
        cell[where] = which
    return np.where(_is_low(network), cell[zone], -1).astype(np.int32)


def _is_low(network: Network) -> Bool:
    """Per node whether it may belong to a transformer area: below 1 kV or of unknown voltage."""
    return ~(network.nodes.voltage_kv >= LV_BELOW_KV)


def _spread(network: Network, cell: Int32) -> Int32:
    """Give every node without a cell that of the nearest node with one."""
    settled = cell >= 0
    if not settled.any():
        return np.zeros(len(cell), np.int32)
    metres = metres_around(network.nodes.lon, network.nodes.lat)
    placed = np.isfinite(metres).all(axis=1)
    anchors = np.flatnonzero(settled & placed)
    result = np.where(settled, cell, cell[settled][0]).astype(np.int32)
    lost = np.flatnonzero(~settled & placed)
    if len(anchors) and len(lost):
        result[lost] = cell[anchors[KDTree(metres[anchors]).query(metres[lost])[1]]]
    return result


def _customers(network: Network, named: Int32, of_node: Int32) -> Int32:
    home = np.full(len(network.customers), -1, np.int32)
    home[network.meters.customer[::-1]] = network.meters.node[::-1]
    home = np.where(home < 0, network.customers.access_point, home)
    at_home = np.where(home < 0, 0, of_node[home]) if len(of_node) else np.zeros(len(home), np.int32)
    return np.where(named >= 0, named, at_home).astype(np.int32)


def _names(network: Network, ids: Texts) -> tuple[Texts, Texts]:
    """Names of the cells, from the customers' columns ``grid_name`` and ``grid_name_en`` where given."""
    grids, extra = network.customers.grid, network.customers.extra
    chinese = dict(zip(grids, extra.get("grid_name", grids), strict=True))
    english = dict(zip(grids, extra.get("grid_name_en", grids), strict=True))
    return tuple(chinese.get(cell, cell) for cell in ids), tuple(english.get(cell, cell) for cell in ids)
