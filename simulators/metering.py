"""What every meter reads: power from its profile, voltage from its true place, energy as an exact counter.

Rounded to the resolution of real meters (0.1 V, 0.001 A, 0.0001 kW, 0.01 kWh). Noise is seeded by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import Bool, Float64, Int32, Network, Phases
from simulators.profiles import Int64, LoadCurve, Profiles, centi_kwh

QUANTITIES: Final = (
    "voltage_a_v", "voltage_b_v", "voltage_c_v",
    "current_a_a", "current_b_a", "current_c_a",
    "active_power_kw", "reactive_power_kvar", "power_factor",
    "energy_import_kwh",
)  # fmt: skip
"""Columns of a reading frame, in this order."""

EMPTY_ROW: Final = (None,) * len(QUANTITIES)
"""A meter that does not answer."""

NO_LOAD_V: Final = 231.0
FULL_DROP_V: Final = 16.0
"""Voltage drop at the far end of an area under full load; stays within GB/T 12325 (198.0 … 235.4 V)."""
POWER_NOISE: Final = 0.02
DEFAULT_KW: Final = 3.0

Row = Sequence[float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Equipment:
    """What hangs behind each meter row."""

    rated_w: Int64
    profile: Int32
    tangent: Float64
    """Reactive over active power."""
    depth: Float64
    """0 at the transformer … 1 at the far end of the area."""
    phases: Bool
    """Shape (meters, 3)."""


def equipment(network: Network, profiles: Profiles, seed: int) -> Equipment:
    """From the meters' columns ``p_kw``, ``q_kvar`` and ``profile``; the rest is seeded."""
    rng = np.random.default_rng([seed, 2])
    count, extra = len(network.meters), network.meters.extra
    kilowatts = _numbers(extra.get("p_kw"), count, DEFAULT_KW)
    reactive = _numbers(extra.get("q_kvar"), count, np.nan)
    tangent = np.divide(reactive, kilowatts, out=np.full(count, np.nan), where=kilowatts > 0)
    drawn = rng.uniform(0.1, 0.45, count)
    names = extra.get("profile", ("",) * count)
    row_of = {name: profiles.row(name) for name in set(names)}
    return Equipment(
        rated_w=np.round(kilowatts * 1000).astype(np.int64),
        profile=np.array([row_of[name] for name in names], np.int32).reshape(count),
        tangent=np.where(np.isfinite(tangent), tangent, drawn),
        depth=rng.random(count),
        phases=_conductors(network),
    )


class Metering:
    """The counters and momentary values of all meters of a network."""

    def __init__(self, behind: Equipment, curve: LoadCurve, seed: int) -> None:
        self._behind = behind
        self._curve = curve
        self._rng = np.random.default_rng([seed, 3])
        self._not_drawn = np.zeros(len(behind.rated_w), np.int64)
        """Energy in 0.01 kWh that the profile held while the meter was without supply."""
        self._supply = np.ones((len(behind.rated_w), 3))

    @property
    def conductors(self) -> Bool:
        """[meters, 3] which phases each meter has."""
        return self._behind.phases

    def supply(self, volts: Float64) -> None:
        """[meters, 3] the voltage of each phase where the meter hangs, per unit."""
        self._supply = volts

    def interrupted(self, meters: Int32, now_ms: int) -> None:
        """Supply went: from now on the counter stands."""
        self._not_drawn[meters] -= self._profile_energy(meters, now_ms)

    def returned(self, meters: Int32, now_ms: int) -> None:
        """Supply is back after ``interrupted``: the counter goes on where it stood."""
        self._not_drawn[meters] += self._profile_energy(meters, now_ms)

    def energy_centi_kwh(self, meters: Int32, now_ms: int) -> Int64:
        """Import counters of meters that have supply."""
        return self._profile_energy(meters, now_ms) - self._not_drawn[meters]

    def rows(self, meters: Int32, answering: Bool, now_ms: int) -> list[Row]:
        """One row of ``QUANTITIES`` per meter; all None where it does not answer."""
        columns = self._columns(meters[answering], now_ms)
        columns[:, :6][~np.tile(self._behind.phases[meters[answering]], 2)] = np.nan
        read = iter(columns.tolist())
        return [_clean(next(read)) if answers else EMPTY_ROW for answers in answering]

    def _columns(self, meters: Int32, now_ms: int) -> Float64:
        behind, count = self._behind, len(meters)
        factor = self._curve.factor(now_ms)[behind.profile[meters]]
        power = (
            behind.rated_w[meters] / 1000 * factor * self._rng.normal(1, POWER_NOISE, count).clip(0.8, 1.2)
        )
        tangent = behind.tangent[meters]
        apparent = power * np.hypot(1, tangent)
        load = float(factor.mean()) if count else 0.0
        drop = FULL_DROP_V * min(load, 1.0) * behind.depth[meters]
        supply = self._supply[meters]
        healthy = NO_LOAD_V - drop[:, None] + self._rng.normal(0, 0.3, (count, 3))
        volts = healthy * supply
        conductors = behind.phases[meters].sum(axis=1).clip(1)
        amps = apparent[:, None] * 1000 / (healthy * conductors[:, None]) * (supply > 0)
        energy = self.energy_centi_kwh(meters, now_ms) / 100
        rest = np.round(np.column_stack([power, power * tangent]), 4)
        cosine = np.round(1 / np.hypot(1, tangent), 3)
        return np.column_stack([np.round(volts, 1), np.round(amps, 3), rest, cosine, energy])

    def _profile_energy(self, meters: Int32, now_ms: int) -> Int64:
        quanta = self._curve.quanta(now_ms)[self._behind.profile[meters]]
        return centi_kwh(self._behind.rated_w[meters], quanta)


def _clean(row: list[float]) -> Row:
    return [None if value != value else value for value in row]  # noqa: PLR0124 (NaN: no such conductor)


def _numbers(texts: Sequence[str] | None, count: int, default: float) -> Float64:
    """The column as numbers; the default where it is absent, empty or no finite number."""
    values = np.full(count, default)
    for row, text in enumerate(texts or ()):
        try:
            number = float(text)
        except ValueError:
            continue
        if np.isfinite(number):
            values[row] = abs(number)
    return values


def _conductors(network: Network) -> Bool:
    letters = np.array([Phases.A, Phases.B, Phases.C], np.int8)
    phases = np.where(network.meters.phases == 0, int(Phases.ABC), network.meters.phases)
    result: Bool = (phases[:, None] & letters) > 0
    return result
