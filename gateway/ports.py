"""What the gateway asks of its doors, its spools and its ledger."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from gateway.backpressure import Pressure
from gateway.frames import Frame, Lane, SpooledFrame
from gateway.ingest import Entry, Sorted
from telemetry.pings import PingWish

PIECE_BYTES: Final = 8 * 1024 * 1024
"""Most that is taken from the spool at once: what lies in memory and goes on together."""


class SpoolUnavailable(RuntimeError):
    """The spool could not take the frames (disk full, input/output error): nothing may be acknowledged."""


class Spool(Protocol):
    """Raw frames, durable before they are acknowledged. One writer."""

    def append(self, frames: Sequence[Frame]) -> int:
        """Keep the frames durably, all or none, and answer the newest position; raises SpoolUnavailable."""

    def read(self, after: int, limit: int = 500, most_bytes: int = PIECE_BYTES) -> tuple[SpooledFrame, ...]:
        """Frames with position > after in order, at most so many in so many bytes, but at least one.

        A damaged record comes alone, marked.
        """

    def pending(self, after: int) -> int:
        """How many frames lie beyond that position."""

    def size_bytes(self) -> int:
        """What it takes on the disk."""

    def forget(self, stored: int, keep_s: float) -> int:
        """Let go of what is stored (up to that position) and older than ``keep_s``; how many segments."""


class Intake(Protocol):
    """Where every door hands over what it took. Any thread."""

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        """On return the frames are on disk and may be acknowledged; raises SpoolUnavailable: then not."""

    def pressure(self) -> Pressure:
        """How much must wait now; a door looks before it fetches more."""


class Door(Protocol):
    """One way in: a broker session, a bus of meters, a listening port, a folder. Has threads of its own."""

    @property
    def name(self) -> str:
        """Unique, such as ``mqtt:events`` or ``modbus:line-3``."""

    @property
    def required(self) -> bool:
        """The gateway is not ready while a required door is not."""

    @property
    def ready(self) -> bool:
        """True while frames can come in by it."""

    @property
    def trouble(self) -> str:
        """Why it is not ready, or what to look at though it is; empty when all is well."""

    @property
    def alive(self) -> bool:
        """False once its thread has ended, which only ``stop`` or a fault of the program brings about."""

    def counters(self) -> Mapping[str, int]:
        """What it has counted since it started, for metrics: polls, refused frames, reconnections …"""

    def start(self) -> None:
        """Return at once; constructors and ``start`` never wait for a connection."""

    def stop(self, timeout_s: float) -> None:
        """Take no more, finish what is in hand, let go."""


class PingSender(Protocol):
    """How a wish to know whether devices live leaves the house. It reads, it never switches."""

    @property
    def expects_answers(self) -> bool:
        """Whether a silence after it means anything."""

    def send(self, wish: PingWish) -> bool:
        """False where it cannot leave now; it is tried again until it expires."""


class Ledger(Protocol):
    """Evidence, frames seen, counters, dead letters, devices and the lanes' cursors: one transaction each."""

    def cursor(self, lane: Lane) -> int:
        """Position in the lane's spool up to which everything is committed."""

    def online(self) -> tuple[str, ...]:
        """Terminals that spoke last and were not lost since."""

    def screen(self, lane: Lane, entries: Sequence[Entry]) -> list[Entry]:
        """Before they are stored: frames of terminals that are not believed become dead letters, the others'
        readings get the doubts that the gateway has, and copies of settled frames are marked ``repeated``.
        """

    def commit(self, lane: Lane, entries: Sequence[Entry], cursor: int, pending: int) -> Sorted:
        """Write what the frames said and move the lane's cursor, all or none; repeated frames only count.

        ``pending``: how many frames wait in the lane beyond ``cursor``.
        """

    def announce(self, entries: Sequence[Entry]) -> None:
        """Write the evidence alone, ahead of the readings; the commit of these frames finds it there."""

    def note(self, values: Mapping[str, int]) -> None:
        """Put down gauges beside the counters."""

    def report_silent(self, terminals: Sequence[str], now_ms: int) -> None:
        """These are overdue: evidence ``silent`` for each, and offline in the registry."""

    def forget_seen(self, before_ms: int, limit: int = 50_000) -> int:
        """Forget names of up to ``limit`` frames received before; how many."""
