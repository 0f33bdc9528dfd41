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
RELIEF: Final = 0.02
"""A step is left only this far below where it began, so that nobody connects and disconnects all the time."""
NEVER_FULL_S: Final = 10 * 365 * 86_400


def pressure(used_share: float, before: Pressure = Pressure.FREE) -> Pressure:
    """The step for a disk whose ``used_share`` (0 to 1) is taken; ``before``: the step until now."""
    now = _step(used_share)
    return now if now >= before else max(now, min(before, _step(used_share + RELIEF)))


def _step(used_share: float) -> Pressure:
    return next((step for least, step in STEPS if used_share >= least), Pressure.FREE)


def capacity_s(total_bytes: int, used_bytes: int, bytes_per_s: float) -> int:
    """How long frames can be taken at this rate until the next of them must wait outside.

    Bulk waits from 85 % on, everything but events from 92 %, events only for a full disk.
    """
    steps = sorted(least for least, step in STEPS if step >= Pressure.HOLD_BULK)
    limit = next((least for least in steps if used_bytes < least * total_bytes), 1.0)
    room = max(0.0, limit * total_bytes - used_bytes)
    return NEVER_FULL_S if room >= bytes_per_s * NEVER_FULL_S else int(room / bytes_per_s)
