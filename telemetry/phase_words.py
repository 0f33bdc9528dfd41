"""What a voltage triple says at first sight: a phase is missing, or nothing is.

The same rule serves the gateway, which tells single meters only where something is missing, and the fold.
Nominal voltages differ (220 V, 57.7 V behind a voltage transformer): of several phases the largest is the
measure; one alone is measured against the least that a meter on 220 V calls supply.
"""

import math
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from telemetry.readings import MISSING

Volts = NDArray[np.floating]
Bool = NDArray[np.bool_]

MISSING_BELOW: Final = 0.75
"""A phase below this share of the others lacks something: half or none of it is there."""
ONE_PHASE_V: Final = 165.0
"""75 % of 220 V."""


def lacking(volts: Volts, single: Bool) -> Bool:
    """[meters] whether a phase is missing; ``volts`` [meters, 3], NaN where not read.

    A meter with one phase (``single``) may fill the other columns with zeros.
    """
    read = ~np.isnan(volts)
    largest = np.max(np.where(read, volts, -1.0), axis=1)
    least = np.min(np.where(read, volts, np.inf), axis=1)
    one = single | (read.sum(axis=1) == 1)
    missing: Bool = np.where(one, largest < ONE_PHASE_V, least < MISSING_BELOW * largest) & (largest >= 0.0)
    return missing


DEAD_VOLTS: Final = 30.0
"""Below this on every phase read, there is no supply; above, the device measured a living wire."""
UNREAD, NORMAL, LOW, NOTHING = 0, 1, 2, 3
"""What a meter of a frame tells: no voltage read, no phase missing, a phase missing, no voltage there."""


@numba.njit(cache=True, nogil=True)
def _word(triple: NDArray[np.float64]) -> int:
    largest, least, read = -1.0, math.inf, 0
    for phase in range(3):
        if not math.isnan(triple[phase]):
            largest, least, read = max(largest, triple[phase]), min(least, triple[phase]), read + 1
    if read == 0:
        return UNREAD
    if largest < DEAD_VOLTS:
        return NOTHING
    short = largest < ONE_PHASE_V if read == 1 else least < MISSING_BELOW * largest
    return LOW if short else NORMAL


@numba.njit(cache=True)
def frame_words(
    scaled: NDArray[np.int64], columns: NDArray[np.int64], volt: NDArray[np.float64],
    words: NDArray[np.int8], floor: NDArray[np.float64],
) -> bool:  # fmt: skip
    """``lacking`` for a frame of readings, each meter's word in ``words``; whether all are ``NORMAL``.

    ``columns`` [3] where the phases' voltages stand in ``scaled``, −1 where they do not; ``volt`` [3] what a
    unit of them is; ``floor`` [3] receives the least voltage of those that miss nothing, whole volts, NaN
    where a phase was not read.
    """
    least, triple = np.full(3, np.inf), np.empty(3)
    usual = True
    for m in range(len(scaled)):
        for phase in range(3):
            raw = scaled[m, max(columns[phase], 0)]
            known = columns[phase] >= 0 and raw != MISSING
            triple[phase] = raw * volt[phase] if known else np.nan
        words[m] = _word(triple)
        if words[m] == NORMAL:
            for phase in range(3):
                if not math.isnan(triple[phase]):
                    least[phase] = min(least[phase], triple[phase])
        else:
            usual = False
    for phase in range(3):
        floor[phase] = math.floor(least[phase] + 1e-6) if least[phase] != math.inf else math.nan
    return usual
