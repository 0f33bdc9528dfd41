"""What the demo asks of the grid to practise on."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FailedElement:
    element: str
    at: str


class SimulatorRefused(Exception):
    """The simulator said no; ``status`` is its answer (404, 409) or 503 where it is not there."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Simulator(Protocol):
    """The demo's grid to practise on."""

    def failed(self) -> tuple[FailedElement, ...]: ...

    def trip(self, element: str) -> None: ...

    def restore(self, element: str) -> None: ...
