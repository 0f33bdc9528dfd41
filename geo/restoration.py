"""Bringing back what isolation leaves dead: which ties could carry it, in which order, with what load.

A proposal to read, never a command. Every part that isolation leaves dead is joined to what lives by one
switch only, so that the network stays radial. What fits its ratings comes before what is not known to fit, a
switch that is normally closed before a tie. A part that no tie can carry as a whole is split between several
(``geo.splitting``): switches inside it are opened first. What fits nowhere is told last, with ``fits`` False.

Loads and ratings are those of ``geo.loading``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from geo.back_feeds import BackFeed
from geo.isolation import Isolation, isolate, operable
from geo.live_grid import LiveGrid
from geo.loading import Loading, LoadSources, Ratings
from geo.network import ABSENT, Bool, Float64, Int32
from geo.splitting import DeadPart, Region, Tie, split
from geo.topology import connected
from geo.tracing import Element
from geo.tree import fed_position

MAX_STEPS: Final = 50
MAX_TRIED: Final = 30
"""Ties that are weighed for one step."""
CHECK_FIRST: Final = "check back-feeds first"
Demand = Callable[[Int32], Mapping[int, float]]
"""Rows of distribution transformers → their recent greatest demand in kVA, of those where it is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One switch to close, after those that part what it is not to feed were opened."""

    edge: int
    opened: Int32
    customers: Int32
    """Whom it brings back."""
    load_kva: float
    """Of what it brings back, as far as known."""
    sources: LoadSources
    """Where that load is known from."""
    loading: Loading | None
    """None: nothing on the way has a rating."""
    fits: bool | None
    """None: unknown."""
    others: Int32
    """Other switches that could bring the same part back."""
    needs: tuple[int, ...]
    """Numbers (from 0) of the steps that must come before."""

    @property
    def load_known(self) -> bool:
        """False: of some transformer there neither a demand nor ``rated_kva`` is known."""
        return self.sources.known


@dataclass(frozen=True, slots=True, eq=False)
class Restoration:
    isolation: Isolation
    steps: tuple[Step, ...]
    left: Int32
    """Customers whom nothing of this brings back."""
    back_feeds: tuple[BackFeed, ...]
    """Known sources in what is dead: to be checked before anything is closed."""
    loads: LoadSources
    """Of all transformers whose load was weighed."""
    after: LiveGrid


def unmeasured(_transformers: Int32) -> Mapping[int, float]:
    """Where nobody measures."""
    return {}


def restore(grid: LiveGrid, element: Element, demand: Demand = unmeasured) -> Restoration:
    """A proposal for an element that is lost; ``demand`` is asked once, for the transformers that matter."""
    isolation = isolate(grid, element)
    matter = _Search(grid, isolation, Ratings(grid.network)).matter()
    ratings = Ratings(grid.network, demand(matter))
    search = _Search(grid, isolation, ratings)
    course = _Course(isolation.after, np.full(len(grid.network.nodes), ABSENT, np.int32))
    while len(course.steps) < MAX_STEPS and (found := search.next_steps(course.live)):
        for step in found:
            search.take(step, course)
    wanted = search.customers_wanted
    left = np.flatnonzero(wanted & ~course.live.customers_supplied).astype(np.int32)
    loads = ratings.sources(np.isin(ratings.distribution, matter))
    return Restoration(isolation, tuple(course.steps), left, isolation.back_feeds, loads, course.live)


def _none() -> Int32:
    return np.empty(0, np.int32)


@dataclass(slots=True, eq=False)
class _Course:
    """How far the proposal has come."""

    live: LiveGrid
    brought: Int32
    """Per node the number of the step that brought it back; ABSENT where none did."""
    steps: list[Step] = field(default_factory=list)


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
    def ties(self) -> Int32:
        """Open switches that may be closed: none of those that isolate."""
        edges = self.grid.network.edges
        touches = self.zone[edges.from_node] | self.zone[edges.to_node]
        free = ~self.isolation.after.closed & operable(self.grid) & ~touches
        return np.flatnonzero(free).astype(np.int32)

    @cached_property
    def meters_at(self) -> Float64:
        """Per node its meters with a customer."""
        meters = self.grid.network.meters
        places = meters.node[meters.customer != ABSENT]
        return np.bincount(places, minlength=len(self.zone)).astype(np.float64)

    def matter(self) -> Int32:
        """Edge rows of the transformers in what is dead, and below what leads to the ties."""
        after, rows = self.isolation.after, self.ratings.distribution
        edges, tree = self.grid.network.edges, after.tree
        asked = self.wanted[edges.from_node[rows]] | self.wanted[edges.to_node[rows]]
        tops = set[int]()
        for node in self._live_ends(self._useful(after)[0], after).tolist():
            way = after.feeding.path(node)
            rated = ~np.isnan(self.ratings.rating[tree.edge[way]]) & (tree.edge[way] >= 0)
            tops.update(way[rated][:1].tolist())
        for top in tops:
            asked = asked | self.ratings.below(tree, top)
        return rows[asked]

    def next_steps(self, live: LiveGrid) -> list[Step]:
        """The best switch to close now, or those that share its part; none where nobody is brought back."""
        chosen, part = self._useful(live)
        likely = self._likely(chosen)
        weighed = [self._step(live, Region(row, ())) for row in likely.tolist()]
        steps = [step for step in weighed if len(step.customers)]
        if not steps:
            return []
        best = min(steps, key=self._worse)
        own = self._parts(live) == part[chosen == best.edge][0]
        if best.fits is False and (shared := self._shared(live, own, likely)):
            return shared
        return [best]

    def _useful(self, live: LiveGrid) -> tuple[Int32, Int32]:
        """Ties from what lives into dead parts, and the number of each one's part."""
        dead_end = self._dead_ends(self.ties, live)
        ends = self._ends(self.ties)
        part = self._parts(live)[dead_end]
        useful = (live.supplied[ends[0]] != live.supplied[ends[1]]) & (part != ABSENT)
        return self.ties[useful], part[useful]

    def _parts(self, live: LiveGrid) -> Int32:
        """Per node the dead part that it belongs to; ABSENT outside."""
        edges, wanted = self.grid.network.edges, self.wanted & ~live.supplied
        joins = live.closed & wanted[edges.from_node] & wanted[edges.to_node]
        part = connected(edges.from_node[joins], edges.to_node[joins], len(wanted))
        return np.where(wanted, part, ABSENT).astype(np.int32)

    def _ends(self, rows: Int32) -> tuple[Int32, Int32]:
        edges = self.grid.network.edges
        return edges.from_node[rows], edges.to_node[rows]

    def _dead_ends(self, rows: Int32, live: LiveGrid) -> Int32:
        one, other = self._ends(rows)
        return np.where(live.supplied[one], other, one)

    def _live_ends(self, rows: Int32, live: LiveGrid) -> Int32:
        one, other = self._ends(rows)
        return np.where(live.supplied[one], one, other)

    def _likely(self, rows: Int32) -> Int32:
        """Switches out of their normal place first; the few that are weighed."""
        return rows[np.argsort(~self.grid.network.edges.closed[rows], kind="stable")][:MAX_TRIED]

    def _worse(self, step: Step) -> tuple[int, bool, int, float, int]:
        """Ascending: what fits, what is normally closed, whom it brings back, how full it gets, its row."""
        fit = {True: 0, None: 1, False: 2}[step.fits]
        share = step.loading.share if step.loading else 0.0
        normal = bool(self.grid.network.edges.closed[step.edge])
        return fit, not normal, -len(step.customers), share, step.edge

    def _shared(self, live: LiveGrid, inside: Bool, ties: Int32) -> list[Step]:
        """Steps that divide one part between ties so that nothing is known to be exceeded."""
        through, _ = self.ratings.through(live.tree)
        here = [row for row in ties.tolist() if inside[self._dead_ends(np.array([row]), live)[0]]]
        openable = operable(self.grid) & (np.arange(len(live.closed)) < len(self.grid.record.edges))
        part = DeadPart(
            live, inside, openable, tuple(self._tie(live, row, through) for row in here), self.ratings,
            np.where(inside, self.meters_at, 0.0),
        )  # fmt: skip
        steps, opened = list[Step](), set[int]()
        for region in sorted(split(part), key=lambda one: one.tie):
            step = self._step(live, replace(region, borders=tuple(sorted({*region.borders} - opened))))
            if step.fits is False:
                return []
            opened.update(region.borders)
            steps.append(step)
            live = live.switched(step.opened, np.array([step.edge], np.int32))
        return steps

    def _tie(self, live: LiveGrid, row: int, through: Float64) -> Tie:
        rows, tree = np.array([row], np.int32), live.tree
        way = live.feeding.path(int(self._live_ends(rows, live)[0]))
        edges = tree.edge[way]
        rated = (edges >= 0) & ~np.isnan(self.ratings.rating[edges])
        spare = self.ratings.rating[edges[rated]] - through[way[rated]]
        rooms = list(zip(edges[rated].tolist(), spare.tolist(), strict=True))
        if not np.isnan(self.ratings.rating[row]):
            rooms.append((row, float(self.ratings.rating[row])))
        return Tie(row, int(self._dead_ends(rows, live)[0]), tuple(rooms))

    def take(self, step: Step, course: "_Course") -> None:
        """Note the step with what else could do the same, and with what must come before it."""
        edges, live = self.grid.network.edges, course.live
        chosen, row = self._useful(live)[0], np.array([step.edge], np.int32)
        after = live.switched(step.opened, row)
        gained = after.supplied & ~live.supplied
        bounds = gained[edges.from_node] | gained[edges.to_node]
        needs = {int(course.brought[self._live_ends(row, live)[0]])} - {ABSENT}
        needs |= {number for number, one in enumerate(course.steps) if bounds[one.opened].any()}
        same = gained[self._dead_ends(chosen, live)] & (chosen != step.edge)
        course.brought[gained] = len(course.steps)
        course.steps.append(replace(step, others=np.sort(chosen[same]), needs=tuple(sorted(needs))))
        course.live = after

    def _step(self, live: LiveGrid, region: Region) -> Step:
        opened = np.array(region.borders, np.int32)
        after = live.switched(opened, np.array([region.tie], np.int32))
        back = np.flatnonzero(after.customers_supplied & ~live.customers_supplied).astype(np.int32)
        load, sources, doubted, loading = self._load(live, after, region.tie)
        fits: bool | None = None
        if loading is not None and (not doubted or loading.share > 1):
            fits = loading.share <= 1
        return Step(region.tie, opened, back, load, sources, loading, fits, _none(), ())

    def _load(
        self, live: LiveGrid, after: LiveGrid, row: int
    ) -> tuple[float, LoadSources, bool, Loading | None]:
        """Load that comes back, whence it is known, whether any is not, the tightest element on the way."""
        tree = after.tree
        through, doubts = self.ratings.through(tree)
        earlier, _ = self.ratings.through(live.tree)
        fed = int(np.flatnonzero(tree.edge == row)[0])
        way = after.feeding.path(int(tree.node[fed]))
        touched = np.concatenate((way[1:], np.arange(fed + 1, tree.end[fed], dtype=np.int32)))
        share = through[touched] / self.ratings.rating[tree.edge[touched]]
        load, doubted = float(through[fed]), bool(doubts[way].any())
        sources = self.ratings.sources(self.ratings.below(tree, fed))
        if np.isnan(share).all():
            return load, sources, doubted, None
        tightest = int(touched[np.nanargmax(share)])
        edge = int(tree.edge[tightest])
        at = fed_position(live.network, live.tree, edge)
        rating = float(self.ratings.rating[edge])
        was = float(earlier[at]) if at >= 0 else 0.0
        return load, sources, doubted, Loading(edge, rating, was, float(through[tightest]))
