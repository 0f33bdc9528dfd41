"""One record of a spool segment: a head that proves itself, then door, topic and body.

A head begins with its segment's own random mark, which also stands in the file's name, so that the next
record can be found behind a damaged one and no device can counterfeit a head inside a body. Rows are numbered
from 1 without gaps, so what is missing between two heads is known by number.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.frames import Frame

MARK_BYTES: Final = 8
_HEAD: Final = struct.Struct("<8sIHHIqI")
_PROOF: Final = struct.Struct("<I")
HEAD_BYTES: Final = _HEAD.size + _PROOF.size
MAX_NAME_BYTES: Final = 65_535
_SEARCH_BYTES: Final = 256 * 1024
_WALK_BYTES: Final = 4 * 1024
_PIECE_BYTES: Final = 5 * 1024


class Head(NamedTuple):
    """What a record says before its contents; ``end`` is the offset behind it."""

    start: int
    row: int
    door: int
    topic: int
    body: int
    received_ms: int
    checksum: int

    @property
    def end(self) -> int:
        return self.start + HEAD_BYTES + self.door + self.topic + self.body


class Gap(NamedTuple):
    """Bytes that are no record, up to where the next one (``row``) begins."""

    end: int
    row: int


def encode(mark: bytes, row: int, frame: Frame) -> tuple[bytes, bytes]:
    """The record as (head and names, body)."""
    door, topic = _named(frame.door), _named(frame.topic)
    checksum = zlib.crc32(frame.body, zlib.crc32(door + topic))
    head = _HEAD.pack(mark, row, len(door), len(topic), len(frame.body), frame.received_ms, checksum)
    return b"%s%s%s%s" % (head, _PROOF.pack(zlib.crc32(head)), door, topic), frame.body


def _named(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")[:MAX_NAME_BYTES]


def decode_head(data: bytes, at: int, start: int, mark: bytes) -> Head | None:
    """The head at ``data[at:]``, which lies at ``start`` of the file; None if that is none or cut off."""
    if len(data) - at < HEAD_BYTES or not data.startswith(mark, at):
        return None
    (proof,) = _PROOF.unpack_from(data, at + _HEAD.size)
    if zlib.crc32(data[at : at + _HEAD.size]) != proof:
        return None
    return Head(start, *_HEAD.unpack_from(data, at)[1:])


def decode(data: memoryview, at: int, head: Head) -> tuple[Frame, bool]:
    """(the frame whose record begins at ``data[at:]``, whether its checksum is right)."""
    begin = at + HEAD_BYTES
    topic_at, body_at = begin + head.door, begin + head.door + head.topic
    end = body_at + head.body
    frame = Frame(
        _text(bytes(data[topic_at:body_at])), bytes(data[body_at:end]), head.received_ms,
        _text(bytes(data[begin:topic_at])),
    )  # fmt: skip
    return frame, _checksum(data[begin:end]) == head.checksum


@lru_cache(maxsize=16_384)
def _text(name: bytes) -> str:
    """Of a door or a topic: the same again and again."""
    return name.decode("utf-8", "surrogateescape")


def _checksum(data: memoryview) -> int:
    """CRC-32 in pieces so small that zlib keeps the interpreter's lock: getting it back costs more."""
    checksum = 0
    for start in range(0, len(data), _PIECE_BYTES):
        checksum = zlib.crc32(data[start : start + _PIECE_BYTES], checksum)
    return checksum


def next_head(descriptor: int, after: int, mark: bytes) -> Head | None:
    """The first sound head that begins beyond ``after``, or None."""
    begin = after + 1
    while data := os.pread(descriptor, _SEARCH_BYTES, begin):
        at = data.find(mark)
        while at >= 0:
            head = decode_head(os.pread(descriptor, HEAD_BYTES, begin + at), 0, begin + at, mark)
            if head is not None:
                return head
            at = data.find(mark, at + 1)
        if len(data) < _SEARCH_BYTES:
            return None
        begin += len(data) - len(mark) + 1
    return None


def last_head(descriptor: int, offset: int, mark: bytes) -> Head | None:
    """The last sound head behind ``offset`` of a whole record, sought from the end; None if none is near."""
    size = os.fstat(descriptor).st_size
    begin = max(offset, size - _SEARCH_BYTES)
    data = os.pread(descriptor, size - begin, begin)
    at = data.rfind(mark)
    while at >= 0:
        head = decode_head(data, at, begin + at, mark)
        if head is not None and head.end <= size:
            return head
        at = data.rfind(mark, 0, at + len(mark) - 1)
    return None


def heads(descriptor: int, offset: int, mark: bytes) -> Iterator[Head | Gap]:
    """Heads from ``offset`` on whose records are whole, with the gaps between them.

    Ends before a record that is cut off, or before bytes behind which there is no sound head.
    """
    size = os.fstat(descriptor).st_size
    data, base = b"", offset
    while offset < size:
        if offset - base + HEAD_BYTES > len(data):
            data, base = os.pread(descriptor, _WALK_BYTES, offset), offset
        head = decode_head(data, offset - base, offset, mark)
        if head is None:
            later = next_head(descriptor, offset, mark)
            if later is None:
                return
            yield Gap(later.start, later.row)
            head = later
        if head.end > size:
            return
        yield head
        offset = head.end
