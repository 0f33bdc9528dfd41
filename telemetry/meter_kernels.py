"""The loops over single meters, compiled: what one meter's evidence is worth, and who is out.

All kernels that call each other stand in one file, because the compiler's cache notices changes by file.
"""

import math

import numba
import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.observations import NEVER, Int64

Constants = tuple[float, float, float, float, float, float, float, float]


@numba.njit(cache=True)
def meter_ratio(
    off: int, alive: int, silent: int, call: int, onset: int, no_gasp: float, gasp_gain: float,
    numbers: Constants,
) -> tuple[float, float, float]:  # fmt: skip
    """r of one meter for one onset, and two factors of the blocked hypothesis: of any state, of dead alone.

    ``no_gasp`` is P(no last gasp by now | dead since the onset), 1 where it cannot send one, ``gasp_gain``
    P(last gasp | dead) : P(it | alive).
    """
    false_life, silent_gain, call_gain, leak, early, late, tolerance, confirmed = numbers
    ratio, spoke, silence, outside = no_gasp, 1.0, silent_gain, 1.0
    if off > alive and off != NEVER:
        offset = float(off - onset)
        if offset >= -early:
            spoke = leak
            worth = 1.0 if offset <= late else max(0.0, 1.0 - (offset - late) / (4.0 * late))
            if worth > 0.0:
                outside = ratio = math.exp(worth * math.log(gasp_gain))
                silence = confirmed
    if alive != NEVER and float(alive - onset) > tolerance:
        ratio *= false_life
        outside *= false_life
        spoke = leak
    heard = max(off, alive)
    if silent != NEVER and silent > heard and silent > onset:
        ratio *= silence
        spoke = min(spoke, leak)
    if call != NEVER and call > heard and float(call - onset) > -early:
        ratio *= call_gain
        outside *= call_gain
    return ratio, spoke, outside


@numba.njit(cache=True)
def _said_nothing(off: int, alive: int, silent: int, call: int, first: int, numbers: Constants) -> bool:
    """Whether a meter has no word that counts for any onset from the ``first`` on: most have not."""
    early, tolerance = numbers[4], numbers[6]
    heard = max(off, alive)
    return (
        off <= alive
        and (alive == NEVER or float(alive - first) <= tolerance)
        and (silent <= heard or silent <= first)
        and (call <= heard or float(call - first) <= -early)
    )


@numba.njit(cache=True)
def _silence(bins: Int8, quiet: Float64, doubt: Float64, faint: Bool, rho: Float64) -> Float64:
    """[works | other, zones, flag, S]: what a meter adds that could send a last gasp and said nothing."""
    columns = quiet.shape[2]
    added = np.zeros((2, len(bins), 3, columns + 1))
    for z in range(len(bins)):
        best = 0.0
        for s in range(bins[z]):
            best = max(best, quiet[0, z, s])
        away = rho[z] * best + 1.0 - rho[z]
        for flag in range(3):
            kappa, other = doubt[0, z, flag], doubt[1, z, flag]
            base = math.log((1.0 - kappa) + kappa * away)
            for s in range(bins[z]):
                added[0, z, flag, s] = math.log((1.0 - kappa) * quiet[0, z, s] + kappa * away) - base
                right = quiet[1, z, s] if faint[z] else 1.0
                added[1, z, flag, s] = math.log((1.0 - other) * right + other * away) - base
            added[1, z, flag, columns] = math.log((1.0 - other) + other * away) - base
    return added


@numba.njit(cache=True)
def add_meters(
    place: Int32, zone: Int32, bins: Int8, onset: Int64, quiet: Float64, gain: Float64, doubt: Float64,
    before: Int8, faint: Bool, rho: Float64,
    off: Int64, alive: Int64, silent: Int64, call: Int64, can_gasp: Bool, numbers: Constants,
    works: Float64, other: Float64,
) -> None:  # fmt: skip
    """Add every meter's log-likelihoods to its class; for the arrays see ``telemetry.hearing``."""
    last = works.shape[1] - 1
    silence = _silence(bins, quiet, doubt, faint, rho)
    ratio, badly = np.ones(last + 1), np.ones(last + 1)
    for m in range(len(place)):
        if place[m] < 0:
            continue
        v, z, flag = place[m], zone[m], before[m]
        count = bins[z]
        if count == 0:
            continue
        if _said_nothing(off[m], alive[m], silent[m], call[m], onset[z, 0], numbers):
            if can_gasp[m]:
                for s in range(count):
                    works[v, s] += silence[0, z, flag, s]
                    other[v, s] += silence[1, z, flag, s]
                other[v, last] += silence[1, z, flag, last]
            continue
        best, living = _both_ratios(
            off[m], alive[m], silent[m], call[m], can_gasp[m], z, count, onset, quiet, gain, faint[z],
            numbers, ratio, badly,
        )  # fmt: skip
        away = rho[z] * best + 1.0 - rho[z]
        kappa, doubted = doubt[0, z, flag], doubt[1, z, flag]
        base = math.log((1.0 - kappa) + kappa * away)
        for s in range(count):
            works[v, s] += math.log((1.0 - kappa) * ratio[s] + kappa * away) - base
            other[v, s] += math.log((1.0 - doubted) * badly[s] + doubted * away) - base
        other[v, last] += math.log((1.0 - doubted) * living + doubted * away) - base


@numba.njit(cache=True)
def _both_ratios(
    off: int, alive: int, silent: int, call: int, can_gasp: bool, z: int, count: int, onset: Int64,
    quiet: Float64, gain: Float64, faint: bool, numbers: Constants, ratio: Float64, badly: Float64,
) -> tuple[float, float]:  # fmt: skip
    """Fill r(s) of one meter if its zone works, and in the zone's other state.

    Returns the greatest r of a zone that works, and P(its words | alive) in the other state : if it works.
    """
    best, living = 0.0, 1.0
    for s in range(count):
        none = quiet[0, z, s] if can_gasp else 1.0
        ratio[s], spoke, outside = meter_ratio(
            off, alive, silent, call, onset[z, s], none, gain[0, z], numbers
        )
        best = max(best, ratio[s])
        if faint:
            none = quiet[1, z, s] if can_gasp else 1.0
            badly[s] = meter_ratio(off, alive, silent, call, onset[z, s], none, gain[1, z], numbers)[0]
        else:
            badly[s], living = spoke * outside, spoke
    return best, living


@numba.njit(cache=True)
def count_gasps(
    zone: Int32, bins: Int8, onset: Int64, off: Int64, alive: Int64, can_gasp: Bool, numbers: Constants,
    gasps: Float64, able: Float64,
) -> None:  # fmt: skip
    """By zone and onset: meters whose last gasp belongs to it; by zone: meters that could send one."""
    early, late = numbers[4], numbers[5]
    for m in range(len(zone)):
        z = zone[m]
        if z < 0 or not can_gasp[m]:
            continue
        able[z] += 1.0
        if off[m] > alive[m]:
            for s in range(bins[z]):
                if -early <= float(off[m] - onset[z, s]) <= late:
                    gasps[z, s] += 1.0


@numba.njit(cache=True)
def customers_out(
    place: Int32, zone: Int32, bins: Int8, onset: Int64, quiet: Float64, gain: Float64, doubt: Float64,
    before: Int8, faint: Bool, rho_alive: Float64, rho: Float64,
    off: Int64, alive: Int64, silent: Int64, call: Int64, can_gasp: Bool, numbers: Constants,
    p_works: Float64, p_other: Float64, out: Float64,
) -> None:  # fmt: skip
    """[meters] P(out), the place's posterior freed from the meter's own evidence before it is used."""
    last = p_works.shape[1] - 1
    ratio, badly = np.ones(last + 1), np.ones(last + 1)
    for m in range(len(place)):
        v = place[m]
        if v < 0:
            out[m] = 1.0
            continue
        z = zone[m]
        count = bins[z]
        if count == 0:
            out[m] = 0.0
            continue
        best, lives = _both_ratios(
            off[m], alive[m], silent[m], call[m], can_gasp[m], z, count, onset, quiet, gain, faint[z],
            numbers, ratio, badly,
        )  # fmt: skip
        away = rho_alive[z] * best + 1.0 - rho_alive[z]
        kappa, doubted = doubt[0, z, before[m]], doubt[1, z, before[m]]
        here, there = p_works[v, last] / ((1.0 - kappa) + kappa * away), 0.0
        living, there = (1.0 - kappa) * here, kappa * here
        here = p_other[v, last] / ((1.0 - doubted) * lives + doubted * away)
        living, there = living + (1.0 - doubted) * here * lives, there + doubted * here
        dead = 0.0
        for s in range(count):
            here = p_works[v, s] / ((1.0 - kappa) * ratio[s] + kappa * away)
            dead, there = dead + (1.0 - kappa) * here * ratio[s], there + kappa * here
            here = p_other[v, s] / ((1.0 - doubted) * badly[s] + doubted * away)
            dead, there = dead + (1.0 - doubted) * here * badly[s], there + doubted * here
        dead += there * rho[z] * best
        out[m] = dead / (dead + living + there * (1.0 - rho[z]))
