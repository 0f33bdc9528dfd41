"""Rows that crossed zones → the evidence and readings they were. Nothing is concluded from them anew.

A frame's body is some rows, deflated; its topic ``INSTALLATION/STREAM/NUMBER#LINE`` is its name too.
"""

import zlib
from typing import Final

from gateway.crossing import EVIDENCE, STREAMS, CrossingRefused, read_evidence, read_readings
from gateway.frames import Decoded, Frame

CROSSING: Final = "crossing"
"""The kind of door."""
MAX_UNFOLDED: Final = 16_000_000


def topic(installation: str, stream: str, number: int, line: int) -> str:
    """The topic, and so the name, of a slice of rows."""
    return f"{installation}/{stream}/{number}#{line}"


def fold(lines: list[bytes]) -> bytes:
    """Rows as a frame's body."""
    return zlib.compress(b"\n".join(lines), 6)


def decode(frame: Frame) -> Decoded:
    """What the rows are; a slice with a row that cannot be read is refused whole."""
    key = f"{CROSSING}/{frame.topic}"
    stream = frame.topic.split("/")[1] if frame.topic.count("/") == 2 else ""
    try:
        lines = _unfold(frame.body)
        if stream == EVIDENCE:
            return Decoded(key, evidence=tuple(read_evidence(line) for line in lines))
        if stream in STREAMS:
            return Decoded(key, batches=tuple(read_readings(line) for line in lines))
        return Decoded(key, refusal=f"topic: expected INSTALLATION/STREAM/NUMBER#LINE, found {frame.topic!r}")
    except CrossingRefused as problem:
        return Decoded(key, refusal=str(problem)[:500])


def _unfold(body: bytes) -> list[bytes]:
    unfolder = zlib.decompressobj()
    try:
        plain = unfolder.decompress(body, MAX_UNFOLDED)
    except zlib.error as problem:
        raise CrossingRefused(f"body: {problem}") from None
    if not unfolder.eof:
        raise CrossingRefused(f"body: expected at most {MAX_UNFOLDED} bytes unfolded")
    return plain.split(b"\n")
