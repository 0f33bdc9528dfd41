"""The one hand-over from all doors: into the lane's spool, then tell the drain."""

from collections.abc import Callable, Mapping, Sequence

from gateway.backpressure import Pressure
from gateway.frames import Frame, Lane
from gateway.ports import Spool, SpoolUnavailable


class SpoolIntake:
    """``Intake`` over one spool per lane."""

    def __init__(
        self, spools: Mapping[Lane, Spool], stored: Callable[[], None], pressure: Callable[[], Pressure]
    ) -> None:
        """``stored`` is called after each group that was spooled."""
        self._spools = spools
        self._stored = stored
        self._pressure = pressure

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        """On return the frames are on disk and may be acknowledged; raises SpoolUnavailable: then not."""
        if lane is not Lane.EVENTS and self._pressure() is Pressure.EVENTS_ONLY:
            raise SpoolUnavailable("the disk is nearly full: only events are taken")
        self._spools[lane].append(frames)
        self._stored()

    def pressure(self) -> Pressure:
        """How much must wait now."""
        return self._pressure()
