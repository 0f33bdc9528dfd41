"""Mapbox Vector Tiles 2.1, written by array work.

All features of a batch have the same shape, and every number in them is a varint of a fixed width (padded
with continuation bits, which the protocol-buffer encoding allows). So a batch is one matrix of bytes, one row
a feature, and a thousand features cost about as much as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import Int32

Bytes = NDArray[np.uint8]
UInt32 = NDArray[np.uint32]

EXTENT: Final = 4096
BUFFER: Final = 128
"""How far geometry may reach beyond the tile, in tile units; wider than half of the thickest line."""

POINT: Final = 1
LINE: Final = 2
POLYGON: Final = 3

_MOVE_TO: Final = 1
_LINE_TO: Final = 2
_CLOSE_PATH: Final = 7
_ID_WIDTH: Final = 4  # rows up to 268 million
_VALUE_WIDTH: Final = 3
_COORDINATE_WIDTH: Final = 2

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Column:
    """One property of all features of a batch: its values, and for each feature the number of its own."""

    name: str
    values: Sequence[Value]
    number: Int32


@dataclass(slots=True)
class Layer:
    """One layer under construction; ``encoded`` makes the bytes of a tile that holds only this layer."""

    name: str
    _features: list[bytes] = field(default_factory=list)
    _keys: dict[str, int] = field(default_factory=dict)
    _values: list[bytes] = field(default_factory=list)

    def add(self, kind: int, ids: Int32, geometry: UInt32, columns: Sequence[Column]) -> None:
        """Add features of one shape.

        ``geometry`` has a row per feature: command words and zigzag numbers below 2¹⁴, as many in each row.
        """
        if not len(ids):
            return
        tags = np.empty((len(ids), 2 * len(columns)), np.uint32)
        for at, column in enumerate(columns):
            tags[:, 2 * at] = self._keys.setdefault(column.name, len(self._keys))
            tags[:, 2 * at + 1] = len(self._values) + column.number
            self._values.extend(_value(value) for value in column.values)
        self._features.append(_features(kind, ids, tags, geometry))

    @property
    def empty(self) -> bool:
        return not self._features

    def encoded(self) -> bytes:
        """The tile; b'' where nothing was added."""
        if self.empty:
            return b""
        parts = [b"\x78\x02", _text(0x0A, self.name), *self._features]
        parts += [_text(0x1A, key) for key in self._keys]
        parts += self._values
        parts.append(b"\x28" + _varint(EXTENT))
        body = b"".join(parts)
        return b"\x1a" + _varint(len(body)) + body


def points(at: Int32) -> UInt32:
    """Geometry of single points; ``at`` is (n, 2) in tile units."""
    command = np.full((len(at), 1), _command(_MOVE_TO, 1), np.uint32)
    return np.hstack((command, _zigzag(at)))


def lines(vertices: Int32) -> UInt32:
    """Geometry of lines with equally many vertices: (n, k, 2) in tile units, k ≥ 2."""
    count, steps = len(vertices), vertices.shape[1] - 1
    moves = _zigzag(np.diff(vertices, axis=1, prepend=0)).reshape(count, -1)
    move_to = np.full((count, 1), _command(_MOVE_TO, 1), np.uint32)
    line_to = np.full((count, 1), _command(_LINE_TO, steps), np.uint32)
    return np.hstack((move_to, moves[:, :2], line_to, moves[:, 2:]))


def rings(parts: Sequence[Int32]) -> UInt32:
    """Geometry of one polygon, one row: rings (k, 2) without closing vertex, outer ones clockwise."""
    words: list[NDArray[np.uint32]] = []
    cursor = np.zeros((1, 2), np.int32)
    for ring in parts:
        moves = _zigzag(ring - np.vstack((cursor, ring[:-1]))).ravel()
        words.append(np.array([_command(_MOVE_TO, 1)], np.uint32))
        words.append(moves[:2])
        words.append(np.array([_command(_LINE_TO, len(ring) - 1)], np.uint32))
        words.append(moves[2:])
        words.append(np.array([_command(_CLOSE_PATH, 1)], np.uint32))
        cursor = ring[-1:]
    return np.concatenate(words)[None, :]


def _command(command: int, count: int) -> int:
    return command | count << 3


def _zigzag(values: Int32) -> UInt32:
    return ((values << 1) ^ (values >> 31)).astype(np.uint32)


def _features(kind: int, ids: Int32, tags: UInt32, geometry: UInt32) -> bytes:
    """Feature messages of equal length, one after another."""
    count = len(ids)
    geometry_width = 3 if geometry.max() >= 1 << (7 * _COORDINATE_WIDTH) else _COORDINATE_WIDTH
    tag_bytes, geometry_bytes = _padded(tags, _VALUE_WIDTH), _padded(geometry, geometry_width)
    body = [
        _constant(b"\x08", count),
        _padded(ids[:, None].astype(np.uint32), _ID_WIDTH),
        _constant(b"\x12" + _varint(tag_bytes.shape[1]), count),
        tag_bytes,
        _constant(b"\x18" + _varint(kind) + b"\x22" + _varint(geometry_bytes.shape[1]), count),
        geometry_bytes,
    ]
    length = sum(part.shape[1] for part in body)
    return np.hstack([_constant(b"\x12" + _varint(length), count), *body]).tobytes()


def _padded(values: UInt32, width: int) -> Bytes:
    """Varints of ``width`` bytes each: (n, m) numbers → (n, m · width) bytes."""
    shifts = np.arange(width, dtype=np.uint32) * 7
    groups = ((values[:, :, None] >> shifts) & 0x7F).astype(np.uint8)
    groups[:, :, :-1] |= 0x80
    return groups.reshape(len(values), -1)


def _constant(content: bytes, count: int) -> Bytes:
    return np.broadcast_to(np.frombuffer(content, np.uint8), (count, len(content)))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(tag: int, text: str) -> bytes:
    content = text.encode()
    return bytes([tag]) + _varint(len(content)) + content


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        content = b"\x38" + bytes([value])
    elif isinstance(value, int):
        content = b"\x28" + _varint(value)
    else:
        content = _text(0x0A, value)
    return b"\x22" + _varint(len(content)) + content
