"""From the spool into the stores: decode, readings first (idempotent), then the ledger in one transaction."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy.exc import OperationalError

from gateway.adapters.fault_points import fault_point
from gateway.frames import Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry, Sorted
from gateway.ports import Ledger, Spool
from gateway.registry import Registry
from telemetry.ports import ReadingStore

log = logging.getLogger(__name__)

GROUP_FRAMES: Final = 500
TICK_S: Final = 1.0
HOUSEKEEPING_S: Final = 600.0
_RETRY_S: Final = 1.0
_LOGGED_PROBLEMS: Final = 3
MAX_FAILURES: Final = 3
TELL_S: Final = 10.0
SEEN_KEEP_MS: Final = 30 * 86_400_000


_AWAY: Final = (OSError, sqlite.OperationalError, OperationalError)


class Drain:
    """Moves frames from the spool to the stores and keeps the terminals' timers."""

    def __init__(
        self,
        spools: Mapping[Lane, Spool],
        readings: ReadingStore,
        ledger: Ledger,
        registry: Registry,
        decode: Callable[[Frame], Decoded],
        keep_s: float,
    ) -> None:
        """``keep_s``: how long spool segments are kept after everything in them is stored."""
        self._spools = spools
        self._readings = readings
        self._ledger = ledger
        self._registry = registry
        self._decode = decode
        self._keep_s = keep_s
        self._pending = dict.fromkeys(Lane, 0)
        self._untold = 0
        self._tell_at_s = 0.0
        self._failures = 0
        self._trouble = ""
        self._cursor = {lane: ledger.cursor(lane) for lane in Lane}

    def step(self) -> int:
        """Take one group of the most urgent lane that has any through; how many frames it had."""
        return next((moved for lane in Lane if (moved := self._step(lane))), 0)

    def _step(self, lane: Lane) -> int:
        spool = self._spools[lane]
        spooled = spool.read(self._cursor[lane], 1 if self._trouble else GROUP_FRAMES)
        if not spooled:
            return 0
        entries = self._ledger.screen(lane, [Entry(frame, self._decoded(frame)) for frame in spooled])
        self._readings.write(
            [batch for entry in entries if not entry.problem for batch in entry.decoded.batches]
        )
        fault_point("after_readings")
        cursor = spooled[-1].position
        pending = spool.pending(cursor)
        result = self._ledger.commit(lane, entries, cursor, pending)
        fault_point("after_ledger")
        self._cursor[lane], self._pending[lane] = cursor, pending
        self._failures, self._trouble = 0, ""
        self._note(result)
        return len(spooled)

    def run(self, stop: threading.Event, wake: threading.Event, hearing: threading.Event) -> None:
        """Until ``stop``: drain what there is, then wait for ``wake``.

        ``hearing`` is set while the broker is connected: only then is a terminal's silence its own.
        """
        self._registry.expect(self._ledger.online(), time.monotonic())
        next_tick_s = next_housekeeping_s = time.monotonic()
        while not stop.is_set():
            wake.clear()
            moved = self._careful_step(stop)
            now_s = time.monotonic()
            if now_s >= next_tick_s:
                next_tick_s = now_s + TICK_S
                self._tick(now_s, settled=not any(self._pending.values()) and hearing.is_set())
            if now_s >= next_housekeeping_s and not moved:
                next_housekeeping_s = now_s + HOUSEKEEPING_S
                self._ledger.forget_seen(_now_ms() - SEEN_KEEP_MS)
                for lane, spool in self._spools.items():
                    spool.forget(self._cursor[lane], self._keep_s)
            if not moved:
                wake.wait(TICK_S)

    def _careful_step(self, stop: threading.Event) -> int:
        """A store that is away costs time, not frames; what no store takes goes to the dead letters."""
        try:
            return self.step()
        except _AWAY as problem:
            log.warning("a store is away, trying again: %s", problem)
        except Exception as problem:
            self._failures += 1
            self._trouble = f"{type(problem).__name__}: {problem}"
            log.exception("a store refused the group after spool positions %s", self._cursor)
        stop.wait(_RETRY_S)
        return 0

    def _decoded(self, spooled: SpooledFrame) -> Decoded:
        """Decoding is a pure function: what fails once fails always, so it is not tried again."""
        try:
            decoded = self._decode(spooled.frame)
        except Exception as problem:
            log.exception("the decoder failed at spool position %d", spooled.position)
            decoded = Decoded(f"!{spooled.position}", refusal=f"decoder: {type(problem).__name__}: {problem}")
        if self._failures >= MAX_FAILURES:
            return Decoded(decoded.key, decoded.terminal, refusal=f"store: {self._trouble}")
        return decoded

    def _note(self, result: Sorted) -> None:
        now_s = time.monotonic()
        self._tell([entry.decoded for entry in result.stored if entry.decoded.problems], now_s)
        for entry in result.stored:
            if entry.decoded.online:
                self._registry.expect((entry.decoded.terminal,), now_s)
            else:
                self._registry.dismiss((entry.decoded.terminal,))

    def _tell(self, with_problems: list[Decoded], now_s: float) -> None:
        """One line now and then: a terminal that errs in every frame must not fill the log."""
        self._untold += len(with_problems)
        if not with_problems or now_s < self._tell_at_s:
            return
        first = with_problems[0]
        problems = "; ".join(first.problems[:_LOGGED_PROBLEMS])
        log.info("parts left out of %d frames, such as %s: %s", self._untold, first.key, problems)
        self._untold, self._tell_at_s = 0, now_s + TELL_S

    def _tick(self, now_s: float, *, settled: bool) -> None:
        if not settled:
            # What terminals said may lie before us unread: their silence proves nothing.
            self._registry.restart(now_s)
            return
        late = self._registry.overdue(now_s)
        if late:
            self._ledger.report_silent(late, _now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
