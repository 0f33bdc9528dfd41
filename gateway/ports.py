"""What the gateway asks of its spool and of its ledger."""

from collections.abc import Sequence
from typing import Protocol

from gateway.frames import Frame, SpooledFrame
from gateway.ingest import Entry, Sorted


class SpoolUnavailable(RuntimeError):
    """The spool could not take the frames (disk full, input/output error): nothing may be acknowledged."""


class Spool(Protocol):
    """Raw frames, durable before they are acknowledged. One writer."""

    def append(self, frames: Sequence[Frame]) -> int:
        """Keep the frames durably, all or none, and answer the newest position; raises SpoolUnavailable."""

    def read(self, after: int, limit: int = 500) -> tuple[SpooledFrame, ...]:
        """Frames with position > after in order; a damaged record comes alone, marked."""

    def pending(self, after: int) -> int:
        """How many frames lie beyond that position."""

    def forget(self, stored: int, keep_s: float) -> int:
        """Let go of what is stored (up to that position) and older than ``keep_s``; how many segments."""


class Ledger(Protocol):
    """Evidence, frames seen, counters, dead letters, terminals and the cursor: one transaction."""

    def cursor(self) -> int:
        """Spool position up to which everything is committed."""

    def online(self) -> tuple[str, ...]:
        """Terminals that spoke last and were not lost since."""

    def commit(self, entries: Sequence[Entry], cursor: int, pending: int) -> Sorted:
        """Write what the frames said and move the cursor, all or none; frames seen before only count."""

    def report_silent(self, terminals: Sequence[str], now_ms: int) -> None:
        """These are overdue: evidence ``silent`` for each, and offline in the registry."""

    def forget_seen(self, before_ms: int) -> int:
        """Forget names of frames received before; how many."""
