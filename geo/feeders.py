"""Which feeder (馈线) everything belongs to: each is judged, approved and rolled back on its own.

A feeder is named after the first switch below a source's busbar (the element itself where a line leaves the
bar without a switch), in the normal switch positions. What lies above belongs to none: stations, main
transformers, and the lines that carry supply on to another main transformer. A part without supply belongs
to the feeder that an open switch (or an element out of service) would join it to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from geo.network import ABSENT, SWITCHING_KINDS, Bool, EdgeKind, Int32, Network, NodeKind, Texts
from geo.topology import connected
from geo.tree import EnergisedTree, energise
from geo.voltage import LV_BELOW_KV, high_side, low_side

REGULATES_BELOW: Final = 1.05
"""A transformer whose sides differ less than this is a regulator within a feeder."""
_BARS: Final = (NodeKind.SUBSTATION, NodeKind.BUSBAR)
_ENDS_OF_A_BAR: Final = 3
"""A node of fewer ends leads on to one element only: it is part of a bay, not a busbar."""


@dataclass(frozen=True, eq=False)
class Feeders:
    """Numbers into ``ids``, one per row of the network's tables; ABSENT above the feeders and on islands."""

    network: Network
    ids: Texts
    """Ids of the edges by which the feeders begin."""
    head: Int32
    """Their rows."""
    of_node: Int32
    of_edge: Int32

    def of(self, table: str) -> Int32:
        """Numbers for the rows of any table; customers follow their first meter, else their access point."""
        return self._of_table[table]

    @cached_property
    def _of_table(self) -> Mapping[str, Int32]:
        network = self.network
        return {
            "nodes": self.of_node,
            "edges": self.of_edge,
            "meters": self.of_node[network.meters.node],
            "terminals": self.of_edge[network.terminals.edge],
            "sensors": self.of_edge[network.sensors.edge],
            "customers": self._of_customer,
            "identifiers": np.full(len(network.identifiers), ABSENT, np.int32),
        }

    @cached_property
    def _of_customer(self) -> Int32:
        network = self.network
        home = network.customers.access_point.copy()
        home[network.meters.customer[::-1]] = network.meters.node[::-1]
        return np.where(home == ABSENT, ABSENT, self.of_node[home]).astype(np.int32)

    def name(self, table: str, row: int) -> str:
        """The feeder's id for one row, '' where it belongs to none."""
        number = int(self.of(table)[row])
        return "" if number == ABSENT else self.ids[number]


def feeders_of(network: Network, tree: EnergisedTree | None = None) -> Feeders:
    """The feeders of the normal switch positions, by the row of their first edge."""
    tree = energise(network) if tree is None else tree
    starts = np.array(list(_Station(network, tree).feeder_starts()), np.int64)
    starts = starts[np.argsort(tree.edge[starts], kind="stable")] if len(starts) else starts
    by_position = np.full(len(tree) + 1, ABSENT, np.int32)
    for number, position in enumerate(starts.tolist()):
        by_position[position : tree.end[position]] = number
    # Position -1 (without supply) reads the entry behind the last position.
    of_node = _with_dark_parts(network, tree, by_position[tree.position])
    head = tree.edge[starts].astype(np.int32)
    ids = tuple(network.edges.ids[row] for row in head.tolist())
    return Feeders(network, ids, head, of_node, _of_edges(network, tree, of_node, by_position))


@dataclass(frozen=True, eq=False)
class _Station:
    """Walks down from the sources as far as stations reach."""

    network: Network
    tree: EnergisedTree

    def feeder_starts(self) -> Iterator[int]:
        """Positions of the first element below a station, one per feeder."""
        waiting = np.flatnonzero(self.tree.parent < 0).tolist()
        while waiting:
            for child in self._children(waiting.pop()):
                if self._inside(child):
                    waiting.append(child)
                else:
                    yield child

    def _children(self, position: int) -> Iterator[int]:
        child, end = position + 1, int(self.tree.end[position])
        while child < end:
            yield child
            child = int(self.tree.end[child])

    def _inside(self, position: int) -> bool:
        """Whether what feeds this position still belongs to a station, or leads to another one."""
        if self._above_a_main_transformer[position]:
            return True
        edge, node = int(self.tree.edge[position]), int(self.tree.node[position])
        return bool(self._switching[edge] and self._bar[node])

    @cached_property
    def _above_a_main_transformer(self) -> Bool:
        """Per position: it or something below it is fed by a main transformer."""
        main = self._main_transformer[self.tree.edge] & (self.tree.edge >= 0)
        total = np.concatenate(([0], np.cumsum(main)))
        return np.asarray(total[self.tree.end] > total[:-1], np.bool_)

    @cached_property
    def _main_transformer(self) -> Bool:
        nodes, edges = self.network.nodes, self.network.edges
        low, high = (nodes.voltage_kv[side(nodes, edges)] for side in (low_side, high_side))
        steps_down = (low >= LV_BELOW_KV) & (high > low * REGULATES_BELOW)
        return np.asarray(steps_down & (edges.kind == EdgeKind.TRANSFORMER), np.bool_)

    @cached_property
    def _switching(self) -> Bool:
        return np.isin(self.network.edges.kind, [int(kind) for kind in SWITCHING_KINDS])

    @cached_property
    def _bar(self) -> Bool:
        nodes, edges = self.network.nodes, self.network.edges
        ends = np.bincount(np.concatenate((edges.from_node, edges.to_node)), minlength=len(nodes))
        return np.isin(nodes.kind, [int(kind) for kind in _BARS]) & (ends >= _ENDS_OF_A_BAR)


def _with_dark_parts(network: Network, tree: EnergisedTree, of_node: Int32) -> Int32:
    """Parts without supply get the feeder of the first edge that joins them to one."""
    edges, dark = network.edges, tree.position < 0
    if not dark.any():
        return of_node
    inner = dark[edges.from_node] & dark[edges.to_node]
    part = connected(edges.from_node[inner], edges.to_node[inner], len(dark))
    of_part = np.full(int(part.max(initial=-1)) + 1, ABSENT, np.int32)
    for inside, beyond in ((edges.from_node, edges.to_node), (edges.to_node, edges.from_node)):
        joins = np.flatnonzero(dark[inside] & (of_node[beyond] != ABSENT))[::-1]
        of_part[part[inside[joins]]] = of_node[beyond[joins]]
    return np.where(dark, of_part[part], of_node).astype(np.int32)


def _of_edges(network: Network, tree: EnergisedTree, of_node: Int32, by_position: Int32) -> Int32:
    """A feeding edge belongs where its fed end does, any other where its ends do (``from`` before ``to``)."""
    edges = network.edges
    first, second = of_node[edges.from_node], of_node[edges.to_node]
    of_edge = np.where(first == ABSENT, second, first)
    fed = np.flatnonzero(tree.edge >= 0)
    of_edge[tree.edge[fed]] = by_position[fed]
    return of_edge.astype(np.int32)
