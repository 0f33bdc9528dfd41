"""What else could it be? The rival cuts around an outage, and whose answer would tell them apart.

On the way from a place to its source the topmost cut is one element class or none, so these cases exclude
each other and add up to P(the place is dead). If the place lives, cuts may lie further down. A meter that is
dead under some rivals and alive under others tells them apart; the best question is the one with the largest
expected drop of entropy, chosen greedily, each next one given the answers to those before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import ABSENT, Float64, Int32
from telemetry.inference import Posterior
from telemetry.observations import NEVER
from telemetry.signs import Scene, living

MAX_RIVALS: Final = 12
LEAST_PROBABILITY: Final = 0.002
MAX_CANDIDATES: Final = 3
"""Meters looked at for each stretch between two rivals."""
MAX_QUESTIONS: Final = 4
REACH: Final = 0.9
"""P(a living meter answers), its terminal not being blocked."""
FALSE_ANSWER: Final = 0.001
LEAST_BITS: Final = 0.02
"""A question worth less settles nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """One possible answer: a topmost cut in this class, or nothing failed here."""

    top: int
    """Topmost position whose loss it is; ABSENT: nothing failed."""
    probability: float

    def part(self, scene: Scene) -> slice:
        """Tree positions dead by it."""
        return slice(0, 0) if self.top == ABSENT else slice(self.top, int(scene.tree.end[self.top]))


@dataclass(frozen=True, slots=True)
class Worth:
    """A meter whose answer would help."""

    meter: int
    """Row."""
    bits: float
    """Expected drop of the rivals' entropy, given the questions before it."""


def rivals_of(posterior: Posterior, part: slice) -> tuple[Rival, ...]:
    """What is possible around a part, likeliest first, probabilities summing to one."""
    grid = posterior.grid
    own = int(grid.class_of[part.start])
    if own == ABSENT:
        return ()
    above = [_rival(posterior, each) for each in _way_up(posterior, own)]
    below = [_rival(posterior, each) for each in _tops_below(posterior, own)]
    alive = max(1.0 - sum(rival.probability for rival in above), 0.0)
    inside = sum(rival.probability for rival in below)
    share = min(1.0, alive / inside) if inside > 0 else 0.0
    found = [*above, *(Rival(r.top, r.probability * share) for r in below)]
    found.append(Rival(ABSENT, max(alive - inside, 0.0)))
    kept = sorted(
        (r for r in found if r.probability >= LEAST_PROBABILITY), key=lambda r: (-r.probability, r.top)
    )[:MAX_RIVALS]
    total = sum(rival.probability for rival in kept) or 1.0
    return tuple(Rival(rival.top, rival.probability / total) for rival in kept)


def entropy_bits(weights: Float64) -> float:
    """Of a distribution; what is nought counts for nothing."""
    some = weights[weights > 0]
    return float(-(some * np.log2(some)).sum())


def doubt_bits(rivals: Sequence[Rival]) -> float:
    """How open the question is: 0 where one rival is certain."""
    return entropy_bits(np.array([rival.probability for rival in rivals]))


def best_questions(
    scene: Scene, posterior: Posterior, rivals: Sequence[Rival], onset_ms: int, most: int = MAX_QUESTIONS
) -> tuple[Worth, ...]:
    """Meters worth asking, best first; none where no meter tells the rivals apart."""
    meters = np.array(sorted(set(_candidates(scene, rivals, onset_ms))), np.int32)
    if not len(meters) or len(rivals) < 2:
        return ()
    answers = _answer_chances(scene, posterior, rivals, meters)
    branches = [np.array([rival.probability for rival in rivals])]
    chosen: list[Worth] = []
    left = list(range(len(meters)))
    while left and len(chosen) < most:
        gains = [_gain_bits(branches, answers[:, column]) for column in left]
        best = int(np.argmax(gains))
        if gains[best] < LEAST_BITS:
            break
        column = left.pop(best)
        chosen.append(Worth(int(meters[column]), round(gains[best], 3)))
        branches = [
            weights * chance
            for weights in branches
            for chance in (answers[:, column], 1 - answers[:, column])
        ]
    return tuple(chosen)


def _way_up(posterior: Posterior, own: int) -> Iterator[int]:
    """Topmost classes with the same meters, from this one to its source."""
    grid = posterior.grid
    each = int(grid.kin[own])
    while each != ABSENT:
        if _kindred_cut(posterior, each) > 0:
            yield each
        above = int(grid.parent[each])
        each = int(grid.kin[above]) if above != ABSENT else ABSENT


def _tops_below(posterior: Posterior, own: int) -> list[int]:
    """Topmost classes of their kin below this one in which a cut is possible at all."""
    kin, first = posterior.grid.kin, own + 1
    inside = slice(first, int(posterior.grid.end[own]))
    within = kin[inside] >= first
    cut = np.bincount(
        kin[inside][within] - first, posterior.class_cut[inside][within], inside.stop - inside.start
    )
    found: list[int] = (first + np.flatnonzero(cut >= LEAST_PROBABILITY)).tolist()
    return found


def _kindred_cut(posterior: Posterior, each: int) -> float:
    """Quick where nothing speaks for the class itself: kin lie right below it."""
    grid, total = posterior.grid, 0.0
    last = int(grid.end[each])
    while each < last:
        total += float(posterior.class_cut[each])
        following = each + 1
        if following >= last or int(grid.kin[following]) != int(grid.kin[each]):
            break
        each = following
    return total


def _rival(posterior: Posterior, each: int) -> Rival:
    return Rival(int(posterior.grid.class_top[each]), _kindred_cut(posterior, each))


def _candidates(scene: Scene, rivals: Sequence[Rival], onset_ms: int) -> Iterator[int]:
    """A few meters of each stretch that lies in one rival and not in the rivals inside it."""
    parts = [rival.part(scene) for rival in rivals if rival.top != ABSENT]
    for part in parts:
        inner = [p for p in parts if p != part and part.start <= p.start and p.stop <= part.stop]
        rows = scene.devices.meters(part)
        position = scene.tree.position[scene.network.meters.node[rows]]
        for each in inner:
            outside = (position < each.start) | (position >= each.stop)
            rows, position = rows[outside], position[outside]
        yield from _answerable(scene, rows, onset_ms)[:MAX_CANDIDATES].tolist()


def _answerable(scene: Scene, rows: Int32, onset_ms: int) -> Int32:
    """Those that somebody speaks for and that have told nothing since; once heard ones first."""
    seen = scene.seen
    silent = seen.meter_silent_ms[rows] > onset_ms
    rows = rows[(scene.network.meters.terminal[rows] != ABSENT) & ~living(seen, rows, onset_ms) & ~silent]
    gasped = seen.meter_off_ms[rows] > seen.meter_alive_ms[rows]
    never = (seen.meter_alive_ms[rows] == NEVER) & ~gasped
    order = np.lexsort((rows, gasped, never))
    ranked: Int32 = rows[order]
    return ranked


def _answer_chances(scene: Scene, posterior: Posterior, rivals: Sequence[Rival], meters: Int32) -> Float64:
    """[rivals, meters] P(it answers | the rival is true)."""
    position = scene.tree.position[scene.network.meters.node[meters]]
    blocked = posterior.blocked_probability[scene.network.meters.terminal[meters]]
    chances = np.empty((len(rivals), len(meters)))
    for number, rival in enumerate(rivals):
        part = rival.part(scene)
        dead = (position >= part.start) & (position < part.stop)
        chances[number] = np.where(dead, FALSE_ANSWER, REACH * (1.0 - blocked))
    return chances


def _gain_bits(branches: Sequence[Float64], answers: Float64) -> float:
    """Expected drop of entropy by one more answer, over what the earlier ones may have been."""
    return sum(
        _bits(weights) - _bits(weights * answers) - _bits(weights * (1.0 - answers)) for weights in branches
    )


def _bits(weights: Float64) -> float:
    """P(branch) times the entropy inside it."""
    total = float(weights.sum())
    return total * entropy_bits(weights / total) if total > 0 else 0.0
