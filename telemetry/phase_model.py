"""Phases: which sets of dead phases there are, how they fail, and what a transformer makes of a lost one.

At medium voltage the state of a place is the set of its dead phases (8 sets). A transformer whose primary
lost one phase feeds on: with a delta primary (Dyn11) two of its three low-voltage phases fall to half, with a
star primary (Yyn0) the phase itself is gone. Which it is, is mostly unknown: a mixture. With two phases gone
no winding has voltage. So below a transformer the state is (what the primary lost, dead phases here):

    state = 8 · primary + dead,   primary: 0 nothing, 1 … 3 Dyn11 lost A, B, C, 4 … 6 Yyn0 lost A, B, C

Sets are bits as in ``geo.network.Phases``. Elements lose phases independently of each other, each at a rate
per set, so the sets lost by a chain of elements are the union of what each lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from geo.network import EdgeKind, Float64, Int8, Phases

SETS: Final = 8
PRIMARIES: Final = 7
STATES: Final = SETS * PRIMARIES
ALL_DEAD: Final = int(Phases.ABC)
DEAD, HALF, PRESENT = 0, 1, 2
"""Levels of a phase."""
_FULL_OF_DYN11: Final = (1, 2, 0)
"""Index of the low-voltage phase between the two primary phases that are left: a hangs on AB, b on BC."""


# Of the order of what repair statistics tell; a fuse blows in one phase more often than in all three.
_SINGLE: Mapping[EdgeKind, float] = MappingProxyType(
    {
        EdgeKind.LINE: 0.5,
        EdgeKind.CABLE: 0.2,
        EdgeKind.BREAKER: 0.1,
        EdgeKind.SWITCH: 0.3,
        EdgeKind.FUSE: 3.0,
        EdgeKind.TRANSFORMER: 0.5,
        EdgeKind.SERVICE: 0.5,
    }
)
_SINGLE_LOW: Mapping[EdgeKind, float] = MappingProxyType(
    {
        EdgeKind.LINE: 3.0,
        EdgeKind.CABLE: 2.0,
        EdgeKind.BREAKER: 0.5,
        EdgeKind.SWITCH: 1.0,
        EdgeKind.FUSE: 5.0,
        EdgeKind.TRANSFORMER: 2.0,
        EdgeKind.SERVICE: 1.0,
    }
)


@dataclass(frozen=True, slots=True)
class PhaseModel:
    """What is believed of phases before any evidence; rates are multiples of the rate of losing all three."""

    single: Mapping[EdgeKind, float] = field(default_factory=lambda: _SINGLE)
    """At medium voltage: losing one phase (any of the three) : losing all."""
    single_low: Mapping[EdgeKind, float] = field(default_factory=lambda: _SINGLE_LOW)
    """The same at low voltage, where each phase has a fuse and a clamp of its own."""
    transformer_primary: float = 3.0
    """The same for what belongs to a transformer on its primary side: the drop-out fuses."""
    source_single: float = 0.1
    pair: float = 0.1
    """Losing two phases : losing one."""
    delta: float = 0.7
    """P(a transformer's primary is a delta)."""
    wrong_phase: float = 0.1
    """κ of phases: P(a single-phase meter hangs on another phase than its record says)."""
    hidden_single: float = 0.03
    """P(a meter recorded with three phases has one, of unknown phase)."""
    wrong_place: float = 0.03
    """κ: P(the record of a meter's place is wrong)."""
    wrong_reading: float = 3e-3
    """P(a voltage says nothing about the supply: a bad reading, wrong wiring, a blown fuse of its own)."""
    stray_voltage: float = 0.2
    """P(a dead phase shows a voltage through somebody's three-phase load)."""
    elsewhere: float = 0.01
    """P(a meter elsewhere is disturbed at this moment)."""


def levels() -> Int8:
    """[STATES, 3] level of phases A, B, C in each state."""
    table = np.full((PRIMARIES, SETS, 3), PRESENT, np.int8)
    for lost in range(3):
        table[1 + lost] = HALF
        table[1 + lost, :, _FULL_OF_DYN11[lost]] = PRESENT
        table[4 + lost, :, lost] = DEAD
    for dead in range(SETS):
        for phase in range(3):
            if dead >> phase & 1:
                table[:, dead, phase] = DEAD
    return table.reshape(STATES, 3)


LEVELS: Final = levels()


def low_phases(state: int) -> int:
    """The phases without usable voltage in a state, as bits."""
    return sum(1 << phase for phase in range(3) if LEVELS[state, phase] != PRESENT)


def losses(rates: Float64) -> Float64:
    """[…, 8] P(exactly this set of phases is lost) from rates per set [..., 8] of independent events."""
    within = np.array([[lost & ~allowed == 0 for lost in range(SETS)] for allowed in range(SETS)])
    inside = np.exp(-(rates @ (~within).T.astype(np.float64)))
    signs = np.array(
        [
            [(-1.0) ** (lost ^ part).bit_count() if part & ~lost == 0 else 0.0 for part in range(SETS)]
            for lost in range(SETS)
        ]
    )
    exactly: Float64 = np.maximum(inside @ signs.T, 0.0)
    return exactly


def rates_of(whole: Float64, single: Float64, model: PhaseModel) -> Float64:
    """[…, 8] rates per set from the rate of losing all and that of losing any one phase."""
    rates = np.zeros((*whole.shape, SETS))
    rates[..., ALL_DEAD] = whole
    for lost in range(1, ALL_DEAD):
        share = 1.0 if lost.bit_count() == 1 else model.pair
        rates[..., lost] = single * share / 3.0
    return rates
