"""Bringing back what isolation leaves dead: which ties could carry it, in which order, with what load.

A proposal to read, never a command. Every part that isolation leaves dead is joined to what lives by one
switch only, so that the network stays radial. What fits its ratings comes before what is not known to fit, a
switch that is normally closed before a tie.

Load is the installed capacity (``rated_kva``) of the distribution transformers below, unless the caller knows
better; ratings are ``rated_kva`` of main transformers and ``rated_a`` of edges.csv (√3 · kV · A).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.back_feeds import BackFeed
from geo.isolation import Isolation, isolate, operable
from geo.live_grid import LiveGrid
from geo.network import ABSENT, Bool, Float64, Int32, Network
from geo.topology import connected
from geo.tracing import Element
from geo.tree import EnergisedTree, fed_position
from geo.voltage import low_side

MAX_STEPS: Final = 50
MAX_TRIED: Final = 30
"""Ties that are weighed for one step."""
CHECK_FIRST: Final = "check back-feeds first"


@dataclass(frozen=True, slots=True)
class Loading:
    """The element on the new way whose rating is used most."""

    edge: int
    rating_kva: float
    before_kva: float
    after_kva: float

    @property
    def share(self) -> float:
        return self.after_kva / self.rating_kva


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One switch to close."""

    edge: int
    customers: Int32
    """Whom it brings back."""
    load_kva: float
    """Of what it brings back, as far as known."""
    load_known: bool
    """False: some transformer there has no ``rated_kva``."""
    loading: Loading | None
    """None: nothing on the way has a rating."""
    fits: bool | None
    """None: unknown."""
    others: Int32
    """Other switches that could bring the same part back."""
    needs: tuple[int, ...]
    """Numbers (from 0) of the steps that must come before."""


@dataclass(frozen=True, slots=True, eq=False)
class Restoration:
    isolation: Isolation
    steps: tuple[Step, ...]
    left: Int32
    """Customers whom nothing of this brings back."""
    back_feeds: tuple[BackFeed, ...]
    """Known sources in what is dead: to be checked before anything is closed."""
    after: LiveGrid


def restore(grid: LiveGrid, element: Element, load_kva: Mapping[int, float] | None = None) -> Restoration:
    """A proposal for an element that is lost; ``load_kva`` by edge row of the distribution transformers."""
    isolation = isolate(grid, element)
    search = _Search(grid, isolation, Ratings(grid.network, dict(load_kva or {})))
    live, steps = isolation.after, list[Step]()
    while len(steps) < MAX_STEPS and (step := search.next_step(live, steps)) is not None:
        live = live.switched(_none(), np.array([step.edge], np.int32))
        steps.append(step)
    wanted = search.customers_wanted
    left = np.flatnonzero(wanted & ~live.customers_supplied).astype(np.int32)
    return Restoration(isolation, tuple(steps), left, isolation.back_feeds, live)


def _none() -> Int32:
    return np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class Ratings:
    """What flows through the edges of a network if all transformers carry what they are told to."""

    network: Network
    load_kva: Mapping[int, float]

    @cached_property
    def distribution(self) -> Int32:
        return Areas(self.network).distribution

    @cached_property
    def load(self) -> Float64:
        """Per distribution transformer; NaN where unknown."""
        own = self.network.edges.rated_kva[self.distribution]
        told = [self.load_kva.get(row, np.nan) for row in self.distribution.tolist()]
        return np.where(np.isnan(told), own, told)

    @cached_property
    def rating(self) -> Float64:
        """Per edge in kVA; NaN where unknown, and for distribution transformers, which are the load."""
        nodes, edges = self.network.nodes, self.network.edges
        amperes = np.array([_number(cell) for cell in edges.extra.get("rated_a", ())], np.float64)
        kva = np.full(len(edges), np.nan)
        if len(amperes):
            kva = np.sqrt(3) * nodes.voltage_kv[low_side(nodes, edges)] * amperes
        kva = np.fmin(kva, edges.rated_kva)
        kva[self.distribution] = np.nan
        kva[kva <= 0] = np.nan
        return np.asarray(kva, np.float64)

    def through(self, tree: EnergisedTree) -> tuple[Float64, Int32]:
        """Per position the load at or below it as far as known, and of how many transformers it is not."""
        position = np.full(len(self.network.edges), -1, np.int32)
        fed = np.flatnonzero(tree.edge >= 0)
        position[tree.edge[fed]] = fed
        at = position[self.distribution]
        known, here = ~np.isnan(self.load), at >= 0
        load = np.bincount(at[here & known], self.load[here & known], minlength=len(tree)).astype(np.float64)
        doubt = np.bincount(at[here & ~known], minlength=len(tree))
        return _summed(load, tree), _summed(doubt.astype(np.float64), tree).astype(np.int32)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _summed(local: Float64, tree: EnergisedTree) -> Float64:
    total = np.concatenate(([0.0], np.cumsum(local)))
    return np.asarray(total[tree.end] - total[:-1], np.float64)


@dataclass(frozen=True, eq=False)
class _Search:
    grid: LiveGrid
    isolation: Isolation
    ratings: Ratings

    @cached_property
    def zone(self) -> Bool:
        mask = np.zeros(len(self.grid.network.nodes), np.bool_)
        mask[self.isolation.zone] = True
        return mask

    @cached_property
    def wanted(self) -> Bool:
        """Nodes to bring back: what isolation takes off, and what was dead around the element already."""
        network, after = self.grid.network, self.isolation.after
        dead = ~after.supplied
        taken = dead & self.grid.supplied
        edges = network.edges
        joins = (edges.closed | self.grid.closed) & dead[edges.from_node] & dead[edges.to_node]
        part = connected(edges.from_node[joins], edges.to_node[joins], len(network.nodes))
        around = np.isin(part, np.unique(part[self.isolation.zone[dead[self.isolation.zone]]]))
        return (taken | (dead & around)) & ~self.zone

    @cached_property
    def customers_wanted(self) -> Bool:
        """Customers with a meter at a wanted node, or in the zone."""
        meters = self.grid.network.meters
        owners = meters.customer[(self.wanted | self.zone)[meters.node]]
        mask = np.zeros(len(self.grid.network.customers), np.bool_)
        mask[owners[owners != ABSENT]] = True
        return mask

    @cached_property
    def parts(self) -> Int32:
        """Per node the dead part that it belongs to; ABSENT outside."""
        edges, after = self.grid.network.edges, self.isolation.after
        joins = after.closed & self.wanted[edges.from_node] & self.wanted[edges.to_node]
        part = connected(edges.from_node[joins], edges.to_node[joins], len(self.wanted))
        return np.where(self.wanted, part, ABSENT).astype(np.int32)

    @cached_property
    def ties(self) -> Int32:
        """Open switches that may be closed: none of those that isolate."""
        edges = self.grid.network.edges
        touches = self.zone[edges.from_node] | self.zone[edges.to_node]
        free = ~self.isolation.after.closed & operable(self.grid) & ~touches
        return np.flatnonzero(free).astype(np.int32)

    def next_step(self, live: LiveGrid, before: list[Step]) -> Step | None:
        """The best switch to close now; None where none brings anybody back."""
        edges = self.grid.network.edges
        ends = edges.from_node[self.ties], edges.to_node[self.ties]
        dead_end = np.where(live.supplied[ends[0]], ends[1], ends[0])
        joins = live.supplied[ends[0]] != live.supplied[ends[1]]
        useful = joins & (self.parts[dead_end] != ABSENT)
        chosen = self.ties[useful]
        part = self.parts[dead_end[useful]]
        steps = [self._step(live, row) for row in self._likely(chosen).tolist()]
        steps = [step for step in steps if len(step.customers)]
        if not steps:
            return None
        best = min(steps, key=self._worse)
        own = part[chosen == best.edge][0]
        return Step(
            best.edge, best.customers, best.load_kva, best.load_known, best.loading, best.fits,
            np.sort(chosen[(part == own) & (chosen != best.edge)]), self._needs(best.edge, before),
        )  # fmt: skip

    def _likely(self, rows: Int32) -> Int32:
        """Switches out of their normal place first; the few that are weighed."""
        return rows[np.argsort(~self.grid.network.edges.closed[rows], kind="stable")][:MAX_TRIED]

    def _worse(self, step: Step) -> tuple[int, bool, int, float, int]:
        """Ascending: what fits, what is normally closed, whom it brings back, how full it gets, its row."""
        fit = {True: 0, None: 1, False: 2}[step.fits]
        share = step.loading.share if step.loading else 0.0
        normal = bool(self.grid.network.edges.closed[step.edge])
        return fit, not normal, -len(step.customers), share, step.edge

    def _needs(self, edge: int, before: list[Step]) -> tuple[int, ...]:
        """Earlier steps whose part this one starts from."""
        ends = {int(self.parts[self.grid.network.edges.from_node[edge]]),
                int(self.parts[self.grid.network.edges.to_node[edge]])}  # fmt: skip
        return tuple(number for number, step in enumerate(before) if self._brought(step) & ends)

    def _brought(self, step: Step) -> set[int]:
        edges = self.grid.network.edges
        rows = [edges.from_node[step.edge], edges.to_node[step.edge]]
        return {int(self.parts[row]) for row in rows} - {ABSENT}

    def _step(self, live: LiveGrid, row: int) -> Step:
        after = live.switched(_none(), np.array([row], np.int32))
        back = np.flatnonzero(after.customers_supplied & ~live.customers_supplied).astype(np.int32)
        load, doubts, loading = self._load(live, after, row)
        fits: bool | None = None
        if loading is not None and (not doubts or loading.share > 1):
            fits = loading.share <= 1
        return Step(row, back, load, not doubts, loading, fits, _none(), ())

    def _load(self, live: LiveGrid, after: LiveGrid, row: int) -> tuple[float, bool, Loading | None]:
        """Load that comes back, whether some of it is unknown, and the tightest element on the way."""
        tree = after.tree
        through, doubts = self.ratings.through(tree)
        earlier, _ = self.ratings.through(live.tree)
        fed = int(np.flatnonzero(tree.edge == row)[0])
        way = after.feeding.path(int(tree.node[fed]))
        touched = np.concatenate((way[1:], np.arange(fed + 1, tree.end[fed], dtype=np.int32)))
        share = through[touched] / self.ratings.rating[tree.edge[touched]]
        load, unknown = float(through[fed]), bool(doubts[way].any())
        if np.isnan(share).all():
            return load, bool(doubts[fed]), None
        tightest = int(touched[np.nanargmax(share)])
        edge = int(tree.edge[tightest])
        at = fed_position(live.network, live.tree, edge)
        rating = float(self.ratings.rating[edge])
        was = float(earlier[at]) if at >= 0 else 0.0
        return load, unknown, Loading(edge, rating, was, float(through[tightest]))
