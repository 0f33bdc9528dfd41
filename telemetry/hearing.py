"""How well each zone is heard this night, and how far the record of a meter's place can be trusted.

Two things are learned from the night itself. First, by whether a meter was heard of before the onset: in a
zone that comes through, a meter never heard of probably hangs elsewhere, and so does one heard of that is
recorded in a blocked zone. With h = P(heard of | its zone comes through), β = P(blocked):

    κ(heard) = κ h (1 − β) / ((1 − κ) P(heard | the zone's state) + κ h (1 − β)),  κ(not heard) likewise

Second, after a first look at who is dead: the share of last gasps that come through, by source and then by
zone and its neighbours (loss follows terrain), and the rate of false alarms. Both are means of a posterior
whose prior is the model's rate, worth a few observations.
"""

from dataclasses import dataclass, replace

import numba
import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.heartbeats import (
    ENOUGH_HEARD,
    HEARD_BEFORE_MS,
    MOST_REGULAR,
    oldest_shared,
    silence_of_zones,
)
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.observations import NEVER, Int64, Observations
from telemetry.onsets import Onsets

WAYS = 3
WORKS, FAINT, BLOCKED = range(WAYS)
"""How a zone is heard: as others are, with few last gasps, not at all (its terminal is blocked or late)."""
NOT_HEARD, HEARD, UNCERTAIN = 0, 1, 2
"""Of a meter before the onset; uncertain where its last gasp is the only word."""
ENOUGH_METERS = 200
"""A source of fewer meters teaches nothing: there the model's rates stand."""
SOURCE_STRENGTH = 40.0
"""The model's loss is worth so many meters of a source, and the source's so many of a zone."""
ZONE_STRENGTH = 10.0
NEAR_WEIGHT = 0.5
"""What a meter of a zone near by tells of the loss here, beside one of the zone's own."""
ALARMS_STRENGTH = 2.0
"""The model's rate of false alarms is worth so many of them."""
NOTHING_NEAR = 0.02
"""Only where wrong records bring so few last gasps from near by are false alarms counted."""
LEVELS = (0.02, 0.98)
FALSE_ALARMS = (1e-5, 0.02)


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """Arrays over the zones, and over the ways in which each may be heard."""

    level: Float64
    """[zones] P(a dead meter's last gasp comes through | the zone works)."""
    false_alarm: Float64
    """[zones] P(a living meter reports a last gasp)."""
    faint_level: float
    """The level of a faint zone."""
    ways: Float64
    """[ways, zones] P(the zone is heard so) before anything since the onset is looked at."""
    doubt: Float64
    """[ways, zones, NOT_HEARD | HEARD | UNCERTAIN] κ of a meter recorded there."""
    before: Int8
    """[meters] NOT_HEARD, HEARD or UNCERTAIN."""
    silence: Float64
    """[zones] log P(what was heard since the onset | blocked) : P(it | all live, the zone works)."""

    @property
    def gains(self) -> Float64:
        """[ways, zones] P(last gasp | dead) : P(it | alive); of a blocked zone there is none."""
        return np.stack((self.level, np.full_like(self.level, self.faint_level))) / self.false_alarm

    def quiet(self, shares: Float64) -> Float64:
        """[ways, zones, columns] P(no last gasp by now | dead), from what would have arrived."""
        works, faint = 1.0 - self.level[:, None] * shares, 1.0 - self.faint_level * shares
        return np.stack((works, faint, np.ones_like(shares)))


def hearing_before(
    grid: InferenceGrid, seen: Observations, onsets: Onsets, blocked: Float64, model: InferenceModel
) -> Hearing:
    """By what was heard before the onset; ``blocked`` [zones] is the prior of heartbeats.blocked_prior.

    A zone that was heard of is hardly blocked, but may be faint, or late where others are.
    """
    zones = len(blocked)
    came_through = grid.zone_latent & (blocked < model.faint)
    before = np.full(len(grid.meter_zone), UNCERTAIN, dtype=np.int8)
    meters, heard = np.zeros((2, zones))
    since = oldest_shared(grid, onsets)
    _mark(grid.meter_zone, since, seen.meter_alive_ms, seen.meter_off_ms, before, meters, heard)
    silence = silence_of_zones(grid, seen, onsets, came_through, model)
    blocked = np.where(came_through, np.maximum(blocked, silence.late), blocked)
    faint = np.where(came_through, model.faint, 0.0)
    return Hearing(
        level=np.full(zones, 1.0 - model.miss),
        false_alarm=np.full(zones, model.false_alarm),
        faint_level=(1.0 - model.miss) * model.faint_share,
        ways=np.stack(((1.0 - blocked) * (1.0 - faint), (1.0 - blocked) * faint, blocked)),
        doubt=_doubt(grid, meters, heard, came_through, model),
        before=before,
        silence=silence.of_zone,
    )


@numba.njit(cache=True)
def _mark(
    zone: Int32, onset: Int64, alive: Int64, off: Int64, before: Int8, meters: Float64, heard: Float64
) -> None:
    """Which meters were heard of in the hour before the onset, and how many by zone."""
    for m in range(len(zone)):
        z = zone[m]
        if z < 0 or onset[z] == NEVER:
            continue
        meters[z] += 1.0
        if alive[m] != NEVER and alive[m] >= onset[z] - HEARD_BEFORE_MS:
            heard[z] += 1.0
            before[m] = HEARD
        elif off[m] == NEVER or off[m] < onset[z] - HEARD_BEFORE_MS:
            before[m] = NOT_HEARD


def _doubt(
    grid: InferenceGrid, meters: Float64, heard: Float64, came_through: Bool, model: InferenceModel
) -> Float64:
    """[ways, zones, NOT_HEARD | HEARD | UNCERTAIN] κ; the model's where too little was heard.

    What came through until the onset was no less heard of then, whatever befell it since.
    """
    zones, kappa = len(meters), model.mapping_error
    doubt = np.full((WAYS, zones, 3), kappa)
    known = np.bincount(grid.zone_root, weights=heard, minlength=zones)
    share = np.divide(heard, meters, out=np.zeros(zones), where=meters > 0)
    typical = np.bincount(grid.zone_root, weights=heard * share, minlength=zones) / np.maximum(known, 1.0)
    usual = np.minimum(typical, MOST_REGULAR)[grid.zone_root]
    enough = known[grid.zone_root] >= ENOUGH_HEARD
    elsewhere = usual * (1.0 - model.blocked)
    for way, here in enumerate((usual, usual, np.where(came_through, usual, usual * model.blocked_leak))):
        for flag, right, wrong in ((HEARD, here, elsewhere), (NOT_HEARD, 1.0 - here, 1.0 - elsewhere)):
            odds = (1.0 - kappa) * right + kappa * wrong
            doubt[way, enough, flag] = (kappa * wrong / np.maximum(odds, 1e-12))[enough]
    return doubt


def hearing_learned(
    hearing: Hearing, grid: InferenceGrid, seen: Observations, onsets: Onsets, shares: Float64,
    state: Float64, while_alive: Float64, model: InferenceModel,
) -> Hearing:  # fmt: skip
    """The same with the rates of this night, from who is dead by ``state`` [ways, classes, S].

    ``while_alive`` [zones] is ρ of ``NearDead``.
    """
    zones = len(grid.zone_top)
    dead, gasps, living, alarms = np.zeros((4, zones))
    _tally(
        grid.meter_class, grid.meter_zone, onsets.bins, onsets.at_ms,
        seen.meter_off_ms, seen.meter_alive_ms, seen.meter_can_gasp,
        model.last_gasp_early_s * 1000.0, model.last_gasp_late_s * 1000.0,
        shares, state[WORKS] + state[FAINT], dead, gasps, living, alarms,
    )  # fmt: skip

    def over_source(values: Float64) -> Float64:
        total: Float64 = np.bincount(grid.zone_root, weights=values, minlength=zones).astype(np.float64)
        return total[grid.zone_root]

    enough = over_source(dead + living) >= ENOUGH_METERS
    believed = SOURCE_STRENGTH * (1.0 - model.miss)
    level = (over_source(gasps) + believed) / (over_source(dead) + SOURCE_STRENGTH)
    dead, gasps = _with_near(grid, dead), _with_near(grid, gasps)
    level = (gasps + ZONE_STRENGTH * level) / (dead + ZONE_STRENGTH)
    quiet = while_alive < NOTHING_NEAR
    false_alarms = over_source(alarms * quiet) + ALARMS_STRENGTH
    rate = false_alarms / (over_source(living * quiet) + ALARMS_STRENGTH / model.false_alarm)
    return replace(
        hearing,
        level=np.where(enough, np.clip(level, *LEVELS), hearing.level),
        false_alarm=np.where(enough, np.clip(rate, *FALSE_ALARMS), hearing.false_alarm),
    )


def _with_near(grid: InferenceGrid, values: Float64) -> Float64:
    near = np.where(grid.near >= 0, values[grid.near], 0.0)
    total: Float64 = values + NEAR_WEIGHT * near.sum(axis=1)
    return total


@numba.njit(cache=True)
def _tally(
    place: Int32, zone: Int32, bins: Int8, onset: Int64, off: Int64, alive: Int64, can_gasp: Bool,
    early: float, late: float, shares: Float64, heard: Float64,
    dead: Float64, gasps: Float64, living: Float64, alarms: Float64,
) -> None:  # fmt: skip
    """By zone, as far as it is not blocked: dead meters whose last gasp is due, living ones, who spoke."""
    last = heard.shape[1] - 1
    for m in range(len(place)):
        v, z = place[m], zone[m]
        if v < 0 or not can_gasp[m]:
            continue
        spoke, gone, due = False, 0.0, 0.0
        for s in range(bins[z]):
            gone += heard[v, s]
            due += heard[v, s] * shares[z, s]
            if off[m] > alive[m] and -early <= float(off[m] - onset[z, s]) <= late:
                spoke = True
        dead[z] += due
        living[z] += heard[v, last]
        if spoke:
            gasps[z] += gone
            alarms[z] += heard[v, last]
