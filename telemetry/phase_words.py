"""What a voltage triple says at first sight: a phase is missing, or nothing is.

The same rule serves the gateway, which tells single meters only where something is missing, and the fold.
Nominal voltages differ (220 V, 57.7 V behind a voltage transformer): of several phases the largest is the
measure; one alone is measured against the least that a meter on 220 V calls supply.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

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
