"""Absences of supply as columns: one row is one customer (or one transformer) out from when to when.

What only single customers can tell comes from here: CEMI_n, MAIFI_E (IEEE Std 1366-2012 clause 3) and each
customer's own account.
"""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from telemetry.absence_kernels import by_who_and_start, joined, momentary_events
from telemetry.reliability import (
    CAUSES,
    HOUR_MS,
    IEEE_MOMENTARY_MS,
    Bool,
    Episodes,
    Float64,
    Int8,
    Int32,
    Int64,
    Period,
    Table,
)

CEMI_THRESHOLDS: Final = (1, 3, 5)


@dataclass(frozen=True, slots=True, eq=False)
class Absences:
    """Columns of the same length, sorted by ``who`` and start; no two of one customer touch."""

    who: Int32
    """Number of the customer."""
    started_ms: Int64
    ended_ms: Int64
    cause: Int8
    """Number in ``reliability.CAUSES``."""
    outage: Int32
    """Number of the outage."""

    def __len__(self) -> int:
        return len(self.who)

    @classmethod
    def of(
        cls, who: Int32, started_ms: Int64, ended_ms: Int64, cause: Int8, outage: Int32, count: int
    ) -> "Absences":
        """From rows in any order of customers 0 … ``count`` − 1.

        Stretches of one customer that overlap or touch are one absence, under the cause of the first: a
        nested outage goes on where the one around it ended.
        """
        order = by_who_and_start(who, started_ms, count)
        first, end_ms = joined(who, started_ms, ended_ms, order)
        return cls(who[first], started_ms[first], end_ms, cause[first], outage[first])

    def where(self, chosen: Bool) -> Self:
        return type(self)(*(getattr(self, column.name)[chosen] for column in fields(self)))

    def of_one(self, who: int) -> Self:
        """One customer's absences, oldest first."""
        low, high = np.searchsorted(self.who, (who, who + 1))
        return type(self)(*(getattr(self, column.name)[low:high] for column in fields(self)))

    def episodes(self, part_of_who: Int32) -> Episodes:
        """Each absence as an episode of one customer, in the part that they belong to."""
        ones = np.ones(len(self), np.int64)
        return Episodes(self.started_ms, self.ended_ms, ones, self.cause, part_of_who[self.who])


@dataclass(frozen=True, slots=True)
class Account:
    """What one customer went through in a period."""

    interruptions: int
    hours: float
    by_cause: dict[str, tuple[int, float]]
    """Cause → (interruptions that began in the period, hours inside it)."""


def account(absences: Absences, period: Period) -> Account:
    """The account of these absences, all of one customer."""
    begun = period.begun(absences.started_ms)
    hours = period.overlap_ms(absences.started_ms, absences.ended_ms) / HOUR_MS
    by_cause = {
        str(CAUSES[number]): (
            int(np.count_nonzero(begun & (absences.cause == number))),
            float(hours[absences.cause == number].sum()),
        )
        for number in np.unique(absences.cause).tolist()
    }
    return Account(int(np.count_nonzero(begun)), float(hours.sum()), by_cause)


def single_customer_indices(absences: Absences, part_of_who: Int32, served: Float64, period: Period) -> Table:
    """CEMI_n: share of customers with more than n sustained interruptions; MAIFI_E: momentary events each."""
    own = absences.where(period.begun(absences.started_ms))
    count, parts = len(part_of_who), len(served)
    sustained = np.bincount(own.who[own.ended_ms - own.started_ms > IEEE_MOMENTARY_MS], minlength=count)
    events = momentary_events(own.who, own.started_ms, own.ended_ms, IEEE_MOMENTARY_MS, count)
    table = {f"cemi_{n}": np.bincount(part_of_who[sustained > n], minlength=parts) for n in CEMI_THRESHOLDS}
    table["maifi_e"] = np.bincount(part_of_who, weights=events, minlength=parts)
    return {name: np.where(served > 0, sums / np.maximum(served, 1), np.nan) for name, sums in table.items()}
