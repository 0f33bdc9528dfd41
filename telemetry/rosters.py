"""The rows behind the device ids of a frame, looked up once: a terminal's frames name the same devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np

from geo.kernels import by_position
from geo.network import Int32, Network
from geo.row_sets import distinct

MAX_ROSTERS: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """Ascending rows, each once."""

    meters: Int32
    terminals: Int32
    edges: Int32
    """A sensor stands for its edge."""
    unknown: tuple[str, ...]
    """Ids that no meter, terminal, sensor, edge or customer carries."""


class Rosters:
    """Of one network; keeps the rosters of the frames that came last."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._kept: dict[tuple[str, ...], Roster] = {}
        self._customer_meters = by_position(network.meters.customer, len(network.customers))

    def of(self, devices: tuple[str, ...]) -> Roster:
        """The devices of a frame."""
        roster = self._kept.get(devices)
        if roster is None:
            if len(self._kept) >= MAX_ROSTERS:
                self._kept.clear()
            roster = self._kept[devices] = self._looked_up(devices)
        return roster

    def owned_by(self, customers: tuple[str, ...]) -> Int32:
        """Meters of these customers."""
        order, begin = self._customer_meters
        known = (self._network.customer_row.get(customer) for customer in customers)
        owned = [order[begin[row] : begin[row + 1]] for row in known if row is not None]
        return _rows([meter for meters in owned for meter in meters.tolist()])

    def _looked_up(self, devices: tuple[str, ...]) -> Roster:
        row_of = self._network.meter_row
        try:
            # A frame mostly speaks of meters alone, and a burst is many such frames.
            return Roster(_rows(itemgetter(*devices, devices[0])(row_of)), _NONE, _NONE, ())
        except (KeyError, IndexError):
            known = [row_of[device] for device in devices if device in row_of]
            return self._with_others(known, [device for device in devices if device not in row_of])

    def _with_others(self, meters: list[int], others: list[str]) -> Roster:
        network = self._network
        terminals, edges, unknown = [], [], []
        for device in others:
            if (row := network.terminal_row.get(device)) is not None:
                terminals.append(row)
            elif (row := network.sensor_row.get(device)) is not None:
                edges.append(int(network.sensors.edge[row]))
            elif (row := network.edge_row.get(device)) is not None:
                edges.append(row)
            elif device not in network.customer_row:
                unknown.append(device)
        return Roster(_rows(meters), _rows(terminals), _rows(edges), tuple(unknown))


_NONE: Final = np.empty(0, np.int32)


def _rows(rows: Sequence[int]) -> Int32:
    return distinct(np.array(rows, np.int32))
