"""Reliability indices of a period: IEEE 1366 and DL/T 836.1-2016.

Both work on *steps*: disjoint groups of customers that lost supply and got it back together. An interruption
that was restored in steps is several groups; each of its customers is counted once.

Formulas: IEEE Std 1366-2012 clause 3 (sustained: longer than five minutes); DL/T 836.1-2016 (base indices
count every interruption, ``-4`` leaves out those of up to three minutes).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import groupby
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
IEEE_MOMENTARY_MS: Final = 5 * MINUTE_MS
DLT_SHORT_MS: Final = 3 * MINUTE_MS

Indices = dict[str, float | None]


class InterruptionCause(StrEnum):
    """What DL/T 836.1 tells apart; free text counts as a fault."""

    FAULT = "fault"
    PLANNED = "planned"
    EXTERNAL = "external"
    """A fault that came from outside the company's network."""
    RATIONING = "rationing"
    """Scheduled, for want of supply."""


SCHEDULED: Final = frozenset({InterruptionCause.PLANNED, InterruptionCause.RATIONING})


@dataclass(frozen=True, slots=True)
class Interruption:
    """One row of an interruption list: ``customers`` were out from ``started_ms`` to ``restored_ms``.

    Rows with the same ``interruption_id`` are steps of one interruption: groups with their own return, or
    consecutive stretches with the number still out. An empty id stands alone.
    """

    started_ms: int
    restored_ms: int | None
    """None: still open."""
    customers: int
    cause: InterruptionCause
    interruption_id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """``customers`` who were out together from ``started_ms`` to ``ended_ms``."""

    started_ms: int
    ended_ms: int
    customers: int
    cause: InterruptionCause

    @property
    def duration_ms(self) -> int:
        return self.ended_ms - self.started_ms


@dataclass(frozen=True, slots=True)
class Period:
    """start ≤ instant < end, UTC epoch milliseconds."""

    start_ms: int
    end_ms: int

    @property
    def hours(self) -> float:
        return (self.end_ms - self.start_ms) / HOUR_MS

    def begins(self, step: Step) -> bool:
        """An interruption belongs to the period in which it begins."""
        return self.start_ms <= step.started_ms < self.end_ms

    def customer_hours(self, step: Step) -> float:
        """Only the time inside the period: the rest belongs to its neighbour."""
        inside_ms = min(step.ended_ms, self.end_ms) - max(step.started_ms, self.start_ms)
        return max(inside_ms, 0) / HOUR_MS * step.customers


def year_period(year: int, zone: tzinfo) -> Period:
    """The calendar year in that zone."""
    first, last = (int(datetime(y, 1, 1, tzinfo=zone).timestamp() * 1000) for y in (year, year + 1))
    return Period(first, last)


def steps_of(interruptions: Iterable[Interruption], until_ms: int) -> tuple[Step, ...]:
    """Disjoint groups of customers of every interruption; open ones last until ``until_ms``."""
    together: defaultdict[str, list[Interruption]] = defaultdict(list)
    alone: list[Interruption] = []
    for interruption in interruptions:
        (together[interruption.interruption_id] if interruption.interruption_id else alone).append(
            interruption
        )
    groups = [[interruption] for interruption in alone] + list(together.values())
    return tuple(step for group in groups for step in _steps_of_one(group, until_ms))


def _steps_of_one(rows: Sequence[Interruption], until_ms: int) -> Iterable[Step]:
    """First out, first back: whoever lost supply earliest is taken to be among the next restored."""
    changes = [(row.started_ms, row.customers) for row in rows]
    changes += [(max(_end(row, until_ms), row.started_ms), -row.customers) for row in rows]
    waiting: list[tuple[int, int]] = []
    for instant, group in groupby(sorted(changes), key=lambda change: change[0]):
        change = sum(customers for _, customers in group)
        if change > 0:
            waiting.append((instant, change))
        while change < 0:
            started_ms, out = waiting.pop(0)
            back = min(out, -change)
            yield Step(started_ms, instant, back, rows[0].cause)
            change += back
            if out > back:
                waiting.insert(0, (started_ms, out - back))


def _end(row: Interruption, until_ms: int) -> int:
    return until_ms if row.restored_ms is None else row.restored_ms


def ieee1366(steps: Sequence[Step], customers: int, period: Period) -> Indices:
    """Sustained interruptions of ``customers`` served; durations in minutes, per customer and period.

    ``caidi_min`` is None where nothing was interrupted.
    """
    sustained = [step for step in steps if step.duration_ms > IEEE_MOMENTARY_MS]
    momentary = [step for step in steps if step.duration_ms <= IEEE_MOMENTARY_MS]
    unplanned = [step for step in sustained if step.cause not in SCHEDULED]
    saifi, hours = _frequency(sustained, customers, period), _hours(sustained, customers, period)
    return {
        "saifi": saifi,
        "saidi_min": hours * 60,
        "caidi_min": hours * 60 / saifi if saifi else None,
        "asai": 1 - hours / period.hours,
        "maifi": _frequency(momentary, customers, period),
        "saifi_unplanned": _frequency(unplanned, customers, period),
        "saidi_unplanned_min": _hours(unplanned, customers, period) * 60,
        "customers_interrupted": _frequency(sustained, 1, period),
        "customer_minutes": _hours(sustained, 1, period) * 60,
    }


_DLT_VARIANTS: Final[Mapping[str, Callable[[Step], bool]]] = {
    "1": lambda _: True,
    "2": lambda step: step.cause is not InterruptionCause.EXTERNAL,
    "3": lambda step: step.cause is not InterruptionCause.RATIONING,
    "4": lambda step: step.duration_ms > DLT_SHORT_MS,
    "f": lambda step: step.cause not in SCHEDULED,
    "s": lambda step: step.cause in SCHEDULED,
}


def dlt836(steps: Sequence[Step], customers: int, period: Period) -> Indices:
    """Each variant leaves out its own kind only; ``customers`` are equivalent customers (等效用户数)."""
    indices: Indices = {}
    for name, counts in _DLT_VARIANTS.items():
        counted = [step for step in steps if counts(step)]
        hours = _hours(counted, customers, period)
        indices[f"asai_{name}_percent"] = (1 - hours / period.hours) * 100
        indices[f"saidi_{name}_h"] = hours
        indices[f"saifi_{name}"] = _frequency(counted, customers, period)
    saifi = indices["saifi_1"]
    indices["caidi_1_h"] = (indices["saidi_1_h"] or 0.0) / saifi if saifi else None
    indices["customer_hours"] = _hours(steps, 1, period)
    return indices


def _frequency(steps: Sequence[Step], customers: int, period: Period) -> float:
    return sum(step.customers for step in steps if period.begins(step)) / customers


def _hours(steps: Sequence[Step], customers: int, period: Period) -> float:
    return sum(period.customer_hours(step) for step in steps) / customers
