"""Readings by spans of time: quarters of an hour, hours, days. Exact: decimals in, decimals out.

What is instantaneous (voltage, power) has mean, least and greatest; what only grows (energy) has its last
value, from which consumption follows by difference. A span holds begin ≤ at < begin + every.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Final

from telemetry.quantities import CATALOGUE
from telemetry.readings import Quality, Reading

QUARTER_MS: Final = 15 * 60_000
HOUR_MS: Final = 60 * 60_000
DAY_MS: Final = 24 * HOUR_MS
_FINER: Final = 3
"""A mean has so many more decimals than the catalogue keeps of the quantity."""
_UNKNOWN_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One quantity within one span."""

    count: int
    last: Decimal
    mean: Decimal | None = None
    """Absent for what only grows, as are ``low`` and ``high``."""
    low: Decimal | None = None
    high: Decimal | None = None
    doubt: Quality = Quality.GOOD
    """Everything that is to be doubted of any of the values."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One meter in one span."""

    begin_ms: int
    values: dict[str, Aggregate]


def begin_of(at_ms: int, every_ms: int, origin_ms: int) -> int:
    """Beginning of the span that ``at_ms`` lies in."""
    return at_ms - (at_ms - origin_ms) % every_ms


def first_begin(from_ms: int, every_ms: int, origin_ms: int) -> int:
    """The first beginning of a span at or after ``from_ms``."""
    return from_ms + (origin_ms - from_ms) % every_ms


def aggregate(readings: Iterable[Reading], every_ms: int, origin_ms: int = 0) -> Iterator[Bucket]:
    """The spans of ``readings`` (one meter, in order of time)."""
    spans = groupby(readings, key=lambda reading: begin_of(reading.at_ms, every_ms, origin_ms))
    for begin_ms, within in spans:
        values: dict[str, list[Decimal]] = {}
        doubts: dict[str, Quality] = {}
        for reading in within:
            for quantity, value in reading.values.items():
                values.setdefault(quantity, []).append(value)
            for quantity, doubt in reading.doubts.items():
                doubts[quantity] = doubts.get(quantity, Quality.GOOD) | doubt
        found = {
            quantity: _aggregate(quantity, series, doubts.get(quantity, Quality.GOOD))
            for quantity, series in values.items()
        }
        yield Bucket(begin_ms, found)


def _aggregate(quantity: str, series: list[Decimal], doubt: Quality) -> Aggregate:
    known = CATALOGUE.get(quantity)
    if known is not None and known.cumulative:
        return Aggregate(len(series), series[-1], doubt=doubt)
    decimals = (known.decimals if known is not None else _UNKNOWN_DECIMALS) + _FINER
    mean = (sum(series, Decimal(0)) / len(series)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    return Aggregate(len(series), series[-1], mean, min(series), max(series), doubt)
