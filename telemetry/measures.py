"""What fault rules look at, computed for all meters of a frame at once.

Every function takes columns over the frame's meters (NaN: not read, or not to be trusted) and answers one
such column; NaN where the measure has no meaning for that meter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.fault_rule import Measure
from telemetry.readings import MISSING, Quality, ReadingBatch

Float64 = NDArray[np.float64]

LIVING_V: Final = 30.0
"""Below this a phase has no supply: that is an outage, not a low voltage."""
HEALTHY_V: Final = 176.0
"""A phase above this is supplied (80 % of 220 V, as terminals judge an end of an outage)."""
DISTRUSTED: Final = Quality.OUT_OF_RANGE | Quality.STALE | Quality.CLOCK_SUSPECT
LOADED_PERCENT: Final = 20.0
"""Currents of a hardly loaded transformer may be as unequal as they like."""
LINE_V: Final = 400.0
_SQRT3: Final = 3.0**0.5


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The trusted values of one frame: quantity → column over its meters."""

    values: Mapping[str, Float64]
    rated_kva: Float64
    """Of the transformer that the device measures; NaN for a customer's meter."""

    @classmethod
    def of(cls, batch: ReadingBatch, rated_kva: Float64) -> "Columns":
        """Distrusted values are left out; a wrong clock makes the whole batch one that proves nothing."""
        trusted = batch.scaled != MISSING
        if batch.quality & DISTRUSTED:
            trusted &= False
        if batch.doubts is not None:
            trusted &= (batch.doubts & int(DISTRUSTED)) == 0
        scale = 10.0 ** -np.array(batch.decimals, np.float64)
        numbers = np.where(trusted, batch.scaled * scale, np.nan)
        return cls({name: numbers[:, place] for place, name in enumerate(batch.quantities)}, rated_kva)

    def column(self, name: str) -> Float64:
        """NaN throughout where it was not read."""
        found = self.values.get(name)
        return np.full(len(self.rated_kva), np.nan) if found is None else found

    def phases(self, stem: str, unit: str) -> Float64:
        """[3, meters]"""
        return np.stack([self.column(f"{stem}_{phase}_{unit}") for phase in "abc"])


def voltages(columns: Columns) -> Float64:
    """[3, meters] of living phases only."""
    volts = columns.phases("voltage", "v")
    living: Float64 = np.where(volts >= LIVING_V, volts, np.nan)
    return living


def weakest_phase_v(columns: Columns) -> Float64:
    """Lowest phase of a meter with three phases read of which one is healthy, dead phases counted."""
    volts = columns.phases("voltage", "v")
    told = np.isfinite(volts).all(axis=0) & (_highest(volts) >= HEALTHY_V)
    return np.where(told, _lowest(volts), np.nan)


def voltage_unbalance_percent(columns: Columns) -> Float64:
    """Greatest deviation of a phase from the mean, over the mean (NEMA MG 1 with phase voltages)."""
    volts = voltages(columns)
    mean = volts.mean(axis=0)
    unbalance: Float64 = np.abs(volts - mean).max(axis=0) / mean * 100
    return unbalance


def load_percent(columns: Columns) -> Float64:
    """Apparent power over rated: Σ U·I of the phases, else √(P² + Q²)."""
    by_phase = (columns.phases("voltage", "v") * np.abs(columns.phases("current", "a"))).sum(axis=0) / 1000
    by_power = np.hypot(columns.column("active_power_kw"), columns.column("reactive_power_kvar"))
    load: Float64 = np.where(np.isfinite(by_phase), by_phase, by_power) / columns.rated_kva * 100
    return load


def current_unbalance_percent(columns: Columns) -> Float64:
    """(Imax − Imin) / Imax of a transformer that carries something."""
    amps = np.abs(columns.phases("current", "a"))
    highest, lowest = amps.max(axis=0), amps.min(axis=0)
    loaded = highest >= LOADED_PERCENT / 100 * rated_current_a(columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(loaded, (highest - lowest) / highest * 100, np.nan)


def neutral_percent(columns: Columns) -> Float64:
    """Neutral current over the transformer's rated phase current."""
    share: Float64 = np.abs(columns.column("neutral_current_a")) / rated_current_a(columns) * 100
    return share


def rated_current_a(columns: Columns) -> Float64:
    """Of one phase on the low-voltage side."""
    rated: Float64 = columns.rated_kva * 1000 / (_SQRT3 * LINE_V)
    return rated


def _highest(rows: Float64) -> Float64:
    """Of the values there are; NaN where there is none."""
    highest = np.max(rows, axis=0, initial=-np.inf, where=np.isfinite(rows))
    return np.where(np.isfinite(highest), highest, np.nan)


def _lowest(rows: Float64) -> Float64:
    return -_highest(-rows)


FORMULAS: Final[Mapping[Measure, Callable[[Columns], Float64]]] = {
    Measure.LOWEST_PHASE_V: lambda columns: _lowest(voltages(columns)),
    Measure.HIGHEST_PHASE_V: lambda columns: _highest(voltages(columns)),
    Measure.WEAKEST_PHASE_V: weakest_phase_v,
    Measure.VOLTAGE_UNBALANCE_PERCENT: voltage_unbalance_percent,
    Measure.CURRENT_UNBALANCE_PERCENT: current_unbalance_percent,
    Measure.LOAD_PERCENT: load_percent,
    Measure.NEUTRAL_PERCENT: neutral_percent,
    Measure.RESIDUAL_MA: lambda columns: columns.column("residual_current_ma"),
}
"""Measures of one frame; line loss and trips are sums over a day."""
