"""What is known of every device at one moment: newest instants, one entry per row of the network's tables.

This is the evidence set folded into arrays, so it does not depend on the order or repetition of evidence.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import Bool, Int32, Network

Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

NEVER: Final = int(np.iinfo(np.int64).min)
"""The instant of something that never happened."""


LAST_GASP: Final = "last_gasp"
NO: Final = frozenset({"0", "no", "n", "false", "否", "无"})


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Newest instants (UTC epoch ms by the device's clock, ``NEVER`` if none) by table row."""

    meter_off_ms: Int64
    """Newest last gasp."""
    meter_alive_ms: Int64
    """Newest proof of life: power-up, voltage, reading, heartbeat, ping answer."""
    meter_silent_ms: Int64
    """Newest unanswered poll or ping while its terminal was speaking."""
    meter_call_ms: Int64
    """Newest call of its customer."""
    meter_volts: Float32
    """[meters, 3] newest voltages of phases A, B, C; NaN where not read."""
    meter_low_ms: Int64
    """Newest voltage that misses a phase (``telemetry.phase_words``)."""
    meter_normal_ms: Int64
    """Newest voltage that misses none."""
    terminal_off_ms: Int64
    terminal_alive_ms: Int64
    terminal_silent_ms: Int64
    terminal_volts: Float32
    """[terminals, 3] of the transformer's busbar."""
    terminal_low_ms: Int64
    terminal_normal_ms: Int64
    edge_open_ms: Int64
    """Newest report of an open (tripped) position."""
    edge_closed_ms: Int64
    edge_fault_passage_ms: Int64
    edge_planned: Bool
    """True inside a window of planned work at the moment of asking."""
    edge_sound: Bool
    """True where a person found that the element did not fail."""
    meter_can_gasp: Bool
    """False where the meter has no capacitor for a last gasp, or was out of reach before."""

    def of(self, meters: Int32, terminals: Int32, edges: Int32) -> "Observations":
        """A copy of these rows of the three tables: what is known of a part.

        Of edges beyond the table (jumpers, generators: ``geo.standing``) nothing is known.
        """
        inside = edges < len(self.edge_open_ms)
        rows = {"meter": meters, "terminal": terminals, "edge": np.where(inside, edges, 0)}
        names = [column.name for column in fields(self)]
        taken = {name: getattr(self, name)[rows[name.partition("_")[0]]] for name in names}
        if not inside.all():
            for name in (each for each in names if each.startswith("edge_")):
                taken[name][~inside] = NEVER if name.endswith("_ms") else False
        return Observations(**taken)


def nothing_observed(network: Network) -> Observations:
    """Observations of a network from which nothing was heard."""
    meters, terminals, edges = len(network.meters), len(network.terminals), len(network.edges)

    def never(rows: int) -> Int64:
        return np.full(rows, NEVER, dtype=np.int64)

    return Observations(
        meter_off_ms=never(meters),
        meter_alive_ms=never(meters),
        meter_silent_ms=never(meters),
        meter_call_ms=never(meters),
        meter_volts=np.full((meters, 3), np.nan, dtype=np.float32),
        meter_low_ms=never(meters),
        meter_normal_ms=never(meters),
        terminal_off_ms=never(terminals),
        terminal_alive_ms=never(terminals),
        terminal_silent_ms=never(terminals),
        terminal_volts=np.full((terminals, 3), np.nan, dtype=np.float32),
        terminal_low_ms=never(terminals),
        terminal_normal_ms=never(terminals),
        edge_open_ms=never(edges),
        edge_closed_ms=never(edges),
        edge_fault_passage_ms=never(edges),
        edge_planned=np.zeros(edges, dtype=np.bool_),
        edge_sound=np.zeros(edges, dtype=np.bool_),
        meter_can_gasp=can_gasp(network),
    )


def can_gasp(network: Network) -> Bool:
    """[meters] whether they have a capacitor for a last gasp: by the column ``last_gasp`` of meters.csv."""
    told = network.meters.extra.get(LAST_GASP, ("",) * len(network.meters))
    return np.array([text.strip().lower() not in NO for text in told], dtype=np.bool_)
