"""Readings: what meters measured, one batch per terminal frame, exact.

Values are scaled integers: ``value = scaled · 10^-decimals``. A quantity's scale is one per batch; it is the
catalogue's unless a value needs a finer one. No value passes through a lossy float.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

MISSING = np.iinfo(np.int64).min
"""The scaled value of a field that was not read."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """One frame of one terminal: ``scaled[m, q]`` of meter m and quantity q."""

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


@dataclass(frozen=True, slots=True)
class Reading:
    """One meter at one instant; absent quantities were not read."""

    meter: str
    terminal: str
    at_ms: int
    received_ms: int
    values: dict[str, Decimal]
