"""The energised network as a tree in preorder: "everything below X" is a slice.

Energised means reachable from a source over closed edges. Where closed edges form a loop the tree is a
deterministic spanning tree (breadth first from the sources, lower edge row first) and every tree edge on
the loop is marked: losing it alone interrupts nobody.
"""

from dataclasses import dataclass

import numpy as np

from geo import kernels
from geo.network import ABSENT, Bool, Int32, Network, NodeKind, UInt64


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
    loop_signature: UInt64
    """Zero off loops; edges with equal words lie on the same loops: losing two of them cuts a part off."""
    closing_edges: Int32
    """Rows of the closed edges that the tree leaves out because they close a loop, ascending."""

    def __len__(self) -> int:
        return len(self.node)


def energise(network: Network, closed: Bool | None = None) -> EnergisedTree:
    """The tree for the switch positions ``closed`` (one per edge row; the normal ones by default)."""
    sources = np.flatnonzero(network.nodes.kind == NodeKind.SUBSTATION).astype(np.int32)
    edges = network.edges
    return span(
        edges.from_node,
        edges.to_node,
        edges.closed if closed is None else closed,
        sources,
        len(network.nodes),
    )


def span(from_node: Int32, to_node: Int32, closed: Bool, sources: Int32, node_count: int) -> EnergisedTree:
    """The tree of bare arrays: edges ``from_node``–``to_node`` where ``closed``, fed at ``sources``."""
    start, link = kernels.adjacency(from_node, to_node, closed, node_count)
    ranked, above, feeding_edge, closing = kernels.breadth_first(start, link, sources)
    node, parent, end, edge, position = kernels.preorder(ranked, above, feeding_edge, node_count)
    first, second = position[from_node[closing]], position[to_node[closing]]
    signature = kernels.loop_signatures(closing, first, second, parent)
    return EnergisedTree(
        node=node,
        parent=parent,
        end=end,
        edge=edge,
        on_loop=signature != 0,
        position=position,
        loop_signature=signature,
        closing_edges=closing,
    )


def fed_position(network: Network, tree: EnergisedTree, edge: int) -> int:
    """Position of the node that this edge feeds in the tree; −1 for an open, dead or loop-closing edge."""
    for node in (network.edges.to_node[edge], network.edges.from_node[edge]):
        position = int(tree.position[node])
        if position >= 0 and tree.edge[position] == edge:
            return position
    return -1


def fed_positions(network: Network, tree: EnergisedTree, edges: Int32) -> Int32:
    """``fed_position`` of many edges at once; ABSENT stays ABSENT."""
    found = np.full(len(edges), ABSENT, np.int32)
    for ends in (network.edges.from_node[edges], network.edges.to_node[edges]):
        position = tree.position[ends]
        fed = (position >= 0) & (tree.edge[position] == edges) & (edges >= 0)
        found[fed] = position[fed]
    return found


def positions_fed_by(network: Network, tree: EnergisedTree, edge: int) -> slice:
    """The positions that lose supply when this edge alone is lost.

    Empty for an edge on a loop (the other side takes over), an open switch and an edge without supply.
    """
    position = fed_position(network, tree, edge)
    if position < 0 or tree.on_loop[position]:
        return slice(0, 0)
    return slice(position, int(tree.end[position]))


def below(tree: EnergisedTree, node: int) -> slice:
    """Positions of this node and everything that the tree feeds through it; empty without supply."""
    position = int(tree.position[node])
    if position < 0:
        return slice(0, 0)
    return slice(position, int(tree.end[position]))


def warm_up() -> None:
    """Compile the kernels (or load them from the cache) on a network of two nodes."""
    ends = np.array([0], np.int32), np.array([1], np.int32)
    span(*ends, np.array([True]), np.array([0], np.int32), 2)
