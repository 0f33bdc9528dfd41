"""Lines of numbers between given texts, compiled: a tenth of a microsecond for a line of eight numbers.

Texts lie in whole words of eight bytes, so that they are copied by words; what a copy writes behind its text,
the next one overwrites. Places in the output are unsigned, which spares numba a comparison for each byte.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from telemetry.readings import MISSING

WORD_BYTES: Final = 8
NUMBER_BYTES: Final = 24
"""No number is longer: sign, 19 digits, point, and the ``i`` or the quote behind it."""
_WIDE: Final = 1_000_000_000_000_000
_MOST_DIGITS: Final = 19
_TENS: Final = np.array([10**power for power in range(_MOST_DIGITS)], dtype=np.uint64)
_TEN: Final = np.uint64(10)
_ZERO, _POINT, _MINUS, _QUOTE, _LETTER_I = (np.uint64(ord(sign)) for sign in '0.-"i')


class Texts(NamedTuple):
    """Text k is the first ``lengths[k]`` bytes from word ``begins[k]`` on."""

    words: NDArray[np.uint64]
    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]
    longest: int


def texts(parts: Iterable[bytes]) -> Texts:
    """These, to be copied into lines."""
    parts = list(parts)
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    counts = -(-lengths // WORD_BYTES)
    padded = (
        part.ljust(count * WORD_BYTES, b"\0") for part, count in zip(parts, counts.tolist(), strict=True)
    )
    words = np.frombuffer(b"".join(padded), dtype=np.uint64)
    return Texts(words, np.cumsum(counts) - counts, lengths, int(lengths.max(initial=0)))


@njit(cache=True, nogil=True)
def _copy(out, at, parts, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    begin, length = parts.begins[place], parts.lengths[place]
    target = at
    for source in range(begin, begin + (length + WORD_BYTES - 1) // WORD_BYTES):
        word = parts.words[source]
        for byte in range(WORD_BYTES):
            out[np.uint64(target + byte)] = word >> np.uint64(8 * byte)
        target += WORD_BYTES
    return at + length


@njit(cache=True, nogil=True)
def _sign(out, at, sign):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out[np.uint64(at)] = sign
    return at + 1


@njit(cache=True, nogil=True)
def _number(out, at, value, decimals):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """``value · 10^-decimals`` in full."""
    if value < 0:
        at, value = _sign(out, at, _MINUS), -value
    rest, width = np.uint64(value), 1
    while width < _MOST_DIGITS and rest >= _TENS[width]:
        width += 1
    width = max(width, decimals + 1)
    end = at + width + (1 if decimals > 0 else 0)
    place = np.uint64(end)
    for digit in range(width):
        if digit > 0 and digit == decimals:
            place -= np.uint64(1)
            out[place] = _POINT
        tens = rest // _TEN
        place -= np.uint64(1)
        out[place] = _ZERO + (rest - tens * _TEN)
        rest = tens
    return end


@njit(cache=True, nogil=True)
def write(out, at, tags, heads, tails, names, qualities, exact, scaled, decimals, doubts, explicit):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write ``scaled[b, m, q]`` (``MISSING`` where not read) from place ``at`` on, meter by meter.

    ``tags[m]`` begin a line of meter m, ``heads[b]`` stand before its fields, ``tails[b]`` end it;
    ``names[q]``, ``qualities[q]`` and ``exact[q]`` stand before a value, its quality, its exact text.
    ``decimals[b, q]``, ``doubts[b, m, q]`` (or empty), ``explicit[b]``: see ``Run``. Answers where it ended
    and how many lines it wrote.
    """
    # One function: handing texts on to another one for each field costs more than all the rest.
    lines = 0
    for m in range(scaled.shape[1]):
        for b in range(scaled.shape[0]):
            begin, some = at, False
            at = _copy(out, at, tags, m)
            at = _copy(out, at, heads, b)
            for q in range(scaled.shape[2]):
                value = scaled[b, m, q]
                if value == MISSING:
                    continue
                some = True
                at = _copy(out, at, names, q)
                at = _number(out, at, value, decimals[b, q])
                doubt = np.int64(doubts[b, m, q]) if len(doubts) else 0
                if explicit[b] or doubt:
                    at = _copy(out, at, qualities, q)
                    at = _number(out, at, doubt, 0)
                    at = _sign(out, at, _LETTER_I)
                if abs(value) >= _WIDE:
                    at = _copy(out, at, exact, q)
                    at = _number(out, at, value, decimals[b, q])
                    at = _sign(out, at, _QUOTE)
            at = _copy(out, at, tails, b)
            if some:
                lines += 1
            else:
                at = begin
    return at, lines
