"""Beside draining: gauges shown, counts compared, dead letters tried again, old things let go of.

All of it in small portions, so that no lane waits for it.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.adapters.delivery.disk import fullest
from gateway.adapters.delivery.drain_lane import AWAY, LaneDrain
from gateway.adapters.delivery.intake import TAKEN
from gateway.adapters.ledger.ledger import SqlLedger
from gateway.backpressure import Pressure, pressure
from gateway.frames import Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from gateway.ports import Spool
from telemetry.ports import ReadingsRefused, ReadingStore

log = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 60.0
CERTAIN_BEATS: Final = 5
REPLAYED_AT_ONCE: Final = 100
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept; names of frames as long as any door may deliver them again."""

    spool_s: float = 7 * 86_400.0
    dead_ms: int = 90 * _DAY_MS
    readings_ms: int = 1100 * _DAY_MS
    seen_ms: int = 30 * _DAY_MS


class Housekeeping:
    """``beat`` once a second, in one thread."""

    def __init__(
        self,
        spools: Mapping[Lane, Spool],
        readings: ReadingStore,
        ledger: SqlLedger,
        decode: Callable[[Frame], Decoded],
        retention: Retention,
        folders: Sequence[Path],
    ) -> None:
        """``folders``: whose disks must not run full. Made before the doors open."""
        self._spools = spools
        self._readings = readings
        self._ledger = ledger
        self._decode = decode
        self._retention = retention
        self._folders = folders
        self._next_s = 0.0
        self._pressure = Pressure.FREE
        self._noted: dict[str, int] = {}
        self._watch = _Watch(ledger.state())
        ledger.note({TAKEN: 0})

    def beat(self, lanes: Sequence[LaneDrain]) -> None:
        """Show the state; now and then let go of what is old; try dead letters that were asked for."""
        total, used = fullest(self._folders)
        self._pressure = pressure(used / total, self._pressure)
        self._show(lanes)
        if self._pressure < Pressure.SLOW:
            self._replay()
        if time.monotonic() >= self._next_s or self._pressure >= Pressure.SLOW:
            self._next_s = time.monotonic() + HOUSEKEEPING_S
            self._let_go(lanes)
            self._ledger.audit()

    def _show(self, lanes: Sequence[LaneDrain]) -> None:
        gauges = {"lost": self._watch.look(self._ledger.state(), idle=not any(map(_is_busy, lanes)))}
        now_ms = _now_ms()
        for lane in lanes:
            waited_ms = max(0, now_ms - lane.oldest_ms) if lane.oldest_ms else 0
            gauges[f"oldest_pending_ms.{lane.lane}"] = waited_ms
            gauges[f"store_away.{lane.lane}"] = int(bool(lane.trouble))
        if gauges != self._noted:
            self._ledger.note(gauges)
            self._noted = gauges

    def _replay(self) -> None:
        """Decode dead letters again, by what is known now."""
        for letter in self._ledger.asked_again(REPLAYED_AT_ONCE):
            entry = Entry(SpooledFrame(0, letter.frame), self._decoded(letter.frame))
            (entry,) = self._ledger.screen(Lane.BACKFILL, [entry])
            if not entry.problem:
                try:
                    self._readings.write(list(entry.decoded.batches))
                except ReadingsRefused as problem:
                    entry = replace(entry, refused=tuple(refused.reason for refused in problem.refused))
            self._ledger.settle(letter, entry)

    def _decoded(self, frame: Frame) -> Decoded:
        try:
            return self._decode(frame)
        except Exception as problem:
            log.exception("the decoder failed at a dead letter")
            return Decoded("", refusal=f"decoder: {type(problem).__name__}: {problem}")

    def _let_go(self, lanes: Sequence[LaneDrain]) -> None:
        now_ms = _now_ms()
        # Frames that are stored are kept for repairs only; on a disk that fills they go first.
        keep_s = 0.0 if self._pressure >= Pressure.SLOW else self._retention.spool_s
        for lane in lanes:
            self._spools[lane.lane].forget(lane.cursor, keep_s)
        self._ledger.forget_seen(now_ms - self._retention.seen_ms)
        self._ledger.forget_dead(now_ms - self._retention.dead_ms)
        try:
            self._readings.forget_before(now_ms - self._retention.readings_ms, limit=1_000)
        except AWAY as problem:
            log.debug("readings cannot be let go of now: %s", problem)


class _Watch:
    """Holds what the ledger received against what the receiver took: two counts of the same frames."""

    def __init__(self, state: Mapping[str, int]) -> None:
        """Before any door opens."""
        self._base = state.get("received", 0) + _pending(state)
        self._short = 0
        self._beats = 0

    def look(self, state: Mapping[str, int], *, idle: bool) -> int:
        """Frames that were taken and never arrived, once that is certain: nothing waits and nothing moves."""
        short = self._base + state.get(TAKEN, 0) - state.get("received", 0) - _pending(state)
        self._beats = self._beats + 1 if idle and short > 0 and short == self._short else 0
        self._short = short
        if self._beats == CERTAIN_BEATS:
            log.error("conservation is broken: %d frames were spooled and never came out", short)
        return short if self._beats >= CERTAIN_BEATS else 0


def _pending(state: Mapping[str, int]) -> int:
    return sum(value for name, value in state.items() if name.startswith("pending."))


def _is_busy(lane: LaneDrain) -> bool:
    return bool(lane.pending) or lane.busy


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
