"""What is to be doubted of readings, beyond what their own frame tells: late, by a wrong clock, repeated.

Nothing is dropped for it: a doubtful batch is stored with its doubts. Pure but for what it remembers of each
source; that memory begins anew with the process and only makes doubts appear a little later.
"""

import zlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from telemetry.readings import MISSING, Quality, ReadingBatch

AHEAD_MS: Final = 10 * 60_000
"""A time this far in the future is the device's clock at fault (rule 7 of delivery)."""
BEHIND_MS: Final = 400 * 86_400_000
OFFSET_MS: Final = 10 * 60_000
"""A clock that is constantly this wrong makes all its times suspect."""
STALE_MS: Final = 3_600_000
"""All values the same over this span of device time …"""
STALE_BATCHES: Final = 3
"""… and in so many batches one after the other: a frozen source."""
MAX_SOURCES: Final = 200_000
_SPAN_MS: Final = 600_000
_SPANS: Final = 36
_LEAST_SPANS: Final = 3


@dataclass(slots=True)
class ClockOffset:
    """How far a clock is off, from received − device time of its frames; positive: it is behind.

    Delay only ever adds, so of each ten minutes only the smallest difference counts: live frames undercut
    backfill. Of the last 36 such minima the lower quartile is the offset: a single wild time moves nothing.
    """

    estimate_ms: int | None = None
    """None before three spans were heard."""
    _span: int = -1
    _least: list[int] = field(default_factory=list)

    def hear(self, at_ms: int, received_ms: int) -> None:
        """One more frame."""
        span, difference = received_ms // _SPAN_MS, received_ms - at_ms
        if span > self._span:
            self._span = span
            self._least = [*self._least[1 - _SPANS :], difference]
        elif difference < self._least[-1]:
            self._least[-1] = difference
        else:
            return
        if len(self._least) >= _LEAST_SPANS:
            self.estimate_ms = sorted(self._least)[len(self._least) // 4]


@dataclass(slots=True)
class _Repeated:
    """The last values of a source and since when they are the same."""

    probe: tuple[int, ...]
    at_ms: int
    since_ms: int
    digest: int = 0
    times: int = 1


@dataclass(slots=True)
class Doubts:
    """Marks batches on their way to the store."""

    late_after_ms: int
    _clocks: dict[str, ClockOffset] = field(default_factory=dict)
    _repeated: dict[tuple[str, str, str], _Repeated] = field(default_factory=dict)

    def heard(self, terminal: str, at_ms: int, received_ms: int) -> None:
        """A live frame of the terminal: its clock showed ``at_ms``."""
        clock = self._clocks.get(terminal)
        if clock is None:
            if len(self._clocks) >= MAX_SOURCES:
                self._clocks.clear()
            clock = self._clocks[terminal] = ClockOffset()
        clock.hear(at_ms, received_ms)

    def offset_ms(self, terminal: str) -> int | None:
        """How far its clock is off; positive: behind; None: not known yet."""
        clock = self._clocks.get(terminal)
        return None if clock is None else clock.estimate_ms

    def marked(self, batch: ReadingBatch) -> ReadingBatch:
        """The batch with the doubts that hold for all of it; the batch itself where there are none."""
        clock = self._clocks.get(batch.terminal)
        doubts = time_doubts(batch, None if clock is None else clock.estimate_ms, self.late_after_ms)
        if self._is_stale(batch):
            doubts |= Quality.STALE
        return batch.doubted(doubts) if doubts else batch

    def _is_stale(self, batch: ReadingBatch) -> bool:
        if not batch.quantities:
            return False
        source = batch.terminal, batch.meters[0], batch.quantities[0]
        probe = tuple(batch.scaled[0].tolist())
        known = self._repeated.get(source)
        if known is None or known.probe != probe or not _tells_change(batch):
            if known is None and len(self._repeated) >= MAX_SOURCES:
                self._repeated.clear()
            self._repeated[source] = _Repeated(probe, batch.at_ms, batch.at_ms)
            return False
        return _repeats(known, batch)


def _repeats(known: _Repeated, batch: ReadingBatch) -> bool:
    """The first meter is the same as last time; are all, and for long enough?"""
    if batch.at_ms <= known.at_ms:
        return False
    digest = zlib.crc32(np.ascontiguousarray(batch.scaled).tobytes())
    if digest != known.digest:
        known.digest, known.since_ms, known.times = digest, batch.at_ms, 1
    else:
        known.times += 1
    known.at_ms = batch.at_ms
    return known.times >= STALE_BATCHES and batch.at_ms - known.since_ms >= STALE_MS


def _tells_change(batch: ReadingBatch) -> bool:
    """Only quantities that never stand still can show that a source is frozen: a voltage that is there."""
    return any(
        name.startswith(("voltage_", "frequency_")) and int(batch.scaled[0, place]) not in (0, MISSING)
        for place, name in enumerate(batch.quantities)
    )


def time_doubts(batch: ReadingBatch, offset_ms: int | None, late_after_ms: int) -> Quality:
    """Doubts from device time and time of receipt; ``offset_ms``: how far behind the clock is known to be."""
    delay_ms, offset_ms = batch.received_ms - batch.at_ms, offset_ms or 0
    is_late = delay_ms - offset_ms > late_after_ms
    if -AHEAD_MS <= delay_ms <= BEHIND_MS and abs(offset_ms) <= OFFSET_MS:
        return Quality.LATE if is_late else Quality.GOOD
    return Quality.CLOCK_SUSPECT | Quality.LATE if is_late else Quality.CLOCK_SUSPECT
