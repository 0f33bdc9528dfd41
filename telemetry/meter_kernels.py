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
def _silence(bins: Int8, quiet: Float64, doubt: Float64, ways: Float64, rho: Float64) -> Float64:
    """[ways, zones, flag, S]: what a meter adds that could send a last gasp and said nothing."""
    columns = quiet.shape[2]
    added = np.zeros((len(ways), len(bins), 3, columns + 1))
    for z in range(len(bins)):
        best = 0.0
        for s in range(bins[z]):
            best = max(best, quiet[0, z, s])
        away = rho[z] * best + 1.0 - rho[z]
        for flag in range(3):
            base = math.log((1.0 - doubt[0, z, flag]) + doubt[0, z, flag] * away)
            for k in range(len(ways)):
                if ways[k, z] > 0.0:
                    kappa = doubt[k, z, flag]
                    for s in range(bins[z]):
                        added[k, z, flag, s] = math.log((1.0 - kappa) * quiet[k, z, s] + kappa * away) - base
                    added[k, z, flag, columns] = math.log((1.0 - kappa) + kappa * away) - base
    return added


@numba.njit(cache=True)
def add_meters(
    place: Int32, zone: Int32, bins: Int8, onset: Int64, quiet: Float64, gain: Float64, doubt: Float64,
    before: Int8, ways: Float64, rho: Float64,
    off: Int64, alive: Int64, silent: Int64, call: Int64, can_gasp: Bool, numbers: Constants,
    evidence: Float64,
) -> None:  # fmt: skip
    """Add every meter's log-likelihoods to its class; for the arrays see ``telemetry.hearing``."""
    last = evidence.shape[2] - 1
    silence = _silence(bins, quiet, doubt, ways, rho)
    ratio, living = np.ones((len(ways), last + 1)), np.ones(len(ways))
    for m in range(len(place)):
        if place[m] < 0:
            continue
        v, z, flag = place[m], zone[m], before[m]
        count = bins[z]
        if count == 0:
            continue
        if _said_nothing(off[m], alive[m], silent[m], call[m], onset[z, 0], numbers):
            if can_gasp[m]:
                _add_silence(v, z, count, silence[:, z, flag], ways, evidence)
            continue
        best = _ratios(
            off[m], alive[m], silent[m], call[m], can_gasp[m], z, count, onset, quiet, gain, ways, numbers,
            ratio, living,
        )  # fmt: skip
        away = rho[z] * best + 1.0 - rho[z]
        base = math.log((1.0 - doubt[0, z, flag]) + doubt[0, z, flag] * away)
        for k in range(len(ways)):
            if ways[k, z] > 0.0:
                kappa = doubt[k, z, flag]
                for s in range(count):
                    evidence[k, v, s] += math.log((1.0 - kappa) * ratio[k, s] + kappa * away) - base
                evidence[k, v, last] += math.log((1.0 - kappa) * living[k] + kappa * away) - base


@numba.njit(cache=True)
def _add_silence(v: int, z: int, count: int, silence: Float64, ways: Float64, evidence: Float64) -> None:
    last = evidence.shape[2] - 1
    for k in range(len(ways)):
        if ways[k, z] > 0.0:
            for s in range(count):
                evidence[k, v, s] += silence[k, s]
            evidence[k, v, last] += silence[k, last]


@numba.njit(cache=True)
def _ratios(
    off: int, alive: int, silent: int, call: int, can_gasp: bool, z: int, count: int, onset: Int64,
    quiet: Float64, gain: Float64, ways: Float64, numbers: Constants, ratio: Float64, living: Float64,
) -> float:  # fmt: skip
    """Fill r(s) of one meter and P(its words | alive), relative to "alive, the zone works", by way.

    Returns the greatest r of a zone that works. Blocked is the last way, and has no gain: nothing comes out
    of it, so that what a last gasp would be worth does not matter.
    """
    best, blocked = 0.0, len(ways) - 1
    living[:blocked] = 1.0
    for s in range(count):
        for k in range(blocked):
            if k > 0 and ways[k, z] <= 0.0:
                continue
            none = quiet[k, z, s] if can_gasp else 1.0
            worth, spoke, outside = meter_ratio(
                off, alive, silent, call, onset[z, s], none, gain[k, z], numbers
            )
            ratio[k, s] = worth
            if k == 0:
                best = max(best, worth)
                ratio[blocked, s], living[blocked] = spoke * outside, spoke
    return best


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
    before: Int8, ways: Float64, rho_alive: Float64, rho: Float64,
    off: Int64, alive: Int64, silent: Int64, call: Int64, can_gasp: Bool, numbers: Constants,
    state: Float64, out: Float64,
) -> None:  # fmt: skip
    """[meters] P(out), the place's posterior freed from the meter's own evidence before it is used."""
    last = state.shape[2] - 1
    ratio, lives = np.ones((len(ways), last + 1)), np.ones(len(ways))
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
        best = _ratios(
            off[m], alive[m], silent[m], call[m], can_gasp[m], z, count, onset, quiet, gain, ways, numbers,
            ratio, lives,
        )  # fmt: skip
        away = rho_alive[z] * best + 1.0 - rho_alive[z]
        dead, living, there = 0.0, 0.0, 0.0
        for k in range(len(ways)):
            if ways[k, z] > 0.0:
                kappa = doubt[k, z, before[m]]
                here = state[k, v, last] / ((1.0 - kappa) * lives[k] + kappa * away)
                living, there = living + (1.0 - kappa) * here * lives[k], there + kappa * here
                for s in range(count):
                    here = state[k, v, s] / ((1.0 - kappa) * ratio[k, s] + kappa * away)
                    dead, there = dead + (1.0 - kappa) * here * ratio[k, s], there + kappa * here
        dead += there * rho[z] * best
        out[m] = dead / (dead + living + there * (1.0 - rho[z]))
