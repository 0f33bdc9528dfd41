"""Frames that could not be understood: kept whole, listed, replayable; they never block the next."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeadLetter:
    key: str
    topic: str
    body: bytes
    received_ms: int
    problem: str
    """What was expected and what was found, with the field."""
    code_version: str
    id: int = 0
    """Place in the list; 0 before it is stored."""
    door: str = "mqtt"
    """By which door it came, and so who decodes it."""
    asked_again: bool = False
    """Somebody wants it to be tried again; the gateway has not done so yet."""
