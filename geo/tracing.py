"""What feeds an element and whom it feeds: ids at the edge, slices inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from geo import kernels
from geo.errors import UnknownElement
from geo.network import ABSENT, Int32, Network
from geo.tree import EnergisedTree, below, energise, fed_position, positions_fed_by

ElementType = Literal["edge", "meter", "terminal", "sensor", "node", "customer"]


@dataclass(frozen=True, slots=True)
class Element:
    """Something with an id: what it is, and its row in its table."""

    type: ElementType
    row: int
    id: str


def find(network: Network, element: str) -> Element:
    """The element of that id: edges and devices first, then nodes, then customers.

    Raises ``UnknownElement``.
    """
    tables: tuple[tuple[ElementType, Mapping[str, int]], ...] = (
        ("edge", network.edge_row),
        ("meter", network.meter_row),
        ("terminal", network.terminal_row),
        ("sensor", network.sensor_row),
        ("node", network.node_row),
        ("customer", network.customer_row),
    )
    for kind, rows in tables:
        row = rows.get(element)
        if row is not None:
            return Element(kind, row, element)
    raise UnknownElement(element)


@dataclass(frozen=True, eq=False)
class Feeding:
    """A network with its tree, and its meters in the tree's order: whom a slice of positions means."""

    network: Network
    tree: EnergisedTree

    @classmethod
    def normal(cls, network: Network) -> "Feeding":
        """With all switches in their normal position."""
        return cls(network, energise(network))

    @cached_property
    def _meter_order(self) -> tuple[Int32, Int32]:
        """Supplied meters by position, and per position (and one past the last) where its meters begin."""
        return kernels.by_position(self.tree.position[self.network.meters.node], len(self.tree))

    @cached_property
    def _customer_order(self) -> Int32:
        return self.network.meters.customer[self._meter_order[0]]

    @cached_property
    def _one_meter_each(self) -> bool:
        return int(np.bincount(self.network.meters.customer).max(initial=0)) <= 1

    def meters(self, positions: slice) -> Int32:
        """Rows of the meters at these positions, in preorder."""
        order, begin = self._meter_order
        return order[begin[positions.start] : begin[positions.stop]]

    def customers(self, positions: slice) -> Int32:
        """Rows of the customers with a meter at these positions, each once."""
        _order, begin = self._meter_order
        found = self._customer_order[begin[positions.start] : begin[positions.stop]]
        return found if self._one_meter_each else np.unique(found)

    def customers_below(self, node: int) -> Int32:
        """Rows of the customers with a meter at this node or below."""
        return self.customers(below(self.tree, node))

    @cached_property
    def customers_through(self) -> Int32:
        """Per position how many customers have a meter there or below; each counts once."""
        order, begin = self._meter_order
        count = np.diff(begin).astype(np.int64)
        if not self._one_meter_each:
            np.subtract.at(count, self._counted_twice(order), 1)
        total = np.concatenate(([0], np.cumsum(count)))
        return (total[self.tree.end] - total[:-1]).astype(np.int32)

    def _counted_twice(self, meters: Int32) -> Int32:
        """For each further meter of a customer the position above which one must be taken off."""
        customer = self.network.meters.customer[meters]
        position = self.tree.position[self.network.meters.node[meters]]
        order = np.lexsort((position, customer))
        customer, position = customer[order], position[order]
        again = np.flatnonzero(customer[1:] == customer[:-1])
        met = kernels.meeting_points(self.tree.parent, self.tree.end, position[again], position[again + 1])
        return met[met >= 0]

    def node_of(self, element: Element) -> int:
        """Row of the node by which the element is fed: an edge by its fed end (or ``to``)."""
        network = self.network
        match element.type:
            case "node":
                return element.row
            case "meter":
                return int(network.meters.node[element.row])
            case "customer":
                return self._node_of_customer(element.row)
            case _:
                edge = self.edge_of(element)
                position = fed_position(network, self.tree, edge)
                return int(self.tree.node[position] if position >= 0 else network.edges.to_node[edge])

    def _node_of_customer(self, customer: int) -> int:
        meters = np.flatnonzero(self.network.meters.customer == customer)
        if len(meters):
            return int(self.network.meters.node[meters[0]])
        return int(self.network.customers.access_point[customer])

    def edge_of(self, element: Element) -> int:
        """Row of the edge that is, carries or (for nodes, meters, customers) feeds the element; or ABSENT."""
        match element.type:
            case "edge":
                return element.row
            case "terminal":
                return int(self.network.terminals.edge[element.row])
            case "sensor":
                return int(self.network.sensors.edge[element.row])
            case _:
                node = self.node_of(element)
                position = ABSENT if node == ABSENT else int(self.tree.position[node])
                return ABSENT if position < 0 else int(self.tree.edge[position])

    def lost_with(self, element: Element) -> slice:
        """Positions that lose supply when the element is lost; for a meter or customer: where it hangs.

        Terminals and sensors stand for their edge. Empty on a loop, behind an open switch and without supply.
        """
        if element.type in {"edge", "terminal", "sensor"}:
            return positions_fed_by(self.network, self.tree, self.edge_of(element))
        node = self.node_of(element)
        if node == ABSENT:
            return slice(0, 0)
        if element.type == "node":
            return below(self.tree, node)
        position = int(self.tree.position[node])
        return slice(position, position + 1) if position >= 0 else slice(0, 0)

    def customers_lost_with(self, element: Element) -> Int32:
        """Rows of the customers who lose supply with the element; a customer or meter means that one."""
        if element.type == "customer":
            return np.array([element.row], np.int32)
        if element.type == "meter":
            return self.network.meters.customer[element.row : element.row + 1]
        return self.customers(self.lost_with(element))

    def path(self, node: int) -> Int32:
        """Positions from the source to this node, source first; empty without supply."""
        position = ABSENT if node == ABSENT else int(self.tree.position[node])
        return kernels.way_up(self.tree.parent, position)
