"""Readings in InfluxDB: lines by the ten thousand from a few writers, read back by InfluxQL.

A meter's quantities of one instant are one point; writing it again replaces field by field, which is what a
restatement needs. Names of batches lately written are remembered, so that a frame that comes twice does not
undo a restatement in between. The server forgets by the retention of its database or bucket.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import Final
from zlib import crc32

from telemetry.adapters.influx_posts import BadLine, Patience, deliver
from telemetry.adapters.influx_queries import latest_statement, points, series_statement
from telemetry.adapters.influx_server import InfluxAddress, InfluxServer
from telemetry.adapters.influx_spans import InfluxSpans, keep_day
from telemetry.adapters.line_protocol import LineWriter
from telemetry.adapters.line_runs import Run, side_by_side
from telemetry.downsampling import Bucket, aggregate, first_begin
from telemetry.ports import ReadingsAway, ReadingsRefused, RefusedReading
from telemetry.readings import Reading, ReadingBatch, restated

LINES_PER_POST: Final = 10_000
POSTS_UNDER_WAY: Final = 2
"""Of one writer: one at the server, one ready."""
MAX_SERIES: Final = 100_000
METERS_PER_QUERY: Final = 500
READERS: Final = 2
"""Questions asked at a time when one asks for many meters."""
SPANS: Final = "_spans"
"""Behind the name of the database (bucket): that of the one that keeps spans of time, for ever."""
LATE_MS: Final = 15 * 60_000
"""From here on a value may be a restatement: its quality is written even if it is good."""
_REMEMBERED: Final = 100_000

BatchName = tuple[str, str, int]


@dataclass(slots=True)
class _Post:
    """Lines on their way, and whose they are."""

    sent: Future[list[BadLine]]
    runs: list[tuple[Run, int]]
    """Each with its number of lines, in their order."""

    def refused(self) -> Iterator[RefusedReading]:
        """Wait; the lines that the server will not take. Raises ReadingsAway."""
        for bad in self.sent.result():
            yield self._refused(bad)

    def _refused(self, bad: BadLine) -> RefusedReading:
        place = bad.place
        for run, lines in self.runs:
            if place < lines:
                batch, meter = run.author(place)
                return RefusedReading(batch.terminal, batch.boot, batch.seq, meter, bad.reason)
            place -= lines
        raise IndexError(f"the post has no line {bad.place}")


@dataclass(slots=True)
class _Write:
    """``ReadingWrite``: the posts of one call of ``begin``."""

    store: "InfluxReadingStore"
    posts: list[_Post]
    names: list[BatchName]
    era: int

    def result(self) -> int:
        """Wait until everything is stored; how many batches were new."""
        return self.store.finish(self.posts, self.names, self.era)


class _Lane:
    """One writer. A terminal keeps to its lane, so that its points arrive in the order of their writing."""

    def __init__(self, server: InfluxServer, number: int) -> None:
        self._server = server
        self._pool = ThreadPoolExecutor(1, f"influx-writer-{number}")
        self._writing = LineWriter()
        self._waiting: list[tuple[Run, int]] = []
        self._underway: deque[_Post] = deque()

    def add(self, run: Run) -> Iterator[_Post]:
        """Take a run; the posts that became full."""
        self._waiting.append((run, self._writing.add(run)))
        if self._writing.lines >= LINES_PER_POST:
            yield from self.flush()

    def flush(self) -> Iterator[_Post]:
        """Send what waits; waits itself while as much is under way as the writer needs to be busy."""
        runs, self._waiting = self._waiting, []
        lines = self._writing.take()
        if lines:
            while len(self._underway) >= POSTS_UNDER_WAY:
                self._underway.popleft().sent.exception()
            post = _Post(self._pool.submit(deliver, self._server, lines), runs)
            self._underway.append(post)
            yield post

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting = []
        self._writing.take()

    def close(self) -> None:
        """Finish what is under way."""
        self._pool.shutdown()


class InfluxReadingStore:
    """``ReadingStore`` on an InfluxDB server. Any number of processes may write and read."""

    def __init__(self, address: InfluxAddress, writers: int = 2) -> None:
        self._server = InfluxServer(address, writers + READERS)
        self._lanes = [_Lane(self._server, number) for number in range(writers)]
        self._readers = ThreadPoolExecutor(READERS, "influx-reader")
        self._patience = Patience()
        self._lock = threading.Lock()
        self._memory = _Memory()
        self._era = 0
        self._spans_server = InfluxServer(
            replace(address, database=f"{address.database}{SPANS}", keep_s=0), connections=1
        )
        self._spans = InfluxSpans(self._spans_server)

    def write(self, batches: Sequence[ReadingBatch]) -> int:
        """Store the batches; how many were not written lately. Raises ReadingsAway, ReadingsRefused."""
        return self.begin(batches).result()

    def begin(self, batches: Sequence[ReadingBatch]) -> _Write:
        """Send the batches on their way; waits only while every writer has more than enough to do."""
        with self._lock:
            self._patience.check(time.monotonic())
            fresh: dict[BatchName, ReadingBatch] = {}
            for batch in batches:
                if not self._memory.knows(batch):
                    fresh.setdefault(_name(batch), batch)
            try:
                return _Write(self, list(self._posts(fresh.values())), list(fresh), self._era)
            finally:
                for lane in self._lanes:
                    lane.drop()

    def _posts(self, batches: Iterable[ReadingBatch]) -> Iterator[_Post]:
        for run in side_by_side((batch, self._memory.may_replace(batch)) for batch in batches):
            terminal = run.batches[0].terminal.encode("utf-8", "surrogatepass")
            yield from self._lanes[crc32(terminal) % len(self._lanes)].add(run)
        for lane in self._lanes:
            yield from lane.flush()

    def finish(self, posts: Sequence[_Post], names: Sequence[BatchName], era: int) -> int:
        """Wait for the posts of one write; see ``_Write.result``."""
        refused: list[RefusedReading] = []
        away: ReadingsAway | None = None
        for post in posts:
            try:
                refused.extend(post.refused())
            except ReadingsAway as problem:
                away = problem
        with self._lock:
            if away is not None:
                self._patience.trouble(away, time.monotonic())
                self._era += 1
                raise away
            if posts:
                self._patience.success()
            # A write before this one failed and comes again: then this must too, to stay behind it.
            if era == self._era:
                # What was refused in part is not remembered: it must be told again if it is asked again.
                partly = {(line.terminal, line.boot, line.seq) for line in refused}
                self._memory.stored(name for name in names if name not in partly)
        if refused:
            raise ReadingsRefused(refused)
        return len(names)

    def latest(self, meters: Sequence[str]) -> dict[str, Reading]:
        """The newest reading by device time of each meter that has one."""
        found: dict[str, list[Reading]] = {}
        statements = [latest_statement(some) for some in _portions(dict.fromkeys(meters))]
        for answer in self._readers.map(self._server.query, statements):
            for reading in points(answer):
                found.setdefault(reading.meter, []).append(reading)
        return {meter: _newest(parts) for meter, parts in found.items()}

    def series(self, meter: str, from_ms: int, to_ms: int, limit: int = 10_000) -> tuple[Reading, ...]:
        """Readings of one meter with from_ms ≤ at < to_ms, oldest first, at most ``limit`` (100,000)."""
        limit = min(limit, MAX_SERIES)
        found = points(self._server.query(series_statement(meter, from_ms, to_ms, limit)))
        ordered = sorted(found, key=lambda reading: reading.at_ms)
        merged = (restated(parts) for _, parts in groupby(ordered, key=lambda reading: reading.at_ms))
        return tuple(merged)[:limit]

    def aggregated(
        self, meter: str, from_ms: int, to_ms: int, every_ms: int, origin_ms: int = 0
    ) -> tuple[Bucket, ...]:
        """Readings of one meter by spans of ``every_ms``; see the port. Computed from the points."""
        begin_ms = first_begin(from_ms, every_ms, origin_ms)
        end_ms = first_begin(to_ms, every_ms, origin_ms)
        found = list(aggregate(self.series(meter, begin_ms, end_ms, MAX_SERIES), every_ms, origin_ms))
        # What the readings no longer reach back to was kept by spans.
        known_ms = found[0].begin_ms if found else end_ms
        kept = self._spans.read(meter, begin_ms, known_ms, every_ms, origin_ms) if begin_ms < known_ms else []
        return (*kept, *found)

    def keep_day(self, begin_ms: int) -> int:
        """Keep the spans of the day that begins there beyond its readings; how many meters have any."""
        return keep_day(self._server, self._spans, begin_ms)

    def forget_before(self, received_ms: int, limit: int = 10_000) -> int:  # noqa: ARG002
        """Nothing to do: the retention of the database or bucket does it."""
        return 0

    def close(self) -> None:
        """Finish what is under way and let go of the connections."""
        for lane in self._lanes:
            lane.close()
        self._readers.shutdown()
        self._server.close()
        self._spans_server.close()


def _name(batch: ReadingBatch) -> BatchName:
    return batch.terminal, batch.boot, batch.seq


def _portions(meters: Iterable[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(meters)
    while some := tuple(islice(rest, METERS_PER_QUERY)):
        yield some


def _newest(parts: list[Reading]) -> Reading:
    at_ms = max(part.at_ms for part in parts)
    return restated(part for part in parts if part.at_ms == at_ms)


@dataclass(slots=True)
class _Memory:
    """What was written lately."""

    _names: OrderedDict[BatchName, None] = field(default_factory=OrderedDict)
    _doubtful: OrderedDict[tuple[str, int], None] = field(default_factory=OrderedDict)
    """Terminal and instant of which something doubtful was written: what comes after it may put it right."""

    def knows(self, batch: ReadingBatch) -> bool:
        """It was stored lately."""
        return _name(batch) in self._names

    def stored(self, names: Iterable[BatchName]) -> None:
        """These are stored."""
        self._names.update(dict.fromkeys(names))
        while len(self._names) > _REMEMBERED:
            self._names.popitem(last=False)

    def may_replace(self, batch: ReadingBatch) -> bool:
        """There may be doubts of these values in the database, which its own quality must replace."""
        place = batch.terminal, batch.at_ms
        if batch.received_ms - batch.at_ms > LATE_MS or place in self._doubtful:
            return True
        if batch.quality or batch.doubts is not None:
            self._doubtful[place] = None
            if len(self._doubtful) > _REMEMBERED:
                self._doubtful.popitem(last=False)
        return False
