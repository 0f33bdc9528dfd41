"""DL/T 645-2007 on the wire: find frames in a byte stream, check them, take them apart, build requests.

``FE×0…4 | 68 | address, 6 bytes BCD, low byte first | 68 | control | length | data, each + 33h | sum | 16``;
the sum runs modulo 256 from the first 68. Checksum, offset and building come from the library ``dlt645``. Its
stream parser waits behind any false 68 whose length byte promises more than has arrived, so finding frames is
ours; so are digits (the library takes them through floats, and 0Ah to 0Fh for digits) and follow-up frames.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from dlt645.protocol.protocol import DLT645Protocol

START: Final = 0x68
END: Final = 0x16
PREAMBLE: Final = 0xFE
HEAD_BYTES: Final = 10
LONGEST_FRAME: Final = 12 + 255
BROADCAST: Final = "999999999999"
"""Everybody listens, nobody answers."""
WILDCARD: Final = "AAAAAAAAAAAA"
"""Whoever is alone on the line answers."""
IDENTIFIER_BYTES: Final = 4


class Control(IntEnum):
    """What is asked; the lower five bits of the control byte (7.1.4 of the standard)."""

    REPORT = 0x06
    """Not in the 2007 text: newer meters push their status word with 86h."""
    BROADCAST_TIME = 0x08
    READ = 0x11
    READ_NEXT = 0x12
    READ_ADDRESS = 0x13
    WRITE = 0x14
    WRITE_ADDRESS = 0x15
    FREEZE = 0x16
    BAUD_RATE = 0x17
    PASSWORD = 0x18
    CLEAR_DEMAND = 0x19
    CLEAR_METER = 0x1A
    CLEAR_EVENTS = 0x1B


ANSWER: Final = 0x80
REFUSED: Final = 0x40
MORE: Final = 0x20
"""Follow-up frames wait; read them with READ_NEXT."""
_OPERATION: Final = 0x1F


class MeterError(IntFlag):
    """Bits of the error word of a refusing answer (appendix of the standard; names as in ``dlt645``)."""

    OTHER = 0x01
    NO_DATA = 0x02
    PASSWORD = 0x04
    BAUD_RATE = 0x08
    YEAR_ZONES = 0x10
    DAY_SLOTS = 0x20
    RATES = 0x40


@dataclass(frozen=True, slots=True)
class MeterFrame:
    """One checked frame; ``data`` without the offset."""

    address: str
    """Twelve characters, high digit first; AA… where a request used the wildcard."""
    control: int
    data: bytes

    @property
    def operation(self) -> int:
        """A value of ``Control`` where we know it."""
        return self.control & _OPERATION

    @property
    def is_answer(self) -> bool:
        return bool(self.control & ANSWER)

    @property
    def refused(self) -> bool:
        return self.control & (ANSWER | REFUSED) == ANSWER | REFUSED

    @property
    def has_more(self) -> bool:
        return bool(self.control & MORE)

    @property
    def error(self) -> str:
        """Why the meter refused, in words; empty where it did not."""
        if not self.refused:
            return ""
        word = self.data[0] if self.data else 0
        names = [bit.name.lower().replace("_", " ") for bit in MeterError if word & bit and bit.name]
        return " and ".join(names) or f"unknown error {word:02X}h"

    @property
    def identifier(self) -> int | None:
        """The data identifier DI3…DI0 as one number; None where the frame carries none."""
        if self.refused or len(self.data) < IDENTIFIER_BYTES or self.operation == Control.READ_ADDRESS:
            return None
        return int.from_bytes(self.data[:IDENTIFIER_BYTES], "little")

    @property
    def value(self) -> bytes:
        """What follows the identifier."""
        return self.data[IDENTIFIER_BYTES:]


@dataclass(frozen=True, slots=True)
class Found:
    """``raw[k]`` is the bytes of ``frames[k]`` from 68 to 16; ``rest`` may become a frame with more bytes."""

    frames: tuple[MeterFrame, ...]
    raw: tuple[bytes, ...]
    rest: bytes
    skipped: int
    """Bytes that belong to no frame: noise, broken frames; preambles apart."""


def find_frames(stream: bytes) -> Found:
    """All whole frames of a byte stream; whatever cannot be one is skipped, byte by byte."""
    raw: list[bytes] = []
    skipped, behind, waiting, at = 0, 0, -1, 0
    while (at := stream.find(START, at)) >= 0:
        length = _length_at(stream, at)
        if length > 0:
            skipped += _noise(stream[behind:at])
            raw.append(stream[at : at + length])
            at = behind = at + length
            waiting = -1
            continue
        if length < 0 and waiting < 0:
            waiting = at
        at += 1
    end = len(stream) if waiting < 0 else waiting
    skipped += _noise(stream[behind:end])
    return Found(tuple(map(_taken_apart, raw)), tuple(raw), stream[end:], skipped)


def _length_at(stream: bytes, at: int) -> int:
    """Length of the whole frame that begins here; 0 where none can, -1 where more bytes must decide."""
    if len(stream) < at + HEAD_BYTES:
        return -1 if len(stream) <= at + 7 or stream[at + 7] == START else 0
    if stream[at + 7] != START:
        return 0
    length = HEAD_BYTES + stream[at + 9] + 2
    if len(stream) < at + length:
        return -1
    if stream[at + length - 1] != END:
        return 0
    sums = DLT645Protocol.calculate_checksum(stream[at : at + length - 2])
    return length if sums == stream[at + length - 2] else 0


def _noise(between: bytes) -> int:
    return len(between) - between.count(PREAMBLE)


def _taken_apart(raw: bytes) -> MeterFrame:
    return MeterFrame(
        address=raw[6:0:-1].hex().upper(),
        control=raw[8],
        data=bytes(DLT645Protocol.decode_data(raw[HEAD_BYTES:-2])),
    )


def build(address: str, control: int, data: bytes = b"", preamble: int = 4) -> bytes:
    """A whole frame with its preamble; ``data`` without the offset. ValueError for a wrong address."""
    wire = bytes.fromhex(address)[::-1]
    return bytes(DLT645Protocol.build_frame(wire, control, data, preamble))


def build_read(address: str, identifier: int) -> bytes:
    """Ask for one data identifier or block."""
    return build(address, Control.READ, identifier.to_bytes(IDENTIFIER_BYTES, "little"))


def build_read_next(address: str, identifier: int, sequence: int) -> bytes:
    """Ask for follow-up frame ``sequence`` (1 to 255) of an answer that has more."""
    return build(
        address, Control.READ_NEXT, identifier.to_bytes(IDENTIFIER_BYTES, "little") + bytes([sequence])
    )


def build_read_address() -> bytes:
    """Ask the only meter of a line who it is."""
    return build(WILDCARD, Control.READ_ADDRESS)
