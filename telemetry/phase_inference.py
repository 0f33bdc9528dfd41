"""Which phases are lost, and where? The exact posterior over sets of dead phases of every place of a feeder.

Looked at only where something hints at a missing phase: a voltage, or last gasps of one phase alone. Losing
all phases is one of the states, so a dead transformer is not three lost phases. What is partly lost is taken
out of the evidence before the outage inference proper (``telemetry.inference``) sees it, so one lost phase is
not forty single outages.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.inference import InferenceGrid, InferenceModel
from telemetry.observations import NEVER, Observations
from telemetry.onsets import densest_onset
from telemetry.phase_evidence import (
    GASP_DECAY_S,
    Bracket,
    Words,
    bracket,
    touched,
    words_of_meters,
    words_of_terminals,
)
from telemetry.phase_grid import LOW, MEDIUM, TURNS, PhaseSlice, Slices, top_of
from telemetry.phase_kernels import decode, judge, lift, lower, weigh
from telemetry.phase_model import ALL_DEAD, DEAD, LEVELS, SETS, STATES, PhaseModel, low_phases
from telemetry.signs import EARLY_MS

MODEL: Final = PhaseModel()


@dataclass(frozen=True, slots=True, eq=False)
class PhasePosterior:
    """The answer for one slice of the tree."""

    grid: InferenceGrid
    area: PhaseSlice
    model: PhaseModel
    when: Bracket
    meters: Words
    terminals: Words
    evidence: Float64
    """[classes, states] each class's own, relative to "all phases live"."""
    state: Float64
    """[classes, states] P(state); of a class at medium voltage the first 8."""
    primary: Float64
    """[classes, 8] P(dead set before the transformer)."""
    cut: Float64
    """[classes, 16] P(the set became dead in the class's part at medium | at low voltage)."""
    map_state: Int8
    map_primary: Int8
    out: Float64
    """[meters] P(it has one phase and lacks it)."""
    partly: Float64
    """[meters] P(it has several phases and lacks some)."""


@dataclass(frozen=True, slots=True, eq=False)
class LostPhase:
    """Where phases became dead, as believed now."""

    part: slice
    """Tree positions below."""
    positions: Int32
    """Elements that the evidence cannot tell apart, likeliest first."""
    shares: Float64
    """[positions] P(it is this one | it is one of them)."""
    lost: int
    """The phases lost at the cut, as bits."""
    low: int
    """The low-voltage phases without usable supply below it."""
    probability: float
    """P(the phases were lost there)."""
    lacking: float
    """P(the place lacks the phases, wherever they were lost)."""
    onset_ms: int
    low_meters: int
    """Meters whose voltage misses a phase."""
    gasped: int
    lives: bool
    """Whether a living phase was seen below: else nothing tells it from an outage of all phases."""
    out: Int32
    """Meter rows below that have one phase and probably lack it."""
    partly: Int32
    """Meter rows below that have several phases and probably lack some."""


def infer_phases(
    grid: InferenceGrid, seen: Observations, now_ms: int, model: InferenceModel, slices: Slices
) -> tuple[PhasePosterior, ...]:
    """The posteriors of all parts of the network in which something hints at a missing phase."""
    places, low = touched(grid, seen, now_ms, model)
    tops = sorted({top_of(grid, int(place)) for place in places})
    areas = [slices.at(grid, top, MODEL) for top in tops]
    return tuple(_infer(grid, seen, low, now_ms, area, (model, MODEL)) for area in areas)


def _infer(
    grid: InferenceGrid, seen: Observations, low: Bool, now_ms: int, area: PhaseSlice,
    models: tuple[InferenceModel, PhaseModel],
) -> PhasePosterior:  # fmt: skip
    model, phases = models
    first = area.first
    rows = np.sort(grid.meters_below(area.part.start))
    since_ms = now_ms - int(model.window_s * 1000)
    gasped = (seen.meter_off_ms[rows] > seen.meter_alive_ms[rows]) & (seen.meter_off_ms[rows] >= since_ms)
    when = bracket(grid, seen, rows, low[rows], gasped, now_ms)
    meters = words_of_meters(grid, seen, rows, first, when, low[rows], gasped, now_ms, models)
    spoken = _terminals_in(grid, area)
    terminals = words_of_terminals(grid, seen, spoken, first, when, model)
    evidence = np.zeros((area.stop - first, STATES))
    numbers = (phases.wrong_place, phases.wrong_reading, phases.stray_voltage, phases.elsewhere,
               model.false_life)  # fmt: skip
    for words, place in ((meters, numbers), (terminals, (1e-6, *numbers[1:]))):
        weigh(words.place, area.side, words.volts, words.dead, words.before, words.odds, LEVELS, place,
              evidence)  # fmt: skip
    return sweep_phases(grid, area, phases, when, meters, terminals, evidence, numbers)


def sweep_phases(
    grid: InferenceGrid, area: PhaseSlice, phases: PhaseModel, when: Bracket, meters: Words, terminals: Words,
    evidence: Float64, numbers: tuple[float, float, float, float, float],
) -> PhasePosterior:  # fmt: skip
    """The posterior of a slice from the evidence of its classes."""
    classes = area.stop - area.first
    tree = (area.parent, area.side, area.lost_mv, area.lost_lv, phases.delta)
    belief, up = evidence.copy(), np.zeros((classes, STATES))
    lift(*tree, False, belief, up)
    state, primary, cut = np.zeros((classes, STATES)), np.zeros((classes, SETS)), np.zeros((classes, 16))
    lower(*tree, belief, state, primary, cut)
    best = evidence.copy()
    lift(*tree, True, best, up)
    map_state, map_primary = np.zeros(classes, np.int8), np.zeros(classes, np.int8)
    decode(*tree, best, map_state, map_primary)
    out, partly = np.zeros(len(meters.rows)), np.zeros(len(meters.rows))
    judge(meters.place, map_state, meters.volts, meters.dead, meters.odds, LEVELS, numbers, out, partly)
    return PhasePosterior(
        grid, area, phases, when, meters, terminals, evidence, state, primary, cut, map_state, map_primary,
        out, partly,
    )  # fmt: skip


def _terminals_in(grid: InferenceGrid, area: PhaseSlice) -> Int32:
    zone = grid.terminal_zone
    top = np.where(zone >= 0, grid.zone_top[np.maximum(zone, 0)], -1)
    rows: Int32 = np.flatnonzero((top >= area.first) & (top < area.stop)).astype(np.int32)
    return rows


def lost_phases(found: PhasePosterior, seen: Observations) -> tuple[LostPhase, ...]:
    """Where the most probable states lose a phase and not all of them, in the order of the tree."""
    area, state, primary = found.area, found.map_state, found.map_primary
    fed = area.parent >= 0
    above = np.where(fed, state[np.maximum(area.parent, 0)], 0)
    cuts: list[LostPhase] = []
    for c in range(len(state)):
        if area.side[c] != LOW and primary[c] != above[c] and int(primary[c]).bit_count() == 1:
            cuts.append(_lost(found, seen, c, int(primary[c]), MEDIUM))
        before = int(above[c]) % SETS if area.side[c] == LOW else 0
        dead = int(state[c]) % SETS
        turned = area.side[c] == LOW or (area.side[c] == TURNS and int(primary[c]).bit_count() <= 1)
        if turned and dead not in {before, 0, ALL_DEAD}:
            cuts.append(_lost(found, seen, c, dead, LOW))
    return tuple(cuts)


def _lost(found: PhasePosterior, seen: Observations, c: int, lost: int, side: int) -> LostPhase:
    grid, area = found.grid, found.area
    kindred = grid.kindred(area.first + c)
    kindred = kindred[(kindred >= area.first) & (kindred < area.stop)]
    positions = np.concatenate([grid.members(int(one)) for one in kindred])
    inside = positions - area.part.start
    low = lost if side == LOW else _low_below(found, c, lost)
    alike = _same_pattern(found, kindred - area.first, lost, low, side)
    weight = (area.single_lv if side == LOW else area.single_mv)[inside]
    if alike > 0.0:
        other = (area.single_mv if side == LOW else area.single_lv)[inside]
        weight = weight + other * (1.0 - found.model.delta if side == LOW else 1.0)
    order = np.argsort(-weight, kind="stable")
    ranked = positions[order][weight[order] > 0.0]
    top = int(ranked.min()) if len(ranked) else int(grid.class_top[area.first + c])
    below = slice(top, int(grid.tree.end[top]))
    own = float(found.cut[kindred - area.first, lost + (SETS if side == LOW else 0)].sum())
    return _described(found, seen, c, below, (ranked, weight[order]), lost, low, (own + alike, side))


def _same_pattern(found: PhasePosterior, classes: Int32, lost: int, low: int, side: int) -> float:
    """P(the same phases look lost because they were on the other side of this transformer)."""
    if low != lost or lost.bit_count() != 1 or not (found.area.side[classes] == TURNS).any():
        return 0.0
    star = found.state[classes, 8 * (4 + lost // 2)].max(initial=0.0)
    elsewhere = found.cut[classes, lost + (0 if side == LOW else SETS)].sum()
    return float(min(star, elsewhere) if side == LOW else elsewhere)


def _low_below(found: PhasePosterior, c: int, lost: int) -> int:
    """What most low-voltage places below a cut at medium voltage lack."""
    area, place = found.area, found.meters.place
    end = int(found.grid.end[area.first + c]) - area.first
    states = found.map_state[place[(place >= c) & (place < end)]]
    turned = states[(states >= SETS) & ((states // SETS - 1) % 3 == lost // 2)]
    if not len(turned):
        return lost
    return low_phases(int(np.bincount(turned // SETS).argmax()) * SETS)


def _described(
    found: PhasePosterior, seen: Observations, c: int, below: slice, ranked: tuple[Int32, Float64],
    lost: int, low: int, believed: tuple[float, int],
) -> LostPhase:  # fmt: skip
    grid, meters = found.grid, found.meters
    position = grid.tree.position[grid.network.meters.node[meters.rows]]
    here = (position >= below.start) & (position < below.stop)
    disturbed = here & (found.out + found.partly > 0.5)
    gasped = meters.gasped & disturbed
    (positions, weights), (probability, side) = ranked, believed
    return LostPhase(
        part=below,
        positions=positions,
        shares=weights[: len(positions)] / max(float(weights[: len(positions)].sum()), 1e-300),
        lost=lost,
        low=low,
        probability=min(probability, 1.0),
        lacking=_lacking(found, c, lost, side),
        onset_ms=_onset(found, seen, gasped, meters.low & here, c),
        low_meters=int(np.count_nonzero(meters.low & here)),
        gasped=int(np.count_nonzero(gasped)),
        lives=bool((meters.low & here).any() or (_alive(seen, found) & here & ~disturbed).any()),
        out=meters.rows[here & (found.out > 0.5)],
        partly=meters.rows[here & (found.partly > 0.5)],
    )


def _alive(seen: Observations, found: PhasePosterior) -> Bool:
    rows = found.meters.rows
    until_ms = found.when.until_ms[found.grid.meter_zone[rows]]
    lives: Bool = (seen.meter_alive_ms[rows] > until_ms) & ~found.meters.gasped
    return lives


def _lacking(found: PhasePosterior, c: int, lost: int, side: int) -> float:
    """P(the place lacks these phases and has another): at the class, or where below it is surest."""
    end = int(found.grid.end[found.area.first + c]) - found.area.first
    if side == MEDIUM:
        medium = found.area.side[c:end] != LOW
        return float(found.primary[c:end, lost][medium].max())
    partly = np.arange(STATES) % SETS != ALL_DEAD
    for phase in range(3):
        if lost >> phase & 1:
            partly &= LEVELS[:, phase] == DEAD
    return float(found.state[c:end][:, partly].sum(axis=1).max())


def _onset(found: PhasePosterior, seen: Observations, gasped: Bool, low: Bool, c: int) -> int:
    """Last gasps tell the instant; voltages that it was before the first bad one."""
    said = np.sort(seen.meter_off_ms[found.meters.rows[gasped]])
    if len(said):
        return densest_onset(said, np.ones(len(said)), GASP_DECAY_S)
    zone = found.grid.zone[found.area.first + c]
    return int(seen.meter_low_ms[found.meters.rows[low]].min(initial=found.when.until_ms[zone]))


def without_lost_phases(seen: Observations, found: tuple[PhasePosterior, ...]) -> Observations:
    """The evidence less the words of meters where a phase is believed lost and others live."""
    off, silent, call = seen.meter_off_ms.copy(), seen.meter_silent_ms.copy(), seen.meter_call_ms.copy()
    for one in found:
        rows, state = one.meters.rows, one.map_state[one.meters.place]
        partly = (state % SETS != ALL_DEAD) & np.array([low_phases(int(x)) != 0 for x in state], np.bool_)
        theirs = rows[partly]
        after_ms = one.when.after_ms[one.grid.meter_zone[theirs]]
        explained = theirs[(off[theirs] >= after_ms - EARLY_MS) | (off[theirs] == NEVER)]
        off[explained] = silent[explained] = call[explained] = NEVER
    return replace(seen, meter_off_ms=off, meter_silent_ms=silent, meter_call_ms=call)
