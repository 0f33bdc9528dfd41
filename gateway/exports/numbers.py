"""Tables of number cells → scaled integers, exactly and fast: the digits themselves become the integers.

Numbers stay below 10^13, so five decimals always have room in 64 bits, and more beside small numbers. A cell
that is finer still (230.10000000000002) is rounded at the last decimal that has room beside its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.exports.cells import BadCell, read_number
from telemetry.decimals import Columns, read_plain
from telemetry.quantities import Quantity
from telemetry.readings import MISSING, Quality

_MAX_SCALED: Final = 9_000_000_000_000_000_000
_LARGEST: Final = 10**13


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """``scaled[row, column] · 10^-decimals``; rows that hold something else are in ``bad``: row → why."""

    scaled: NDArray[np.int64]
    decimals: int
    bad: dict[int, tuple[int, str]]
    """Row → (column, what was expected there)."""


def read_numbers(rows: Sequence[Sequence[str]], width: int, missing: frozenset[str]) -> Numbers:
    """Read ``rows`` of ``width`` cells each; cells that are empty or in ``missing`` hold no value."""
    if not rows:
        return Numbers(np.empty((0, width), dtype=np.int64), 0, {})
    plain = _read_plain(rows, width, missing)
    return plain if plain is not None else _read_each(rows, width, missing)


@lru_cache(maxsize=64)
def _all_wanted(width: int) -> Columns:
    none = np.zeros(width, dtype=np.int64)
    limit = np.full(width, np.inf)
    return Columns(np.arange(width, dtype=np.int64), none, -limit, limit)


def _read_plain(rows: Sequence[Sequence[str]], width: int, missing: frozenset[str]) -> Numbers | None:
    """The whole table as one JSON matrix; None where a cell is no plain number."""
    text = "],[".join(
        ",".join(["null" if not cell or cell in missing else cell for cell in row]) for row in rows
    )
    if not text.isascii():
        return None
    found = read_plain(f"[[{text}]]".encode("ascii"), len(rows), _all_wanted(width))
    if found is None:
        return None
    most = int(found.decimals.max(initial=0))
    scaled = _raised(found.scaled, most - found.decimals)
    return None if scaled is None else Numbers(scaled, most, {})


def _raised(scaled: NDArray[np.int64], powers: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Each column times its power of ten, MISSING kept; None if 64 bits do not hold it."""
    there = scaled != MISSING
    largest = np.abs(np.where(there, scaled, 0)).max(axis=0, initial=0)
    most = int(powers.max(initial=0))
    if any(
        int(top) >= _LARGEST * 10 ** (most - int(power)) for top, power in zip(largest, powers, strict=True)
    ):
        return None
    if any(int(top) * 10 ** int(power) > _MAX_SCALED for top, power in zip(largest, powers, strict=True)):
        return None
    factor = np.array([10 ** int(power) for power in powers], dtype=np.int64)
    return np.where(there, scaled * factor, MISSING)


def _read_each(rows: Sequence[Sequence[str]], width: int, missing: frozenset[str]) -> Numbers:
    """Cell by cell, so that one bad cell costs its row and nothing else."""
    bad: dict[int, tuple[int, str]] = {}
    values: list[list[Decimal | None]] = []
    for place, row in enumerate(rows):
        numbers: list[Decimal | None] = []
        for column, cell in enumerate(row):
            try:
                numbers.append(read_number(cell, missing))
            except BadCell as problem:
                bad.setdefault(place, (column, str(problem)))
                numbers.append(None)
        values.append([None] * width if place in bad else numbers)
    given = [number for row_values in values for number in row_values if number is not None]
    most = _decimals_with_room(given)
    scaled = np.full((len(rows), width), MISSING, dtype=np.int64)
    for place, row_values in enumerate(values):
        scaled[place] = [MISSING if number is None else _rounded(number, most) for number in row_values]
    return Numbers(scaled, most, bad)


def _decimals_with_room(numbers: Sequence[Decimal]) -> int:
    """As many as the finest number has, but no more than 64 bits hold beside the largest."""
    most = max((_decimals(number) for number in numbers), default=0)
    largest = max((abs(number) for number in numbers), default=Decimal(0))
    while most > 0 and largest.scaleb(most) > _MAX_SCALED:
        most -= 1
    return most


def _rounded(number: Decimal, decimals: int) -> int:
    return int(number.scaleb(decimals).to_integral_value(ROUND_HALF_EVEN))


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return min(-exponent, 18) if isinstance(exponent, int) and exponent < 0 else 0


@dataclass(frozen=True, slots=True, eq=False)
class InUnit:
    """Numbers in a quantity's own unit; of the same shape as what they were made of."""

    scaled: NDArray[np.int64]
    decimals: int
    doubts: NDArray[np.uint8]
    """OUT_OF_RANGE where the catalogue does not hold the value plausible."""
    too_large: NDArray[np.bool_]
    """64 bits do not hold it; it is missing in ``scaled``."""


def to_quantity(scaled: NDArray[np.int64], decimals: int, scale: Decimal, quantity: Quantity) -> InUnit:
    """Numbers as the source has them → the quantity's own unit, with as few decimals as lose nothing."""
    digits = scale.normalize().as_tuple()
    exponent = digits.exponent if isinstance(digits.exponent, int) else 0
    factor = int(scale.scaleb(-exponent) if exponent < 0 else scale)
    decimals += max(0, -exponent)
    raised = max(0, quantity.decimals - decimals)
    limit = _MAX_SCALED // (abs(factor) * 10**raised)
    given = scaled != MISSING
    too_large = given & ((scaled > limit) | (scaled < -limit))
    there = given & ~too_large
    whole = np.where(there, scaled, 0) * np.int64(factor * 10**raised)
    decimals += raised
    while decimals > quantity.decimals and not (whole % 10).any():
        whole //= 10
        decimals -= 1
    value = whole / 10.0**decimals
    outside = there & ((value < quantity.low) | (value > quantity.high))
    doubts = np.where(outside, np.uint8(Quality.OUT_OF_RANGE), np.uint8(0))
    return InUnit(np.where(there, whole, MISSING), decimals, doubts, too_large)


def repeated(scaled: NDArray[np.int64], after: int) -> NDArray[np.uint8]:
    """Per value of one curve STALE where it repeats its predecessor for more than the ``after``-th time."""
    doubts = np.zeros(len(scaled), dtype=np.uint8)
    run = 0
    for place in range(1, len(scaled)):
        run = run + 1 if scaled[place] == scaled[place - 1] != MISSING else 0
        if run > after:
            doubts[place] = Quality.STALE
    return doubts
