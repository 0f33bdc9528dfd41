"""What the simulators ask of their edge."""

from collections.abc import Sequence
from typing import Protocol

from simulators.practice import TruthEntry
from simulators.profiles import Profiles


class ProfileSource(Protocol):
    """Where load profiles come from."""

    def load(self, names: Sequence[str]) -> Profiles:
        """The profiles of these names and maybe others; raises ``SimulatorError`` for an unreadable table."""


class TruthLog(Protocol):
    """The record of what was really so."""

    def append(self, entries: Sequence[TruthEntry]) -> None:
        """Keep them, in order."""
