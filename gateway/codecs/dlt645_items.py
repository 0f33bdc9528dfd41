"""Data identifiers of DL/T 645-2007 as a table: which quantity of the catalogue, how many digits, which sign.

Source: tables A.1 to A.3 of the standard as given by the library ``dlt645`` 3.2.0 (formats ``XXX.X`` …);
blocks ``…FF…`` list their members in the order of the standard. Voltages carry no sign; in the other signed
items the top bit is the sign. All digits F: the meter has no such value (phases of a single-phase meter).
"""

from dataclasses import dataclass
from typing import Final

from telemetry.readings import MISSING

POWER_DOWNS: Final = 0x03110000
"""How often the meter lost its supply; 3 bytes."""
POWER_DOWN_RECORDS: Final = range(0x03110001, 0x0311000B)
"""The newest to the tenth-newest loss: start and end, 6 bytes each, ss mm hh DD MM YY."""
STATUS_WORD: Final = 0x04001501
"""Active-report status word, 96 bits, then one count per bit that is set."""
STATUS_BYTES: Final = 12
TIME_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Item:
    """One value: ``size`` bytes of BCD, low byte first, ``decimals`` behind the point."""

    quantity: str
    """Name in the catalogue; empty for a member of a block that nobody asked for."""
    size: int
    decimals: int
    signed: bool = False


def _phases(stem: str, unit: str, size: int, decimals: int, *, signed: bool) -> tuple[Item, Item, Item]:
    a, b, c = (Item(f"{stem}_{phase}_{unit}", size, decimals, signed) for phase in "abc")
    return a, b, c


_U = _phases("voltage", "v", 2, 1, signed=False)
_I = _phases("current", "a", 3, 3, signed=True)
_P = (Item("active_power_kw", 3, 4, signed=True), *_phases("active_power", "kw", 3, 4, signed=True))
_Q = Item("reactive_power_kvar", 3, 4, signed=True)
_PF = Item("power_factor", 2, 3, signed=True)
_OTHER_Q = Item("", 3, 4, signed=True)
_OTHER_PF = Item("", 2, 3, signed=True)

ITEMS: Final[dict[int, tuple[Item, ...]]] = {
    0x00010000: (Item("energy_import_kwh", 4, 2),),
    0x00020000: (Item("energy_export_kwh", 4, 2),),
    0x02010100: _U[:1],
    0x02010200: _U[1:2],
    0x02010300: _U[2:],
    0x0201FF00: _U,
    0x02020100: _I[:1],
    0x02020200: _I[1:2],
    0x02020300: _I[2:],
    0x0202FF00: _I,
    0x02030000: _P[:1],
    0x02030100: _P[1:2],
    0x02030200: _P[2:3],
    0x02030300: _P[3:],
    0x0203FF00: _P,
    0x02040000: (_Q,),
    0x0204FF00: (_Q, _OTHER_Q, _OTHER_Q, _OTHER_Q),
    0x02060000: (_PF,),
    0x0206FF00: (_PF, _OTHER_PF, _OTHER_PF, _OTHER_PF),
    0x02800001: (Item("neutral_current_a", 3, 3, signed=True),),
    0x02800002: (Item("frequency_hz", 2, 2),),
    0x02800007: (Item("temperature_c", 2, 1, signed=True),),
}

BLOCKS: Final[dict[int, tuple[int, ...]]] = {
    0x0201FF00: (0x02010100, 0x02010200, 0x02010300),
    0x0202FF00: (0x02020100, 0x02020200, 0x02020300),
    0x0203FF00: (0x02030000, 0x02030100, 0x02030200, 0x02030300),
}
"""What to ask singly of a meter that refuses the block."""

READS: Final[dict[str, tuple[int, ...]]] = {
    "voltage": (0x0201FF00,),
    "current": (0x0202FF00,),
    "active_power": (0x0203FF00,),
    "reactive_power": (0x02040000,),
    "power_factor": (0x02060000,),
    "energy": (0x00010000, 0x00020000),
    "frequency": (0x02800002,),
    "neutral_current": (0x02800001,),
    "temperature": (0x02800007,),
    "power_downs": (POWER_DOWNS,),
}
"""What a connection file may ask for, by name."""
USUAL_READS: Final = (
    "voltage", "current", "active_power", "reactive_power", "power_factor", "energy", "power_downs",
)  # fmt: skip

STATUS_BITS: Final[dict[int, str]] = {
    64: "voltage phase order",
    65: "current phase order",
    66: "voltage unbalance",
    67: "current unbalance",
    68: "auxiliary supply lost",
    69: "power down",
    70: "demand over limit",
    71: "power factor under limit",
    72: "severe current unbalance",
    73: "power flow reversed",
    74: "all voltages lost",
}
"""Bits of the status word, six words of 16: meter, phases A, B, C, all phases, others. Only those on which
two independent open sources agree (a concentrator's event counters, a meter's report mode word)."""
POWER_DOWN_BIT: Final = 69


def read_digits(raw: bytes, *, signed: bool = False) -> int | None:
    """BCD, low byte first, as an integer; ``MISSING`` where all digits are F; None where it is no BCD."""
    if raw and not raw.strip(b"\xff"):
        return MISSING
    text = raw[::-1]
    negative = signed and bool(text) and text[0] & 0x80
    if negative:
        text = bytes([text[0] & 0x7F]) + text[1:]
    digits = text.hex()
    if not digits.isdecimal():
        return None
    return -int(digits) if negative else int(digits)
