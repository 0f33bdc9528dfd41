"""Readings: what meters measured, one batch per terminal frame, exact.

Values are scaled integers: ``value = scaled · 10^-decimals``. A quantity's scale is one per batch; it is the
catalogue's unless a value needs a finer one. No value passes through a lossy float.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

MISSING = np.iinfo(np.int64).min
"""The scaled value of a field that was not read."""


class Quality(IntFlag):
    """What is to be doubted of a value; GOOD is the absence of doubt. Doubtful values are kept."""

    GOOD = 0
    LATE = 1
    """Arrived long after it was measured."""
    OUT_OF_RANGE = 2
    """Beyond what the catalogue holds plausible."""
    STALE = 4
    """The source repeated an old value as new."""
    CLOCK_SUSPECT = 8
    """The device's clock cannot be right."""
    ESTIMATED = 16
    """Computed or substituted by its source, not measured."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """One frame of one terminal: ``scaled[m, q]`` of meter m and quantity q.

    A meter's value of an instant that is written again replaces the earlier one, quantity by quantity: a
    head-end's restatement, or the same value on a second path.
    """

    terminal: str
    boot: str
    seq: int
    """(terminal, boot, seq) names the frame for ever."""
    at_ms: int
    received_ms: int
    meters: tuple[str, ...]
    quantities: tuple[str, ...]
    decimals: tuple[int, ...]
    """Scale of each quantity in this batch."""
    scaled: NDArray[np.int64]
    quality: Quality = Quality.GOOD
    """Of every value of the batch."""
    doubts: NDArray[np.uint8] | None = None
    """``doubts[m, q]``: quality of single values beside that of the batch; None = no doubts."""

    def doubted(self, quality: Quality) -> "ReadingBatch":
        """The same with this quality too. Written out: it is done to every late frame of a backlog."""
        return ReadingBatch(
            self.terminal, self.boot, self.seq, self.at_ms, self.received_ms, self.meters, self.quantities,
            self.decimals, self.scaled, self.quality | quality, self.doubts,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One meter at one instant; absent quantities were not read."""

    meter: str
    terminal: str
    at_ms: int
    received_ms: int
    values: dict[str, Decimal]
    doubts: dict[str, Quality] = field(default_factory=dict)
    """Quality of the values that are not good; a quantity that is not named is good."""


def restated(parts: Iterable[Reading]) -> Reading:
    """What several writings of one meter and instant (at least one) say together.

    Quantity by quantity the newest received holds; of equals the last.
    """
    ordered = sorted(parts, key=lambda part: part.received_ms)
    if len(ordered) == 1:
        return ordered[0]
    values: dict[str, Decimal] = {}
    doubts: dict[str, Quality] = {}
    for part in ordered:
        values |= part.values
        doubts |= {quantity: part.doubts.get(quantity, Quality.GOOD) for quantity in part.values}
    newest = ordered[-1]
    doubtful = {quantity: doubt for quantity, doubt in doubts.items() if doubt}
    return Reading(newest.meter, newest.terminal, newest.at_ms, newest.received_ms, values, doubtful)
