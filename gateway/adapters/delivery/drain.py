"""From the spool into the stores: one thread for events, one for readings, one that looks after the house.

Bulk is drained before backfill; neither keeps an event waiting. The threads share the ledger, which they
write in turns.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import OperationalError

from gateway.adapters.delivery.drain_house import Housekeeping
from gateway.adapters.delivery.drain_lane import AWAY, RETRY_S, EventsDrain, LaneDrain, PipelinedDrain, Stores
from gateway.adapters.seldom import Seldom
from gateway.frames import Decoded, Frame, Lane
from gateway.ingest import Sorted
from gateway.ports import Ledger, Spool
from gateway.registry import Registry
from telemetry.ports import ReadingStore

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
EVENTS_COME_S: Final = 10.0
_BESIDE_S: Final = 0.05
_LOGGED_PROBLEMS: Final = 3


@dataclass(frozen=True, slots=True)
class Signals:
    """What the drain's threads wait for."""

    stop: threading.Event
    wake: Mapping[Lane, threading.Event]
    """Frames came in on that lane; bulk and backfill share a thread."""
    hearing: threading.Event
    """Set while the doors are open: only then is a terminal's silence its own."""

    @classmethod
    def new(cls) -> "Signals":
        events, bulk = threading.Event(), threading.Event()
        wake = {Lane.EVENTS: events, Lane.BULK: bulk, Lane.BACKFILL: bulk}
        return cls(threading.Event(), wake, threading.Event())

    def end(self) -> None:
        """Let every thread finish its group and end."""
        self.stop.set()
        for wake in self.wake.values():
            wake.set()


class Drain:
    """Moves frames from the spools to the stores and keeps the terminals' timers."""

    def __init__(
        self,
        spools: Mapping[Lane, Spool],
        readings: ReadingStore,
        ledger: Ledger,
        registry: Registry,
        decode: Callable[[Frame], Decoded],
        house: Housekeeping | None = None,
        disk_full: Callable[[], object] = lambda: None,
        decode_plain: Callable[[Sequence[Frame]], Sequence[Decoded | None]] | None = None,
    ) -> None:
        """``house``: what is done beside; ``disk_full`` is called when the ledger found the disk full;
        ``decode_plain``: ``decode`` of many frames, where it can (None: where it cannot)."""
        self._ledger = ledger
        self._registry = registry
        self._timers = threading.Lock()
        self._house = house
        self._disk_full = disk_full
        self._partly = Seldom(log, logging.INFO, "parts left out of %d frames, such as %s")
        self._event_s = float("-inf")
        plain = decode_plain or (lambda frames: [None] * len(frames))
        stores = Stores(readings, ledger, decode, self._note, plain, self._events_come)
        self.lanes: dict[Lane, LaneDrain] = {
            Lane.EVENTS: EventsDrain(Lane.EVENTS, spools[Lane.EVENTS], stores),
            Lane.BULK: PipelinedDrain(Lane.BULK, spools[Lane.BULK], stores),
            Lane.BACKFILL: PipelinedDrain(Lane.BACKFILL, spools[Lane.BACKFILL], stores),
        }

    def step(self) -> int:
        """One group of the most urgent lane that has any, in this thread; how many frames it had."""
        return next((moved for lane in self.lanes.values() if (moved := self._careful(lane))), 0)

    def run(self, signals: Signals) -> None:
        """Until ``signals.stop``. A thread that dies of a fault of the program ends all."""
        with self._timers:
            self._registry.expect(self._ledger.online(), time.monotonic())
        bulk = (self.lanes[Lane.BULK], self.lanes[Lane.BACKFILL])
        threads = [
            self._thread(signals, (self.lanes[Lane.EVENTS],), signals.wake[Lane.EVENTS]),
            self._thread(signals, bulk, signals.wake[Lane.BULK]),
        ]
        for thread in threads:
            thread.start()
        while not signals.stop.wait(TICK_S):
            self._beat(signals)
        signals.end()
        for thread in threads:
            thread.join()

    def _thread(
        self, signals: Signals, lanes: Sequence[LaneDrain], wake: threading.Event
    ) -> threading.Thread:
        def work() -> None:
            try:
                self._drain(signals.stop, lanes, wake)
            finally:
                signals.end()

        return threading.Thread(target=work, name=f"drain-{lanes[0].lane}")

    def _drain(self, stop: threading.Event, lanes: Sequence[LaneDrain], wake: threading.Event) -> None:
        """These lanes, each only while those before it are empty."""
        while not stop.is_set():
            wake.clear()
            moved = busy = False
            for lane in lanes:
                moved = bool(self._careful(lane))
                if moved and lane.lane is Lane.EVENTS:
                    self._event_s = time.monotonic()
                busy = lane.busy
                if moved or busy:
                    break
            if not moved:
                wake.wait(self._rest_s(lane) if busy else TICK_S)

    def _events_come(self) -> bool:
        return time.monotonic() - self._event_s < EVENTS_COME_S

    @staticmethod
    def _rest_s(lane: LaneDrain) -> float:
        return _BESIDE_S if lane.lane is Lane.EVENTS else RETRY_S

    def _careful(self, lane: LaneDrain) -> int:
        """A store that is away costs time, not frames; what no store takes goes to the dead letters."""
        before = lane.trouble
        try:
            return lane.step()
        except AWAY as problem:
            lane.failed(problem)
            if _is_full(problem):
                self._disk_full()
            if not before:
                log.warning("%s: a store is away, trying again: %s", lane.lane, problem)
            self._show_pending(lane)
        except Exception as problem:
            lane.failed(problem)
            if not before:
                log.exception("%s: a store refuses the group after position %d", lane.lane, lane.cursor)
        return 0

    def _show_pending(self, lane: LaneDrain) -> None:
        """What waits grows while nothing is committed."""
        try:
            self._ledger.note({f"pending.{lane.lane}": lane.pending})
        except AWAY as problem:
            log.debug("the ledger is away too: %s", problem)

    def _note(self, result: Sorted) -> None:
        now_s = time.monotonic()
        with self._timers:
            for entry in result.stored:
                if entry.decoded.online:
                    self._registry.expect((entry.decoded.terminal,), now_s)
                elif entry.decoded.online is False:
                    self._registry.dismiss((entry.decoded.terminal,))
            self._tell([entry.decoded for entry in result.stored if entry.decoded.problems])

    def _tell(self, with_problems: list[Decoded]) -> None:
        if with_problems:
            first = with_problems[0]
            problems = "; ".join(first.problems[:_LOGGED_PROBLEMS])
            self._partly.tell(len(with_problems), f"{first.key}: {problems}")

    def _beat(self, signals: Signals) -> None:
        """Once a second: timers, then the house. A store that is away is tried again at the next beat."""
        try:
            settled = signals.hearing.is_set() and not any(lane.pending for lane in self.lanes.values())
            self._tick(time.monotonic(), settled=settled)
            if self._house is not None:
                self._house.beat(tuple(self.lanes.values()))
        except AWAY as problem:
            log.warning("housekeeping: a store is away: %s", problem)

    def _tick(self, now_s: float, *, settled: bool) -> None:
        with self._timers:
            self._partly.rest()
            if not settled:
                # What terminals said may lie before us unread: their silence proves nothing.
                self._registry.restart(now_s)
                return
            late = self._registry.overdue(now_s)
        if late:
            self._ledger.report_silent(late, time.time_ns() // 1_000_000)


def _is_full(problem: BaseException) -> bool:
    """The database says in words what the disk says by number."""
    text = str(problem.orig) if isinstance(problem, OperationalError) else str(problem)
    return "is full" in text or "No space left" in text
