"""A network in given switch positions, jumpers and generators with them: what every question starts from."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geo import kernels
from geo.doors import EDGE_KINDS, PHASE_NAMES
from geo.network import ABSENT, Bool, Int32, Network, NodeKind
from geo.standing import JOINT, energise_standing, generator_rows, standing
from geo.tracing import Element, Feeding
from geo.tree import EnergisedTree

Switches = Iterable[tuple[str, bool]]
_SPELLED = {number: word for word, number in EDGE_KINDS.items()}


@dataclass(frozen=True, slots=True)
class EdgeState:
    """One edge as answers tell it."""

    id: str
    kind: str
    name: str
    from_id: str
    to_id: str
    phases: str
    closed: bool
    normally_closed: bool
    energised: bool
    """Closed, and at least one of its ends has supply."""
    name_en: str = ""


@dataclass(frozen=True, eq=False)
class LiveGrid:
    """``closed`` has one entry per edge of ``network``, which may be an extended one (``geo.standing``)."""

    network: Network
    closed: Bool
    record: Network
    """Without jumpers and generators, whose rows come behind those of the record."""

    @staticmethod
    def of(network: Network, switches: Switches = ()) -> "LiveGrid":
        """With these (edge id, closed) against the normal positions; unknown ids are passed over."""
        listed = tuple(switches)
        stands = standing(network, (identifier for identifier, _ in listed))
        closed = stands.edges.closed.copy()
        for identifier, position in listed:
            row = stands.edge_row.get(identifier)
            if row is not None:
                closed[row] = position
        return LiveGrid(stands, closed, network)

    def switched(self, opened: Int32, closed: Int32) -> "LiveGrid":
        """The same network with these rows opened, then those closed."""
        positions = self.closed.copy()
        positions[opened] = False
        positions[closed] = True
        return LiveGrid(self.network, positions, self.record)

    @property
    def switches(self) -> tuple[tuple[str, bool], ...]:
        """What is not in its normal position, by id."""
        rows = np.flatnonzero(self.closed != self.network.edges.closed).tolist()
        return tuple(sorted((self.network.edges.ids[row], bool(self.closed[row])) for row in rows))

    @cached_property
    def tree(self) -> EnergisedTree:
        return energise_standing(self.network, self.closed)

    @cached_property
    def feeding(self) -> Feeding:
        return Feeding(self.network, self.tree)

    @cached_property
    def supplied(self) -> Bool:
        """Per node whether it has supply."""
        return self.tree.position >= 0

    @cached_property
    def links(self) -> tuple[Int32, Int32]:
        """Neighbours over all edges, open ones too (``kernels.adjacency``)."""
        edges = self.network.edges
        every = np.ones(len(edges), np.bool_)
        return kernels.adjacency(edges.from_node, edges.to_node, every, len(self.network.nodes))

    @cached_property
    def sources(self) -> Bool:
        """Per node whether it is a source."""
        return np.asarray(self.network.nodes.kind == NodeKind.SUBSTATION, np.bool_)

    @cached_property
    def customers_supplied(self) -> Bool:
        """Per customer; one of whose meters any is dead is out, one without meters counts as supplied."""
        dark = ~self.supplied[self.network.meters.node]
        owners = self.network.meters.customer[dark]
        alive = np.ones(len(self.network.customers), np.bool_)
        alive[owners[owners != ABSENT]] = False
        return alive

    def fed_by_generators(self) -> Bool:
        """Per node whether a generator feeds it."""
        fed = np.zeros(len(self.network.nodes), np.bool_)
        sources = self.network.edges.from_node[generator_rows(self.network)]
        for position in self.tree.position[sources].tolist():
            fed[self.tree.node[position : self.tree.end[position]]] = True
        return fed

    def ends_of(self, element: Element) -> Int32:
        """Rows of the nodes at which an element lies: both ends of an edge."""
        edge = self.carrier(element)
        if edge != ABSENT:
            edges = self.network.edges
            return np.array([edges.from_node[edge], edges.to_node[edge]], np.int32)
        node = self.feeding.node_of(element)
        return np.array([] if node == ABSENT else [node], np.int32)

    def carrier(self, element: Element) -> int:
        """Row of the edge that the element is, or that carries it; ABSENT for nodes, meters, customers."""
        return self.feeding.edge_of(element) if element.type in {"edge", "terminal", "sensor"} else ABSENT

    def kind(self, row: int) -> str:
        """In the door's spelling, or ``jumper`` and ``generator``."""
        if row < len(self.record.edges):
            return _SPELLED[int(self.network.edges.kind[row])]
        return "generator" if self.network.edges.ids[row].startswith(JOINT) else "jumper"

    def _english(self, row: int) -> str:
        column = self.network.edges.extra.get("name_en")
        return column[row] if column else ""

    def edge(self, row: int) -> EdgeState:
        """What answers tell of an edge."""
        edges, nodes = self.network.edges, self.network.nodes
        start, end = int(edges.from_node[row]), int(edges.to_node[row])
        closed = bool(self.closed[row])
        return EdgeState(
            id=edges.ids[row],
            kind=self.kind(row),
            name=edges.name[row],
            from_id=nodes.ids[start],
            to_id=nodes.ids[end],
            phases=PHASE_NAMES[edges.phases[row]],
            closed=closed,
            normally_closed=bool(edges.closed[row]),
            energised=closed and bool(self.supplied[start] or self.supplied[end]),
            name_en=self._english(row),
        )
