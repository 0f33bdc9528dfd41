"""The loops over single meters, compiled: what one meter's evidence is worth, and who is out.

All kernels that call each other stand in one file, because the compiler's cache notices changes by file.
"""

import math

import numba
import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.observations import NEVER, Int64

Constants = tuple[float, float, float, float, float, float, float, float, float, float]


@numba.njit(cache=True)
def meter_ratio(
    off: int, alive: int, silent: int, call: int, onset: int, no_gasp: float, numbers: Constants
) -> tuple[float, float, float]:
    """r of one meter for one onset, and two factors of the blocked hypothesis: of any state, of dead alone.

    ``no_gasp`` is P(no last gasp by now | dead since the onset), 1 where it cannot send one.
    """
    gasp_gain, false_life, silent_gain, call_gain, leak, early, late, tolerance, _, confirmed = numbers
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
    early, tolerance = numbers[5], numbers[7]
    heard = max(off, alive)
    return (
        off <= alive
        and (alive == NEVER or float(alive - first) <= tolerance)
        and (silent <= heard or silent <= first)
        and (call <= heard or float(call - first) <= -early)
    )


@numba.njit(cache=True)
def _silence(bins: Int8, no_gasp: Float64, rho: Float64, kappa: float) -> Float64:
    """By zone and onset: what a meter adds that could have sent a last gasp and said nothing."""
    added = np.zeros(no_gasp.shape)
    for z in range(len(bins)):
        best = 0.0
        for s in range(bins[z]):
            best = max(best, no_gasp[z, s])
        wrong = kappa * (rho[z] * best + 1.0 - rho[z])
        for s in range(bins[z]):
            added[z, s] = math.log((1.0 - kappa) * no_gasp[z, s] + wrong) - math.log((1.0 - kappa) + wrong)
    return added


@numba.njit(cache=True)
def add_meters(
    place: Int32, zone: Int32, bins: Int8, onset: Int64, no_gasp: Float64, rho: Float64,
    off: Int64, alive: Int64, silent: Int64, call: Int64, can_gasp: Bool, numbers: Constants,
    works: Float64, stuck: Float64,
) -> None:  # fmt: skip
    """Add every meter's log-likelihoods to its class."""
    kappa = numbers[8]
    last = works.shape[1] - 1
    silence = _silence(bins, no_gasp, rho, kappa)
    ratio = np.ones(last + 1)
    spoke = np.ones(last + 1)
    outside = np.ones(last + 1)
    for m in range(len(place)):
        if place[m] < 0:
            continue
        z = zone[m]
        count = bins[z]
        if count == 0:
            continue
        if _said_nothing(off[m], alive[m], silent[m], call[m], onset[z, 0], numbers):
            if can_gasp[m]:
                for s in range(count):
                    works[place[m], s] += silence[z, s]
            continue
        best = 0.0
        for s in range(count):
            quiet = no_gasp[z, s] if can_gasp[m] else 1.0
            ratio[s], spoke[s], outside[s] = meter_ratio(
                off[m], alive[m], silent[m], call[m], onset[z, s], quiet, numbers
            )
            best = max(best, ratio[s])
        wrong = kappa * (rho[z] * best + 1.0 - rho[z])
        base = math.log((1.0 - kappa) + wrong)
        v = place[m]
        for s in range(count):
            works[v, s] += math.log((1.0 - kappa) * ratio[s] + wrong) - base
            stuck[v, s] += math.log((1.0 - kappa) * spoke[s] * outside[s] + wrong) - base
        stuck[v, last] += math.log((1.0 - kappa) * spoke[count - 1] + wrong) - base


@numba.njit(cache=True)
def count_gasps(
    zone: Int32, bins: Int8, onset: Int64, off: Int64, alive: Int64, can_gasp: Bool, numbers: Constants,
    gasps: Float64, able: Float64,
) -> None:  # fmt: skip
    """By zone and onset: meters whose last gasp belongs to it; by zone: meters that could send one."""
    early, late = numbers[5], numbers[6]
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
    place: Int32, zone: Int32, bins: Int8, onset: Int64, quiet: Float64, rho_alive: Float64, rho: Float64,
    off: Int64, alive: Int64, silent: Int64, call: Int64, can_gasp: Bool, numbers: Constants,
    p_works: Float64, p_stuck: Float64, out: Float64,
) -> None:  # fmt: skip
    kappa = numbers[8]
    last = p_works.shape[1] - 1
    ratio = np.ones(last + 1)
    spoke = np.ones(last + 1)
    outside = np.ones(last + 1)
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
        best = 0.0
        for s in range(count):
            none = quiet[z, s] if can_gasp[m] else 1.0
            ratio[s], spoke[s], outside[s] = meter_ratio(
                off[m], alive[m], silent[m], call[m], onset[z, s], none, numbers
            )
            best = max(best, ratio[s])
        wrong = kappa * (rho_alive[z] * best + 1.0 - rho_alive[z])
        dead, living, total = 0.0, 0.0, 0.0
        for s in range(count):
            other = p_works[v, s] / ((1.0 - kappa) * ratio[s] + wrong)
            total += other
            dead += other * ratio[s]
            other = p_stuck[v, s] / ((1.0 - kappa) * spoke[s] * outside[s] + wrong)
            total += other
            dead += other * spoke[s] * outside[s]
        other = p_works[v, last] / ((1.0 - kappa) + wrong)
        total += other
        living += other
        other = p_stuck[v, last] / ((1.0 - kappa) * spoke[count - 1] + wrong)
        total += other
        living += other * spoke[count - 1]
        dead = (1.0 - kappa) * dead + total * kappa * rho[z] * best
        living = (1.0 - kappa) * living + total * kappa * (1.0 - rho[z])
        out[m] = dead / (dead + living)
