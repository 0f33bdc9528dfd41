"""What the silence of a whole zone says about its terminal, and only about that.

Of a zone that works, r = P(its heartbeats since the onset have come in at all), and then every living meter
was heard with probability h; both are taken from the zones of the same source, as they are at this moment:

    P(x of n heard | works) = (1 − r) c^x + r h^x (1 − h)^(n − x),   P(x of n heard | blocked) = c^x

where c is the worth of one sign of life through the doubt about the record. The answer is one factor of the
terminal's state; it never makes a silent place "off".
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from geo.network import Bool, Float64, Int32
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.observations import NEVER, Int64, Observations
from telemetry.onsets import Onsets

ENOUGH_HEARD = 20
TOO_MANY_GONE = 2
"""Last gasps that make a zone no example of how zones report that live."""
HEARD_BEFORE_MS = 3_600_000
"""What was heard so long before the first onset tells which terminals worked then."""
TELLING = 4.0
"""Where at least so many meters should have been heard by now, a zone's silence is no accident."""
STRAYS = 0.25
"""So much of what is usual may come from meters that are recorded in a zone and hang elsewhere."""
LATE_STRENGTH = 10.0
"""The model's rate of terminals that fall silent is worth so many zones."""
MOST_REGULAR = 0.99
"""No source is so regular that a silent zone could not be late."""


@numba.njit(cache=True)
def _count(
    zone: Int32, since: Int64, alive: Int64, off: Int64, tolerance: float,
    heard: Float64, gone: Float64, meters: Float64,
) -> None:  # fmt: skip
    for m in range(len(zone)):
        z = zone[m]
        if z >= 0 and since[z] != NEVER:
            meters[z] += 1.0
            if alive[m] != NEVER and float(alive[m] - since[z]) > tolerance:
                heard[z] += 1.0
            elif off[m] > alive[m]:
                gone[z] += 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Silence:
    """What it tells that so few of a zone's meters were heard of since the onset; nothing where unknown."""

    of_zone: Float64
    """[zones] −log P(what was heard | works, all live); the c of single meters are theirs."""
    late: Float64
    """[zones] share of the source's zones of which nothing came since, heard of until then."""


def silence_of_zones(
    grid: InferenceGrid,
    seen: Observations,
    onsets: Onsets,
    came_through: Bool,
    model: InferenceModel,
) -> Silence:
    """By how the zones of the same source are heard; ``came_through`` [zones]: heard of until the onset."""
    zones = len(onsets.bins)
    since = _newest_shared(grid, onsets)
    heard, gone, meters = np.zeros((3, zones))
    tolerance_ms = model.alive_tolerance_s * 1000.0
    _count(grid.meter_zone, since, seen.meter_alive_ms, seen.meter_off_ms, tolerance_ms, heard, gone, meters)
    usual = np.where(gone < TOO_MANY_GONE, 1.0, 0.0)
    share = np.divide(heard, meters, out=np.zeros(zones), where=meters > 0)

    def over_source(values: Float64) -> Float64:
        total: Float64 = np.bincount(grid.zone_root, weights=values, minlength=zones).astype(np.float64)
        return total[grid.zone_root]

    known = over_source(usual * heard)
    enough = (known >= ENOUGH_HEARD) & grid.zone_latent & (meters > 0)
    typical = np.divide(over_source(usual * heard * share), known, out=np.zeros(zones), where=known > 0)
    typical = np.clip(typical, 1e-6, 0.99)
    everywhere = np.divide(known, over_source(usual * meters), out=np.zeros(zones), where=known > 0)
    # what is blocked is silent too, and not for being late
    regular = np.clip(everywhere / typical / (1.0 - model.blocked), 0.0, MOST_REGULAR)
    doubt = math.log((1.0 - model.mapping_error) * model.blocked_leak + model.mapping_error)
    reported = heard * np.log(typical) + (meters - heard - gone) * np.log1p(-typical)
    with np.errstate(divide="ignore"):
        works = np.logaddexp(np.log1p(-regular) + heard * doubt, np.log(regular) + reported)
    telling = usual * came_through * (enough & (typical * meters >= TELLING))
    mute = telling * (heard <= STRAYS * typical * meters)
    others = over_source(telling) - telling + LATE_STRENGTH  # no zone's silence excuses itself
    late = (over_source(mute) - mute + LATE_STRENGTH * model.newly_blocked) / others
    return Silence(of_zone=np.where(enough, -works, 0.0), late=late)


def _newest_shared(grid: InferenceGrid, onsets: Onsets) -> Int64:
    """[zones] newest onset that the zones of the source share."""
    if not onsets.columns:
        return np.full(len(onsets.bins), NEVER, dtype=np.int64)
    newest = np.where(grid.zone_leaf[grid.zone_root], NEVER, onsets.at_ms.max(axis=1))
    shared: Int64 = newest[grid.zone_root]
    return shared


def blocked_prior(grid: InferenceGrid, seen: Observations, onsets: Onsets, model: InferenceModel) -> Float64:
    """[zones] P(blocked) before anything since the onset is looked at: small where meters were heard until
    then, great where none was while the rest of the source was; 0 where no terminal collects."""
    zones = len(onsets.bins)
    meters, heard = np.zeros((2, zones))
    _count_before(
        grid.meter_zone, oldest_shared(grid, onsets), seen.meter_alive_ms, seen.meter_off_ms, meters, heard
    )
    total = np.bincount(grid.zone_root, weights=meters, minlength=zones)[grid.zone_root]
    known = np.bincount(grid.zone_root, weights=heard, minlength=zones)[grid.zone_root]
    usual = np.clip(np.divide(known, total, out=np.zeros(zones), where=total > 0), 1e-6, MOST_REGULAR)
    stray = usual * model.mapping_error + (1.0 - model.mapping_error) * usual * model.blocked_leak
    worth = heard * np.log(usual / stray) + (meters - heard) * np.log((1.0 - usual) / (1.0 - stray))
    works = np.clip(worth, math.log(1.0 - MOST_REGULAR), math.log(model.blocked / model.newly_blocked))
    worth = np.where((known >= ENOUGH_HEARD) & (meters > 0), works, 0.0)
    odds = model.blocked / (1.0 - model.blocked) * np.exp(-worth)
    prior: Float64 = np.where(grid.zone_latent, odds / (1.0 + odds), 0.0)
    return prior


@numba.njit(cache=True)
def _count_before(
    zone: Int32, before: Int64, alive: Int64, off: Int64, meters: Float64, heard: Float64
) -> None:
    for m in range(len(zone)):
        z = zone[m]
        if z >= 0 and before[z] != NEVER:
            meters[z] += 1.0
            if max(alive[m], off[m]) >= before[z] - HEARD_BEFORE_MS:
                heard[z] += 1.0


def oldest_shared(grid: InferenceGrid, onsets: Onsets) -> Int64:
    """[zones] oldest onset anywhere below the source, NEVER where there is none."""
    if not onsets.columns:
        return np.full(len(onsets.bins), NEVER, dtype=np.int64)
    oldest = np.full(len(onsets.bins), np.iinfo(np.int64).max, dtype=np.int64)
    known = np.where(onsets.at_ms == NEVER, np.iinfo(np.int64).max, onsets.at_ms).min(axis=1)
    np.minimum.at(oldest, grid.zone_root, known)
    shared: Int64 = np.where(oldest == np.iinfo(np.int64).max, NEVER, oldest)[grid.zone_root]
    return shared
