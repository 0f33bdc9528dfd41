"""A frame of readings laid beside the network: which row each meter is, and which values may be trusted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, Int32, Network
from telemetry.measures import Columns
from telemetry.readings import ReadingBatch

MAX_ROSTERS: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """The rows behind the devices of a frame."""

    meter: Int32
    """Row of the meter, ABSENT for what is none of the network's."""
    transformer: Int32
    """Row of the transformer's edge that the device measures, ABSENT for customers' meters."""
    rated_kva: NDArray[np.float64]
    """Of that transformer, NaN where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFrame:
    at_ms: int
    roster: Roster
    columns: Columns


class Frames:
    """Lays frames beside one network; terminals report the same meters again and again."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._rosters: dict[tuple[str, ...], Roster] = {}

    def of(self, batch: ReadingBatch) -> MeasuredFrame:
        roster = self._roster(batch.meters)
        return MeasuredFrame(batch.at_ms, roster, Columns.of(batch, roster.rated_kva))

    def _roster(self, meters: tuple[str, ...]) -> Roster:
        roster = self._rosters.get(meters)
        if roster is None:
            if len(self._rosters) >= MAX_ROSTERS:
                self._rosters.clear()
            roster = self._rosters[meters] = self._looked_up(meters)
        return roster

    def _looked_up(self, meters: tuple[str, ...]) -> Roster:
        network = self.network
        rows = np.array([network.meter_row.get(meter, ABSENT) for meter in meters], np.int32)
        measured = np.array([self._measured(meter) for meter in meters], np.int32)
        rated = np.where(measured == ABSENT, np.nan, network.edges.rated_kva[measured])
        return Roster(rows, measured, rated)

    def _measured(self, device: str) -> int:
        """A terminal's own readings are those of its transformer."""
        terminal = self.network.terminal_row.get(device)
        return ABSENT if terminal is None else int(self.network.terminals.edge[terminal])
