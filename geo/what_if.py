"""What if these were opened and those closed: who loses, who gains, who is fed otherwise, which loops arise.

A question only: the live state is an argument and stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geo import kernels
from geo.back_feeds import BackFeed, back_feeds
from geo.errors import GeoError
from geo.feeders import feeders_of
from geo.live_grid import LiveGrid
from geo.network import ABSENT, Bool, Int32
from geo.standing import spare_of
from geo.tracing import find


class NotSwitchable(GeoError):
    """A change that means nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """Customers whose feeder changes; '' where none is (stations, generators)."""

    before: str
    after: str
    customers: Int32


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A closed edge that would close a loop, or join two sources."""

    closing: int
    edges: Int32
    """All edges of the loop, the closing one first; from source to source where it joins two."""
    joins_sources: bool


@dataclass(frozen=True, slots=True, eq=False)
class Consequence:
    """Rows of the tables of ``after``."""

    before: LiveGrid
    after: LiveGrid
    opened: Int32
    closed: Int32
    lost: Int32
    gained: Int32
    moved: tuple[Moved, ...]
    loops: tuple[Loop, ...]
    on_generators: Int32
    """Customers whom a generator would feed."""
    back_feeds: tuple[BackFeed, ...]
    """Known sources in what would go dead."""


def what_if(grid: LiveGrid, to_open: Sequence[str], to_close: Sequence[str]) -> Consequence:
    """The consequence; ids are edges, devices on them, or ``A~B`` and ``~A`` (a jumper, a generator).

    Raises ``UnknownElement``, ``NotSwitchable``.
    """
    grid = extended(grid, to_close)
    opened, closed = _rows(grid, to_open), _rows(grid, to_close)
    both = np.intersect1d(opened, closed)
    if len(both):
        edge = grid.network.edges.ids[both[0]]
        raise NotSwitchable(f"{edge}: cannot be opened and closed at once", "both_ways", element=edge)
    after = grid.switched(opened, closed)
    before_alive, after_alive = grid.customers_supplied, after.customers_supplied
    fed = after.fed_by_generators()
    return Consequence(
        before=grid,
        after=after,
        opened=opened,
        closed=closed,
        lost=_which(before_alive & ~after_alive),
        gained=_which(~before_alive & after_alive),
        moved=_moved(grid, after, before_alive & after_alive),
        loops=_loops(grid.switched(opened, opened[:0]), after),
        on_generators=np.unique(after.network.meters.customer[fed[after.network.meters.node]]),
        back_feeds=back_feeds(after, grid.supplied & ~after.supplied),
    )


def extended(grid: LiveGrid, ids: Sequence[str]) -> LiveGrid:
    """The grid with spare rows for jumpers and generators of these ids beside those that it has."""
    wanted = [identifier for identifier in ids if spare_of(grid.record, identifier) is not None]
    if all(identifier in grid.network.edge_row for identifier in wanted):
        return grid
    spare = [(identifier, False) for identifier in wanted]
    return LiveGrid.of(grid.record, (*spare, *grid.switches))


def _rows(grid: LiveGrid, ids: Sequence[str]) -> Int32:
    rows = []
    for identifier in ids:
        row = grid.carrier(find(grid.network, identifier))
        if row == ABSENT:
            raise NotSwitchable(
                f"{identifier}: expected an edge or a device on one", "no_edge", element=identifier
            )
        rows.append(row)
    return np.array(sorted(set(rows)), np.int32)


def _which(mask: Bool) -> Int32:
    return np.flatnonzero(mask).astype(np.int32)


def _moved(before: LiveGrid, after: LiveGrid, supplied: Bool) -> tuple[Moved, ...]:
    """Customers by the feeder that they leave and the one that they come to."""
    old, new = (feeders_of(grid.network, grid.tree) for grid in (before, after))
    one, other = old.of("customers"), new.of("customers")
    names = [np.array((*feeders.ids, ""), np.object_) for feeders in (old, new)]
    changed = np.flatnonzero(supplied & (names[0][one] != names[1][other]))
    groups: dict[tuple[str, str], list[int]] = {}
    for row in changed.tolist():
        groups.setdefault((names[0][one[row]], names[1][other[row]]), []).append(row)
    return tuple(Moved(*pair, np.array(rows, np.int32)) for pair, rows in sorted(groups.items()))


def _loops(before: LiveGrid, after: LiveGrid) -> tuple[Loop, ...]:
    """As many as there are more than ``before``, the shortest ones: the tree may close old ones elsewhere."""
    old, new = before.tree.closing_edges, after.tree.closing_edges
    found = sorted((_loop(after, edge) for edge in np.setdiff1d(new, old).tolist()), key=_length)
    return tuple(found[: max(len(new) - len(old), 0)])


def _length(loop: Loop) -> tuple[int, int]:
    return len(loop.edges), loop.closing


def _loop(grid: LiveGrid, edge: int) -> Loop:
    tree, edges = grid.tree, grid.network.edges
    ways = [
        kernels.way_up(tree.parent, int(tree.position[end]))
        for end in (edges.from_node[edge], edges.to_node[edge])
    ]
    shared = 0
    while shared < min(map(len, ways)) and ways[0][shared] == ways[1][shared]:
        shared += 1
    around = np.concatenate([tree.edge[way[shared:]] for way in ways])
    rows = np.append(np.array([edge], np.int32), around[around != ABSENT])
    return Loop(edge, rows.astype(np.int32), joins_sources=shared == 0)
