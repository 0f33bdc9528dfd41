"""What the simulators ask of their edge."""

from collections.abc import Sequence
from typing import Protocol

from simulators.field import Crew, Order, OrderDetail, Outage, Picture, Position, Step, WorkType
from simulators.practice import TruthEntry


class TruthLog(Protocol):
    """The record of what was really so."""

    def append(self, entries: Sequence[TruthEntry]) -> None:
        """Keep them, in order."""


class FieldDoor(Protocol):
    """The product as a crew's phone sees it; everything raises a kind of ``FieldProblem``."""

    def orders(self) -> Sequence[Order]:
        """Open orders of the crew."""

    def outage(self, outage: str) -> Outage:
        """One outage as it is believed now."""

    def crews(self) -> Sequence[Crew]:
        """Crews that the crew may see, itself among them."""

    def step(self, order: str, step: Step) -> None:
        """Move an order; the same operation again changes nothing more."""

    def order(self, order: str) -> OrderDetail:
        """What happened to one order."""

    def work_types(self) -> Sequence[WorkType]:
        """Every kind of work as the product declares it."""

    def send(self, picture: Picture) -> None:
        """Announce a picture and send all of it; again goes on where it broke off."""

    def move(self, crew: str, position: Position) -> None:
        """Say where the crew is and what it does."""


class Camera(Protocol):
    """What a phone's camera makes."""

    def take(self, *lines: str) -> bytes:
        """A JPEG that shows these lines."""


class Repairs(Protocol):
    """The grid as a crew finds it on site."""

    def look(self, near: str, reach: int) -> Sequence[str]:
        """Ids of what failed nearest to ``near`` within ``reach`` edges; nothing for an unknown element."""

    def mend(self, near: str, reach: int) -> Sequence[str]:
        """Mend that; answers what was mended."""
