"""JSON matrices of decimal numbers → scaled integers, straight from their text.

The common case of ``scaling``: plain numbers of at most 15 significant digits, every value in its range. The
digits themselves become the integers; no floating-point number is involved. Anything else (exponents, more
digits, a value out of range, any other JSON) is answered with "not plain", and the general way decides.

Most numbers are no longer than eight bytes with what follows them: these are read as one machine word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from itertools import accumulate
from math import ceil, inf, nextafter
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from telemetry.machine_words import eight_bytes, eight_digits, trailing_zeros
from telemetry.readings import MISSING

_MAX_DIGITS: Final = 15
_MAX_SCALED: Final = 9_000_000_000_000_000_000
_MOST_DECIMALS: Final = 18
_POWERS: Final = np.array([10**power for power in range(_MOST_DECIMALS + 1)], dtype=np.int64)
_ROOM: Final = _MAX_SCALED // _POWERS
"""The largest number that so many decimals more leave within 64 bits."""
_NULL: Final = np.frombuffer(b"null", dtype=np.uint8)
_OPEN, _CLOSE, _COMMA, _POINT, _MINUS = (ord(sign) for sign in "[],.-")
_ZERO, _NINE, _BLANK, _TAB, _FEED, _RETURN = (ord(sign) for sign in "09 \t\n\r")
_PAD: Final = bytes(16)
"""Behind each text: no JSON, so that nothing is read across its end."""
_ONE, _BYTE, _POINT_BYTE, _ZERO_BYTE = (np.uint64(number) for number in (1, 255, _POINT, _ZERO))
_compiled: Final = partial(njit, cache=True, nogil=True, _nrt=False)
"""No array is made in compiled code: without counting references to them it takes half the time."""
_ZEROS, _TO_HIGH, _HIGH = (np.uint64(byte * 0x0101010101010101) for byte in (_ZERO, 0x76, 0x80))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Which of the given columns are wanted, in what least scale and plausible range."""

    target: NDArray[np.int64]
    """Place of each given column in the result, or -1."""
    decimals: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    limits: NDArray[np.int64] = field(init=False)
    """``limits[0 | 1, q, d]``: least and largest plausible value of column q with d decimals."""

    def __post_init__(self) -> None:
        ranges = zip(self.low.tolist(), self.high.tolist(), strict=True)
        found = np.array([_limits(low, high) for low, high in ranges], dtype=np.int64)
        found = found.reshape(len(self.low), _MOST_DECIMALS + 1, 2)
        object.__setattr__(self, "limits", np.ascontiguousarray(found.transpose(2, 0, 1)))


@lru_cache(maxsize=1024)
def _limits(low: float, high: float) -> tuple[tuple[int, int], ...]:
    """By decimals, the integers whose quotient, as the nearest double, lies in low … high."""
    return tuple((_least(low, decimals), -_least(-high, decimals)) for decimals in range(_MOST_DECIMALS + 1))


def _least(low: float, decimals: int) -> int:
    """The least integer that divided by the power of ten gives a double of at least ``low``."""
    if low in {-inf, inf}:
        return -_MAX_SCALED if low < 0 else _MAX_SCALED
    power = 10**decimals
    # What lies above the middle between two doubles is rounded to the upper one.
    least: int = ceil((Fraction(low) + Fraction(nextafter(low, -inf))) / 2 * power)
    while least / power < low:
        least += 1
    return max(-_MAX_SCALED, min(_MAX_SCALED, least))


@dataclass(frozen=True, slots=True, eq=False)
class PlainMatrix:
    scaled: NDArray[np.int64]
    decimals: NDArray[np.int64]
    answered: NDArray[np.bool_] | None
    """Rows with any number at all, wanted or not; None where that is all of them."""


def read_plain(text: bytes, rows: int, columns: Columns) -> PlainMatrix | None:
    """Read ``[[…], …]`` of exactly ``rows`` rows; None where it is not plain (see above)."""
    return read_plain_each([text], [rows], columns)[0]


def read_plain_each(
    texts: Sequence[bytes | memoryview], rows: Sequence[int], columns: Columns
) -> list[PlainMatrix | None]:
    """``read_plain`` of many texts of the same columns, in one go without the interpreter's lock."""
    count, wanted = len(texts), len(columns.decimals)
    row_at = np.array([0, *accumulate(rows)], dtype=np.int64)
    text_at = np.array([0, *accumulate(len(text) + len(_PAD) for text in texts)], dtype=np.int64)
    scaled = np.empty((row_at[-1], wanted), dtype=np.int64)
    decimals = np.repeat(columns.decimals[np.newaxis], count, axis=0)
    answered, outcome = np.zeros(row_at[-1], dtype=np.bool_), np.zeros((count, 2), dtype=np.bool_)
    joined = b"".join([part for text in texts for part in (text, _PAD)])
    _read_each(
        np.frombuffer(joined, dtype=np.uint8), text_at, row_at, columns.target, columns.limits,
        scaled, decimals, answered, outcome,
    )  # fmt: skip
    return [
        PlainMatrix(scaled[first:behind], own, None if all_answered else answered[first:behind])
        if plain
        else None
        for (plain, all_answered), first, behind, own in zip(
            outcome.tolist(), row_at[:-1].tolist(), row_at[1:].tolist(), decimals, strict=True
        )
    ]


def prepare() -> None:
    """Compile (or load what was compiled) now rather than with the first frame."""
    none = np.zeros(1, dtype=np.int64)
    read_plain(b"[[0]]", 1, Columns(none, none, np.zeros(1), np.ones(1)))


@_compiled()
def _read_each(text, text_at, row_at, target, limits, scaled, decimals, answered, outcome):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """``outcome[k]``: whether text k is plain, and whether all its rows answered."""
    for k in range(len(outcome)):
        rows = slice(row_at[k], row_at[k + 1])
        begin, end = text_at[k], text_at[k + 1] - len(_PAD)
        plain, scale = True, -1
        while plain and decimals[k].sum() != scale:
            # Once more where a number was finer than its column was taken for.
            scale = decimals[k].sum()
            plain = _read(text, begin, end, target, limits, scaled[rows], decimals[k], answered[rows])
        outcome[k, 0] = plain
        outcome[k, 1] = answered[rows].all()


@_compiled()
def _read(text, at, end, target, limits, scaled, decimals, answered):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """One text, whether it is plain. Raises ``decimals`` where numbers are finer: then not all is scaled."""
    at = _sign(text, at, _OPEN)
    for row in range(len(scaled)):
        if row > 0:
            at = _sign(text, at, _COMMA)
        at = _sign(text, at, _OPEN)
        for column in range(len(target)):
            if column > 0:
                at = _sign(text, at, _COMMA)
            if at < 0:
                return False
            q = target[column]
            # One look tells most values apart from null.
            if text[at] == _NULL[0]:
                at, value = _behind_null(text, at), MISSING
            else:
                at, value, used = _number(text, at)
                answered[row] = True
                if q >= 0:
                    value = _fitting(value, used, decimals, limits, q)
                    if value == MISSING:
                        return False
            if q >= 0:
                scaled[row, q] = value
        at = _sign(text, at, _CLOSE)
    return _sign(text, at, _CLOSE) == end


@_compiled(inline="always")
def _fitting(value, used, decimals, limits, q):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The value in the scale of column q; MISSING where it is not plausible, or 64 bits do not hold it."""
    while used > decimals[q] and value % 10 == 0:
        value, used = value // 10, used - 1
    decimals[q] = max(decimals[q], used)
    if abs(value) > _ROOM[decimals[q] - used]:
        return MISSING
    value *= _POWERS[decimals[q] - used]
    return value if limits[0, q, decimals[q]] <= value <= limits[1, q, decimals[q]] else MISSING


@_compiled()
def _blank(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    while text[at] <= _BLANK and (
        text[at] == _BLANK or text[at] == _FEED or text[at] == _RETURN or text[at] == _TAB
    ):
        at += 1
    return at


@_compiled()
def _sign(text, at, sign):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Behind ``sign`` and blanks, or -1."""
    if at < 0:
        return -1
    at = _blank(text, at)
    return _blank(text, at + 1) if text[at] == sign else -1


@_compiled()
def _behind_null(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for place in range(len(_NULL)):
        if text[at + place] != _NULL[place]:
            return -1
    return at + len(_NULL)


@_compiled(inline="always")
def _number(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """(behind the number or -1, digits as an integer, decimals) of a plain number at ``at``."""
    negative = text[at] == _MINUS
    if negative:
        at += 1
    behind, value, used = _short_number(text, at)
    if behind < 0:
        behind, value, used = _long_number(text, at)
    return behind, -value if negative else value, used


@_compiled(inline="always")
def _short_number(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """As ``_number`` where eight bytes hold point and end of an unsigned number; else -1, to look closer."""
    word = eight_bytes(text, at)
    digits = word ^ _ZEROS
    # The highest bit of each byte that is no digit; exact up to the first that is not ASCII.
    others = ((digits + _TO_HIGH) | digits) & _HIGH
    point = trailing_zeros(others) & ~7
    end = trailing_zeros(others & (others - _ONE)) & ~7
    if end == 64 or point == 0 or end == point + 8 or (word >> np.uint64(point)) & _BYTE != _POINT_BYTE:
        return -1, 0, 0
    if point > 8 and word & _BYTE == _ZERO_BYTE:
        return -1, 0, 0
    whole = (_ONE << np.uint64(point)) - _ONE
    joined = (digits & whole) | ((digits >> np.uint64(8)) & ~whole)
    return at + (end >> 3), eight_digits(joined << np.uint64(72 - end)), (end - point - 8) >> 3


@_compiled()
def _long_number(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """As ``_number`` of an unsigned number, digit by digit."""
    value, digits, places, first = 0, 0, 0, at
    while _ZERO <= text[at] <= _NINE:
        value, digits, at = value * 10 + (text[at] - _ZERO), digits + 1, at + 1
        if digits > _MAX_DIGITS:
            return -1, 0, 0
    if digits == 0 or (digits > 1 and text[first] == _ZERO):
        return -1, 0, 0
    if text[at] != _POINT:
        return at, value, 0
    at += 1
    while _ZERO <= text[at] <= _NINE:
        value, places, at = value * 10 + (text[at] - _ZERO), places + 1, at + 1
        if digits + places > _MAX_DIGITS:
            return -1, 0, 0
    return (at if places else -1), value, places
