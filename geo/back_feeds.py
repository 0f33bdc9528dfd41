"""Known sources of back-feed below a place: what may keep a "dead" line alive, and kill who works on it.

Known are generators entered in the field, customers of whom customers.csv tells ``pv_kw``, ``generator`` or
``second_supply`` (any text but nothing and 0), and customers with meters on both sides. What is not known is
not there to be told: checking comes first all the same.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.live_grid import LiveGrid
from geo.network import ABSENT, Bool
from geo.standing import generator_rows

COLUMNS: Final = ("pv_kw", "generator", "second_supply")
_NONE: Final = frozenset({"", "0", "0.0", "no", "false", "否", "无"})


@dataclass(frozen=True, slots=True, order=True)
class BackFeed:
    kind: str
    """``pv_kw``, ``generator``, ``second_supply``, or ``two_places`` for a customer with meters elsewhere."""
    id: str
    """Of the customer; of the node for a generator that was entered in the field."""
    told: str
    """What the record says of it."""


def back_feeds(grid: LiveGrid, nodes: Bool) -> tuple[BackFeed, ...]:
    """Those at the masked nodes."""
    return tuple(sorted({*_generators(grid, nodes), *_customers(grid, nodes)}))


def _generators(grid: LiveGrid, nodes: Bool) -> list[BackFeed]:
    edges = grid.network.edges
    rows = generator_rows(grid.network)
    here = rows[grid.closed[rows] & nodes[edges.to_node[rows]]]
    ids = [grid.network.nodes.ids[node] for node in edges.to_node[here].tolist()]
    return [BackFeed("generator", node, "entered in the field") for node in ids]


def _customers(grid: LiveGrid, nodes: Bool) -> list[BackFeed]:
    meters, customers = grid.network.meters, grid.network.customers
    inside = nodes[meters.node]
    here, elsewhere = (np.unique(meters.customer[side]) for side in (inside, ~inside))
    here = here[here != ABSENT]
    found = [
        BackFeed("two_places", customers.ids[row], "") for row in np.intersect1d(here, elsewhere).tolist()
    ]
    for column in COLUMNS:
        cells = customers.extra.get(column, ())
        if cells:
            told = ((row, cells[row].strip()) for row in here.tolist())
            found += [
                BackFeed(column, customers.ids[row], text) for row, text in told if text.lower() not in _NONE
            ]
    return found
