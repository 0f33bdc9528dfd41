"""What the simulators ask of their edge."""

from collections.abc import Sequence
from typing import Protocol

from simulators.field import Crew, Order, Outage, Position, Step
from simulators.practice import TruthEntry


class TruthLog(Protocol):
    """The record of what was really so."""

    def append(self, entries: Sequence[TruthEntry]) -> None:
        """Keep them, in order."""


class FieldDoor(Protocol):
    """The product as a crew's phone sees it; everything raises a kind of ``FieldProblem``."""

    def orders(self) -> Sequence[Order]:
        """Open orders that the crew may see."""

    def outage(self, outage: str) -> Outage:
        """One outage as it is believed now."""

    def crews(self) -> Sequence[Crew]:
        """Crews that the crew may see, itself among them."""

    def step(self, order: str, step: Step) -> None:
        """Move an order; the same operation again changes nothing more."""

    def move(self, crew: str, position: Position) -> None:
        """Say where the crew is and what it does."""


class Repairs(Protocol):
    """The grid as a crew finds it on site."""

    def look(self, near: str, reach: int) -> Sequence[str]:
        """Ids of what failed nearest to ``near`` within ``reach`` edges; nothing for an unknown element."""

    def mend(self, near: str, reach: int) -> Sequence[str]:
        """Mend that; answers what was mended."""
