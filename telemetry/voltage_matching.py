"""Where a meter hangs, by its voltage: meters of one transformer, and of one phase, rise and fall together.

Compared are the changes from one quarter of an hour to the next, so that neither the level nor a constant
drop along the cable matters (correlation of increments; only times that both have).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.downsampling import QUARTER_MS
from telemetry.readings import Reading

Float64 = NDArray[np.float64]

LEAST_TIMES: Final = 96
"""A day of quarters: fewer increments say nothing."""
LEAST_MARGIN: Final = 0.1
"""How much better than the record another place must fit."""
PHASES: Final = "abc"


@dataclass(frozen=True, slots=True)
class Fit:
    place: str
    """Transformer or phase."""
    correlation: float
    times: int
    """Increments that were compared."""


def sampled(readings: Sequence[Reading], quantity: str, from_ms: int, count: int) -> Float64:
    """[count] one value per quarter of an hour, NaN where none was read; the last of several."""
    row = np.full(count, np.nan)
    for reading in readings:
        place = (reading.at_ms - from_ms) // QUARTER_MS
        value = reading.values.get(quantity)
        if 0 <= place < count and value is not None and quantity not in reading.doubts:
            row[place] = float(value)
    return row


def fits(own: Float64, places: Mapping[str, Float64]) -> tuple[Fit, ...]:
    """How well ``own`` [times] follows the median of each place's [meters, times], the best first."""
    step = np.diff(own)
    found = []
    for place, rows in places.items():
        with np.errstate(all="ignore"):
            common = _median(np.diff(np.atleast_2d(rows), axis=1))
        both = np.isfinite(step) & np.isfinite(common)
        times = int(np.count_nonzero(both))
        if times >= LEAST_TIMES and step[both].std() > 0 and common[both].std() > 0:
            found.append(Fit(place, float(np.corrcoef(step[both], common[both])[0, 1]), times))
    return tuple(sorted(found, key=lambda fit: (-fit.correlation, fit.place)))


def better_place(recorded: str, found: Sequence[Fit]) -> Fit | None:
    """The best fit where it beats the record by the margin; None where the record stands or is unknown."""
    if not found or found[0].place == recorded:
        return None
    record = next((fit.correlation for fit in found if fit.place == recorded), None)
    if record is None or found[0].correlation - record < LEAST_MARGIN:
        return None
    return found[0]


def _median(rows: Float64) -> Float64:
    """Of the values there are, column by column; NaN where there is none."""
    known = np.isfinite(rows)
    filled = np.where(known, rows, np.inf)
    filled.sort(axis=0)
    count = known.sum(axis=0)
    low, high = (np.maximum(count - 1, 0)) // 2, count // 2
    columns = np.arange(rows.shape[1])
    high = np.minimum(high, rows.shape[0] - 1)
    middle: Float64 = np.where(count > 0, (filled[low, columns] + filled[high, columns]) / 2, np.nan)
    return middle
