"""Work that steps back while something more urgent waits: it takes its share of the time and no more."""

from dataclasses import dataclass
from typing import Final

SHARE: Final = 3
"""It begins again only after so many times what it last took."""


@dataclass(slots=True)
class Patience:
    """When one kind of work was done last, and how long that took; all on one clock, in ms."""

    ended_ms: int = 0
    took_ms: int = 0

    def had(self, began_ms: int, ended_ms: int) -> None:
        """The work was done."""
        self.ended_ms, self.took_ms = ended_ms, ended_ms - began_ms

    def may(self, now_ms: int) -> bool:
        """Whether it is its turn again."""
        return now_ms - self.ended_ms >= SHARE * self.took_ms
