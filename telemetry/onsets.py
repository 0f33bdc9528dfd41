"""When did it happen? A few onset bins for every zone, from the instants at which devices said "off".

Instants close together are one cluster, parted again where devices were heard alive after its onset and
then said "off", or where all that a zone said came too late or too early for it: they went out at another
time. The heaviest clusters of a source's area (at least two signs) are bins of everything it feeds; what is
left over, a lone last gasp above all, becomes the local bin of its transformer's zone. Ties are broken by
time, so the same observations always give the same bins.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np

from geo.network import Bool, Float64, Int8, Int32
from telemetry.inference_grid import InferenceGrid
from telemetry.inference_model import InferenceModel
from telemetry.observations import NEVER, Int64, Observations

MAX_PARTS = 16
"""Most onsets that one cluster is parted into."""
SURELY_LATER = 5.0
"""−log P(no last gasp of a zone came so long after the onset): from there on it has another one."""
EARLIER_MS = 3_000
"""A zone whose own onset is earlier by more than this has another one."""
STRONG_SIGN = 3.0
"""A terminal's last gasp or a switch report weighs as much as three meters."""


@dataclass(frozen=True, slots=True, eq=False)
class Onsets:
    """Onset bins by zone, oldest first; unused columns hold ``NEVER``."""

    at_ms: Int64
    """[zones, columns]"""
    bins: Int8
    """[zones] how many columns are used."""
    inner: Int8
    """[zones, columns] the column in this zone of each column of the zone around it."""

    @property
    def columns(self) -> int:
        return int(self.at_ms.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Signs:
    """Instants that may be onsets, sorted by (root, instant, zone)."""

    root: Int32
    zone: Int32
    at_ms: Int64
    alive_ms: Int64
    """Last sign of life before it, of the same device; ``NEVER`` if none."""
    weight: Float64
    prompt: Bool
    """Whether any last gasp came of the root."""


_Part = tuple[Int32, Int64, Int64, Float64]


def find_onsets(grid: InferenceGrid, seen: Observations, now_ms: int, model: InferenceModel) -> Onsets:
    """The onset bins that these observations call for."""
    signs = _signs(grid, seen, now_ms, model)
    cluster = _parted(signs, _clusters(signs, model), model)
    zones = len(grid.zone_top)
    shared: dict[int, list[int]] = {}
    kept = _heaviest(signs, cluster, model.onsets)
    for number in np.flatnonzero(kept):
        member = np.flatnonzero(cluster == number)
        shared.setdefault(int(signs.root[member[0]]), []).append(
            densest_onset(signs.at_ms[member], signs.weight[member], model.last_gasp_mean_delay_s)
        )
    local = _local(grid, signs, cluster, kept)
    width = max([len(found) for found in shared.values()], default=0) + bool(local)
    onsets = Onsets(
        at_ms=np.full((zones, width), NEVER, dtype=np.int64),
        bins=np.zeros(zones, dtype=np.int8),
        inner=np.tile(np.arange(width, dtype=np.int8), (zones, 1)),
    )
    for root, found in shared.items():
        under = np.flatnonzero(grid.zone_root == root)
        onsets.at_ms[under, : len(found)] = sorted(found)
        onsets.bins[under] = len(found)
    for zone, at_ms in local.items():
        _insert(onsets, zone, at_ms)
    return onsets


def _insert(onsets: Onsets, zone: int, at_ms: int) -> None:
    count = int(onsets.bins[zone])
    column = int(np.searchsorted(onsets.at_ms[zone, :count], at_ms))
    onsets.at_ms[zone, column + 1 : count + 1] = onsets.at_ms[zone, column:count].copy()
    onsets.at_ms[zone, column] = at_ms
    onsets.inner[zone, column:] += 1
    onsets.bins[zone] = count + 1


def densest_onset(instants: Int64, weight: Float64, mean_delay_s: float) -> int:
    """The sorted instant that most signs follow, each counted by the density of its delay.

    A false alarm half a minute before the others is followed by few of them at once, so it sets no onset.
    """
    decay = np.exp(-np.diff(instants) / (1000.0 * mean_delay_s))
    return int(instants[np.argmax(_following(weight, decay))])


@numba.njit(cache=True)
def _following(weight: Float64, decay: Float64) -> Float64:
    following = weight.copy()
    for index in range(len(weight) - 2, -1, -1):
        following[index] += following[index + 1] * decay[index]
    return following


def _recent(off_ms: Int64, alive_ms: Int64, now_ms: int, model: InferenceModel) -> Bool:
    """Whether "off" is the last word and not moot."""
    since = now_ms - int(model.window_s * 1000)
    recent: Bool = (off_ms > alive_ms) & (off_ms >= since)
    return recent


def _signs(grid: InferenceGrid, seen: Observations, now_ms: int, model: InferenceModel) -> _Signs:
    def of(rows: Int64, zone: Int32, at_ms: Int64, alive_ms: Int64, weight: float) -> _Part:
        rows = rows[zone[rows] >= 0]
        return zone[rows], np.minimum(at_ms[rows], now_ms), alive_ms[rows], np.full(len(rows), weight)

    off = np.flatnonzero(_recent(seen.meter_off_ms, seen.meter_alive_ms, now_ms, model))
    heard = np.maximum(seen.meter_alive_ms, seen.meter_off_ms)
    call = np.flatnonzero(_recent(seen.meter_call_ms, heard, now_ms, model))
    terminal = np.flatnonzero(_recent(seen.terminal_off_ms, seen.terminal_alive_ms, now_ms, model))
    opened = np.flatnonzero(_recent(seen.edge_open_ms, seen.edge_closed_ms, now_ms, model))
    called_ms = seen.meter_call_ms[call] - int(model.call_delay_s * 1000)
    assumed_ms = np.full(len(seen.meter_call_ms), NEVER, dtype=np.int64)
    assumed_ms[call] = called_ms
    planned = np.flatnonzero(seen.edge_planned)
    lookback = np.full(len(grid.edge_zone), assumed_start_ms(now_ms, model), dtype=np.int64)
    never = np.full(len(grid.edge_zone), NEVER, dtype=np.int64)
    parts = (
        of(off, grid.meter_zone, seen.meter_off_ms, seen.meter_alive_ms, 1.0),
        of(call, grid.meter_zone, assumed_ms, seen.meter_alive_ms, 1.0),
        of(terminal, grid.terminal_zone, seen.terminal_off_ms, seen.terminal_alive_ms, STRONG_SIGN),
        of(opened, grid.edge_zone, seen.edge_open_ms, never, STRONG_SIGN),
        of(planned, grid.edge_zone, lookback, never, STRONG_SIGN),
    )
    zone = np.concatenate([part[0] for part in parts])
    at_ms = np.concatenate([part[1] for part in parts])
    alive_ms = np.concatenate([part[2] for part in parts])
    weight = np.concatenate([part[3] for part in parts])
    root = grid.zone_root[zone]
    gasped = np.zeros(len(grid.zone_root), dtype=np.bool_)
    gasped[grid.zone_root[np.concatenate((parts[0][0], parts[2][0]))]] = True
    order = np.lexsort((zone, at_ms, root))
    return _Signs(root[order], zone[order], at_ms[order], alive_ms[order], weight[order], gasped[root[order]])


def assumed_start_ms(now_ms: int, model: InferenceModel) -> int:
    """When planned work is taken to have begun that gave no sign of it."""
    return now_ms - int(model.planned_lookback_s * 1000)


def _clusters(signs: _Signs, model: InferenceModel) -> Int32:
    """[signs] running number of the cluster."""
    gap_s = np.where(signs.prompt, min(model.gasp_gap_s, model.cluster_gap_s), model.cluster_gap_s)
    gap_ms = (gap_s * 1000).astype(np.int64)
    return _numbered(signs.root, signs.at_ms, gap_ms, int(model.cluster_span_s * 1000))


@numba.njit(cache=True)
def _numbered(root: Int32, at_ms: Int64, gap_ms: Int64, span_ms: int) -> Int32:
    cluster = np.zeros(len(at_ms), dtype=np.int32)
    number, began = 0, 0
    for index in range(1, len(cluster)):
        apart = root[index] != root[index - 1] or at_ms[index] - at_ms[index - 1] > gap_ms[index]
        if apart or at_ms[index] - at_ms[began] > span_ms:
            number, began = number + 1, index
        cluster[index] = number
    return cluster


def _parted(signs: _Signs, cluster: Int32, model: InferenceModel) -> Int32:
    """[signs] the clusters, each parted where devices lived after its onset and went out only then."""
    parted, number = np.empty_like(cluster), 0
    tolerance_ms = int(model.alive_tolerance_s * 1000)
    for one in range(int(cluster.max(initial=-1)) + 1):
        left = np.flatnonzero(cluster == one)
        for _ in range(MAX_PARTS):
            onset_ms = densest_onset(signs.at_ms[left], signs.weight[left], model.last_gasp_mean_delay_s)
            later = np.minimum(signs.alive_ms[left], signs.at_ms[left]) > onset_ms + tolerance_ms
            parted[left] = number  # those of another onset get their own number in the next turn
            number += 1
            later |= _of_another(signs, left, onset_ms, model)
            left = left[later]
            if not len(left) or later.all():
                break
    return parted


def _of_another(signs: _Signs, left: Int64, onset_ms: int, model: InferenceModel) -> Bool:
    """[left] whether the signs of its zone, taken alone, call for another onset than this one."""
    order = np.lexsort((signs.at_ms[left], signs.zone[left]))
    rows = left[order]
    apart = np.empty(len(left), dtype=np.bool_)
    apart[order] = _apart(
        signs.zone[rows],
        signs.at_ms[rows],
        signs.weight[rows],
        onset_ms,
        1000.0 * model.last_gasp_mean_delay_s,
    )
    return apart


@numba.njit(cache=True)
def _apart(zone: Int32, at_ms: Int64, weight: Float64, onset_ms: int, mean_ms: float) -> Bool:
    """Signs sorted by zone and instant: all of a zone, where its densest onset is surely not ``onset_ms``."""
    apart = np.zeros(len(zone), dtype=np.bool_)
    stop = len(zone)
    while stop > 0:
        first, following, after, best, best_ms, enough = stop - 1, 0.0, 0.0, 0.0, 0, 0.0
        while first >= 0 and zone[first] == zone[stop - 1]:
            if first < stop - 1:
                following *= math.exp(-float(at_ms[first + 1] - at_ms[first]) / mean_ms)
            following += weight[first]
            after += weight[first]
            if following >= best:
                best, best_ms, enough = following, at_ms[first], after
            first -= 1
        late = enough * float(best_ms - onset_ms) / mean_ms > SURELY_LATER
        apart[first + 1 : stop] = late or (enough >= 2.0 and onset_ms - best_ms > EARLIER_MS)
        stop = first + 1
    return apart


def _heaviest(signs: _Signs, cluster: Int32, most: int) -> Bool:
    """[clusters] whether it is one of the ``most`` heaviest of its source, with two signs at least."""
    if not len(cluster):
        return np.zeros(0, dtype=np.bool_)
    _, first = np.unique(cluster, return_index=True)
    weight = np.bincount(cluster, weights=signs.weight)
    root, at_ms = signs.root[first], signs.at_ms[first]
    order = np.lexsort((-at_ms, -weight, root))
    rank = np.empty(len(order), dtype=np.int64)
    starts = np.searchsorted(root[order], root[order])
    rank[order] = np.arange(len(order)) - starts
    kept: Bool = (rank < most) & (weight >= 2.0)
    return kept


def _local(grid: InferenceGrid, signs: _Signs, cluster: Int32, kept: Bool) -> dict[int, int]:
    """The local onset of each leaf zone with signs that no shared bin holds: its largest, newest cluster."""
    if not len(cluster):
        return {}
    best: dict[int, tuple[float, int]] = {}
    left = np.flatnonzero(~kept[cluster] & grid.zone_leaf[signs.zone])
    pairs = np.column_stack((signs.zone[left], cluster[left]))
    found, index, inverse = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(inverse.ravel(), weights=signs.weight[left])
    for (zone, _), first, weight in zip(found, index, weights, strict=True):
        candidate = (float(weight), int(signs.at_ms[left[first]]))
        best[int(zone)] = max(best.get(int(zone), candidate), candidate)
    return {zone: at_ms for zone, (_, at_ms) in sorted(best.items())}
