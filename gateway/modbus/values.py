"""Registers → exact numbers: types, byte and word orders. Pure.

Orders are written as the bytes ABCD of a big-endian 32-bit value arrive: ABCD as they are, CDAB with the
registers exchanged (low word first), BADC with the bytes of each register exchanged, DCBA both. The same two
exchanges apply to 64-bit values (all four registers reversed) and, for the bytes, to 16-bit values.
Integers and BCD are exact; a float is the exact value of its bits, and rounded later, deliberately.
"""

import math
import re
import struct
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

REGISTER_BITS: Final = 16
MAX_STRING_REGISTERS: Final = 64

Kind = Literal["unsigned", "signed", "float", "bcd", "sign_magnitude", "bit", "string"]
_SPELLED: Final = re.compile(
    r"(?P<kind>[uif]|bcd|sm)(?P<bits>16|32|64)|bit(?: (?P<bit>\d{1,2}))?|string (?P<length>\d{1,2})"
)
_KINDS: Final[dict[str, Kind]] = {
    "u": "unsigned", "i": "signed", "f": "float", "bcd": "bcd", "sm": "sign_magnitude",
}  # fmt: skip
TYPES_SPELLED: Final = (
    "u16, i16, u32, i32, u64, i64, f32, f64, bcd16, bcd32, bcd64, sm16, sm32 (sign and magnitude), "
    "bit N (0 = lowest), string N (registers)"
)


class Order(StrEnum):
    """How the bytes of a value lie in its registers."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"

    @property
    def low_word_first(self) -> bool:
        return self in {Order.CDAB, Order.DCBA}

    @property
    def bytes_exchanged(self) -> bool:
        return self in {Order.BADC, Order.DCBA}


@dataclass(frozen=True, slots=True)
class ValueType:
    """What lies in the registers; ``bit`` is the place within the register where kind is ``bit``."""

    kind: Kind
    registers: int
    bit: int = 0


def value_type(spelled: str) -> ValueType:
    """``"u16"``, ``"bit 3"``, ``"string 8"`` … → type; raises ValueError with what is possible."""
    found = _SPELLED.fullmatch(spelled)
    if found is None:
        raise ValueError(f"expected one of {TYPES_SPELLED}, found {spelled!r}")
    if found["kind"]:
        kind, bits = _KINDS[found["kind"]], int(found["bits"])
        if spelled in {"f16", "sm64"}:
            raise ValueError(f"expected one of {TYPES_SPELLED}, found {spelled!r}")
        return ValueType(kind, bits // REGISTER_BITS)
    if found["length"]:
        length = int(found["length"])
        if not 1 <= length <= MAX_STRING_REGISTERS:
            raise ValueError(f"string: expected 1 to {MAX_STRING_REGISTERS} registers, found {length}")
        return ValueType("string", length)
    bit = int(found["bit"] or 0)
    if bit >= REGISTER_BITS:
        raise ValueError(f"bit: expected 0 to {REGISTER_BITS - 1}, found {bit}")
    return ValueType("bit", 1, bit)


def arranged(raw: bytes, order: Order) -> bytes:
    """The bytes as they arrived → big-endian."""
    words = [raw[at : at + 2] for at in range(0, len(raw), 2)]
    if order.low_word_first:
        words.reverse()
    if order.bytes_exchanged:
        words = [word[::-1] for word in words]
    return b"".join(words)


def raw_integer(raw: bytes, kind: ValueType, order: Order) -> int:
    """The registers as one unsigned integer, as ``missing`` lists name them; the bit alone of a bit."""
    whole = int.from_bytes(arranged(raw, order), "big")
    return whole >> kind.bit & 1 if kind.kind == "bit" else whole


def number(raw: bytes, kind: ValueType, order: Order) -> Decimal | None:
    """The number in the registers before any scale; None where there is none (NaN, infinity, not BCD).

    ``raw``: exactly the type's registers, two bytes each.
    """
    if kind.kind == "float":
        found = struct.unpack(">f" if kind.registers == 2 else ">d", arranged(raw, order))[0]
        return Decimal(found) if math.isfinite(found) else None
    whole = raw_integer(raw, kind, order)
    if kind.kind == "bcd":
        digits = f"{whole:0{len(raw) * 2}x}"
        return Decimal(digits) if digits.isdecimal() else None
    top = 1 << (len(raw) * 8 - 1)
    if kind.kind == "signed" and whole & top:
        whole -= top << 1
    if kind.kind == "sign_magnitude" and whole & top:
        whole = -(whole ^ top)
    return Decimal(whole)


def text(raw: bytes, order: Order) -> str:
    """Printable characters of a string's registers, without what pads it; words keep their order."""
    inner = Order.BADC if order.bytes_exchanged else Order.ABCD
    decoded = arranged(raw, inner).split(b"\0")[0].decode("utf-8", "replace")
    return "".join(sign for sign in decoded if sign.isprintable()).strip()
