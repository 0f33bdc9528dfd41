"""The energised network as a tree in preorder: "everything below X" is a slice.

Energised means reachable from a source over closed edges. Where closed edges form a loop the tree is a
deterministic spanning tree (breadth first from the sources, lower edge row first) and every tree edge on
the loop is marked: losing it alone interrupts nobody.
"""

from dataclasses import dataclass

from geo.network import Bool, Int32, Network


@dataclass(frozen=True, slots=True, eq=False)
class EnergisedTree:
    """Arrays over the preorder position ``i`` (0 … energised nodes − 1), and the way back from nodes.

    The subtree of position i is the slice ``[i, end[i])``; ``parent[i] < i``.
    """

    node: Int32
    """Row of the node at each position."""
    parent: Int32
    """Position of the feeding node; −1 at a source."""
    end: Int32
    """One past the last position of the subtree."""
    edge: Int32
    """Row of the edge that feeds the node; −1 at a source."""
    on_loop: Bool
    """True where the feeding edge lies on a loop."""
    position: Int32
    """For every node row: its position, or −1 where it has no supply."""

    def __len__(self) -> int:
        return len(self.node)


def energise(network: Network, closed: Bool | None = None) -> EnergisedTree:
    """The tree for the switch positions ``closed`` (one per edge row; the normal ones by default)."""
    raise NotImplementedError
