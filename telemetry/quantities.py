"""The catalogue of what can be measured: unit, sign, plausible range, and how finely it is stored.

Names carry their unit. ``decimals`` is the resolution kept without loss by default; a value given more
finely is still kept exactly (the store widens the scale of that batch).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    name: str
    unit: str
    decimals: int
    low: float
    high: float
    cumulative: bool = False
    """True for counters that only grow, such as energy."""
    meaning: str = ""


def _phases(
    stem: str, unit: str, decimals: int, low: float, high: float, meaning: str
) -> tuple[Quantity, ...]:
    return tuple(
        Quantity(
            f"{stem}_{phase}_{unit.lower()}",
            unit,
            decimals,
            low,
            high,
            meaning=f"{meaning}, phase {phase.upper()}",
        )
        for phase in "abc"
    )


_ALL = (
    *_phases("voltage", "V", 1, 0, 500, "phase-to-neutral voltage"),
    *_phases("current", "A", 3, -100_000, 100_000, "current; negative = export"),
    *_phases("active_power", "kW", 4, -100_000, 100_000, "active power; negative = export"),
    Quantity(
        "active_power_kw",
        "kW",
        4,
        -1_000_000,
        1_000_000,
        meaning="active power, all phases; negative = export",
    ),
    Quantity(
        "reactive_power_kvar",
        "kvar",
        4,
        -1_000_000,
        1_000_000,
        meaning="reactive power; positive = inductive",
    ),
    Quantity("power_factor", "1", 3, -1, 1, meaning="active over apparent power"),
    Quantity("frequency_hz", "Hz", 2, 40, 70, meaning="frequency"),
    Quantity("energy_import_kwh", "kWh", 2, 0, 1e12, cumulative=True, meaning="forward active energy"),
    Quantity("energy_export_kwh", "kWh", 2, 0, 1e12, cumulative=True, meaning="reverse active energy"),
    Quantity("neutral_current_a", "A", 3, 0, 100_000, meaning="neutral current"),
    Quantity("residual_current_ma", "mA", 1, 0, 100_000, meaning="residual current"),
    Quantity("temperature_c", "°C", 1, -60, 200, meaning="temperature"),
)

CATALOGUE: Mapping[str, Quantity] = {quantity.name: quantity for quantity in _ALL}
