"""Seeded damage to frames: flipped bits, cut, doubled, inserted, crossed with others; the seed replays it."""

import random
from collections.abc import Sequence
from typing import Final

TELLING: Final = (
    0x00,
    0x01,
    0x10,
    0x16,
    0x22,
    0x2D,
    0x33,
    0x5B,
    0x5D,
    0x68,
    0x7B,
    0x7D,
    0x7F,
    0x80,
    0xFE,
    0xFF,
)
"""Bytes that mean something in one of the formats."""
NUMBERS: Final = (b"-1", b"1e999", b"99999999999999999999", b"null", b"NaN", b'""', b"\\u0000", b"[[", b"{}")
MAX_BYTES: Final = 65_536


def damaged(chance: random.Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """One to six wounds, mostly small ones; at most 64 KiB remain."""
    hurt = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(hurt) + 1)
        kind = chance.randrange(9)
        if kind == 0 and hurt:
            hurt[at % len(hurt)] ^= 1 << chance.randrange(8)
        elif kind == 1 and hurt:
            hurt[at % len(hurt)] = chance.choice(TELLING)
        elif kind == 2:
            del hurt[at : at + chance.randint(1, 12)]
        elif kind == 3:
            hurt[at:at] = chance.randbytes(chance.randint(1, 12))
        elif kind == 4:
            hurt[at:at] = hurt[max(0, at - chance.randint(1, 30)) : at] * chance.choice((1, 2, 50, 400))
        elif kind == 5:
            del hurt[at:]
        elif kind == 6:
            other = chance.choice(others)
            cut = chance.randrange(len(other) + 1)
            hurt[at:] = other[cut:]
        elif kind == 7:
            hurt[at : at + chance.randint(0, 6)] = chance.choice(NUMBERS)
        else:
            hurt[at : at + 1] = bytes([chance.choice(TELLING)]) * chance.choice((1, 8, 300))
    return bytes(hurt[:MAX_BYTES])
