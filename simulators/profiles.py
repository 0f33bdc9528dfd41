"""Load over the year in 15-minute steps, and energy as its exact sum.

A profile is a column of factors of the customer's rated power, in millionths, over one year of 366 days. The
counter of a meter is a function of the instant alone: rated power times the factors summed since
``COUNTERS_SINCE_MS``. So it grows by exactly what the load drew, in integers, and a simulator that starts
again tomorrow goes on where the meter would stand.
"""

from calendar import isleap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import Float64

Int64 = NDArray[np.int64]

STEP_MS: Final = 900_000
STEPS: Final = 366 * 96
LEAP_DAY: Final = (31 + 28) * 96
"""First step of 29 February."""
MILLIONTHS: Final = 1_000_000
COUNTERS_SINCE_YEAR: Final = 2024
LOCAL_OFFSET_MS: Final = 8 * 3_600_000
"""The customers' days are China's: UTC+8, without summer time."""
QUANTUM: Final = 36_000_000
"""Millionths × milliseconds: one kilowatt of rated power draws 10 milliwatt-hours in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """``factors[profile][step]`` in millionths, int32, shape (profiles, STEPS); no factor is negative."""

    names: tuple[str, ...]
    factors: NDArray[np.int32]

    def row(self, name: str) -> int:
        """The profile of that name; the first one where the name is unknown."""
        return self.names.index(name) if name in self.names else 0


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in the profile's year."""

    years: int
    """Whole years since ``COUNTERS_SINCE_YEAR``."""
    skipped: int
    """How many 29ths of February the years since then did not have."""
    step: int
    rest_ms: int


def moment(now_ms: int) -> Moment:
    """Where the instant falls: the same month, day and time of day, in China's clock."""
    local = datetime.fromtimestamp((now_ms + LOCAL_OFFSET_MS) / 1000, tz=UTC)
    day = (local.replace(year=COUNTERS_SINCE_YEAR) - _start_of_year()) // timedelta(days=1)
    of_day_ms = (now_ms + LOCAL_OFFSET_MS) % 86_400_000
    skipped = sum(not isleap(year) for year in range(COUNTERS_SINCE_YEAR, local.year))
    skipped += not isleap(local.year) and local.month > 2
    return Moment(
        local.year - COUNTERS_SINCE_YEAR, skipped, day * 96 + of_day_ms // STEP_MS, of_day_ms % STEP_MS
    )


def _start_of_year() -> datetime:
    return datetime(COUNTERS_SINCE_YEAR, 1, 1, tzinfo=UTC)


class LoadCurve:
    """Power and energy of every profile at an instant."""

    def __init__(self, profiles: Profiles) -> None:
        self._factors = profiles.factors
        before = np.zeros((len(profiles.names), 1), np.int64)
        self._summed = np.hstack([before, np.cumsum(profiles.factors, axis=1, dtype=np.int64)])
        self._leap_day = self._summed[:, LEAP_DAY + 96] - self._summed[:, LEAP_DAY]

    def factor(self, now_ms: int) -> Float64:
        """Share of the rated power, one per profile."""
        return self._factors[:, moment(now_ms).step] / float(MILLIONTHS)

    def quanta(self, now_ms: int) -> Int64:
        """Energy since the counters began, in ``QUANTUM`` of full load, one per profile."""
        at = moment(now_ms)
        steps = at.years * self._summed[:, -1] + self._summed[:, at.step] - at.skipped * self._leap_day
        total: Int64 = (steps * STEP_MS + self._factors[:, at.step].astype(np.int64) * at.rest_ms) // QUANTUM
        return total


def centi_kwh(rated_w: Int64, quanta: Int64) -> Int64:
    """Energy in 0.01 kWh, rounded down: 1 W × 1 quantum = 1e-8 kWh."""
    return rated_w * quanta // MILLIONTHS


def daily_curve(hours: Sequence[float]) -> NDArray[np.int32]:
    """A profile that repeats 24 hourly factors every day, with straight lines between the hours."""
    quarter = np.arange(96) / 4
    day = np.interp(quarter, np.arange(25), [*hours, hours[0]])
    return np.tile(np.round(day * MILLIONTHS).astype(np.int32), STEPS // 96)


RESIDENT_HOURS: Final = (
    .28, .22, .19, .18, .18, .22, .35, .48, .45, .38, .36, .42,
    .50, .44, .38, .37, .42, .58, .80, .95, .92, .80, .60, .40,
)  # fmt: skip
BUSINESS_HOURS: Final = (
    .18, .17, .16, .16, .17, .20, .30, .48, .75, .88, .92, .90,
    .78, .84, .92, .93, .88, .76, .60, .46, .36, .28, .23, .20,
)  # fmt: skip


def synthetic_profiles() -> Profiles:
    """Two plausible days, for networks that bring no profiles."""
    return Profiles(
        ("resident", "business"), np.stack([daily_curve(RESIDENT_HOURS), daily_curve(BUSINESS_HOURS)])
    )
