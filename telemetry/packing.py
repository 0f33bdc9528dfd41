"""Scaled integers of one batch ↔ a small block of bytes, exactly.

Each column is taken as its distance from the column's smallest value, in as few whole bytes as the widest
column needs; the bytes are laid out plane by plane (all lowest bytes of a column, then all second ones …), so
that what barely changes between meters becomes long runs for deflate. Missing values are the largest code.
"""

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.readings import MISSING

_LEVEL: Final = 1
_WIDTHS: Final = (1, 2, 4, 8)
_HEAD: Final = struct.Struct("<BHB")
_MAX_BYTES: Final = 64 * 1024 * 1024


class DamagedBlock(ValueError):
    """These bytes are not a packed block."""


def pack(scaled: NDArray[np.int64]) -> bytes:
    """Pack ``scaled[m, q]`` (any 64-bit values; ``MISSING`` where not read)."""
    meters, quantities = scaled.shape
    missing = scaled == MISSING
    low = np.where(missing, np.iinfo(np.int64).max, scaled).min(axis=0, initial=np.iinfo(np.int64).max)
    # Unsigned arithmetic wraps, so distances are right even between the ends of the 64-bit range.
    distance = scaled.view(np.uint64) - low.view(np.uint64)
    distance[missing] = 0
    width = _width(int(distance.max(initial=0)))
    codes = distance.astype(f"<u{width}")
    codes[missing] = np.iinfo(codes.dtype).max
    planes = codes.T.copy().view(np.uint8).reshape(quantities, meters, width).transpose(0, 2, 1)
    body = low.astype("<i8").tobytes() + planes.tobytes()
    return _HEAD.pack(width, meters, quantities) + zlib.compress(body, _LEVEL)


def unpack(block: bytes) -> NDArray[np.int64]:
    """The array that ``pack`` was given; raises DamagedBlock."""
    width, low, planes = _opened(block)
    quantities, _, meters = planes.shape
    codes = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(f"<u{width}").reshape(quantities, meters)
    return _values(codes, low[:, np.newaxis]).T.copy()


def unpack_meter(block: bytes, meter: int) -> NDArray[np.int64]:
    """Row ``meter`` of the array alone: all its quantities."""
    width, low, planes = _opened(block)
    codes = np.ascontiguousarray(planes[:, :, meter]).view(f"<u{width}").reshape(-1)
    return _values(codes, low)


def _width(largest: int) -> int:
    """The fewest bytes whose largest code is above ``largest``: that code is kept for missing values.

    Distances between 64-bit values other than MISSING are at most 2⁶⁴ - 2, so eight bytes always do.
    """
    return next(width for width in _WIDTHS if largest + 1 < 1 << (8 * width))


def _opened(block: bytes) -> tuple[int, NDArray[np.int64], NDArray[np.uint8]]:
    try:
        width, meters, quantities = _HEAD.unpack_from(block)
        body = zlib.decompressobj().decompress(block[_HEAD.size :], _MAX_BYTES)
    except (struct.error, zlib.error) as problem:
        raise DamagedBlock(str(problem)) from problem
    if width not in _WIDTHS or len(body) != quantities * (8 + meters * width):
        raise DamagedBlock(f"expected {quantities}×(8+{meters}×{width}) bytes, found {len(body)}")
    low = np.frombuffer(body, dtype="<i8", count=quantities).astype(np.int64)
    planes = np.frombuffer(body, dtype=np.uint8, offset=8 * quantities).reshape(quantities, width, meters)
    return width, low, planes


def _values(codes: NDArray[np.unsignedinteger], low: NDArray[np.int64]) -> NDArray[np.int64]:
    values = (codes.astype(np.uint64) + low.view(np.uint64)).view(np.int64)
    return np.where(codes == np.iinfo(codes.dtype).max, MISSING, values)
