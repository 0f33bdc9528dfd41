"""Isolating an element: the nearest operable switches around it, and who loses supply by opening them.

Only breakers and switches (and jumpers, generators) count as operable; fuses that lie nearer are told apart,
since pulling one is another kind of work. What hangs on the element without a switch between is lost with it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.back_feeds import BackFeed, back_feeds
from geo.flood import flood
from geo.following import customers_at
from geo.live_grid import LiveGrid
from geo.network import ABSENT, Bool, EdgeKind, Int32
from geo.tracing import Element

OPERABLE: Final = (EdgeKind.BREAKER, EdgeKind.SWITCH)


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """Rows of the grid's tables."""

    opened: Int32
    """Switches to open: first those that feed the zone, then those on its other sides; by row."""
    feeding: Bool
    """Per entry of ``opened``: its far side still has supply when all of them are open."""
    keep_open: Int32
    """Switches around the zone that are open already and must stay so."""
    fuses: Int32
    """Closed fuses nearer than the switches: pulling them would narrow the zone."""
    sources: Int32
    """Sources inside the zone: no switch takes the element off them."""
    zone: Int32
    """Nodes between the switches."""
    lost: Int32
    """Customers who lose supply."""
    in_zone: Int32
    """Those of them who hang on the zone itself and cannot be fed otherwise."""
    after: LiveGrid
    """The grid with the switches open."""
    back_feeds: tuple[BackFeed, ...]
    """Known sources in what goes dead."""

    @property
    def possible(self) -> bool:
        """Whether opening the switches takes all supply off."""
        return not len(self.sources)


def operable(grid: LiveGrid) -> Bool:
    """Per edge whether it is a switch that somebody can open."""
    return np.isin(grid.network.edges.kind, [int(kind) for kind in OPERABLE])


def isolate(grid: LiveGrid, element: Element) -> Isolation:
    """What to open around an element; a meter or customer means its place, a device its edge."""
    switches, fuses = operable(grid), grid.network.edges.kind == EdgeKind.FUSE
    zone, _, border = _zone(grid, element, switches)
    _, _, nearer = _zone(grid, element, switches | fuses)
    opened = np.sort(border[grid.closed[border] & switches[border]])
    after = grid.switched(opened, np.empty(0, np.int32))
    feeding = _far_side_lives(after, opened, zone)
    order = np.argsort(~feeding, kind="stable")
    dead = grid.supplied & ~after.supplied
    return Isolation(
        opened=opened[order],
        feeding=feeding[order],
        keep_open=np.sort(border[~grid.closed[border]]),
        fuses=np.sort(nearer[grid.closed[nearer] & fuses[nearer]]),
        sources=zone[grid.sources[zone]],
        zone=zone,
        lost=np.flatnonzero(grid.customers_supplied & ~after.customers_supplied).astype(np.int32),
        in_zone=customers_at(grid, zone),
        after=after,
        back_feeds=back_feeds(after, dead | _mask(zone, len(dead))),
    )


def _zone(grid: LiveGrid, element: Element, barriers: Bool) -> tuple[Int32, Int32, Int32]:
    passable = grid.closed & ~barriers
    own = grid.carrier(element)
    if own != ABSENT:
        passable[own] = True
    return flood(*grid.links, grid.ends_of(element), passable)


def _far_side_lives(after: LiveGrid, opened: Int32, zone: Int32) -> Bool:
    edges, inside = after.network.edges, _mask(zone, len(after.network.nodes))
    ends = edges.from_node[opened], edges.to_node[opened]
    return (after.supplied[ends[0]] & ~inside[ends[0]]) | (after.supplied[ends[1]] & ~inside[ends[1]])


def _mask(rows: Int32, count: int) -> Bool:
    mask = np.zeros(count, np.bool_)
    mask[rows] = True
    return mask
