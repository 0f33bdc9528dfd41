"""What a change of switches does to supply, without building the tree anew.

Opened edges cut the known tree; edges outside it (loops that were closed before, switches closed now) may
join the parts again. Exact for any set of changes, in time that grows with the changes, not the network.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geo import kernels
from geo.network import Bool, Int32, Network
from geo.tree import EnergisedTree

_NONE = np.empty(0, np.int32)


class ReachesUnsupplied(Exception):
    """A closed edge leads to nodes without supply, of which the tree knows nothing: build it anew."""


@dataclass(frozen=True, eq=False)
class Switching:
    """A network with the tree of some switch positions, from which changes are counted."""

    network: Network
    tree: EnergisedTree

    @cached_property
    def _position_of_edge(self) -> Int32:
        """Per edge row the position that it feeds; −1 for all others."""
        position = np.full(len(self.network.edges), -1, np.int32)
        fed = np.flatnonzero(self.tree.edge >= 0)
        position[self.tree.edge[fed]] = fed
        return position

    def dead_slices(self, opened: Int32, closed: Int32 = _NONE) -> Int32:
        """Slices of positions that lose supply when these edges are opened and those closed, shape (k, 2).

        Disjoint and ascending. Raises ``ReachesUnsupplied`` where a closed edge ends outside the tree.
        """
        fed = self._position_of_edge[opened]
        cut = np.sort(fed[fed >= 0])
        first, second = self._links(opened, closed)
        return kernels.dead_slices(np.unique(cut), self.tree.end, first, second)

    def _links(self, opened: Int32, closed: Int32) -> tuple[Int32, Int32]:
        """Positions of the ends of all conducting edges outside the tree."""
        loops = self.tree.closing_edges
        if not len(loops) and not len(closed):
            return _NONE, _NONE
        if len(loops):
            loops = loops[~np.isin(loops, opened)]
        links = np.concatenate((loops, closed)).astype(np.int32)
        edges, position = self.network.edges, self.tree.position
        first, second = position[edges.from_node[links]], position[edges.to_node[links]]
        if ((first < 0) | (second < 0)).any():
            raise ReachesUnsupplied
        return first, second

    def supplied(self, opened: Int32, closed: Int32 = _NONE) -> Bool:
        """Per position of the tree whether it still has supply."""
        alive = np.ones(len(self.tree), np.bool_)
        for begin, end in self.dead_slices(opened, closed).tolist():
            alive[begin:end] = False
        return alive
