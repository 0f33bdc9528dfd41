"""Reliability indices of a period: IEEE 1366 and DL/T 836.1-2016, for one company or for many parts at once.

Everything is column work on *episodes*: disjoint groups of customers that lost supply and got it back
together. An interruption that was restored in steps is several episodes; each of its customers counts once.

Formulas: IEEE Std 1366-2012 clause 3 (sustained: longer than five minutes); DL/T 836.1-2016 (base indices
count every interruption, ``-4`` leaves out those of up to three minutes).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
IEEE_MOMENTARY_MS: Final = 5 * MINUTE_MS
DLT_SHORT_MS: Final = 3 * MINUTE_MS

Table = dict[str, Float64]
"""Index → its value in each part; NaN where it has none."""
Indices = dict[str, float | None]
"""Index → its value in one part; None where it has none."""


class InterruptionCause(StrEnum):
    """What DL/T 836.1 tells apart; free text counts as a fault."""

    FAULT = "fault"
    PLANNED = "planned"
    EXTERNAL = "external"
    """A fault that came from outside the company's network."""
    RATIONING = "rationing"
    """Scheduled, for want of supply."""


CAUSES: Final = tuple(InterruptionCause)
CAUSE_NUMBER: Final[Mapping[InterruptionCause, int]] = {cause: number for number, cause in enumerate(CAUSES)}
"""Columns hold causes by their number."""
SCHEDULED: Final = (InterruptionCause.PLANNED, InterruptionCause.RATIONING)
FAULTS: Final = (InterruptionCause.FAULT, InterruptionCause.EXTERNAL)
LENGTHS_MS: Final = (DLT_SHORT_MS, IEEE_MOMENTARY_MS)
"""Durations that matter, ascending; an interruption that lasts just as long is the shorter kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Columns of the same length: ``customers`` of one part were out together."""

    started_ms: Int64
    ended_ms: Int64
    customers: Int64
    cause: Int8
    """Number in ``CAUSES``."""
    part: Int32
    """Which of the parts that indices are asked for: a line, a transformer, a grid cell; 0 for the whole."""

    def __len__(self) -> int:
        return len(self.started_ms)

    @property
    def duration_ms(self) -> Int64:
        return self.ended_ms - self.started_ms

    def where(self, chosen: Bool) -> Self:
        return type(self)(*(getattr(self, column.name)[chosen] for column in fields(self)))


@dataclass(frozen=True, slots=True)
class Period:
    """start ≤ instant < end, UTC epoch milliseconds."""

    start_ms: int
    end_ms: int

    @property
    def hours(self) -> float:
        return (self.end_ms - self.start_ms) / HOUR_MS

    def begun(self, started_ms: Int64) -> Bool:
        """An interruption belongs to the period in which it begins."""
        inside: Bool = (self.start_ms <= started_ms) & (started_ms < self.end_ms)
        return inside

    def overlap_ms(self, started_ms: Int64, ended_ms: Int64) -> Int64:
        """Only the time inside the period: the rest belongs to its neighbour."""
        first_ms, last_ms = np.maximum(started_ms, self.start_ms), np.minimum(ended_ms, self.end_ms)
        inside: Int64 = np.maximum(last_ms - first_ms, 0)
        return inside


def year_period(year: int, zone: tzinfo) -> Period:
    """The calendar year in that zone."""
    first, last = (int(datetime(y, 1, 1, tzinfo=zone).timestamp() * 1000) for y in (year, year + 1))
    return Period(first, last)


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """Everything that the indices need of many episodes: sums by part, cause and length."""

    served: Float64
    """[parts] customers served."""
    interrupted: Float64
    """[parts, causes, lengths] customers interrupted, each as often as they were."""
    hours: Float64
    """[parts, causes, lengths] customer-hours."""
    period: Period

    @classmethod
    def of(cls, episodes: Episodes, served: Float64, period: Period) -> "Totals":
        """One pass over the episodes of ``len(served)`` parts."""
        length = np.searchsorted(np.array(LENGTHS_MS), episodes.duration_ms)
        shape = len(served), len(CAUSES), len(LENGTHS_MS) + 1
        cell = np.ravel_multi_index((episodes.part, episodes.cause, length), shape)
        begun = period.begun(episodes.started_ms) * episodes.customers
        hours = period.overlap_ms(episodes.started_ms, episodes.ended_ms) * episodes.customers / HOUR_MS
        interrupted, out = (
            np.bincount(cell, weights=weight, minlength=math.prod(shape)).astype(np.float64).reshape(shape)
            for weight in (begun.astype(np.float64), hours)
        )
        return cls(served, interrupted, out, period)

    def only(self, causes: Sequence[InterruptionCause] = CAUSES, longer_ms: int = 0) -> "Totals":
        """Of these causes, and longer than a limit among ``LENGTHS_MS``."""
        chosen = np.zeros(self.hours.shape[1:], np.bool_)
        shortest = LENGTHS_MS.index(longer_ms) + 1 if longer_ms else 0
        chosen[[CAUSES.index(cause) for cause in causes], shortest:] = True
        return replace(self, interrupted=self.interrupted * chosen, hours=self.hours * chosen)

    @property
    def customers_interrupted(self) -> Float64:
        return _summed(self.interrupted)

    @property
    def customer_hours(self) -> Float64:
        return _summed(self.hours)

    @property
    def frequency(self) -> Float64:
        """Interruptions a customer."""
        return _ratio(self.customers_interrupted, self.served)

    @property
    def duration_h(self) -> Float64:
        """Hours a customer."""
        return _ratio(self.customer_hours, self.served)


def ieee1366(totals: Totals) -> Table:
    """Sustained interruptions; durations in minutes a customer."""
    sustained = totals.only(longer_ms=IEEE_MOMENTARY_MS)
    unplanned = totals.only(FAULTS, IEEE_MOMENTARY_MS)
    saifi, duration_h = sustained.frequency, sustained.duration_h
    return {
        "saifi": saifi,
        "saidi_min": duration_h * 60,
        "caidi_min": _ratio(duration_h * 60, saifi),
        "asai": 1 - duration_h / totals.period.hours,
        "maifi": _ratio(totals.customers_interrupted - sustained.customers_interrupted, totals.served),
        "saifi_unplanned": unplanned.frequency,
        "saidi_unplanned_min": unplanned.duration_h * 60,
        "customers_interrupted": sustained.customers_interrupted,
        "customer_minutes": sustained.customer_hours * 60,
    }


def dlt836(totals: Totals) -> Table:
    """Each variant leaves out its own kind only; customers served are equivalent customers (等效用户数)."""
    variants = {
        "1": totals,
        "2": totals.only([cause for cause in CAUSES if cause is not InterruptionCause.EXTERNAL]),
        "3": totals.only([cause for cause in CAUSES if cause is not InterruptionCause.RATIONING]),
        "4": totals.only(longer_ms=DLT_SHORT_MS),
        "f": totals.only(FAULTS),
        "s": totals.only(SCHEDULED),
    }
    table: Table = {}
    for name, counted in variants.items():
        duration_h = counted.duration_h
        table[f"asai_{name}_percent"] = (1 - duration_h / totals.period.hours) * 100
        table[f"saidi_{name}_h"] = duration_h
        table[f"saifi_{name}"] = counted.frequency
    table["caidi_1_h"] = _ratio(table["saidi_1_h"], table["saifi_1"])
    table["customer_hours"] = totals.customer_hours
    return table


def part_of_table(table: Mapping[str, Float64], part: int) -> Indices:
    """One part's values."""
    return {name: None if np.isnan(values[part]) else float(values[part]) for name, values in table.items()}


def _ratio(above: Float64, below: Float64) -> Float64:
    """NaN where nothing is below."""
    ratio: Float64 = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


def _summed(cells: Float64) -> Float64:
    total: Float64 = cells.sum(axis=(1, 2))
    return total
