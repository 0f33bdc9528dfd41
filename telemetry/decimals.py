"""A JSON matrix of decimal numbers → scaled integers, straight from its text.

The common case of ``scaling``: plain numbers of at most 15 significant digits, every value in its range. The
digits themselves become the integers; no floating-point number is involved. Anything else (exponents, more
digits, a value out of range, any other JSON) is answered with "not plain", and the general way decides.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from telemetry.readings import MISSING

_MAX_DIGITS: Final = 15
_MAX_SCALED: Final = 9_000_000_000_000_000_000
_POWERS: Final = np.array([10**power for power in range(19)], dtype=np.int64)
_NULL: Final = np.frombuffer(b"null", dtype=np.uint8)
_OPEN, _CLOSE, _COMMA, _POINT, _MINUS = (ord(sign) for sign in "[],.-")
_ZERO, _NINE, _BLANK, _TAB, _FEED, _RETURN = (ord(sign) for sign in "09 \t\n\r")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Which of the given columns are wanted, in what least scale and plausible range."""

    target: NDArray[np.int64]
    """Place of each given column in the result, or -1."""
    decimals: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PlainMatrix:
    scaled: NDArray[np.int64]
    decimals: NDArray[np.int64]
    answered: NDArray[np.bool_]
    """Rows with any number at all, wanted or not."""


def read_plain(text: bytes, rows: int, columns: Columns) -> PlainMatrix | None:
    """Read ``[[…], …]`` of exactly ``rows`` rows; None where it is not plain (see above)."""
    wanted = len(columns.decimals)
    result = PlainMatrix(
        scaled=np.empty((rows, wanted), dtype=np.int64),
        decimals=columns.decimals.copy(),
        answered=np.zeros(rows, dtype=np.bool_),
    )
    places = np.zeros((rows, wanted), dtype=np.int64)
    plain = _read(
        np.frombuffer(text, dtype=np.uint8), columns.target, columns.low, columns.high,
        result.scaled, places, result.decimals, result.answered,
    )  # fmt: skip
    return result if plain and _rescale(result.scaled, places, result.decimals) else None


def prepare() -> None:
    """Compile (or load what was compiled) now rather than with the first frame."""
    none = np.zeros(1, dtype=np.int64)
    read_plain(b"[[0]]", 1, Columns(none, none, np.zeros(1), np.ones(1)))


@njit(cache=True, nogil=True)
def _blank(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    while at < len(text) and (
        text[at] == _BLANK or text[at] == _TAB or text[at] == _FEED or text[at] == _RETURN
    ):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _sign(text, at, sign):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Behind ``sign`` and blanks, or -1."""
    at = _blank(text, at)
    if at >= len(text) or text[at] != sign:
        return -1
    return _blank(text, at + 1)


@njit(cache=True, nogil=True)
def _number(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """(behind the number or -1, digits as an integer, decimals) of a plain number at ``at``."""
    negative = at < len(text) and text[at] == _MINUS
    if negative:
        at += 1
    value, digits, places, first = 0, 0, 0, at
    while at < len(text) and _ZERO <= text[at] <= _NINE:
        value, digits, at = value * 10 + (text[at] - _ZERO), digits + 1, at + 1
        if digits > _MAX_DIGITS:
            return -1, 0, 0
    if digits == 0 or (digits > 1 and text[first] == _ZERO):
        return -1, 0, 0
    if at < len(text) and text[at] == _POINT:
        at += 1
        while at < len(text) and _ZERO <= text[at] <= _NINE:
            value, places, at = value * 10 + (text[at] - _ZERO), places + 1, at + 1
            if digits + places > _MAX_DIGITS:
                return -1, 0, 0
        if places == 0:
            return -1, 0, 0
    while places > 0 and value % 10 == 0:
        value, places = value // 10, places - 1
    return at, -value if negative else value, places


@njit(cache=True, nogil=True)
def _is_null(text, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    same = at + 4 <= len(text)
    for place in range(4):
        same = same and text[at + place] == _NULL[place]
    return same


@njit(cache=True, nogil=True)
def _read(text, target, low, high, scaled, places, decimals, answered):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901
    at = _sign(text, 0, _OPEN)
    for row in range(scaled.shape[0]):
        if row > 0:
            at = _sign(text, at, _COMMA)
        at = -1 if at < 0 else _sign(text, at, _OPEN)
        for column in range(len(target)):
            if column > 0 and at >= 0:
                at = _sign(text, at, _COMMA)
            if at < 0:
                return False
            value, used = MISSING, 0
            # One look tells most values apart from null.
            if at < len(text) and text[at] == _NULL[0] and _is_null(text, at):
                at += 4
            else:
                at, value, used = _number(text, at)
                if at < 0:
                    return False
                answered[row] = True
            q = target[column]
            if q >= 0:
                if value != MISSING and not low[q] <= value / _POWERS[used] <= high[q]:
                    return False
                scaled[row, q], places[row, q] = value, used
                decimals[q] = max(decimals[q], used)
        at = -1 if at < 0 else _sign(text, at, _CLOSE)
        if at < 0:
            return False
    at = _sign(text, at, _CLOSE)
    return at == len(text)


@njit(cache=True, nogil=True)
def _rescale(scaled, places, decimals):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Bring each value from its own number of decimals to its column's; False if 64 bits do not hold it."""
    for row in range(scaled.shape[0]):
        for q in range(scaled.shape[1]):
            if scaled[row, q] != MISSING:
                power = _POWERS[decimals[q] - places[row, q]]
                if abs(scaled[row, q]) > _MAX_SCALED // power:
                    return False
                scaled[row, q] *= power
    return True
