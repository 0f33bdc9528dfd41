"""Where the record says that a meter hangs, beside where its voltages of the last days say: areas, phases.

A few meters stand for each area that comes into question, the transformer's terminal for its phases. Nothing
is corrected by it: each doubt becomes a field check (INT-05).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.network import ABSENT, Float64, Network, Phases
from telemetry.downsampling import DAY_MS, QUARTER_MS
from telemetry.mapping_suspects import Suspect
from telemetry.ports import ReadingStore
from telemetry.voltage_matching import PHASES, Fit, better_place, fits, sampled

REFERENCES: Final = 8
"""Meters of an area that stand for it."""
MAX_METERS: Final = 20
"""Of one customer."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One meter; fits best first, none where too few readings were there."""

    meter: str
    recorded_at: str
    """Transformer of the record, '' where it is unknown."""
    areas: tuple[Fit, ...]
    rather_at: Fit | None
    recorded_phase: str
    phases: tuple[Fit, ...]
    rather_phase: Fit | None
    """Only of a meter with one phase."""


class VoltageComparison:
    """Compares over ``days`` before ``end_ms``; remembers what it read, so it is for one question."""

    def __init__(self, network: Network, readings: ReadingStore, end_ms: int, days: int) -> None:
        self._network = network
        self._readings = readings
        self._areas = Areas(network)
        self._count = days * DAY_MS // QUARTER_MS
        self._from_ms = end_ms - end_ms % QUARTER_MS - self._count * QUARTER_MS
        self._known: dict[tuple[str, str], Float64] = {}

    def of_suspect(self, suspect: Suspect) -> tuple[Compared, ...]:
        """The meters of a customer beside the areas where outages would have them."""
        return self.of_customer(suspect.customer, [one.transformer for one in suspect.candidates])

    def of_customer(self, customer: str, others: Iterable[str] = ()) -> tuple[Compared, ...]:
        """Each meter of a customer of the network."""
        meters, places = self._network.meters, tuple(others)
        rows = np.flatnonzero(meters.customer == self._network.customer_row[customer])[:MAX_METERS]
        return tuple(self.of_meter(meters.ids[row], places) for row in rows.tolist())

    def of_meter(self, meter: str, others: Iterable[str] = ()) -> Compared:
        """A meter of the network; ``others``: transformers that also come into question."""
        row = self._network.meter_row[meter]
        edge = int(self._areas.of_meter[row])
        recorded = "" if edge == ABSENT else self._network.edges.ids[edge]
        own = self._series(meter, "voltage_a_v")
        asked = sorted({recorded, *others} - {""})
        by_area = fits(own, {place: self._references(place, meter) for place in asked})
        written = Phases(int(self._network.meters.phases[row])).name or ""
        by_phase = self._by_phase(recorded, own)
        single = len(written) == 1
        return Compared(
            meter, recorded, by_area, better_place(recorded, by_area),
            written, by_phase, better_place(written, by_phase) if single else None,
        )  # fmt: skip

    def _by_phase(self, transformer: str, own: Float64) -> tuple[Fit, ...]:
        edge = self._network.edge_row.get(transformer)
        watching = [] if edge is None else np.flatnonzero(self._network.terminals.edge == edge).tolist()
        if not watching:
            return ()
        terminal = self._network.terminals.ids[watching[0]]
        return fits(own, {phase.upper(): self._series(terminal, f"voltage_{phase}_v") for phase in PHASES})

    def _references(self, transformer: str, without: str) -> Float64:
        rows = self._areas.meters_in(self._network.edge_row[transformer])
        ids = [name for row in rows.tolist() if (name := self._network.meters.ids[row]) != without]
        chosen = ids[:: max(1, len(ids) // REFERENCES)][:REFERENCES]
        series = [self._series(one, "voltage_a_v") for one in chosen]
        return np.stack(series or [np.full(self._count, np.nan)])

    def _series(self, device: str, quantity: str) -> Float64:
        """[quarters of an hour] of one device."""
        if (device, quantity) not in self._known:
            read = self._readings.series(device, self._from_ms, self._from_ms + self._count * QUARTER_MS)
            self._known[device, quantity] = sampled(read, quantity, self._from_ms, self._count)
        return self._known[device, quantity]
