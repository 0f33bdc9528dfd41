"""Is a probability worth its name? Bands, Wilson intervals, expected calibration error, and a re-fit.

Customers of one night fall together, so of each night only one customer per band is taken, drawn at random,
at one instant: the predictions judged are then nearly independent, and the intervals mean what they say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import Bool, Float64
from telemetry.calibration import BANDS

Z_95: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Band:
    """One tenth of the probabilities."""

    low: float
    high: float
    cases: int
    said: float
    """Mean of what was said."""
    came_true: float
    wilson: tuple[float, float]
    """95 % interval of the true share."""

    @property
    def inside(self) -> bool:
        return self.wilson[0] <= self.said <= self.wilson[1]


def bands(said: Float64, truth: Bool) -> list[Band]:
    """The ten bands, those without a case left out."""
    number = np.minimum((said * BANDS).astype(np.int64), BANDS - 1)
    found = []
    for band in range(BANDS):
        inside = number == band
        cases = int(inside.sum())
        if cases:
            share = float(truth[inside].mean())
            found.append(
                Band(band / BANDS, (band + 1) / BANDS, cases, float(said[inside].mean()), share,
                     wilson_interval(share, cases))
            )  # fmt: skip
    return found


def wilson_interval(share: float, cases: int) -> tuple[float, float]:
    """95 % score interval of a share (E. B. Wilson, 1927)."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * cases)) / (1 + z2 / cases)
    half = Z_95 * float(np.sqrt(share * (1 - share) / cases + z2 / (4 * cases**2))) / (1 + z2 / cases)
    return middle - half, middle + half


def calibration_error(found: Sequence[Band]) -> float:
    """Expected calibration error: |said − came true| averaged over all cases."""
    cases = sum(band.cases for band in found)
    return sum(band.cases * abs(band.said - band.came_true) for band in found) / max(cases, 1)
