"""Why a lost phase is believed, what else was possible, and whose voltages would settle it.

What a place lacks excludes each other: these phases, others, all of them, or nothing. Where they were lost is
one of the classes on the way to the source, or below. Answers are readings: a ping alone tells life, and most
meters live on without one of their phases.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import ABSENT, Float64, Int32
from telemetry.customer_evidence import CustomerEvidence, evidence_of_customers
from telemetry.explanation import (
    MAX_ELEMENTS,
    Alternative,
    ElementChance,
    Explanation,
    Settling,
    Spoken,
    pings_of,
    signs_by_name,
)
from telemetry.findings import element_at
from telemetry.lifecycle import resumed
from telemetry.outages import OutageRevision
from telemetry.parts import part_of
from telemetry.phase_grid import LOW, MEDIUM, TURNS
from telemetry.phase_inference import LostPhase, PhasePosterior, lost_phases
from telemetry.phase_model import ALL_DEAD, LEVELS, PRESENT, SETS, STATES
from telemetry.rivals import entropy_bits
from telemetry.scope import phase_scope
from telemetry.signs import Scene
from telemetry.verification import Asked

ALL_PHASES: Final = "all_phases"
OTHER_PHASES: Final = "other_phases"
NOTHING: Final = "none"
LEAST: Final = 0.002
MAX_ALTERNATIVES: Final = 12
MAX_SETTLING: Final = 4
MAX_CANDIDATES: Final = 3
MISREAD: Final = 0.03
"""P(a reading tells the opposite: the record of a phase or a place is wrong, or the reading is)."""
LEAST_BITS: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class PhaseSight:
    """What a look at the phases of an area saw: all words, and the posteriors made of them."""

    scene: Scene
    posteriors: tuple[PhasePosterior, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    """One possible answer; ``low`` are the low-voltage phases that it takes from everything in ``part``."""

    told: Alternative
    part: slice
    low: int


def explain_phase(
    sight: PhaseSight, revision: OutageRevision, asked: Sequence[Asked] = (), timeout_ms: int = 45_000
) -> Explanation:
    """Of one revision of an outage with ``phases``, from what was seen when it was made."""
    scene, part = sight.scene, part_of(sight.scene, resumed(revision))
    found = _posterior_of(sight, part)
    cut = None if found is None else _cut_of(found, scene, part)
    cases = () if found is None or cut is None else _cases(scene, found, cut)
    chances = np.array([cut.lacking if cut else 1.0, *(case.told.probability for case in cases)])
    customers, left_out = _customers(sight, found, revision)
    return Explanation(
        outage_id=revision.outage_id,
        revision=revision.revision,
        at_ms=scene.now_ms,
        signs=signs_by_name(revision.reasons),
        probability=revision.probability,
        dead=0.0 if cut is None else round(min(cut.lacking, 1.0), 4),
        elements=() if cut is None else tuple(_elements(scene, cut, revision)),
        alternatives=tuple(case.told for case in cases),
        doubt_bits=round(entropy_bits(chances / max(float(chances.sum()), LEAST)), 3),
        settling=() if cut is None else _settling(scene, cut, cases, revision.started_at_ms),
        blocked=(),
        pings=pings_of(scene, asked, timeout_ms),
        said=tuple(
            Spoken(word.kind, word.thing, word.by, word.said_ms)
            for word in scene.corrections.words()
            if f"{word.kind}={word.thing}" in revision.reasons
        ),
        owner_side=revision.owner_side,
        customers=customers,
        customers_left_out=left_out,
    )


def lone_phase_signs(sight: PhaseSight, explained: np.ndarray) -> Int32:
    """Meters that miss a phase by themselves: no outage of a phase covers their place (``explained``)."""
    rows = [one.meters.rows[one.meters.low] for one in sight.posteriors]
    low = np.concatenate([np.empty(0, np.int32), *rows])
    lone: Int32 = low[~explained[sight.scene.tree.position[sight.scene.network.meters.node[low]]]]
    return lone


def _posterior_of(sight: PhaseSight, part: slice) -> PhasePosterior | None:
    around = (one for one in sight.posteriors if one.area.part.start <= part.start < one.area.part.stop)
    return next(around, None) if part.start < part.stop else None


def _cut_of(found: PhasePosterior, scene: Scene, part: slice) -> LostPhase | None:
    """The cut that the revision tells of, or else the one that overlaps it most."""
    cuts = [cut for cut in lost_phases(found, scene.seen) if _shared(cut.part, part) > 0]
    return max(cuts, key=lambda cut: _shared(cut.part, part), default=None)


def _shared(one: slice, other: slice) -> int:
    return int(min(one.stop, other.stop) - max(one.start, other.start))


def _elements(scene: Scene, cut: LostPhase, revision: OutageRevision) -> Iterator[ElementChance]:
    """Shares of what the revision told."""
    for position, share in zip(cut.positions[:MAX_ELEMENTS].tolist(), cut.shares.tolist(), strict=False):
        element, kind = element_at(scene.network, scene.tree, position)
        yield ElementChance(element, kind, round(revision.probability * share, 4))


def _cases(scene: Scene, found: PhasePosterior, cut: LostPhase) -> tuple[_Case, ...]:
    """What else was possible, likeliest first."""
    cases = [*_elsewhere(scene, found, cut), *_otherwise(scene, found, cut)]
    likely = [case for case in cases if case.told.probability >= LEAST]
    ranked = sorted(likely, key=lambda case: (-case.told.probability, case.part.start))
    return tuple(ranked[:MAX_ALTERNATIVES])


def _elsewhere(scene: Scene, found: PhasePosterior, cut: LostPhase) -> Iterator[_Case]:
    """The same phases, lost further up or down."""
    grid, area = found.grid, found.area
    own = int(grid.class_of[cut.part.start])
    way_up, each = [], int(grid.parent[own])
    while each >= area.first:
        way_up.append(each)
        each = int(grid.parent[each])
    kindred = set(grid.kindred(own).tolist())
    for one in (*way_up, *range(own + 1, int(grid.end[own]))):
        local = one - area.first
        sides = {LOW: (SETS,), MEDIUM: (0,), TURNS: (0, SETS)}[int(area.side[local])]
        chance = float(sum(found.cut[local, cut.lost + side] for side in sides))
        if one in kindred or chance < LEAST:
            continue
        top = int(grid.class_top[one])
        part = slice(top, int(scene.tree.end[top]))
        yield _case(scene, cut, element_at(scene.network, scene.tree, top), chance, part, cut.low)


def _otherwise(scene: Scene, found: PhasePosterior, cut: LostPhase) -> Iterator[_Case]:
    """At the place itself: other phases, all of them, or nothing."""
    local = int(found.grid.class_of[cut.part.start]) - found.area.first
    state = found.state[local]
    lacks = np.array([_lacking(int(each)) for each in range(STATES)])
    if found.area.side[local] == MEDIUM:
        lacks = np.where(np.arange(STATES) < SETS, np.arange(STATES), ALL_DEAD)
    wanted = cut.lost if found.area.side[local] == MEDIUM else cut.low
    nothing, everything = float(state[lacks == 0].sum()), float(state[lacks == ALL_DEAD].sum())
    others = float(state[(lacks != 0) & (lacks != ALL_DEAD) & (lacks & wanted == 0)].sum())
    element, _ = element_at(scene.network, scene.tree, cut.part.start)
    yield _case(scene, cut, (element, ALL_PHASES), everything, cut.part, ALL_DEAD)
    yield _case(scene, cut, (element, OTHER_PHASES), others, cut.part, ALL_DEAD & ~cut.low)
    yield _case(scene, cut, ("", NOTHING), nothing, slice(0, 0), 0)


def _lacking(state: int) -> int:
    return sum(1 << phase for phase in range(3) if LEVELS[state, phase] != PRESENT)


def _case(
    scene: Scene, cut: LostPhase, named: tuple[str, str], chance: float, part: slice, low: int
) -> _Case:
    would, given = _without(scene, part, low), _without(scene, cut.part, cut.low)
    told = Alternative(
        *named,
        round(chance, 4),
        len(would),
        len(np.setdiff1d(would, given)),
        len(np.setdiff1d(given, would)),
    )
    return _Case(told, part, low)


def _without(scene: Scene, part: slice, low: int) -> Int32:
    """Customers of the part who are out without these phases."""
    meters = scene.devices.meters(part)
    phases = scene.network.meters.phases[meters]
    hit = (phases & ~low) == 0
    owners = np.unique(scene.network.meters.customer[meters[hit]])
    out: Int32 = owners[owners != ABSENT].astype(np.int32)
    return out


def _settling(scene: Scene, cut: LostPhase, cases: Sequence[_Case], onset_ms: int) -> tuple[Settling, ...]:
    """Meters that have read nothing since, whose voltages would tell the answers apart best."""
    own = _Case(Alternative("", "", cut.lacking, 0, 0, 0), cut.part, cut.low)
    answers = (own, *cases)
    weights = np.array([case.told.probability for case in answers])
    meters = np.array(sorted(set(_unread(scene, answers, onset_ms))), np.int32)
    if len(answers) < 2 or not len(meters) or weights.sum() <= 0:
        return ()
    weights = weights / weights.sum()
    lacks = np.array([_lacks(scene, case, meters) for case in answers])
    whole = np.where(lacks, MISREAD, 1.0 - MISREAD)
    gains = np.array([_gain_bits(weights, whole[:, column]) for column in range(len(meters))])
    best = np.argsort(-gains, kind="stable")[:MAX_SETTLING]
    names, terminals = scene.network.meters, scene.network.terminals
    return tuple(
        Settling(
            names.ids[meters[at]], terminals.ids[int(names.terminal[meters[at]])], round(float(gains[at]), 3)
        )
        for at in best.tolist()
        if gains[at] >= LEAST_BITS
    )


def _unread(scene: Scene, cases: Sequence[_Case], onset_ms: int) -> Iterator[int]:
    seen, meters = scene.seen, scene.network.meters
    for case in cases:
        rows = scene.devices.meters(case.part)
        read_ms = np.maximum(seen.meter_low_ms[rows], seen.meter_normal_ms[rows])
        rows = rows[(read_ms < onset_ms) & (meters.terminal[rows] != ABSENT)]
        for affected in (True, False):
            yield from rows[_lacks(scene, case, rows) == affected][:MAX_CANDIDATES].tolist()


def _lacks(scene: Scene, case: _Case, rows: Int32) -> np.ndarray:
    """[rows] whether they would read a phase missing, were the case so."""
    position = scene.tree.position[scene.network.meters.node[rows]]
    below = (position >= case.part.start) & (position < case.part.stop)
    lacks: np.ndarray = below & ((scene.network.meters.phases[rows] & case.low) > 0)
    return lacks


def _gain_bits(weights: Float64, whole: Float64) -> float:
    """Expected drop of entropy by one reading."""
    left = 0.0
    for chance in (whole, 1.0 - whole):
        branch = weights * chance
        total = float(branch.sum())
        left += total * entropy_bits(branch / total) if total > 0 else 0.0
    return entropy_bits(weights) - left


def _customers(
    sight: PhaseSight, found: PhasePosterior | None, revision: OutageRevision
) -> tuple[tuple[CustomerEvidence, ...], int]:
    """Everybody who lacks the phase by the record, or is out or spared beside it, by row."""
    scene, network = sight.scene, sight.scene.network
    scope = phase_scope(
        network, scene.tree, revision.cut, revision.low_phases, revision.restored, revision.also_out
    )
    return evidence_of_customers(
        scene,
        scope.customer_rows,
        lambda meters: _chances(found, scene, meters),
        revision.also_out,
        revision.not_out,
    )


def _chances(found: PhasePosterior | None, scene: Scene, meters: Int32) -> tuple[Float64, Float64]:
    """[meters] P(their place lacks a phase of theirs), P(they have one phase and lack it)."""
    place, out = np.zeros(len(meters)), np.zeros(len(meters))
    if found is None or not len(found.meters.rows):
        return place, out
    at = np.searchsorted(found.meters.rows, meters)
    at = np.minimum(at, len(found.meters.rows) - 1)
    known = found.meters.rows[at] == meters
    phases = scene.network.meters.phases[meters]
    theirs = (np.arange(SETS)[:, None] >> np.arange(3) & 1).astype(np.bool_)
    lacking = ((LEVELS != PRESENT)[None, :, :] & theirs[:, None, :]).any(axis=2)
    chance = (found.state[found.meters.place[at]] * lacking[phases & ALL_DEAD]).sum(axis=1)
    return np.where(known, chance, 0.0), np.where(known, found.out[at], 0.0)
