"""The customer is not the place: P(a meter is out) from its place, its own evidence and the doubt about it.

P(out | e) ∝ [(1 − κ) P(place dead | all other evidence) + κ ρ] P(e | out). The meter's own evidence is taken
out of its place's posterior first, so that nothing is counted twice; a blocked terminal is a case of its own.
"""

from dataclasses import dataclass

import numba
import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.likelihoods import Constants, constants, meter_ratio, no_gasp
from telemetry.observations import Int64, Observations
from telemetry.onsets import Onsets

LEAST_ALIVE = 0.05
MOST_NEAR_DEAD = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class NearDead:
    """[zones] ρ: P(dead) of the true place of a meter whose record is wrong."""

    anyhow: Float64
    while_alive: Float64
    """The same if the recorded place is alive: only what fails without taking the zone with it."""


def nothing_near(zones: int, model: InferenceModel) -> NearDead:
    """ρ before anything is known of the zones near by."""
    prior = np.full(zones, model.elsewhere_dead)
    return NearDead(anyhow=prior, while_alive=prior)


def near_dead(grid: InferenceGrid, state: Float64, model: InferenceModel) -> NearDead:
    """ρ from the posterior of the zones near by, weighed by their meters, never below the prior's."""
    zones = len(grid.zone_top)
    known = grid.meter_class >= 0
    zone, place = grid.meter_zone[known], grid.meter_class[known]
    dead = 1.0 - state[:, :, -1].sum(axis=1)
    meters = np.bincount(zone, minlength=zones)
    share = np.bincount(zone, weights=dead[place], minlength=zones) / np.maximum(meters, 1)
    weight = np.where(grid.near >= 0, meters[grid.near], 0)
    total = np.maximum(weight.sum(axis=1), 1)
    together = np.where(grid.near_meeting >= 0, dead[grid.near_meeting], 0.0)
    alone = np.maximum(share[grid.near] - together, 0.0)
    alive = np.maximum(1.0 - dead[grid.zone_top], LEAST_ALIVE)
    return NearDead(
        anyhow=np.clip((weight * share[grid.near]).sum(axis=1) / total, model.elsewhere_dead, MOST_NEAR_DEAD),
        while_alive=np.clip(
            (weight * alone).sum(axis=1) / total / alive, model.elsewhere_dead, MOST_NEAR_DEAD
        ),
    )


@numba.njit(cache=True)
def _customers(
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


def meter_probabilities(
    grid: InferenceGrid, seen: Observations, onsets: Onsets, shares: Float64,
    state: Float64, near: NearDead, model: InferenceModel,
) -> Float64:  # fmt: skip
    """[meters] P(out); 1 where the recorded place has no supply at all, 0 where nothing ever said "off"."""
    out = np.zeros(len(grid.meter_class))
    _customers(
        grid.meter_class, grid.meter_zone, onsets.bins, onsets.at_ms, no_gasp(shares, model),
        near.while_alive, near.anyhow,
        seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms, seen.meter_call_ms, seen.meter_can_gasp,
        constants(model), state[:, 0], state[:, 1], out,
    )  # fmt: skip
    return out
