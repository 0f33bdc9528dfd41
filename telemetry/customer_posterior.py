"""The customer is not the place: P(a meter is out) from its place, its own evidence and the doubt about it.

P(out | e) ∝ [(1 − κ) P(place dead | all other evidence) + κ ρ] P(e | out). The meter's own evidence is taken
out of its place's posterior first, so that nothing is counted twice; a blocked terminal is a case of its own.
"""

import numba
import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.likelihoods import Constants, constants, meter_ratio, no_gasp
from telemetry.observations import Int64, Observations
from telemetry.onsets import Onsets


def near_dead_shares(grid: InferenceGrid, state: Float64, model: InferenceModel) -> Float64:
    """[zones] ρ: P(dead) of a place near by, weighed by the meters there, never below the prior's."""
    zones = len(grid.zone_top)
    known = grid.meter_class >= 0
    zone, place = grid.meter_zone[known], grid.meter_class[known]
    dead = 1.0 - state[:, :, -1].sum(axis=1)
    meters = np.bincount(zone, minlength=zones)
    dead_meters = np.bincount(zone, weights=dead[place], minlength=zones)
    near = np.maximum(grid.near, 0)
    counted = np.where(grid.near >= 0, meters[near], 0)
    share = np.where(grid.near >= 0, dead_meters[near], 0.0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    rho: Float64 = np.clip(share, model.elsewhere_dead, 0.98)
    return rho


@numba.njit(cache=True)
def _customers(
    place: Int32, zone: Int32, bins: Int8, onset: Int64, quiet: Float64, rho_tree: float, rho: Float64,
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
        wrong = kappa * (rho_tree * best + 1.0 - rho_tree)
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
    state: Float64, rho: Float64, model: InferenceModel,
) -> Float64:  # fmt: skip
    """[meters] P(out); 1 where the recorded place has no supply at all, 0 where nothing ever said "off"."""
    out = np.zeros(len(grid.meter_class))
    _customers(
        grid.meter_class, grid.meter_zone, onsets.bins, onsets.at_ms, no_gasp(shares, model),
        model.elsewhere_dead, rho,
        seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms, seen.meter_call_ms, seen.meter_can_gasp,
        constants(model), state[:, 0], state[:, 1], out,
    )  # fmt: skip
    return out
