"""The areas of the sources: what one source feeds, as a small network with rows and positions of its own.

In preorder an area is a slice of the tree. What is concluded from the evidence of one area does not hang on
another, so nothing that happens in it needs to cost more than the area does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter

import numpy as np

from geo import kernels
from geo.network import (
    ABSENT,
    Customers,
    Edges,
    Int32,
    Meters,
    Network,
    Nodes,
    Sensors,
    Terminals,
    Texts,
)
from geo.tree import EnergisedTree, fed_positions

_NOWHERE = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class SourceArea:
    """One source's part of a network. Names and personal data stay behind; ids and kinds come along.

    ``nodes``, ``edges``, … are the rows in the whole network by the row in this one. Its edges are those by
    which supply flows: open ones and those that close a loop are left out. Its node rows are its positions.
    """

    network: Network
    tree: EnergisedTree
    nodes: Int32
    edges: Int32
    meters: Int32
    terminals: Int32
    customers: Int32


class SourceAreas:
    """All areas of one tree, numbered like the sources (by node row); made one by one when asked for."""

    def __init__(self, network: Network, tree: EnergisedTree) -> None:
        self.network = network
        self.tree = tree
        self._first = np.append(np.flatnonzero(tree.parent < 0), len(tree)).astype(np.int32)

    def __len__(self) -> int:
        return len(self._first) - 1

    def at(self, positions: Int32) -> Int32:
        """The number of the area at each position; ABSENT for ABSENT."""
        found: Int32 = (np.searchsorted(self._first, positions, side="right") - 1).astype(np.int32)
        return found

    def of_meters(self, meters: Int32) -> Int32:
        """By meter row; ABSENT without supply."""
        return self.at(self.tree.position[self.network.meters.node[meters]])

    def of_edges(self, edges: Int32) -> Int32:
        """By edge row; ABSENT for an edge that feeds nothing."""
        return self.at(fed_positions(self.network, self.tree, edges))

    def of_terminals(self, terminals: Int32) -> Int32:
        """By terminal row: where its transformer feeds."""
        return self.of_edges(self.network.terminals.edge[terminals])

    def of_element(self, element: str) -> int:
        """By edge or node id; ABSENT where it is unknown or without supply."""
        edge, node = self.network.edge_row.get(element), self.network.node_row.get(element)
        if edge is not None:
            return int(self.of_edges(np.array([edge], np.int32))[0])
        return ABSENT if node is None else int(self.at(self.tree.position[[node]])[0])

    def span(self, number: int) -> slice:
        """The positions of an area."""
        return slice(int(self._first[number]), int(self._first[number + 1]))

    def area(self, number: int) -> SourceArea:
        """Cut it out: takes time and memory like the area, not the network."""
        part = self.span(number)
        nodes, edges = self.tree.node[part], self.tree.edge[part][1:]
        meters = np.sort(_at(self._meters, part))
        terminals = np.sort(_at(self._terminals, part))
        owners = self.network.meters.customer[meters]
        customers = np.unique(owners[owners != ABSENT])
        network = Network(
            nodes=self._nodes(nodes),
            edges=self._edges(part, edges),
            meters=self._meters_of(part, meters, terminals, customers),
            terminals=Terminals(
                _texts(self.network.terminals.ids, terminals),
                fed_positions(self.network, self.tree, self.network.terminals.edge[terminals])
                - part.start
                - 1,
            ),
            sensors=self._sensors_of(part),
            customers=self._customers(part, customers),
            content_hash=self.network.content_hash,
        )
        # Indexes of the area's own ids would take as long as cutting it out.
        vars(network)["node_row"] = _PartOfRows(self.network.node_row, network.nodes.ids, nodes)
        vars(network)["edge_row"] = _PartOfRows(self.network.edge_row, network.edges.ids, edges)
        return SourceArea(network, _cut(self.tree, part), nodes, edges, meters, terminals, customers)

    @cached_property
    def _meters(self) -> tuple[Int32, Int32]:
        return kernels.by_position(self.tree.position[self.network.meters.node], len(self.tree))

    @cached_property
    def _terminals(self) -> tuple[Int32, Int32]:
        return self._by_edge(self.network.terminals.edge)

    @cached_property
    def _sensors(self) -> tuple[Int32, Int32]:
        return self._by_edge(self.network.sensors.edge)

    def _by_edge(self, edges: Int32) -> tuple[Int32, Int32]:
        return kernels.by_position(fed_positions(self.network, self.tree, edges), len(self.tree))

    def _nodes(self, rows: Int32) -> Nodes:
        nodes = self.network.nodes
        return Nodes(
            ids=_texts(nodes.ids, rows),
            kind=nodes.kind[rows],
            name=("",) * len(rows),
            lon=nodes.lon[rows],
            lat=nodes.lat[rows],
            voltage_kv=nodes.voltage_kv[rows],
        )

    def _edges(self, part: slice, rows: Int32) -> Edges:
        edges, position = self.network.edges, self.tree.position
        return Edges(
            ids=_texts(edges.ids, rows),
            kind=edges.kind[rows],
            from_node=position[edges.from_node[rows]] - part.start,
            to_node=position[edges.to_node[rows]] - part.start,
            closed=edges.closed[rows],
            phases=edges.phases[rows],
            length_m=edges.length_m[rows],
            name=("",) * len(rows),
            rated_kva=edges.rated_kva[rows],
            transformer_kind=edges.transformer_kind[rows],
        )

    def _meters_of(self, part: slice, rows: Int32, terminals: Int32, customers: Int32) -> Meters:
        meters = self.network.meters
        return Meters(
            ids=_texts(meters.ids, rows),
            node=self.tree.position[meters.node[rows]] - part.start,
            customer=_places(customers, meters.customer[rows]),
            phases=meters.phases[rows],
            terminal=_places(terminals, meters.terminal[rows]),
        )

    def _sensors_of(self, part: slice) -> Sensors:
        sensors = self.network.sensors
        rows = np.sort(_at(self._sensors, part))
        places = fed_positions(self.network, self.tree, sensors.edge[rows]) - part.start - 1
        return Sensors(_texts(sensors.ids, rows), places, sensors.kind[rows])

    def _customers(self, part: slice, rows: Int32) -> Customers:
        customers, nothing = self.network.customers, ("",) * len(rows)
        points = customers.access_point[rows]
        places = np.where(points == ABSENT, ABSENT, self.tree.position[points])
        inside = (places >= part.start) & (places < part.stop)
        return Customers(
            ids=_texts(customers.ids, rows),
            name=nothing,
            customer_class=customers.customer_class[rows],
            priority=customers.priority[rows],
            phone=nothing,
            address=nothing,
            grid=_texts(customers.grid, rows),
            access_point=np.where(inside, places - part.start, ABSENT).astype(np.int32),
        )


class _PartOfRows(Mapping[str, int]):
    """Id → row in a part, by way of the index of the whole; ``rows``: row in the whole by row in the part."""

    def __init__(self, whole: Mapping[str, int], ids: Texts, rows: Int32) -> None:
        self._whole, self._ids = whole, ids
        self._place = np.argsort(rows).astype(np.int32)
        self._ascending = rows[self._place]

    def __getitem__(self, identifier: str) -> int:
        row = self._whole[identifier]
        at = int(np.searchsorted(self._ascending, row))
        if at == len(self._ascending) or self._ascending[at] != row:
            raise KeyError(identifier)
        return int(self._place[at])

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def same_supply(one: SourceAreas, other: SourceAreas, number: int) -> bool:
    """Whether an area is the same in two trees of one network: all that was built on it still holds."""
    mine, theirs = one.span(number), other.span(number)
    return all(
        np.array_equal(getattr(one.tree, column)[mine], getattr(other.tree, column)[theirs])
        for column in ("node", "edge", "on_loop")
    )


def _cut(tree: EnergisedTree, part: slice) -> EnergisedTree:
    count = part.stop - part.start
    rows = np.arange(count, dtype=np.int32)
    parent = tree.parent[part] - np.int32(part.start)
    parent[0] = ABSENT
    return replace(
        tree,
        node=rows,
        parent=parent,
        end=tree.end[part] - np.int32(part.start),
        edge=rows - np.int32(1),
        on_loop=tree.on_loop[part],
        position=rows,
        loop_signature=tree.loop_signature[part],
        closing_edges=_NOWHERE,
    )


def _at(ordered: tuple[Int32, Int32], part: slice) -> Int32:
    order, begin = ordered
    return order[begin[part.start] : begin[part.stop]]


def _texts(cells: Texts, rows: Int32) -> Texts:
    if len(rows) < 2:  # an itemgetter of one answers the item itself
        return tuple(cells[row] for row in rows.tolist())
    chosen: Texts = itemgetter(*rows.tolist())(cells)
    return chosen


def _places(rows: Int32, wanted: Int32) -> Int32:
    """Where each wanted row stands among the ascending ``rows``; ABSENT where it does not."""
    if not len(rows):
        return np.full(len(wanted), ABSENT, np.int32)
    place = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[place] == wanted, place, ABSENT).astype(np.int32)
