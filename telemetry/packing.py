"""Scaled integers of one batch ↔ a small block of bytes, exactly.

Each column is taken as its distance from the column's smallest value, in as few whole bytes as that column
needs, laid out plane by plane (all lowest bytes of a column, then all second ones …). The largest code of a
column stands for a missing value. Meters of one transformer resemble each other, so this comes out as small
as a general compressor would make it, in a fraction of its time.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from telemetry.readings import MISSING

_WIDE: Final = 8
_HEAD: Final = struct.Struct("<HB")
_HIGHEST: Final = np.iinfo(np.int64).max
_STEPS: Final = np.array([(1 << (8 * width)) - 2 for width in range(1, _WIDE)], dtype=np.uint64)
"""The largest distance that one, two, … bytes hold beside the code for missing."""


class DamagedBlock(ValueError):
    """These bytes are not a packed block."""


def pack(scaled: NDArray[np.int64]) -> bytes:
    """Pack ``scaled[m, q]`` (any 64-bit values; ``MISSING`` where not read; at most 65,535 × 255)."""
    return pack_each([scaled])[0].block


class Packed(NamedTuple):
    block: bytes
    whole: bool
    """Nothing is missing."""


def pack_each(tables: Sequence[NDArray[np.int64]]) -> list[Packed]:
    """``pack`` each, in one go without the interpreter's lock."""
    shapes = np.array([table.shape for table in tables], dtype=np.int64).reshape(-1, 2)
    most_bytes = _HEAD.size + shapes[:, 1] * (1 + _WIDE + _WIDE * shapes[:, 0])
    begins = np.concatenate(([0], np.cumsum(most_bytes)))
    ends, whole = np.empty(len(tables), dtype=np.int64), np.empty(len(tables), dtype=np.bool_)
    blocks = np.empty(begins[-1], dtype=np.uint8)
    values = np.concatenate([table.ravel() for table in tables]) if tables else np.empty(0, dtype=np.int64)
    column = np.empty(shapes[:, 0].max(initial=0), dtype=np.uint64)
    _pack_each(values, shapes, begins, column, blocks, ends, whole)
    return [
        Packed(blocks[begin:end].tobytes(), not_missing)
        for begin, end, not_missing in zip(begins.tolist(), ends.tolist(), whole.tolist(), strict=False)
    ]


def prepare() -> None:
    """Compile (or load what was compiled) now rather than with the first batch."""
    unpack_meter(pack(np.zeros((1, 1), dtype=np.int64)), 0)


@njit(cache=True, nogil=True)
def _pack_each(values, shapes, begins, column, blocks, ends, whole):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    first = 0
    for k in range(len(shapes)):
        meters, quantities = shapes[k]
        block, whole[k] = blocks[begins[k] :], True
        block[0], block[1], block[2] = meters & 0xFF, meters >> 8, quantities
        at = 3 + quantities * 9
        for q in range(quantities):
            codes = column[:meters]
            for m in range(meters):
                codes[m] = values[first + m * quantities + q]
            low, width, missing = _measure(codes.view(np.int64))
            block[3 + q] = width
            _lay(low, block[3 + quantities + 8 * q :])
            _lay_planes(codes, low, width, missing, block[at : at + width * meters])
            at += width * meters
            whole[k] &= not missing
        ends[k] = begins[k] + at
        first += meters * quantities


@njit(cache=True, nogil=True)
def _measure(values):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """(smallest value, bytes that the largest distance from it needs, whether any is missing)."""
    least, most, missing = _HIGHEST, MISSING, False
    for value in values:
        missing |= value == MISSING
        most = max(most, value)
        least = min(least, _HIGHEST if value == MISSING else value)
    # Unsigned arithmetic wraps, so the distance is right even between the ends of the 64-bit range.
    reach = np.uint64(most) - np.uint64(least) if most != MISSING else np.uint64(0)
    return np.uint64(least), np.searchsorted(_STEPS, reach) + 1, missing


@njit(cache=True, nogil=True)
def _lay(number, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for byte in range(8):
        place[byte] = np.uint8((number >> np.uint64(8 * byte)) & np.uint64(0xFF))


@njit(cache=True, nogil=True)
def _lay_planes(codes, low, width, missing, planes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for m in range(len(codes)):
        codes[m] = ~np.uint64(0) if missing and np.int64(codes[m]) == MISSING else codes[m] - low
    for byte in range(width):
        plane = planes[byte * len(codes) : (byte + 1) * len(codes)]
        for m in range(len(codes)):
            plane[m] = np.uint8((codes[m] >> np.uint64(8 * byte)) & np.uint64(0xFF))


def unpack(block: bytes) -> NDArray[np.int64]:
    """The array that ``pack`` was given; raises DamagedBlock."""
    width, low, planes = _opened(block)
    return np.ascontiguousarray(_values(width, low, planes).T)


def unpack_meter(block: bytes, meter: int) -> NDArray[np.int64]:
    """Row ``meter`` of the array alone: all its quantities; raises DamagedBlock."""
    found = np.empty(block[_HEAD.size - 1] if len(block) >= _HEAD.size else 0, dtype=np.int64)
    if not _read_row(np.frombuffer(block, dtype=np.uint8), meter, found):
        _opened(block)  # says what is wrong
        raise IndexError(f"no row {meter}")
    return found


@njit(cache=True, nogil=True)
def _read_row(block, meter, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """As ``_opened`` and ``_values`` for one row, a tenth of the time; False where they would raise."""
    if len(block) < 3:
        return False
    meters, quantities = np.int64(block[0]) + 256 * np.int64(block[1]), np.int64(block[2])
    plane = 3 + quantities * 9
    if not 0 <= meter < meters or len(block) < plane:
        return False
    total = 0
    for q in range(quantities):
        if not 1 <= block[3 + q] <= 8:
            return False
        total += block[3 + q]
    if len(block) != plane + total * meters:
        return False
    for q in range(quantities):
        low, code, highest = np.uint64(0), np.uint64(0), np.uint64(0)
        for byte in range(8):
            low |= np.uint64(block[3 + quantities + 8 * q + byte]) << np.uint64(8 * byte)
        for byte in range(block[3 + q]):
            code |= np.uint64(block[plane + byte * meters + meter]) << np.uint64(8 * byte)
            highest |= np.uint64(255) << np.uint64(8 * byte)
        plane += block[3 + q] * meters
        found[q] = MISSING if code == highest else np.int64(low + code)
    return True


def _opened(block: bytes) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.uint8]]:
    """(bytes per column, smallest of each column, planes[plane, meter])."""
    if len(block) < _HEAD.size:
        raise DamagedBlock(f"expected a head of {_HEAD.size} bytes, found {len(block)}")
    meters, quantities = _HEAD.unpack_from(block)
    begin = _HEAD.size + quantities * (1 + _WIDE)
    width = np.frombuffer(block[_HEAD.size : _HEAD.size + quantities], dtype=np.uint8).astype(np.intp)
    expected = begin + int(width.sum()) * meters
    if len(block) != expected or (width < 1).any() or (width > _WIDE).any():
        raise DamagedBlock(f"expected {expected} bytes for {meters} meters, found {len(block)}")
    low = np.frombuffer(block, dtype="<i8", count=quantities, offset=_HEAD.size + quantities).astype(np.int64)
    planes = np.frombuffer(block, dtype=np.uint8, offset=begin).reshape(int(width.sum()), meters)
    return width, low, planes


def _values(width: NDArray[np.intp], low: NDArray[np.int64], planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    wide = np.zeros((len(width), _WIDE, planes.shape[1]), dtype=np.uint8)
    wide[np.arange(_WIDE) < width[:, np.newaxis]] = planes
    codes = np.ascontiguousarray(wide.transpose(0, 2, 1)).view("<u8")[:, :, 0].astype(np.uint64, copy=False)
    # Shifting in two steps: a shift by all 64 bits would leave the number as it is.
    highest = (np.uint64(1) << (8 * width - 1).astype(np.uint64)) * np.uint64(2) - np.uint64(1)
    values = (codes + low.view(np.uint64)[:, np.newaxis]).view(np.int64)
    return np.where(codes == highest[:, np.newaxis], MISSING, values)
