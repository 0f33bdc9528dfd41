"""Transformer areas (台区): which distribution transformer feeds a node in the normal switch positions."""

from functools import cached_property

import numpy as np

from geo import kernels
from geo.network import ABSENT, Bool, EdgeKind, Int32, Network
from geo.topology import components
from geo.tree import EnergisedTree, energise
from geo.voltage import LV_BELOW_KV, low_side


class Areas:
    """The areas of one network; ``tree`` may be given where it is already known."""

    def __init__(self, network: Network, tree: EnergisedTree | None = None) -> None:
        self.network = network
        self.tree = energise(network) if tree is None else tree

    @cached_property
    def distribution(self) -> Int32:
        """Rows of the distribution transformers: their low side is below 1 kV or of unknown voltage."""
        nodes, edges = self.network.nodes, self.network.edges
        low = ~(nodes.voltage_kv[low_side(nodes, edges)] >= LV_BELOW_KV)
        return np.flatnonzero(low & (edges.kind == EdgeKind.TRANSFORMER)).astype(np.int32)

    @cached_property
    def of_node(self) -> Int32:
        """Per node the edge row of the transformer that feeds it; ABSENT above 1 kV and where none does.

        Where no source reaches, a transformer whose low side hangs together with the node is meant.
        """
        fed = np.full(len(self.tree) + 1, ABSENT, np.int32)
        for position in np.flatnonzero(self._is_distribution[self.tree.edge]).tolist():
            # Ascending, so that what hangs below a second transformer belongs to that one.
            fed[position : self.tree.end[position]] = self.tree.edge[position]
        supplied = self.tree.position >= 0
        return np.where(supplied, fed[self.tree.position], self._of_dark_node).astype(np.int32)

    @cached_property
    def of_meter(self) -> Int32:
        """Per meter the same."""
        return self.of_node[self.network.meters.node]

    def meters_in(self, area: int) -> Int32:
        """Rows of the meters of one area, ascending; ``area`` is the row of its transformer."""
        rows, begin = self._meters
        return rows[begin[area] : begin[area + 1]]

    @cached_property
    def _meters(self) -> tuple[Int32, Int32]:
        return kernels.by_position(self.of_meter, len(self.network.edges))

    @cached_property
    def of_edge(self) -> Int32:
        """Per edge the same, by the end that it feeds; a transformer lies in its own area."""
        edges, position = self.network.edges, self.tree.position
        lower = position[edges.from_node] > position[edges.to_node]
        area = self.of_node[np.where(lower, edges.from_node, edges.to_node)]
        area[self.distribution] = self.distribution
        return area

    @cached_property
    def _is_distribution(self) -> Bool:
        """Per edge row, and False for the last row, which stands for "no edge" (-1)."""
        chosen = np.zeros(len(self.network.edges) + 1, np.bool_)
        chosen[self.distribution] = True
        return chosen

    @cached_property
    def _of_dark_node(self) -> Int32:
        network, edges = self.network, self.network.edges
        zone = components(network, (edges.kind != EdgeKind.TRANSFORMER) & edges.closed)
        first = np.full(int(zone.max(initial=-1)) + 1, ABSENT, np.int32)
        rows = self.distribution[::-1]
        first[zone[low_side(network.nodes, edges)[rows]]] = rows
        return first[zone]
