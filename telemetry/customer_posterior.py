"""The customer is not the place: P(a meter is out) from its place, its own evidence and the doubt about it.

P(out | e) ∝ [(1 − κ) P(place dead | all other evidence) + κ ρ] P(e | out). The meter's own evidence is taken
out of its place's posterior first, so that nothing is counted twice; a blocked terminal is a case of its own.
"""

from dataclasses import dataclass

import numba
import numpy as np

from geo.network import Float64, Int32
from telemetry.calibration import worth
from telemetry.hearing import Hearing
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.likelihoods import constants
from telemetry.meter_kernels import customers_out
from telemetry.observations import Observations
from telemetry.onsets import Onsets

LEAST_ALIVE = 0.005
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


@numba.njit(cache=True)
def _shares(zone: Int32, class_meters: Int32, dead: Float64, meters: Float64, share: Float64) -> None:
    """Fill in by zone its own meters, and the share of them that are dead."""
    for v in range(len(zone)):
        if class_meters[v] > 0:
            meters[zone[v]] += class_meters[v]
            share[zone[v]] += class_meters[v] * dead[v]
    for z in range(len(meters)):
        share[z] /= max(meters[z], 1.0)


def near_dead(grid: InferenceGrid, state: Float64, model: InferenceModel) -> NearDead:
    """ρ from the posterior of the zones near by, weighed by their meters, never below the prior's."""
    zones = len(grid.zone_top)
    dead = 1.0 - state[:, :, -1].sum(axis=0)
    meters, share = np.zeros((2, zones))
    _shares(grid.zone, grid.class_meters, dead, meters, share)
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


def meter_probabilities(
    grid: InferenceGrid, seen: Observations, onsets: Onsets, shares: Float64,
    state: Float64, near: NearDead, hearing: Hearing, model: InferenceModel,
) -> Float64:  # fmt: skip
    """[meters] P(out); 1 where the recorded place has no supply at all, 0 where nothing ever said "off"."""
    out = np.zeros(len(grid.meter_class))
    customers_out(
        grid.meter_class, grid.meter_zone, onsets.bins, onsets.at_ms, hearing.quiet(shares), hearing.gains,
        hearing.doubt, hearing.before, hearing.ways, near.while_alive, near.anyhow,
        seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms, seen.meter_call_ms, seen.meter_can_gasp,
        constants(model), state, out,
    )  # fmt: skip
    return worth(out, model.calibration.customers)
