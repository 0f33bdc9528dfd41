"""What the practice grid refuses, as one exception tree.

SimulatorError
├── UnknownElement    no node or edge of the network carries this id
├── NotPossible       the element is not in the state that the command needs
└── BadRequest        a command that says nothing, or nonsense
"""


class SimulatorError(Exception):
    """Root of what this package raises; its text is one clear line."""


class UnknownElement(SimulatorError):
    """No node or edge carries this id."""

    def __init__(self, element: str) -> None:
        super().__init__(f"unknown element {element!r}: expected the id of a node or an edge")


class NotPossible(SimulatorError):
    """Tripped twice, restored though healthy, or a switch that stands open normally."""


class BadRequest(SimulatorError):
    """The command's body is not what the control port takes."""
