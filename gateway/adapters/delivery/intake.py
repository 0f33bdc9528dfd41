"""The one hand-over from all doors: into the lane's spool, then tell the drain."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.adapters.delivery.disk import Disk
from gateway.backpressure import Pressure
from gateway.frames import Frame, Lane
from gateway.ports import Spool, SpoolUnavailable

TAKEN: Final = "taken"


class SpoolIntake:
    """``Intake`` over one spool per lane."""

    def __init__(self, spools: Mapping[Lane, Spool], stored: Callable[[Lane], None], disk: Disk) -> None:
        """``stored`` is called after each group that was spooled."""
        self._spools = spools
        self._stored = stored
        self._disk = disk
        self._counting = threading.Lock()
        self._taken = 0

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        """On return the frames are on disk and may be acknowledged; raises SpoolUnavailable: then not."""
        if not frames:
            return
        if lane is not Lane.EVENTS and self._disk.pressure() is Pressure.EVENTS_ONLY:
            raise SpoolUnavailable("the disk is nearly full: only events are taken")
        try:
            self._spools[lane].append(frames)
        except SpoolUnavailable as problem:
            if not self._disk.full(problem.__cause__) or lane is not Lane.EVENTS:
                raise
            self._spools[lane].append(frames)
        with self._counting:
            self._taken += len(frames)
        self._disk.took(sum(len(frame.body) for frame in frames))
        self._stored(lane)

    def pressure(self) -> Pressure:
        """How much must wait now."""
        return self._disk.pressure()

    def gauges(self) -> dict[str, int]:
        """The disk, and the frames spooled since the start: the ledger must arrive at the same by itself."""
        return {**self._disk.gauges(), TAKEN: self._taken}
