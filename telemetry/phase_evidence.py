"""What every device of an area says about its phases, as numbers for the sweeps of ``phase_kernels``.

A voltage counts from the loss on. When that was is only bracketed: after the newest good voltage of those
that miss a phase now, before the oldest bad one. A good voltage in between may be from before the loss, the
more probably the earlier it is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import Bool, Float64, Int32, Network
from telemetry.coincidence import at_least
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.observations import NEVER, Int64, Observations
from telemetry.onsets import densest_onset
from telemetry.phase_model import PhaseModel
from telemetry.signs import EARLY_MS

POLL_MS: Final = 900_000
"""How long before its first bad voltage a loss may have been where nothing was read before."""
SECONDARY_V: Final = np.array([57.7, 100.0, 220.0, 380.0, 5774.0, 10000.0])
"""What meters at medium voltage call nominal."""
LINE_FACTOR: Final = 1.45
"""A low-voltage meter this far above nominal tells voltages between phases."""
COINCIDENCE: Final = 0.25
"""Last gasps of one phase are looked at where they are less likely than this by chance."""
FEW: Final = 2
GASP_DECAY_S: Final = 15.0
GASP_EARLY_MS: Final = 5_000
"""Last gasps carry the instant itself; by so much do clocks differ."""


@dataclass(frozen=True, slots=True, eq=False)
class Bracket:
    """Between which instants the phase was lost, by zone of the grid."""

    after_ms: Int64
    until_ms: Int64


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """By device of an area."""

    rows: Int32
    place: Int32
    """Class, counted from the area's first."""
    volts: Float64
    dead: Float64
    before: Float64
    odds: Float64
    low: Bool
    """Its newest voltage misses a phase, and nothing says that this is over."""
    gasped: Bool


def low_now(low_ms: Int64, normal_ms: Int64, since_ms: int) -> Bool:
    """Whether the newest voltage misses a phase."""
    low: Bool = (low_ms > normal_ms) & (low_ms >= since_ms)
    return low


def standing(grid: InferenceGrid, seen: Observations, since_ms: int) -> Bool:
    """[meters] low now, and no neighbour in the transformer's area that was low as well is well again since.

    Meters are read in turn: after a repair the first good voltages outdate the last bad ones.
    """
    low = low_now(seen.meter_low_ms, seen.meter_normal_ms, since_ms)
    well = (seen.meter_normal_ms > seen.meter_low_ms) & (seen.meter_low_ms >= since_ms)
    well &= grid.meter_zone >= 0
    if not well.any() or not low.any():
        return low
    newest = np.full(len(grid.zone_top), NEVER, np.int64)
    np.maximum.at(newest, grid.meter_zone[well], seen.meter_normal_ms[well])
    outdated = seen.meter_low_ms < newest[np.maximum(grid.meter_zone, 0)]
    return low & ~(outdated & (grid.meter_zone >= 0))


def touched(
    grid: InferenceGrid, seen: Observations, now_ms: int, model: InferenceModel
) -> tuple[Int32, Bool]:
    """Classes at which a phase may be missing, and [meters] ``standing``; nothing costs next to nothing."""
    since_ms = now_ms - int(model.window_s * 1000)
    low = standing(grid, seen, since_ms)
    places = [grid.meter_class[low & (grid.meter_class >= 0)], _skewed(grid, seen, since_ms)]
    busbars = low_now(seen.terminal_low_ms, seen.terminal_normal_ms, since_ms) & (grid.terminal_zone >= 0)
    places.append(grid.zone_top[grid.terminal_zone[busbars]])
    return np.unique(np.concatenate(places)).astype(np.int32), low


def _skewed(grid: InferenceGrid, seen: Observations, since_ms: int) -> Int32:
    """Tops of the zones where more meters of one phase say "off" than chance would have.

    Two of one phase are enough where nobody else speaks; where a whole feeder does, it takes more.
    """
    off = (seen.meter_off_ms > seen.meter_alive_ms) & (seen.meter_off_ms >= since_ms) & (grid.meter_zone >= 0)
    if np.count_nonzero(off) < FEW:
        return np.empty(0, np.int32)
    phases = grid.network.meters.phases
    single = np.isin(phases, (1, 2, 4)) & (grid.meter_zone >= 0)
    zones = len(grid.zone_top)
    index = grid.meter_zone.astype(np.int64) * 3 + phases // 2
    said = np.bincount(index[off & single], minlength=3 * zones).reshape(zones, 3)
    all_said = np.bincount(grid.meter_zone[off], minlength=zones)
    known = np.bincount(index[single], minlength=3 * zones).reshape(zones, 3)
    several = np.flatnonzero(((known >= FEW).sum(axis=1) >= 2) & (all_said >= FEW))
    share = known[several] / np.maximum(known[several].sum(axis=1, keepdims=True), 1)
    trials = np.repeat(all_said[several, None], 3, axis=1).astype(np.float64)
    chance = at_least(said[several].astype(np.float64), trials, share).min(axis=1)
    speaking = np.bincount(grid.zone_root[np.flatnonzero(all_said)], minlength=zones)
    tops: Int32 = grid.zone_top[several[chance < COINCIDENCE / speaking[grid.zone_root[several]]]]
    return tops


def bracket(
    grid: InferenceGrid, seen: Observations, rows: Int32, low: Bool, gasped: Bool, now_ms: int
) -> Bracket:
    """When the loss was, from the meters of an area that miss a phase or say "off".

    Each transformer's area is asked by itself, so that a false alarm elsewhere moves nothing; where nothing
    is bad it was when it was in most of the others.
    """
    bad = rows[low | gasped]
    after = np.full(len(grid.zone_top), now_ms - POLL_MS, np.int64)
    until = np.full(len(grid.zone_top), now_ms, np.int64)
    zone = grid.meter_zone[bad]
    found = {
        int(z): _zone_bracket(seen, rows[low], rows[gasped], grid.meter_zone, int(z)) for z in np.unique(zone)
    }
    if found:
        signs = {z: int(np.count_nonzero(zone == z)) for z in found}
        main = max(found, key=lambda z: (signs[z], -found[z][1], z))
        after[:], until[:] = found[main]
    for z, (after_ms, until_ms) in found.items():
        after[z], until[z] = after_ms, min(until_ms, now_ms)
    return Bracket(after, until)


def _zone_bracket(
    seen: Observations, low: Int32, gasped: Int32, meter_zone: Int32, zone: int
) -> tuple[int, int]:
    low, gasped = low[meter_zone[low] == zone], gasped[meter_zone[gasped] == zone]
    first_low = int(seen.meter_low_ms[low].min(initial=np.iinfo(np.int64).max))
    if len(gasped) >= FEW or not len(low):
        said = np.sort(seen.meter_off_ms[gasped])
        until_ms = min(densest_onset(said, np.ones(len(said)), GASP_DECAY_S), first_low)
        newest = max(int(seen.meter_normal_ms[low].max(initial=NEVER)), until_ms - GASP_EARLY_MS)
    else:
        until_ms, newest = first_low, int(seen.meter_normal_ms[low].max(initial=NEVER))
    known = until_ms - 4 * POLL_MS <= newest <= until_ms
    return newest if known else until_ms - POLL_MS, until_ms


def words_of_meters(
    grid: InferenceGrid, seen: Observations, rows: Int32, first: int, when: Bracket, low: Bool, gasped: Bool,
    now_ms: int, models: tuple[InferenceModel, PhaseModel],
) -> Words:  # fmt: skip
    """The meters of an area; ``low`` and ``gasped`` are by row of ``rows``."""
    model, phases = models
    normal = (seen.meter_normal_ms[rows] > seen.meter_low_ms[rows]) & ~low
    after_ms, until_ms = when.after_ms[grid.meter_zone[rows]], when.until_ms[grid.meter_zone[rows]]
    normal &= seen.meter_normal_ms[rows] > after_ms
    volts = np.where((low | normal)[:, None], seen.meter_volts[rows], np.nan)
    return Words(
        rows=rows,
        place=(grid.meter_class[rows] - first).astype(np.int32),
        volts=per_unit(grid.network, grid.network.meters.node[rows], volts),
        dead=_dead_ratio(seen, rows, gasped, until_ms, now_ms, model),
        before=np.where(normal, _share_before(seen.meter_normal_ms[rows], after_ms, until_ms), 0.0),
        odds=hanging_on(grid.network.meters.phases[rows], volts, phases),
        low=low,
        gasped=gasped,
    )


def words_of_terminals(
    grid: InferenceGrid, seen: Observations, rows: Int32, first: int, when: Bracket, model: InferenceModel
) -> Words:
    """The terminals of an area: they stand at the transformer's busbar and live on any phase."""
    low_ms, normal_ms = seen.terminal_low_ms[rows], seen.terminal_normal_ms[rows]
    zone = grid.terminal_zone[rows]
    after_ms, until_ms = when.after_ms[zone], when.until_ms[zone]
    low = (low_ms > normal_ms) & (low_ms > after_ms - POLL_MS)
    normal = (normal_ms > low_ms) & (normal_ms > after_ms)
    volts = np.where((low | normal)[:, None], seen.terminal_volts[rows], np.nan)
    tops = grid.zone_top[grid.terminal_zone[rows]]
    nodes = grid.tree.node[grid.class_top[tops]]
    off_ms, alive_ms = seen.terminal_off_ms[rows], seen.terminal_alive_ms[rows]
    gasped = (off_ms > alive_ms) & (off_ms >= after_ms - EARLY_MS)
    alive = alive_ms > until_ms + int(model.alive_tolerance_s * 1000)
    dead = np.where(gasped, model.terminal_off_gain, np.where(alive, model.terminal_alive_gain, 1.0))
    odds = np.zeros((len(rows), 4))
    odds[:, 3] = 1.0
    return Words(
        rows=rows,
        place=(tops - first).astype(np.int32),
        volts=per_unit(grid.network, nodes, volts),
        dead=dead,
        before=np.where(normal, _share_before(normal_ms, after_ms, until_ms), 0.0),
        odds=odds,
        low=low,
        gasped=gasped,
    )


def _share_before(at_ms: Int64, after_ms: Int64, until_ms: Int64) -> Float64:
    """P(an instant lies before the loss), which may have been anywhere between."""
    width = np.maximum(until_ms - after_ms, 1)
    share: Float64 = np.clip((until_ms - at_ms) / width, 0.0, 1.0)
    return share


def _dead_ratio(
    seen: Observations, rows: Int32, gasped: Bool, until_ms: Int64, now_ms: int, model: InferenceModel
) -> Float64:
    """[rows] P(its words other than voltages | dead) : P(they | alive)."""
    alive_ms, off_ms = seen.meter_alive_ms[rows], seen.meter_off_ms[rows]
    arrived = model.arrived((now_ms - until_ms) / 1000.0)
    quiet = np.where(seen.meter_can_gasp[rows], 1.0 - (1.0 - model.miss) * arrived, 1.0)
    ratio = np.where(gasped, (1.0 - model.miss) / model.false_alarm, quiet)
    lives = alive_ms > until_ms + int(model.alive_tolerance_s * 1000)
    ratio = np.where(lives, ratio * model.false_life, ratio)
    heard_ms = np.maximum(np.maximum(alive_ms, off_ms), until_ms)
    silent = seen.meter_silent_ms[rows] > heard_ms
    ratio = np.where(
        silent, ratio * np.where(gasped, model.confirming_silence_gain, model.silent_gain), ratio
    )
    called = seen.meter_call_ms[rows] > heard_ms
    told: Float64 = np.where(called, ratio * model.call_gain, ratio)
    return told


def hanging_on(phases: np.ndarray, volts: Float64, model: PhaseModel) -> Float64:
    """[meters, 4] P(it hangs on A, on B, on C, on several phases) from the record and what it reads."""
    odds = np.zeros((len(phases), 4))
    single = np.isin(phases, (1, 2, 4))
    odds[single, :3] = model.wrong_phase / 2.0
    rows = np.flatnonzero(single)
    odds[rows, phases[rows] // 2] = 1.0 - model.wrong_phase
    read = (~np.isnan(volts)).sum(axis=1)
    several = ~single & (read >= 2)
    unread = ~single & (read == 0)
    odds[several, 3] = 1.0
    odds[~single & (read == 1), :3] = 1.0 / 3.0
    odds[unread, :3] = model.hidden_single / 3.0
    odds[unread, 3] = 1.0 - model.hidden_single
    return odds


def per_unit(network: Network, nodes: Int32, volts: Float64) -> Float64:
    """Voltages as shares of the nominal one to neutral, or between phases where that is what is told."""
    largest = np.max(np.where(np.isnan(volts), 0.0, volts), axis=1, initial=0.0)
    kilovolts = network.nodes.voltage_kv[nodes]
    low = ~(kilovolts >= 1.0)
    nominal = np.where(np.isnan(kilovolts) | ~low, 220.0, kilovolts * 1000.0 / np.sqrt(3.0))
    nominal = np.where(low & (largest > LINE_FACTOR * nominal), nominal * np.sqrt(3.0), nominal)
    nearest = SECONDARY_V[np.argmin(np.abs(np.log(np.maximum(largest, 1.0)[:, None] / SECONDARY_V)), axis=1)]
    shares: Float64 = volts / np.where(low, nominal, nearest)[:, None]
    return shares
