"""What devices say in a night: when each message is stamped, and when it arrives."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import Bool, Float64

NEVER_S: Final = -np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """At most one message per device; seconds after instant 0, ``inf`` where none comes."""

    stamped_s: Float64
    received_s: Float64

    def known(self, at_s: float) -> Float64:
        """Stamps of what has arrived by ``at_s``, ``NEVER_S`` elsewhere; none lies after its arrival."""
        arrived = self.received_s <= at_s
        return np.where(arrived, np.minimum(self.stamped_s, self.received_s), NEVER_S)


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Everything that is said in one night."""

    meter_off: Signal
    meter_before: Signal
    """The last sign of life before the faults."""
    meter_alive: Signal
    """The first one after them."""
    terminal_off: Signal
    terminal_alive: Signal
    upload_s: Float64
    """Instants at which everything said before is uploaded; empty where all is prompt."""

    def heard(self, at_s: float) -> "Heard":
        """What a method may know at that instant."""
        past = self.upload_s[self.upload_s <= at_s]
        return Heard(
            until_s=float(past.max(initial=NEVER_S)) if len(self.upload_s) else at_s,
            meter_off_s=self.meter_off.known(at_s),
            meter_alive_s=np.maximum(self.meter_before.known(at_s), self.meter_alive.known(at_s)),
            terminal_off_s=self.terminal_off.known(at_s),
            terminal_alive_s=self.terminal_alive.known(at_s),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Newest instants by device, in seconds on a clock that does not tell when anything struck."""

    until_s: float
    """Nothing said after this can have arrived yet."""
    meter_off_s: Float64
    """[meters] newest last gasp, −inf if none."""
    meter_alive_s: Float64
    """[meters] newest sign of life, −inf if none."""
    terminal_off_s: Float64
    """[terminals]"""
    terminal_alive_s: Float64

    @property
    def silent(self) -> Bool:
        """[meters] nothing was ever heard of it."""
        silent: Bool = np.maximum(self.meter_off_s, self.meter_alive_s) == NEVER_S
        return silent

    @property
    def gasped(self) -> Bool:
        """[meters] a last gasp is the last word."""
        return self.meter_off_s > self.meter_alive_s
