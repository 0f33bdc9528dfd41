"""What each piece of evidence is worth, per onset bin, with the doubt about the record mixed into everything.

For a meter let r(s) = P(its evidence | dead since s) / P(its evidence | alive). With probability κ the record
of its place is wrong, and then the evidence is that of a place elsewhere, dead with probability ρ:

    W = ρ max_s r(s) + 1 − ρ,   P(e | state) ∝ (1 − κ) r(state) + κ W

Under "the terminal is blocked" the right record makes every message out of the area unlikely, but the wrong
record stays as it was: without κ there, one misplaced meter would disprove every blocked terminal.
"""

import math

import numpy as np

from geo.network import Bool, Float64, Int32
from telemetry.hearing import BLOCKED, WAYS, Hearing
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.meter_kernels import Constants, add_meters, count_gasps
from telemetry.observations import NEVER, Int64, Observations
from telemetry.onsets import Onsets, assumed_start_ms


def constants(model: InferenceModel) -> Constants:
    """The model's numbers that the kernels of single meters use, times in milliseconds."""
    return (
        model.false_life,
        model.silent_gain,
        model.call_gain,
        model.blocked_leak,
        model.last_gasp_early_s * 1000.0,
        model.last_gasp_late_s * 1000.0,
        model.alive_tolerance_s * 1000.0,
        model.confirming_silence_gain,
    )


def reporting_shares(
    grid: InferenceGrid, seen: Observations, onsets: Onsets, now_ms: int, model: InferenceModel
) -> Float64:
    """F [zones, columns]: share of the last gasps not lost that have arrived by now.

    By the clock, or by what arrived where that is more: files and replays are asked about at the instant of
    their newest event, when by the clock nothing could have arrived. Nothing is expected of planned work of
    which no sign has come: nobody knows when it begins.
    """
    if not onsets.columns:
        return np.zeros(onsets.at_ms.shape)
    elapsed_s = np.where(onsets.at_ms == NEVER, 0, now_ms - onsets.at_ms) / 1000.0
    gasps, able = np.zeros(onsets.at_ms.shape), np.zeros(len(onsets.bins))
    count_gasps(
        grid.meter_zone, onsets.bins, onsets.at_ms, seen.meter_off_ms, seen.meter_alive_ms,
        seen.meter_can_gasp, constants(model), gasps, able,
    )  # fmt: skip
    arrived = _pooled(grid, onsets, gasps, able) / (1.0 - model.miss)
    shares = np.maximum(model.arrived(elapsed_s), np.minimum(arrived, 1.0))
    higher: Float64 = np.where(onsets.at_ms == assumed_start_ms(now_ms, model), 0.0, shares)
    return higher


def _pooled(grid: InferenceGrid, onsets: Onsets, gasps: Float64, able: Float64) -> Float64:
    """[zones, columns] share of meters that reported, in zones where any did, over the source's whole area.

    One meter a zone is not counted: that a zone reports at all is what chose it.
    """
    touched = gasps > 0
    reported = np.where(touched, gasps - 1.0, 0.0)
    possible = np.where(touched, able[:, None] - 1.0, 0.0)
    shared = np.minimum(onsets.inner, onsets.columns - 1)
    rows = np.arange(len(gasps))[:, None]
    inside = shared_columns(grid, onsets)
    root = np.broadcast_to(grid.zone_root[:, None], shared.shape)
    columns = np.broadcast_to(np.arange(onsets.columns), shared.shape)
    sums = np.zeros((2, *gasps.shape))
    for total, counted in zip(sums, (reported, possible), strict=True):
        np.add.at(total, (root[inside], columns[inside]), counted[rows, shared][inside])
    pooled: Float64 = np.divide(reported, possible, out=np.zeros_like(reported), where=possible > 0)
    whole = np.divide(sums[0], sums[1], out=np.zeros_like(reported), where=sums[1] > 0)
    pooled[np.broadcast_to(rows, shared.shape)[inside], shared[inside]] = whole[root[inside], columns[inside]]
    return pooled


def shared_columns(grid: InferenceGrid, onsets: Onsets) -> Bool:
    """[zones, columns] whether the column is one of the source's shared onsets."""
    inside: Bool = np.arange(onsets.columns) < onsets.bins[grid.zone_root][:, None]
    return inside


def node_evidence(
    grid: InferenceGrid,
    seen: Observations,
    onsets: Onsets,
    shares: Float64,
    rho: Float64,
    hearing: Hearing,
    model: InferenceModel,
) -> Float64:
    """[ways, classes, columns + 1] all evidence of meters and terminals, by how the zone is heard.

    Log-likelihoods relative to "alive, the terminal works"; last column: alive.
    """
    evidence = np.zeros((WAYS, len(grid.parent), onsets.columns + 1))
    add_meters(
        grid.meter_class, grid.meter_zone, onsets.bins, onsets.at_ms, hearing.quiet(shares), hearing.gains,
        hearing.doubt, hearing.before, hearing.ways, rho,
        seen.meter_off_ms, seen.meter_alive_ms, seen.meter_silent_ms, seen.meter_call_ms, seen.meter_can_gasp,
        constants(model), evidence,
    )  # fmt: skip
    _add_terminals(grid, seen, onsets, model, evidence)
    evidence[BLOCKED, grid.zone_top] += hearing.silence[:, None]
    return evidence


def _newest(zone: Int32, at_ms: Int64, zones: int) -> Int64:
    newest = np.full(zones, NEVER, dtype=np.int64)
    known = zone >= 0
    np.maximum.at(newest, zone[known], at_ms[known])
    return newest


def _add_terminals(
    grid: InferenceGrid, seen: Observations, onsets: Onsets, model: InferenceModel, evidence: Float64
) -> None:
    zones = len(grid.zone_top)
    off = _newest(grid.terminal_zone, seen.terminal_off_ms, zones)
    alive = _newest(grid.terminal_zone, seen.terminal_alive_ms, zones)
    silent = _newest(grid.terminal_zone, seen.terminal_silent_ms, zones)
    spoken = np.flatnonzero((np.maximum(np.maximum(off, alive), silent) != NEVER) & (onsets.bins > 0))
    for zone in spoken:
        newest = int(off[zone]), int(alive[zone]), int(silent[zone])
        _add_terminal(int(zone), newest, grid, onsets, model, evidence)


def _add_terminal(
    zone: int, newest: tuple[int, int, int], grid: InferenceGrid, onsets: Onsets, model: InferenceModel,
    evidence: Float64,
) -> None:  # fmt: skip
    off, alive, silent = newest
    place, count = grid.zone_top[zone], int(onsets.bins[zone])
    tolerance_ms, early_ms = model.alive_tolerance_s * 1000, model.last_gasp_early_s * 1000
    speaks, shut = evidence[:BLOCKED, place], evidence[BLOCKED, place]
    blocked = 0.0
    for s in range(count):
        onset = int(onsets.at_ms[zone, s])
        if off > alive and off >= onset - early_ms:
            speaks[:, s] += math.log(model.terminal_off_gain)
            shut[s] += math.log(model.terminal_off_gain * model.terminal_off_blocked)
        if alive != NEVER and alive > onset + tolerance_ms:
            speaks[:, s] += math.log(model.terminal_alive_gain)
            blocked = math.log(model.terminal_alive_blocked)
        if silent > max(off, alive) and silent > onset:
            speaks[:, s] += math.log(model.terminal_silent_dead)
            blocked = math.log(model.terminal_silent_blocked)
    shut += blocked
