"""Who has supply: connected components over closed, healthy edges, seen from the substations.

On purpose not the product's tree: another algorithm, so that simulator and detector cannot be wrong together.
A tripped switch, breaker or fuse stands open; any other tripped edge has failed; a tripped node has failed
with everything that ends there; an edge may also lose single phases (a broken conductor, one blown fuse: of a
transformer those on its primary side). Restoring undoes exactly that. The grid's protection is not played:
what trips is what is isolated.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from geo.network import Bool, Float64, Int32, Network, NodeKind
from simulators.errors import NotPossible, UnknownElement
from simulators.phases import ALL, LIVES_PU, delta_primaries, phase_volts


@dataclass(frozen=True, slots=True)
class Tripped:
    element: str
    at_ms: int
    phases: int = ALL
    """Those that are lost, as bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one command changed; node rows, ascending."""

    lost: Int32
    regained: Int32


def supplied(network: Network, usable: Bool, failed_nodes: Bool) -> Bool:
    """For every node row: is it connected to a healthy substation over ``usable`` edges?"""
    count = len(network.nodes)
    start, end = network.edges.from_node[usable], network.edges.to_node[usable]
    links = csr_array((np.ones(len(start), np.int32), (start, end)), shape=(count, count))
    _, label = connected_components(links, directed=False)
    sources = (network.nodes.kind == NodeKind.SUBSTATION) & ~failed_nodes
    fed = np.zeros(count, bool)
    fed[label[sources]] = True
    result: Bool = fed[label] & ~failed_nodes
    return result


class Physics:
    """The true state of the network: what is tripped and which nodes have supply."""

    def __init__(self, network: Network, seed: int = 1) -> None:
        self.network = network
        self._tripped: dict[str, Tripped] = {}
        self._delta = delta_primaries(network, seed)
        self.volts: Float64
        """[nodes, 3] voltage of each phase, per unit."""
        self.supplied_nodes = self._evaluate()

    @property
    def tripped(self) -> tuple[Tripped, ...]:
        """Oldest first."""
        return tuple(self._tripped.values())

    def trip(self, element: str, now_ms: int, phases: int = ALL) -> Change:
        """Open the switch or fail the element, or some of its phases.

        Raises ``UnknownElement`` or ``NotPossible``.
        """
        row = self._edge_row(element)
        if element in self._tripped:
            raise NotPossible(f"{element} has tripped already")
        if row is not None and not self.network.edges.closed[row]:
            raise NotPossible(f"{element} stands open normally: nothing to trip")
        if row is None and phases != ALL:
            raise NotPossible(f"{element} is a node: single phases fail on lines, switches and transformers")
        self._tripped[element] = Tripped(element, now_ms, phases)
        return self._changed()

    def restore(self, *elements: str) -> Change:
        """Undo the trips of ``elements`` at once; raises ``UnknownElement`` or ``NotPossible``."""
        for element in elements:
            self._edge_row(element)
            if element not in self._tripped:
                raise NotPossible(f"{element} has not tripped")
        for element in elements:
            del self._tripped[element]
        return self._changed()

    @property
    def opened(self) -> Bool:
        """[edges] open by position or by a trip of all phases."""
        opened = ~self.network.edges.closed
        for element, tripped in self._tripped.items():
            row = self.network.edge_row.get(element)
            if row is not None and tripped.phases == ALL:
                opened[row] = True
        return opened

    def tripped_near(self, element: str, reach: int) -> tuple[str, ...]:
        """The tripped elements nearest to ``element`` along the network, at most ``reach`` edges away.

        All at the smallest distance found; whether an edge on the way is open or dead does not matter
        to somebody who walks along the line.
        """
        if element in self._tripped:
            return (element,)
        if not self._tripped:
            self._edge_row(element)
            return ()
        distance = self._distances(element)
        found = {other: min(distance[node] for node in self._ends(other)) for other in self._tripped}
        nearest = min(found.values())
        return tuple(other for other, far in found.items() if far == nearest) if nearest <= reach else ()

    def _changed(self) -> Change:
        before, self.supplied_nodes = self.supplied_nodes, self._evaluate()
        return Change(
            lost=np.flatnonzero(before & ~self.supplied_nodes).astype(np.int32),
            regained=np.flatnonzero(self.supplied_nodes & ~before).astype(np.int32),
        )

    def _evaluate(self) -> Bool:
        edges = self.network.edges
        usable, lost = edges.closed.copy(), np.zeros(len(edges), np.int8)
        failed = np.zeros(len(self.network.nodes), bool)
        for element, tripped in self._tripped.items():
            row = self.network.edge_row.get(element)
            if row is None:
                failed[self.network.node_row[element]] = True
            elif tripped.phases == ALL:
                usable[row] = False
            else:
                lost[row] = tripped.phases
        usable &= ~failed[edges.from_node] & ~failed[edges.to_node]
        if not lost.any():
            fed = supplied(self.network, usable, failed)
            self.volts = np.repeat(fed[:, None].astype(np.float64), 3, axis=1)
            return fed
        self.volts = phase_volts(self.network, usable, failed, lost, self._delta)
        lives: Bool = self.volts.max(axis=1) > LIVES_PU
        return lives

    def _edge_row(self, element: str) -> int | None:
        row = self.network.edge_row.get(element)
        if row is None and element not in self.network.node_row:
            raise UnknownElement(element)
        return row

    def _ends(self, element: str) -> tuple[int, ...]:
        row = self._edge_row(element)
        if row is None:
            return (self.network.node_row[element],)
        return int(self.network.edges.from_node[row]), int(self.network.edges.to_node[row])

    def _distances(self, element: str) -> Int32:
        """Edges between ``element`` and every node; a huge number where there is no way."""
        nodes, edges = len(self.network.nodes), self.network.edges
        ends = self._ends(element)
        start = np.concatenate([edges.from_node, np.full(len(ends), nodes, np.int32)])
        end = np.concatenate([edges.to_node, np.asarray(ends, np.int32)])
        links = csr_array((np.ones(len(start), np.int32), (start, end)), shape=(nodes + 1, nodes + 1))
        order, before = breadth_first_order(links, nodes, directed=False)
        distance = np.full(nodes + 1, np.iinfo(np.int32).max, np.int32)
        distance[nodes] = -1
        for node in order[1:]:
            distance[node] = distance[before[node]] + 1
        return distance[:-1]
