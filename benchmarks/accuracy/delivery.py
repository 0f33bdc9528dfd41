"""From what devices say to what the head end gets: stamps, clocks, late terminals, files."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from benchmarks.accuracy.conditions import Condition, Delivery
from benchmarks.accuracy.signals import Signal, Signals
from geo.network import Float64, Int32

BATCH_S = 900.0
UPLOADS: Float64 = np.array([-1800.0, -900.0, 0.0, 900.0, 1800.0, 2700.0])

Change = Callable[[Signal, bool], Signal]
"""Takes a signal, and whether it is of the meters (else of the terminals)."""


def deliver(
    said: Signals, condition: Condition, area: Int32, terminal_area: Int32, rng: Generator
) -> Signals:
    """The same messages with the stamps and arrivals of the condition; ``area`` is the meters' true one."""
    stamped = _stamped(said, condition, len(area), len(terminal_area), rng)
    if condition.delivery is Delivery.LATE:
        return _late(stamped, condition, area, terminal_area, rng)
    if condition.delivery is Delivery.BATCHES:
        return _in_batches(stamped, rng)
    return stamped


def _each(signals: Signals, change: Change, upload_s: Float64) -> Signals:
    return Signals(
        meter_off=change(signals.meter_off, True),
        meter_before=change(signals.meter_before, True),
        meter_alive=change(signals.meter_alive, True),
        terminal_off=change(signals.terminal_off, False),
        terminal_alive=change(signals.terminal_alive, False),
        upload_s=upload_s,
    )


def _stamped(said: Signals, condition: Condition, meters: int, terminals: int, rng: Generator) -> Signals:
    """By whoever gets it first, on arrival, so that nobody is told when a fault struck; or by the device."""
    if condition.clock_skew_s <= 0.0:
        return _each(said, lambda signal, _: Signal(signal.received_s, signal.received_s), said.upload_s)
    fast_s = rng.uniform(-1, 1, meters) * condition.clock_skew_s
    terminal_fast_s = rng.uniform(-1, 1, terminals) * condition.clock_skew_s

    def skewed(signal: Signal, of_meters: bool) -> Signal:
        return Signal(signal.stamped_s + (fast_s if of_meters else terminal_fast_s), signal.received_s)

    return _each(said, skewed, said.upload_s)


def _late(
    stamped: Signals, condition: Condition, area: Int32, terminal_area: Int32, rng: Generator
) -> Signals:
    """Each area's terminal holds everything back by a delay of its own."""
    areas = np.unique(np.concatenate((area, terminal_area)))
    late_s = rng.uniform(*condition.late_s, len(areas))
    late_s *= (rng.random(len(areas)) < condition.late_share) & (areas >= 0)
    meter_late_s = late_s[np.searchsorted(areas, area)]
    terminal_late_s = late_s[np.searchsorted(areas, terminal_area)]

    def held_back(signal: Signal, of_meters: bool) -> Signal:
        return Signal(signal.stamped_s, signal.received_s + (meter_late_s if of_meters else terminal_late_s))

    return _each(stamped, held_back, stamped.upload_s)


def _in_batches(stamped: Signals, rng: Generator) -> Signals:
    """What the head end got is in its next file, and that comes within a quarter of an hour."""
    upload_s = UPLOADS + float(rng.uniform(0, BATCH_S))

    def uploaded(signal: Signal, _: bool) -> Signal:
        number = np.searchsorted(upload_s, signal.received_s)
        later = np.append(upload_s, np.inf)[number]
        return Signal(signal.stamped_s, later)

    return _each(stamped, uploaded, upload_s)
