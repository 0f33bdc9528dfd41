"""The recent greatest demand of distribution transformers, from what their terminals measured.

Demand is the greatest apparent power of a quarter of an hour within ``DAYS`` days: of a quarter the greatest
Σ U·I of its phases, else √(P² + Q²) of its greatest powers, which is never too low. Only what can be trusted
counts. Of at most ``MAX_ASKED`` transformers; of others, and while the store is away, nothing is known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from geo.network import Int32, Network
from telemetry.downsampling import DAY_MS, QUARTER_MS, Aggregate, Bucket
from telemetry.measures import DISTRUSTED
from telemetry.ports import ReadingsAway, ReadingStore

DAYS: Final = 3
MAX_ASKED: Final = 300
_PHASES: Final = "abc"


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredDemand:
    """As of one instant; what ``geo.restoration`` asks for."""

    readings: ReadingStore
    network: Network
    at_ms: int

    def __call__(self, transformers: Int32) -> Mapping[int, float]:
        """Edge rows of transformers → kVA, of those that were measured."""
        terminals = dict(zip(self.network.terminals.edge.tolist(), self.network.terminals.ids, strict=True))
        watched = [row for row in transformers.tolist() if row in terminals][:MAX_ASKED]
        found: dict[int, float] = {}
        for row in watched:
            try:
                demand = self._demand(terminals[row])
            except ReadingsAway:
                break
            if demand is not None:
                found[row] = demand
        return found

    def _demand(self, terminal: str) -> float | None:
        begin_ms = self.at_ms - DAYS * DAY_MS
        quarters = self.readings.aggregated(terminal, begin_ms, self.at_ms, QUARTER_MS)
        told = [kva for quarter in quarters if (kva := apparent_kva(quarter)) is not None]
        return max(told, default=None)


def apparent_kva(quarter: Bucket) -> float | None:
    """The greatest apparent power of the span; None where it was not measured, or is not to be trusted."""
    by_phase = [_phase_kva(quarter, phase) for phase in _PHASES]
    if all(kva is not None for kva in by_phase):
        return sum(kva for kva in by_phase if kva is not None)
    active, reactive = (_greatest(quarter, name) for name in ("active_power_kw", "reactive_power_kvar"))
    if active is None or reactive is None:
        return None
    return float((active**2 + reactive**2) ** 0.5)


def _phase_kva(quarter: Bucket, phase: str) -> float | None:
    volts, amperes = _greatest(quarter, f"voltage_{phase}_v"), _greatest(quarter, f"current_{phase}_a")
    return None if volts is None or amperes is None else volts * amperes / 1000


def _greatest(quarter: Bucket, quantity: str) -> float | None:
    """Either way: what is fed back loads a transformer too."""
    found: Aggregate | None = quarter.values.get(quantity)
    if found is None or found.low is None or found.high is None or found.doubt & DISTRUSTED:
        return None
    return max(abs(float(found.low)), abs(float(found.high)))
