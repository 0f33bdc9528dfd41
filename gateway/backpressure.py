"""How much room is left, and what must wait when it shrinks. Nothing is dropped: it waits outside."""

from enum import IntEnum
from typing import Final


class Pressure(IntEnum):
    """Each step includes the ones before."""

    FREE = 0
    SLOW = 1
    """Poll a quarter as often; no replays, no files."""
    HOLD_BULK = 2
    """Leave bulk to the broker's own queue: disconnect that session, stop polling."""
    EVENTS_ONLY = 3
    """Take events and nothing else."""


STEPS: Final = ((0.92, Pressure.EVENTS_ONLY), (0.85, Pressure.HOLD_BULK), (0.70, Pressure.SLOW))
"""Used share of the disk from which each step holds."""


def pressure(used_share: float) -> Pressure:
    """The step for a disk whose ``used_share`` (0 to 1) is taken."""
    return next((step for least, step in STEPS if used_share >= least), Pressure.FREE)
