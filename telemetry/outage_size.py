"""How many customers are out by a cut: expected number and a 90 % range.

Two doubts widen the range: single meters (wrong records, silence), taken as independent, and the cut itself,
which may lie higher (every place above it that may be dead) or lower.
"""

from dataclasses import dataclass

import numpy as np

from geo.network import Float64, Int32
from geo.row_sets import distinct
from telemetry.inference_grid import InferenceGrid
from telemetry.observations import Int64

QUANTILE = 0.05
NORMAL_QUANTILE = 1.645


@dataclass(frozen=True, slots=True, eq=False)
class OutageSizes:
    """[cuts] each."""

    expected: Float64
    low: Int64
    high: Int64


def outage_sizes(
    grid: InferenceGrid, cuts: Int32, meter_out: Float64, dead_probability: Float64
) -> OutageSizes:
    """Customers out below each cut; a customer is out if any of their meters is."""
    rows = [_size(grid, int(cut), meter_out, dead_probability) for cut in cuts]
    return OutageSizes(
        expected=np.array([row[0] for row in rows], dtype=np.float64),
        low=np.array([row[1] for row in rows], dtype=np.int64),
        high=np.array([row[2] for row in rows], dtype=np.int64),
    )


def customers_below(grid: InferenceGrid, position: int) -> int:
    """Number of customers with a meter at or below a position."""
    return len(distinct(grid.network.meters.customer[grid.meters_below(position)]))


def _size(
    grid: InferenceGrid, cut: int, meter_out: Float64, dead_probability: Float64
) -> tuple[float, int, int]:
    meters = grid.meters_below(cut)
    owner = grid.network.meters.customer[meters]
    order = np.argsort(owner, kind="stable")
    begin = np.flatnonzero(np.diff(owner[order], prepend=-2))
    supplied = np.minimum.reduceat(1.0 - meter_out[meters[order]], begin) if len(begin) else np.zeros(0)
    expected = float(np.sum(1.0 - supplied))
    spread = NORMAL_QUANTILE * float(np.sqrt(np.sum(supplied * (1.0 - supplied))))
    low = int(np.floor(max(0.0, expected - spread)))
    if dead_probability[cut] < 1.0 - QUANTILE:
        low = min(low, int(np.sum(supplied < QUANTILE)))
    high = max(int(np.ceil(min(expected + spread, len(supplied)))), _widest(grid, cut, dead_probability))
    return expected, low, high


def _widest(grid: InferenceGrid, cut: int, dead_probability: Float64) -> int:
    """Customers below the highest place on the way to the source that may well be dead too."""
    widest, position = -1, int(grid.tree.parent[cut])
    while position >= 0 and dead_probability[position] > QUANTILE:
        widest, position = position, int(grid.tree.parent[position])
    return customers_below(grid, widest) if widest >= 0 else 0
