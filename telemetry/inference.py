"""Who is out, and what failed? The exact posterior of an energised tree given all observations.

``infer`` chooses a few onset bins (``telemetry.onsets``), weighs the evidence (``telemetry.likelihoods``)
and sweeps the compressed tree up and down (``telemetry.inference_kernels``). Nothing here depends on the
order in which evidence came.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.calibration import worth
from telemetry.customer_posterior import NearDead, meter_probabilities, near_dead, nothing_near
from telemetry.hearing import BLOCKED, WAYS, Hearing, hearing_before, hearing_learned
from telemetry.heartbeats import blocked_prior
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_kernels import (
    NO_FAILURE,
    decode,
    flow_down,
    heard_anyhow,
    sweep_down,
    sweep_up,
)
from telemetry.inference_model import InferenceModel, Prior
from telemetry.likelihoods import node_evidence, reporting_shares
from telemetry.observations import Int64, Observations
from telemetry.onsets import Onsets, find_onsets
from telemetry.outage_size import OutageSizes, outage_sizes

__all__ = ["InferenceGrid", "InferenceModel", "Posterior", "Prior", "infer"]


NEAR_DEAD_MATTERS = 0.05
LEAST_SURVIVAL = -0.05
"""However many indicators speak, nobody is out by their word alone."""
FOUND_SOUND = -1e-9
"""log P(an element does not fail that a person found sound)."""


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """Failure priors of one call: those of the grid, moved by switch reports, plans and fault indicators."""

    survival: Float64
    """[positions] log P(the element does not fail)."""
    class_survival: Float64
    """[classes]"""
    fail: Float64
    """[classes, columns]: column k − 1 is log P(failing in a given one of k bins)."""
    ways: Float64
    """[WORKS | FAINT | BLOCKED, zones] how each zone is heard; without a terminal it works."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """The answer for one set of observations at ``now_ms``. Positions are those of ``grid.tree``."""

    grid: InferenceGrid
    seen: Observations
    now_ms: int
    model: InferenceModel
    onsets: Onsets
    chances: Chances
    evidence: Float64
    """[ways, classes, columns + 1] each class's own evidence."""
    shares: Float64
    """[zones, columns] F, the share of last gasps that have had the time to arrive."""
    log_evidence: float
    """log P(observations) relative to "all alive, no terminal blocked"."""
    state: Float64
    """[ways, classes, columns + 1] P(dead since the column, or alive in the last; heard in that way)."""
    class_cut: Float64
    """[classes] P(a topmost cut lies in the class)."""
    map_state: Int8
    """[classes] column of the most probable state, the last one for alive."""
    hearing: Hearing
    near: NearDead
    """What the zones near by say of a meter whose record is wrong; ``while_alive`` as it was weighed."""

    @cached_property
    def cuts(self) -> Int32:
        """Positions of the most probable set of topmost cuts, ascending; of a class its likeliest element."""
        return _cut_positions(self)

    @cached_property
    def cut_probability(self) -> Float64:
        """[positions] P(the element is a topmost cut)."""
        return self.first_failing_share * self._by_position(self.class_cut, 0.0)

    @cached_property
    def class_probability(self) -> Float64:
        """[cuts] P(a topmost cut lies among the cut's equivalents), calibrated."""
        return np.array([self.cut_among(int(cut)) for cut in self.cuts], dtype=np.float64)

    @cached_property
    def dead_probability(self) -> Float64:
        """[positions] P(the place is dead)."""
        return _dead_probability(self)

    @cached_property
    def meter_out_probability(self) -> Float64:
        """[meters] P(the customer's meter is out): the place, its own evidence and κ together."""
        return meter_probabilities(
            self.grid, self.seen, self.onsets, self.shares, self.state, self.near, self.hearing, self.model
        )

    @cached_property
    def blocked_probability(self) -> Float64:
        """[terminals] P(nothing comes through from its meters)."""
        zone = self.grid.terminal_zone
        top = self.grid.zone_top[np.maximum(zone, 0)]
        blocked: Float64 = np.where(zone >= 0, self.state[BLOCKED, top].sum(axis=1), self.model.blocked)
        return blocked

    @cached_property
    def cut_onset_ms(self) -> Int64:
        """[cuts] instant of the likeliest onset bin."""
        classes = self.grid.class_of[self.cuts]
        onset: Int64 = self.onsets.at_ms[self.grid.zone[classes], self.map_state[classes]]
        return onset

    @cached_property
    def sizes(self) -> OutageSizes:
        return outage_sizes(self.grid, self.cuts, self.meter_out_probability, self.dead_probability)

    @property
    def expected(self) -> Float64:
        """[cuts] expected number of customers out below it."""
        return self.sizes.expected

    @property
    def low(self) -> Int64:
        """[cuts] 5 % quantile of that number."""
        return self.sizes.low

    @property
    def high(self) -> Int64:
        """[cuts] 95 % quantile, higher cuts considered."""
        return self.sizes.high

    def equivalents(self, position: int) -> Int32:
        """Positions of the elements whose loss puts the same customers out, likeliest first.

        No meter tells them apart; a terminal may, and moves their order.
        """
        members = self._kindred_members(position)
        ranked: Int32 = members[np.argsort(-self.cut_probability[members], kind="stable")]
        return ranked

    def cut_among(self, position: int) -> float:
        """P(a topmost cut lies among the position's equivalents), calibrated."""
        element_class = int(self.grid.class_of[position])
        if element_class < 0:
            return 0.0
        said = self.class_cut[self.grid.kindred(element_class)].sum(keepdims=True)
        return float(worth(said, self.model.calibration.elements)[0])

    def dead_below(self, position: int) -> float:
        """P(the customers below the position are out, whatever failed): dead at its lowest equivalent."""
        return float(self.dead_probability[self._kindred_members(position).max()])

    def _kindred_members(self, position: int) -> Int32:
        element_class = int(self.grid.class_of[position])
        if element_class < 0:
            return np.array([position], dtype=np.int32)
        kindred = self.grid.kindred(element_class)
        return np.concatenate([self.grid.members(int(each)) for each in kindred])

    @cached_property
    def first_failing_share(self) -> Float64:
        """[positions] P(the element is the first failing one of its class | one fails)."""
        return first_failing(self.grid, self.chances)

    def _by_position(self, by_class: Float64, elsewhere: float) -> Float64:
        inside = self.grid.class_of >= 0
        spread: Float64 = np.where(inside, by_class[self.grid.class_of], elsewhere)
        return spread


def infer(grid: InferenceGrid, observations: Observations, now_ms: int, model: InferenceModel) -> Posterior:
    """The posterior given the observations, evaluated at ``now_ms`` (UTC epoch ms).

    Beside a dead area a last gasp out of a blocked or living one most likely comes from a meter whose record
    is wrong. So where the first sweep finds dead areas, a second one is told how dead the near ones are.
    """
    onsets = find_onsets(grid, observations, now_ms, model)
    blocked = blocked_prior(grid, observations, onsets, model)
    hearing = hearing_before(grid, observations, onsets, blocked, model)
    chances = _chances(grid, observations, hearing, onsets.columns, now_ms, model)
    shares = reporting_shares(grid, observations, onsets, now_ms, model)
    near = nothing_near(len(grid.zone_top), model)
    evidence = node_evidence(grid, observations, onsets, shares, near.while_alive, hearing, model)
    messages = _Messages(grid, onsets, chances)
    state, class_cut = messages.sum_out(evidence)
    found = near_dead(grid, state, model)
    matters = _anywhere_in_source(grid, found.while_alive > NEAR_DEAD_MATTERS)
    if matters.any():
        hearing = hearing_learned(
            hearing, grid, observations, onsets, shares, state, found.while_alive, model
        )
        near = NearDead(found.anyhow, np.where(matters, found.while_alive, near.while_alive))
        evidence = node_evidence(grid, observations, onsets, shares, near.while_alive, hearing, model)
        state, class_cut = messages.sum_out(evidence)
        found = near_dead(grid, state, model)
    log_evidence = messages.log_evidence()
    return Posterior(
        grid=grid,
        seen=observations,
        now_ms=now_ms,
        model=model,
        onsets=onsets,
        chances=chances,
        evidence=evidence,
        shares=shares,
        log_evidence=log_evidence,
        state=state,
        class_cut=class_cut,
        map_state=messages.best(evidence),
        hearing=hearing,
        near=NearDead(anyhow=found.anyhow, while_alive=near.while_alive),
    )


def _anywhere_in_source(grid: InferenceGrid, true: Bool) -> Bool:
    """[zones] whether it is true of any zone of the same source."""
    found = np.zeros(len(true), dtype=np.bool_)
    found[grid.zone_root[true]] = True
    return found[grid.zone_root]


class _Messages:
    """What the sweeps of one call write into, pass after pass: claiming the memory anew takes as long."""

    def __init__(self, grid: InferenceGrid, onsets: Onsets, chances: Chances) -> None:
        shape = (WAYS, len(grid.parent), onsets.columns + 1)
        self._roots = grid.zone_top[grid.zone_outer < 0], np.flatnonzero(grid.zone_outer < 0)
        self._tree = (grid.parent, grid.zone, onsets.bins, onsets.inner, chances.ways)
        self._failing = (chances.class_survival, chances.fail)
        self._belief, self._up, self._state = (np.zeros(shape) for _ in range(3))
        self._q, self._top = np.zeros(shape[:2]), np.zeros(shape[1])

    def sum_out(self, evidence: Float64) -> tuple[Float64, Float64]:
        """P(S) and P(topmost cut), valid until the next pass."""
        self._sweep_up(evidence, maximise=False)
        above = np.zeros((1, 1, self._belief.shape[2]))
        above[0, 0, -1] = 1.0  # what feeds a source is never dead
        messages = (self._belief, self._up, self._q)
        sweep_down(
            0, len(self._top), *self._tree, *self._failing, *messages, above, 0, self._state, self._top
        )
        return self._state, self._top

    def log_evidence(self) -> float:
        """Of the last pass that summed."""
        ways, last = self._tree[-1], self._up.shape[2] - 1
        tops, zones = (rows.tolist() for rows in self._roots)
        messages = [heard_anyhow(ways, z, self._up, v, last) for v, z in zip(tops, zones, strict=True)]
        return float(np.sum(messages))

    def best(self, evidence: Float64) -> Int8:
        """The column of each class's most probable state."""
        self._sweep_up(evidence, maximise=True)
        state, way = np.zeros((2, len(self._top)), dtype=np.int8)
        decode(*self._tree, *self._failing, self._belief, self._up, state, way)
        return state

    def _sweep_up(self, evidence: Float64, maximise: bool) -> None:
        self._belief[:] = evidence
        messages = (self._belief, self._up, self._q)
        sweep_up(0, len(self._top), *self._tree, *self._failing, maximise, *messages)


def _chances(
    grid: InferenceGrid,
    seen: Observations,
    hearing: Hearing,
    columns: int,
    now_ms: int,
    model: InferenceModel,
) -> Chances:
    survival, class_survival = _moved(grid, seen, now_ms, model), grid.class_survival
    moved = np.flatnonzero((survival != grid.survival) & (grid.class_of >= 0))
    if len(moved):
        class_survival = class_survival.copy()
        np.add.at(class_survival, grid.class_of[moved], survival[moved] - grid.survival[moved])
    parts = np.arange(1, max(columns, 1) + 1)
    with np.errstate(divide="ignore"):
        fail = np.log(-np.expm1(class_survival[:, None] / parts))
    return Chances(
        survival=survival,
        class_survival=class_survival,
        fail=np.maximum(fail, NO_FAILURE),
        ways=hearing.ways,
    )


def _moved(grid: InferenceGrid, seen: Observations, now_ms: int, model: InferenceModel) -> Float64:
    """[positions] log P(no failure), moved by the evidence about elements: indicators, plans, switches."""
    survival, position = grid.survival.copy(), grid.edge_position
    since = now_ms - int(model.window_s * 1000)
    fed = position >= 0
    passed = np.sort(position[(seen.edge_fault_passage_ms >= since) & fed])
    for index, top in enumerate(passed):
        stop = grid.tree.end[top]
        if index + 1 < len(passed) and passed[index + 1] < stop:
            continue  # the current flowed on through another indicator: the fault lies below that one
        below = slice(int(top), int(stop))
        raised = np.maximum(survival[below] * model.fault_passage_gain, LEAST_SURVIVAL)
        survival[below] = np.minimum(raised, survival[below])
    opened = (seen.edge_open_ms > seen.edge_closed_ms) & (seen.edge_open_ms >= since)
    for edges, prior in ((seen.edge_planned, model.planned_prior), (opened, model.switch_open_prior)):
        chosen = position[edges & fed]
        survival[chosen[~grid.tree.on_loop[chosen]]] = np.log1p(-prior)
    survival[position[seen.edge_sound & fed]] = FOUND_SOUND
    return survival


def first_failing(grid: InferenceGrid, chances: Chances) -> Float64:
    """[positions] P(the element fails and none above it in its class | one of the class fails)."""
    survival, order = chances.survival[grid.by_class], grid.by_class
    classes = grid.class_of[order]
    before = np.cumsum(survival) - survival
    above = before - before[grid.class_start[classes]]
    share = np.zeros(len(grid.class_of))
    share[order] = np.exp(above) * np.expm1(survival) / np.expm1(chances.class_survival[classes])
    return share


def _cut_positions(posterior: Posterior) -> Int32:
    grid = posterior.grid
    last = posterior.onsets.columns
    dead: Bool = posterior.map_state != last
    fed = np.where(grid.parent >= 0, ~dead[grid.parent], True)
    best = [posterior.equivalents(int(grid.class_top[c]))[0] for c in np.flatnonzero(dead & fed)]
    return np.array(sorted(best), dtype=np.int32)


def _dead_probability(posterior: Posterior) -> Float64:
    """Alive at an element of a chain = alive above the chain less the cuts in it so far."""
    grid, order = posterior.grid, posterior.grid.by_class
    alive_class = posterior.state[:, :, -1].sum(axis=0)
    above = np.where(grid.parent >= 0, alive_class[grid.parent], 1.0)
    classes = grid.class_of[order]
    share = posterior.first_failing_share[order]
    total = np.cumsum(share)
    so_far = total - (total - share)[grid.class_start[classes]]
    alive = np.ones(len(grid.class_of))
    alive[order] = above[classes] - posterior.class_cut[classes] * so_far
    flow_down(grid.tree.parent, grid.class_of, posterior.chances.survival, alive)
    dead: Float64 = np.clip(1.0 - alive, 0.0, 1.0)
    return dead
