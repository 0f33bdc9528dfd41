"""From decimal numbers as devices write them to scaled integers, without loss.

A number from JSON arrives as the double nearest to its decimal text. Two different decimals of at most 15
significant digits never share a double (IEEE 754), so rounding to an integer of fewer than 16 digits and
dividing back either proves the decimal or shows that it is finer; then the shortest text decides.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.readings import MISSING

_PROVABLE: Final = 1e15
_LARGEST: Final = Decimal(2**63 - 1)


def scale_exactly(
    values: NDArray[np.float64], decimals: tuple[int, ...]
) -> tuple[NDArray[np.int64], tuple[int, ...], tuple[int, ...]]:
    """Scale ``values[m, q]`` (NaN = missing) with at least ``decimals[q]`` decimals a column.

    Answers (scaled, decimals used, columns that had to be rounded). A column is rounded only where its
    numbers need more than the 18 digits of 64 bits side by side; then as little as possible.
    """
    powers = np.power(10.0, decimals)
    missing = np.isnan(values)
    candidate = np.rint(np.where(missing, 0.0, values) * powers)
    proven = (np.abs(candidate) < _PROVABLE) & ((candidate / powers == values) | missing)
    scaled = candidate.astype(np.int64)
    used, rounded = list(decimals), []
    for column in np.flatnonzero(~proven.all(axis=0)).tolist():
        exact = [Decimal(repr(value)) for value in values[~missing[:, column], column].tolist()]
        used[column], whole, lossless = _scale_texts(exact, decimals[column])
        scaled[~missing[:, column], column] = whole
        if not lossless:
            rounded.append(column)
    scaled[missing] = MISSING
    return scaled, tuple(used), tuple(rounded)


def _scale_texts(values: list[Decimal], least: int) -> tuple[int, list[int], bool]:
    needed = max(least, *(_decimals_of(value) for value in values))
    largest = max(abs(value) for value in values)
    used = needed
    while used > 0 and largest.scaleb(used) > _LARGEST:
        used -= 1
    whole = [int(value.scaleb(used).to_integral_value(ROUND_HALF_EVEN)) for value in values]
    return used, whole, used == needed


def _decimals_of(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
