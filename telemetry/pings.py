"""A wish to know whether devices live: a row that somebody writes and the gateway reads."""

from dataclasses import dataclass
from typing import Final

MAX_DEVICES: Final = 500
"""Devices of one wish; who wants more wishes more often."""


@dataclass(frozen=True, slots=True)
class PingWish:
    """Ask these devices of one terminal whether they live. Asking changes nothing in the grid."""

    key: str
    """Names the wish for ever; the same key again is the same wish."""
    terminal: str
    """Who speaks for the devices; its own id among them asks for itself."""
    devices: tuple[str, ...]
    asked_ms: int
    expires_ms: int
    """Not asked any more from then on."""
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class LoggedWish:
    """A wish with its place in the table; ids grow by one in commit order."""

    id: int
    wish: PingWish
