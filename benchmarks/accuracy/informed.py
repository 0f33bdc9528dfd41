"""The best that anybody could answer: an exact posterior that knows all but what was silent.

Who is told where every meter really hangs, which last gasps are false alarms, which areas are deaf, how
likely each last gasp was to be lost, how late each terminal is, when the faults struck and by what law they
are drawn, can only be asked about places of which no word has come. The answer is the faults' posterior:

    P(faults F) ∝ P(|F| = K) Π p(f) / e_K,  none above another;   e_K = Σ Π p over all such sets of size K

where p(f) is the chance of one drawn fault; a silent meter weighs r = P(silent | dead) : P(silent | alive).
With D_v = Σ log r below v, one sweep up the supply tree makes polynomials in the number of faults,
Z_v = Π_children Z + x p(v) e^{D_v}, and one down their derivatives, P(v failed).

To maximise F1 over many nights, name whoever is dead with more than half of the F1 reached (a ratio of sums
is greatest where each term is taken by its own sign). A method that knows less does no better than this, but
for luck in the nights drawn. That a fault above another is redrawn favours large ones a little: not in p.
"""

from functools import lru_cache
from typing import Final

import numba
import numpy as np

from benchmarks.accuracy.conditions import Condition, Delivery
from benchmarks.accuracy.delivery import BATCH_S
from benchmarks.accuracy.nights import BEATS_S, Night, Place, fault_chances
from benchmarks.accuracy.supply import Int64, Supply
from geo.network import Bool, Float64, Int32

FACT: Final = 1_000.0
"""Log-odds of what is certain."""
NAMED: Final = 0.49
"""Half of the F1 reached, nearly: whom to name."""
MOST_FAULTS: Final = 3
"""Nights of more faults are not asked about: the sweep's polynomials would be long."""
HUGE: Final = 1e250


def places_dead(place: Place, condition: Condition, night: Night) -> Bool:
    """[meters] whether to name the recorded place as dead, at the condition's main instant."""
    known = night.signals.heard(condition.judged_s)
    until_s = known.until_s if condition.delivery is Delivery.BATCHES else condition.judged_s
    below = night.supply.sum_up(_evidence(place, condition, night, until_s))
    chance = _chances(night.supply)
    worth = set_worths(night.supply, condition.faults)
    dead = posterior(night.supply.order, night.supply.feeder, chance, below, worth)
    said: Bool = dead[place.network.meters.node] > NAMED
    return said


def _evidence(place: Place, condition: Condition, night: Night, until_s: float) -> Float64:
    """[nodes] log P(what was heard of the meters that really hang there | dead) : P(it | alive)."""
    signals, supply = night.signals, night.supply
    late_s = np.zeros(len(night.dead))
    if condition.delivery is Delivery.LATE:
        before, heard_of = signals.meter_before, np.isfinite(signals.meter_before.received_s)
        late_s[heard_of] = before.received_s[heard_of] - before.stamped_s[heard_of]
    lost = night.loss_chance + (1.0 - night.loss_chance) * np.exp(-_elapsed_s(until_s - late_s, condition))
    within_s = BATCH_S if condition.delivery is Delivery.BATCHES else BEATS_S
    beats = condition.heartbeat * np.clip((until_s - late_s) / within_s, 0.0, 1.0)
    deaf = np.isin(place.supply.area[night.where], night.deaf_areas)
    worth = np.where(deaf, 0.0, np.log(lost) - np.log1p(-beats))
    gasped = signals.meter_off.received_s <= condition.judged_s
    lives = signals.meter_alive.received_s <= condition.judged_s
    worth[gasped & night.dead] = FACT
    worth[(gasped & ~night.dead) | lives] = -FACT
    evidence = np.bincount(night.where, weights=worth, minlength=len(supply.feeder)).astype(np.float64)
    top = place.network.edges.to_node[place.terminal_area]
    spoke = signals.terminal_off.received_s <= condition.judged_s
    came = condition.terminals * condition.terminal_gasp * -np.expm1(-_elapsed_s(until_s, condition))
    np.add.at(evidence, top, np.where(spoke, FACT, np.log1p(-came)))
    return evidence


def _elapsed_s(since_s: Float64 | float, condition: Condition) -> Float64:
    """In mean delays of a last gasp."""
    elapsed: Float64 = np.maximum(since_s, 0.0) / condition.mean_delay_s
    return elapsed


@lru_cache(maxsize=4)
def _chances(supply: Supply) -> Float64:
    return fault_chances(supply)


@lru_cache(maxsize=16)
def set_worths(supply: Supply, faults: tuple[int, int]) -> Float64:
    """[number of faults] P(so many) by the total weight of such sets."""
    nothing = np.zeros(len(supply.feeder))
    total, *_ = _sweep_up(supply.order, supply.feeder, _chances(supply), nothing)
    worth = np.zeros(MOST_FAULTS + 1)
    worth[faults[0] : faults[1] + 1] = 1.0 / np.maximum(total[faults[0] : faults[1] + 1], 1e-300)
    return worth


@numba.njit(cache=True)
def _sweep_up(
    order: Int64, feeder: Int32, chance: Float64, below: Float64
) -> tuple[Float64, Float64, Float64, Float64, Float64, Float64, Float64]:
    """Of all sources together: the polynomial; of each node what the way down needs.

    Polynomials have their greatest coefficient at 1; ``scale`` is the logarithm of what was taken out.
    """
    nodes, width = len(feeder), MOST_FAULTS + 1
    grown, before, own = np.zeros((nodes + 1, width)), np.zeros((nodes, width)), np.zeros((nodes, width))
    scale, keep, fails, norm = np.zeros(nodes + 1), np.zeros(nodes), np.zeros(nodes), np.ones(nodes)
    grown[:, 0] = 1.0
    for index in range(len(order) - 1, -1, -1):
        v = order[index]
        p = feeder[v] if feeder[v] >= 0 else nodes
        cut = np.log(chance[v]) + below[v] if chance[v] > 0.0 else -np.inf
        top = max(scale[v], cut)
        if top > -np.inf:
            keep[v], fails[v] = np.exp(scale[v] - top), np.exp(cut - top)
        for k in range(width):
            own[v, k] = grown[v, k] * keep[v]
            before[v, k] = grown[p, k]
        own[v, 1] += fails[v]
        greatest = 0.0
        for k in range(width):
            grown[p, k] = 0.0
            for j in range(k + 1):
                grown[p, k] += before[v, j] * own[v, k - j]
            greatest = max(greatest, grown[p, k])
        if greatest <= 0.0:  # more branches spoke than there are faults: something above them failed
            scale[p], norm[v] = -np.inf, 0.0
            continue
        norm[v] = 1.0 / greatest
        scale[p] += top + np.log(greatest)
        for k in range(width):
            grown[p, k] *= norm[v]
    return grown[nodes] * np.exp(min(scale[nodes], 700.0)), grown[nodes], before, own, keep, fails, norm


@numba.njit(cache=True)
def posterior(order: Int64, feeder: Int32, chance: Float64, below: Float64, worth: Float64) -> Float64:
    """[nodes] P(dead), from the derivatives of the sources' sum by every node's polynomial."""
    _, root, before, own, keep, fails, norm = _sweep_up(order, feeder, chance, below)
    nodes, width = len(feeder), len(worth)
    slope, dead = np.zeros((nodes + 1, width)), np.zeros(nodes)
    slope[nodes] = worth
    total = (worth * root).sum()
    mine, rest = np.zeros(width), np.zeros(width)
    for v in order:
        p = feeder[v] if feeder[v] >= 0 else nodes
        for k in range(width):
            mine[k] = rest[k] = 0.0
            for j in range(width - k):
                mine[k] += slope[p, k + j] * before[v, j] * norm[v]
                rest[k] += slope[p, k + j] * own[v, j] * norm[v]
        for k in range(width):
            slope[p, k] = min(rest[k], HUGE)
            slope[v, k] = min(mine[k] * keep[v], HUGE)
        above = dead[p] if p < nodes else 0.0
        dead[v] = min(1.0, above + mine[1] * fails[v] / total)
    return dead
