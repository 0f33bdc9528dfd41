"""营配贯通: whom the distribution side's and the marketing side's records link without a gap (INT-02).

A customer is linked when meter, access point, transformer and line are all known, and when the terminal that
collects the meter watches the same transformer that the network says feeds it (the two systems agree).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property

import numpy as np

from geo.areas import Areas
from geo.cells import Cells
from geo.feeders import Feeders, feeders_of
from geo.network import ABSENT, Bool, Int8, Int32, Network, NodeKind

_OWN_PLACES = (NodeKind.ACCESS_POINT, NodeKind.METER_POINT)


class Gap(IntFlag):
    """What a customer's record lacks; several may come together."""

    NONE = 0
    METER = 1
    """No meter."""
    ACCESS_POINT = 2
    """Neither an access point, nor a meter at a place of its own below the transformer."""
    TRANSFORMER = 4
    """No transformer is known to feed it."""
    LINE = 8
    """It belongs to no feeder."""
    MISMATCH = 16
    """The terminal that collects its meter watches another transformer."""


@dataclass(frozen=True, slots=True)
class LinkageRate:
    """Of one grid cell (``cell`` '' is everybody)."""

    cell: str
    name: str
    customers: int
    linked: int
    gaps: Mapping[str, int]
    """Customers by what they lack, lower-case names of ``Gap``; one customer may lack several."""

    @property
    def share(self) -> float | None:
        """Linked of all; None without customers."""
        return self.linked / self.customers if self.customers else None


class Linkage:
    """Who is linked, customer by customer."""

    def __init__(self, network: Network, areas: Areas | None = None, feeders: Feeders | None = None) -> None:
        self.network = network
        self.areas = areas or Areas(network)
        self.feeders = feeders or feeders_of(network, self.areas.tree)

    @cached_property
    def gaps(self) -> Int8:
        """Per customer the bits of ``Gap``."""
        network = self.network
        customer, home = network.meters.customer, self._home
        metered = self._any(np.ones(len(customer), np.bool_))
        placed = (network.customers.access_point != ABSENT) | self._any(self._at_own_place)
        area = np.where(home == ABSENT, ABSENT, self.areas.of_node[home])
        line = np.where(home == ABSENT, ABSENT, self.feeders.of_node[home])
        bits = (
            (Gap.METER, ~metered),
            (Gap.ACCESS_POINT, ~placed),
            (Gap.TRANSFORMER, area == ABSENT),
            (Gap.LINE, line == ABSENT),
            (Gap.MISMATCH, self._any(self._collected_elsewhere)),
        )
        total = np.zeros(len(network.customers), np.int8)
        for gap, lacking in bits:
            total += np.int8(gap) * lacking.astype(np.int8)
        return total

    def rates(self, cells: Cells) -> tuple[LinkageRate, ...]:
        """Everybody first, then cell by cell."""
        everybody = self._rate("", "", np.ones(len(self.gaps), np.bool_))
        numbered = zip(cells.ids, cells.names, strict=True)
        of_cell = (
            self._rate(cell, name, cells.of_customer == number)
            for number, (cell, name) in enumerate(numbered)
        )
        return (everybody, *of_cell)

    def _rate(self, cell: str, name: str, members: Bool) -> LinkageRate:
        gaps = self.gaps[members]
        lacking = {gap.name.lower(): int(np.count_nonzero(gaps & gap)) for gap in Gap if gap.name and gap}
        return LinkageRate(cell, name, len(gaps), int(np.count_nonzero(gaps == 0)), lacking)

    def _any(self, chosen: Bool) -> Bool:
        """Per customer whether any of their meters is chosen."""
        found = np.zeros(len(self.network.customers), np.bool_)
        found[self.network.meters.customer[chosen]] = True
        return found

    @cached_property
    def _home(self) -> Int32:
        """Per customer the node of their first meter, else their access point."""
        network = self.network
        home = network.customers.access_point.copy()
        home[network.meters.customer[::-1]] = network.meters.node[::-1]
        return home

    @cached_property
    def _at_own_place(self) -> Bool:
        kinds = self.network.nodes.kind[self.network.meters.node]
        return np.isin(kinds, [int(kind) for kind in _OWN_PLACES])

    @cached_property
    def _collected_elsewhere(self) -> Bool:
        """Per meter."""
        network = self.network
        terminal, fed = network.meters.terminal, self.areas.of_meter
        if not len(network.terminals):
            return np.zeros(len(terminal), np.bool_)
        watched = network.terminals.edge[terminal]
        return np.asarray((terminal != ABSENT) & (fed != ABSENT) & (watched != fed), np.bool_)
