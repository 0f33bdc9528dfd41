"""Voltage pass rate (电压合格率): share of the time within limits, by transformer area and day.

pass rate = (1 − time out of limits / time monitored) · 100 % (DL/T 836 practice); each value read stands for
the same time, so times are counts. Limits of 220 V customers: +7 %, −10 % (GB/T 12325-2008). A phase without
supply is not monitored: that is an outage.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.network import ABSENT
from telemetry.measured_frames import MeasuredFrame
from telemetry.measures import voltages

LOWEST_V: Final = 198.0
HIGHEST_V: Final = 235.4


@dataclass(slots=True)
class Counted:
    """Values of one area and day."""

    monitored: int = 0
    outside: int = 0

    @property
    def pass_rate_percent(self) -> float | None:
        """None where nothing was monitored."""
        return (1 - self.outside / self.monitored) * 100 if self.monitored else None


class VoltageTally:
    """Counts frames until they are ``taken`` away."""

    def __init__(self, areas: Areas) -> None:
        self._ids = areas.network.edges.ids
        self._area_of_meter = areas.of_meter
        self._counted: dict[tuple[str, str], Counted] = {}

    def count(self, frame: MeasuredFrame, day: str) -> None:
        """One frame of the local day."""
        known = np.flatnonzero(frame.roster.meter != ABSENT)
        volts = voltages(frame.columns)[:, known]
        monitored = np.isfinite(volts)
        if not monitored.any():
            return
        area = self._area_of_meter[frame.roster.meter[known]]
        outside = monitored & ((volts < LOWEST_V) | (volts > HIGHEST_V))
        for one in np.unique(area[area != ABSENT]).tolist():
            counted = self._counted.setdefault((self._ids[one], day), Counted())
            counted.monitored += int(np.count_nonzero(monitored[:, area == one]))
            counted.outside += int(np.count_nonzero(outside[:, area == one]))

    def taken(self) -> dict[tuple[str, str], Counted]:
        """(transformer, day) → what was counted since the last time."""
        taken, self._counted = self._counted, {}
        return taken
