"""Who may compete: a method that is given a network once and then, again and again, what has been heard."""

from dataclasses import dataclass
from typing import Protocol

from benchmarks.accuracy.signals import Heard
from geo.network import Bool, Float64, Int32, Network


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a method says at one instant."""

    places_out: Bool
    """[meters] the place where the records have the meter is without supply."""
    customers_out: Bool
    """[meters] the customer is without supply, wherever the meter really hangs."""
    elements: Int32
    """Edges that are said to have failed."""
    customer_probability: Float64 | None = None
    """[meters] P(the customer is without supply), of methods that know it."""
    element_probability: Float64 | None = None
    """[elements] P(exactly this element's customers lost their supply by one fault)."""


class Contestant(Protocol):
    """A method, ready for one network in its recorded state (normal switch positions, recorded places)."""

    @property
    def name(self) -> str: ...

    def answer(self, heard: Heard) -> Answer:
        """The answer to all that was heard so far; earlier questions need not be remembered."""
        ...


class Method(Protocol):
    """Makes contestants; whatever depends on the network alone is done here, once."""

    def __call__(self, network: Network) -> Contestant: ...
