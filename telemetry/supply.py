"""Which way supply flows now: reported switch positions, and the tree that inference and scope work on.

A switch that is normally closed and was reported open stays in the tree as long as what lies behind it has
no other supply: what it took off supply must remain visible as "below it". A tie that was closed, a jumper or
a generator feeds its side; then the open switch is really open.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geo.network import Bool, Int32, Network
from geo.standing import energise_standing, standing
from geo.topology import components
from geo.tree import EnergisedTree, fed_positions

Switches = tuple[tuple[str, bool], ...]
"""(edge id, closed) of every switch that is not in its normal position, by id; jumpers and generators that
stand in the field (``geo.standing``) are among them."""


def reported_positions(network: Network, open_ms: NDArray[np.int64], closed_ms: NDArray[np.int64]) -> Bool:
    """One per edge: the newest report, or the normal position; open wins a tie of times."""
    return position_of(network, np.arange(len(network.edges), dtype=np.int32), open_ms, closed_ms)


def position_of(
    network: Network, edges: Int32, open_ms: NDArray[np.int64], closed_ms: NDArray[np.int64]
) -> Bool:
    """The same for these edges alone."""
    positions, opened_ms, shut_ms = network.edges.closed[edges], open_ms[edges], closed_ms[edges]
    positions[shut_ms > opened_ms] = True
    positions[(opened_ms >= shut_ms) & (opened_ms > np.iinfo(np.int64).min)] = False
    return positions


def keeps_tree(network: Network, tree: EnergisedTree, closed: Bool, moved: Int32) -> bool:
    """Whether the supply tree stays what it is when these edges move to their positions in ``closed``.

    It does while every edge that is open against its normal position either carries a part of the tree that
    nothing else could feed, or joins two parts that have no supply anyway. ``moved`` and the other open ones
    are looked at, nothing else.
    """
    edges = network.edges
    opened = np.flatnonzero(edges.closed & ~closed).astype(np.int32)
    looked_at = np.union1d(opened, moved).astype(np.int32)
    if not edges.closed[moved].all():
        return False
    position = fed_positions(network, tree, looked_at)
    carries = (position >= 0) & ~tree.on_loop[position]
    apart = (tree.position[edges.from_node[looked_at]] < 0) & (tree.position[edges.to_node[looked_at]] < 0)
    return bool((carries | apart).all())


def switches_of(network: Network, closed: Bool) -> Switches:
    """What differs from normal, as a revision keeps it."""
    rows = np.flatnonzero(closed != network.edges.closed)
    return tuple(sorted((network.edges.ids[row], bool(closed[row])) for row in rows))


def positions_of(network: Network, switches: Iterable[tuple[str, bool]]) -> Bool:
    """The way back; ids that this network does not know are passed over."""
    closed = network.edges.closed.copy()
    for identifier, position in switches:
        row = network.edge_row.get(identifier)
        if row is not None:
            closed[row] = position
    return closed


def standing_with(network: Network, switches: Iterable[tuple[str, bool]]) -> Network:
    """The network with the jumpers and generators that are named there."""
    return standing(network, (identifier for identifier, closed in switches if closed))


def supply_tree(network: Network, closed: Bool) -> EnergisedTree:
    """The tree for these positions, with each part that an open switch took off supply still hanging on it.

    Of several open switches into one dead part the lowest edge row carries it, so the answer depends on
    nothing but the positions.
    """
    assumed = closed.copy()
    opened = np.flatnonzero(network.edges.closed & ~closed).astype(np.int32)
    tree = energise_standing(network, assumed)
    while (carriers := _carriers(network, assumed, tree, opened)).size:
        assumed[carriers] = True
        tree = energise_standing(network, assumed)
    return tree


def _carriers(network: Network, closed: Bool, tree: EnergisedTree, opened: Int32) -> Int32:
    edges = network.edges
    from_fed = tree.position[edges.from_node[opened]] >= 0
    to_fed = tree.position[edges.to_node[opened]] >= 0
    border: Int32 = opened[from_fed != to_fed]
    if not border.size:
        return border
    behind = np.where(
        tree.position[edges.from_node[border]] < 0, edges.from_node[border], edges.to_node[border]
    )
    part = components(network, closed)
    _, first = np.unique(part[behind], return_index=True)
    carriers: Int32 = border[first]
    return carriers
