"""Major event days after IEEE Std 1366-2012 (the 2.5 beta method): days that a normal design cannot be held
to, told apart so that they neither hide a trend nor are hidden by one.

Daily SAIDI gives an interruption's whole duration to the day on which it began. The threshold comes from up
to five years before the one reported, T = exp(α + 2.5 β), with α and β the mean and the standard deviation
(of a sample) of ln(daily SAIDI) over days that had any.
"""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

import numpy as np

from telemetry.reliability import IEEE_MOMENTARY_MS, MINUTE_MS, Bool, Episodes, Float64, Int64

YEARS: Final = 5
BETAS: Final = 2.5
LEAST_DAYS: Final = 30
"""A standard deviation of fewer days says nothing: then no day is a major one."""


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Consecutive calendar days of a zone."""

    dates: tuple[date, ...]
    begin_ms: Int64
    """[days + 1] when each begins, and the end of the last."""

    @classmethod
    def between(cls, first_year: int, last_year: int, zone: tzinfo) -> "Days":
        """All days of these years."""
        day, end = date(first_year, 1, 1), date(last_year + 1, 1, 1)
        dates = tuple(day + timedelta(days=n) for n in range((end - day).days + 1))
        begin = [int(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp() * 1000) for d in dates]
        return cls(dates[:-1], np.array(begin, np.int64))

    def of(self, started_ms: Int64) -> Int64:
        """Number of the day, −1 or the number of days for what lies outside."""
        number: Int64 = np.searchsorted(self.begin_ms, started_ms, side="right") - 1
        return number


@dataclass(frozen=True, slots=True)
class Threshold:
    """``minutes``: a day above it is a major event day; None where too few days had interruptions."""

    minutes: float | None
    days: int
    """Days with interruptions that it was computed from."""


def daily_saidi_min(episodes: Episodes, customers: int, days: Days) -> Float64:
    """[days] minutes a customer of the sustained interruptions that began on the day."""
    day = days.of(episodes.started_ms)
    counts = (episodes.duration_ms > IEEE_MOMENTARY_MS) & (day >= 0) & (day < len(days.dates))
    minutes = episodes.duration_ms * episodes.customers / MINUTE_MS
    total = np.bincount(day[counts], weights=minutes[counts], minlength=len(days.dates))
    return total / customers


def threshold(daily_min: Float64) -> Threshold:
    """From the daily SAIDI of the years before."""
    logs = np.log(daily_min[daily_min > 0])
    if len(logs) < LEAST_DAYS:
        return Threshold(None, len(logs))
    return Threshold(math.exp(float(logs.mean()) + BETAS * float(logs.std(ddof=1))), len(logs))


def on_days(episodes: Episodes, days: Days, chosen: Bool) -> Bool:
    """[episodes] whether it began on one of the chosen days."""
    day = days.of(episodes.started_ms)
    inside = (day >= 0) & (day < len(days.dates))
    found: Bool = inside & chosen[np.where(inside, day, 0)]
    return found
