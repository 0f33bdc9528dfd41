"""The feeder of ``tests.telemetry.nights`` with phases, and what its meters read when one of them is lost."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from geo.network import Network
from telemetry.evidence import EvidenceKind, Volts
from tests.telemetry.nights import FEEDER, Night

LETTERS = "ABC"
NORMAL = (1.0, 1.0, 1.0)
LOST_LV = {"A": (0.0, 1.0, 1.0), "B": (1.0, 0.0, 1.0), "C": (1.0, 1.0, 0.0)}
DYN11 = {"A": (0.5, 1.0, 0.5), "B": (0.5, 0.5, 1.0), "C": (1.0, 0.5, 0.5)}
YYN0 = {"A": (0.0, 0.86, 0.86), "B": (0.86, 0.0, 0.86), "C": (0.86, 0.86, 0.0)}
NOMINAL_V = 225.0


def phased(every_three: int = 4) -> Network:
    """Of the four meters of a box one has three phases, the others A, B, C."""
    count = len(FEEDER.meters)
    turn = np.arange(count) % every_three
    phases = np.where(turn == every_three - 1, 7, 1 << (turn % 3)).astype(np.int8)
    return replace(FEEDER, meters=replace(FEEDER.meters, phases=phases))


PHASED = phased()


def meters_of(*prefixes: str) -> list[str]:
    return [meter for meter in PHASED.meters.ids if meter.startswith(prefixes)]


def phase_of(meter: str, network: Network = PHASED) -> int:
    return int(network.meters.phases[network.meter_row[meter]])


def single(phase: str, *prefixes: str) -> list[str]:
    """Single-phase meters of that phase."""
    return [meter for meter in meters_of(*prefixes) if phase_of(meter) == 1 << LETTERS.index(phase)]


def triple(meter: str, per_unit: Sequence[float], jitter: Callable[[], float] = lambda: 0.0) -> Volts:
    """What the meter reads; a single-phase meter tells one voltage, in the first column."""
    volts = [NOMINAL_V * value * (1 + jitter()) for value in per_unit]
    phase = phase_of(meter)
    return (volts[0], volts[1], volts[2]) if phase == 7 else (volts[phase // 2], None, None)


def read(night: Night, at_s: float, per_unit: Sequence[float], *prefixes: str) -> None:
    """A reading of these meters: those with a voltage tell it; the others are silent."""
    told = {meter: triple(meter, per_unit) for meter in meters_of(*prefixes)}
    living = [meter for meter, volts in told.items() if max(v or 0.0 for v in volts) > 60]
    if living:
        night.say(EvidenceKind.VOLTAGE, at_s, living, volts=tuple(told[meter] for meter in living))
