"""Frames of our own contract, encoded: never larger than the broker takes, numbered by the terminal.

One terminal start is one ``boot``; its frames of all channels carry 0, 1, 2, … of one sequence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from gateway.contract.payloads import Event, Events, Readings, Status
from gateway.contract.topics import MAX_FRAME_BYTES
from simulators.metering import QUANTITIES, Row

VERSION: Final = 1
MODEL: Final = "gridcrew-sim TTU"
FIRMWARE: Final = "1.0"

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Boot:
    """One start of one terminal; the name holds the instant, so that no two starts share one."""

    name: str
    next_seq: int = field(default=0)

    def take(self) -> int:
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        return seq


def status(boot: Boot, state: Literal["online", "offline"], at_ms: int) -> bytes:
    """A heartbeat, or (offline) the last will, which carries no sequence number."""
    seq = boot.take() if state == "online" else None
    return _encode(
        Status(v=VERSION, boot=boot.name, state=state, at=at_ms, seq=seq, firmware=FIRMWARE, model=MODEL)
    )


def readings(boot: Boot, at_ms: int, meters: Sequence[str], rows: Sequence[Row]) -> Iterator[bytes]:
    """One frame, or as many as the limit of size asks for."""
    body = _encode(
        Readings(
            v=VERSION, boot=boot.name, seq=boot.next_seq, at=at_ms,
            meters=tuple(meters), quantities=QUANTITIES, values=tuple(map(tuple, rows)),
        )
    )  # fmt: skip
    if len(body) <= MAX_FRAME_BYTES or len(meters) == 1:
        boot.take()
        yield body
        return
    half = len(meters) // 2
    yield from readings(boot, at_ms, meters[:half], rows[:half])
    yield from readings(boot, at_ms, meters[half:], rows[half:])


def events(boot: Boot, noticed: Sequence[Event]) -> bytes:
    return _encode(Events(v=VERSION, boot=boot.name, seq=boot.take(), events=tuple(noticed)))
