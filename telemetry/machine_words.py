"""Eight bytes of text at once, for compiled code: what no array operation expresses."""

from typing import Any, Final

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_DIGITS, _PAIRS, _QUADS = (
    np.uint64(mask) for mask in (0x0F0F0F0F0F0F0F0F, 0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF)
)
_TENS, _HUNDREDS, _TEN_THOUSANDS = (
    np.uint64(base * (1 << shift) + 1) for base, shift in ((10, 8), (100, 16), (10_000, 32))
)
_8, _16, _32 = (np.uint64(bits) for bits in (8, 16, 32))


def _eight_bytes(_context: Any, text: Any, at: Any) -> Any:  # noqa: ANN401, ARG001 (the compiler's own types)
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, values[0])
        place = builder.bitcast(builder.gep(array.data, [values[1]]), cgutils.intp_t.as_pointer())
        return builder.load(place, align=1)

    return types.uint64(text, types.intp), generate


def _trailing_zeros(_context: Any, word: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:  # noqa: ANN401
        return builder.cttz(values[0], cgutils.false_bit)

    return types.int64(types.uint64), generate


eight_bytes: Final[Any] = intrinsic(_eight_bytes)
"""``text[at : at + 8]`` of unsigned bytes as a little-endian word; the caller sees to the bounds."""
trailing_zeros: Final[Any] = intrinsic(_trailing_zeros)
"""How many of the lowest bits of a word are 0; 64 for 0."""


@njit(inline="always")
def eight_digits(word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The number that eight decimal digits make, the first of them in the lowest byte.

    Neighbours are joined: digits to pairs, pairs to fours, fours to the whole.
    """
    pairs = ((word & _DIGITS) * _TENS) >> _8
    fours = ((pairs & _PAIRS) * _HUNDREDS) >> _16
    return np.int64(((fours & _QUADS) * _TEN_THOUSANDS) >> _32)
