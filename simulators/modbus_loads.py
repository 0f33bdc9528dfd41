"""A three-phase load that a simulated meter sees: what U, I, P and energy are at an instant. Pure.

Power swings round a mean with a period; energy is its exact integral, so it only grows and fits the power.
"""

import math
import random
from dataclasses import dataclass
from typing import Final

PERIOD_S: Final = 600.0
_SWING: Final = 0.3
_PHASES: Final = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """What a meter measures at one instant: primary values, three phases each."""

    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    power_kw: tuple[float, ...]
    power_factor: float
    frequency_hz: float
    import_kwh: float
    export_kwh: float

    @property
    def total_kw(self) -> float:
        return sum(self.power_kw)

    @property
    def reactive_kvar(self) -> float:
        return self.total_kw * math.tan(math.acos(self.power_factor))


@dataclass(frozen=True, slots=True)
class Load:
    """One customer's load; ``shares`` are the phases' parts of the mean power and add to one."""

    mean_kw: float
    shares: tuple[float, ...]
    power_factor: float
    phase: float
    first_kwh: float

    @classmethod
    def random(cls, seed: int) -> "Load":
        draw = random.Random(seed)
        parts = [draw.uniform(0.7, 1.3) for _ in range(_PHASES)]
        return cls(
            mean_kw=draw.uniform(2, 30),
            shares=tuple(part / sum(parts) for part in parts),
            power_factor=draw.uniform(0.9, 0.99),
            phase=draw.uniform(0, 2 * math.pi),
            first_kwh=draw.uniform(100, 20_000),
        )

    def at(self, seconds: float) -> Moment:
        """``seconds`` since the load began, not negative."""
        angle = 2 * math.pi * seconds / PERIOD_S + self.phase
        total = self.mean_kw * (1 + _SWING * math.sin(angle))
        swing_kwh = self.mean_kw * _SWING * PERIOD_S / (2 * math.pi) / 3600
        energy = self.first_kwh + self.mean_kw * seconds / 3600
        energy += swing_kwh * (math.cos(self.phase) - math.cos(angle))
        voltages = tuple(230 + 3 * math.sin(angle / 3 + turn) for turn in range(_PHASES))
        powers = tuple(total * share for share in self.shares)
        currents = tuple(
            power * 1000 / (voltage * self.power_factor)
            for power, voltage in zip(powers, voltages, strict=True)
        )
        return Moment(
            voltages, currents, powers, self.power_factor, 50 + 0.02 * math.sin(angle), energy, energy / 50
        )
