"""Readings in one SQLite file: one packed row per terminal batch; one writer, readers in any process.

A *roster* is a list of meters that a terminal reports together. A batch is one row (roster, time, packed
block). ``latest`` is one small row per roster: the batch that holds each meter's newest reading, which is one
and the same batch for nearly all of them. A meter leads to its rosters, so a meter's day is one index range.
"""

import heapq
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np
import pysqlite3.dbapi2 as sqlite
from numpy.typing import NDArray

from geo.adapters.database import SAFE_SQLITE, DatabaseTooOld
from telemetry.adapters.reading_rosters import Database, Roster, Rosters
from telemetry.adapters.reading_rows import Layout, Rows, merged, packed_doubts
from telemetry.downsampling import Bucket, aggregate, first_begin
from telemetry.packing import pack_each
from telemetry.readings import MISSING, Reading, ReadingBatch

Number = TypeVar("Number", np.int64, np.uint8)
MAX_SERIES: Final = 100_000
SCHEMA_VERSION: Final = 2
_BUSY_MS: Final = 10_000
_SCHEMA: Final = """
CREATE TABLE rosters (roster INTEGER PRIMARY KEY, terminal TEXT NOT NULL, meters BLOB NOT NULL);
CREATE INDEX rosters_of_terminal ON rosters (terminal);
CREATE TABLE meter_rosters (meter TEXT NOT NULL, roster INTEGER NOT NULL, place INTEGER NOT NULL,
  PRIMARY KEY (meter, roster)) WITHOUT ROWID;
CREATE TABLE layouts (layout INTEGER PRIMARY KEY, columns TEXT NOT NULL UNIQUE);
CREATE TABLE starts (start INTEGER PRIMARY KEY, terminal TEXT NOT NULL, boot TEXT NOT NULL,
  UNIQUE (terminal, boot));
CREATE TABLE batches (batch INTEGER PRIMARY KEY AUTOINCREMENT, start INTEGER NOT NULL, seq INTEGER NOT NULL,
  roster INTEGER NOT NULL, at_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, layout INTEGER NOT NULL,
  block BLOB NOT NULL, quality INTEGER NOT NULL DEFAULT 0, doubts BLOB, UNIQUE (start, seq));
CREATE INDEX batches_of_roster ON batches (roster, at_ms);
CREATE TABLE latest (roster INTEGER PRIMARY KEY, newest INTEGER NOT NULL, newest_at_ms INTEGER NOT NULL,
  others BLOB);
"""
_PART: Final = 32
_AT_ONCE: Final = (16, 4, 1)
_COLUMNS: Final = ("start", "seq", "roster", "at_ms", "received_ms", "layout", "block", "quality", "doubts")
_ROW: Final = f"({', '.join('?' for _ in _COLUMNS)})"
_INSERT: Final = {
    size: f"INSERT OR IGNORE INTO batches ({', '.join(_COLUMNS)}) VALUES {', '.join(size * [_ROW])} "  # noqa: S608
    "RETURNING batch, start, seq"
    for size in _AT_ONCE
}
"""By how many rows one statement inserts."""
_UPGRADE: Final = """
ALTER TABLE batches ADD COLUMN quality INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN doubts BLOB;
"""
"""From version 1, which knew no quality."""


class ReadingsTooNew(RuntimeError):
    """The file was written by a later version of the program."""


class ReadingArchive(Protocol):
    """Old days, read only."""

    def series(self, meter: str, from_ms: int, to_ms: int) -> Iterator[Reading]:
        """One meter's readings as written, in order of time."""


class NoArchive:
    """Nothing was archived."""

    def series(self, meter: str, from_ms: int, to_ms: int) -> Iterator[Reading]:  # noqa: ARG002
        """None."""
        return iter(())


class EmbeddedReadingStore:
    """``ReadingStore`` in ``folder/readings.db``. Only one process may call ``write``; any may read."""

    def __init__(self, folder: Path, archive: ReadingArchive = NoArchive()) -> None:  # noqa: B008 (no state)
        """``archive``: where the days are that are no longer in the file."""
        self._file = folder / "readings.db"
        self._archive = archive
        self._local = threading.local()
        self._opened: list[Database] = []
        self._writing = threading.Lock()
        self._writer: Database = None
        self._pool: ThreadPoolExecutor | None = None
        self._rosters = Rosters()
        self._starts: dict[tuple[str, str], int] = {}
        self._layout_ids: dict[tuple[tuple[str, ...], tuple[int, ...]], int] = {}

    def write(self, batches: Sequence[ReadingBatch]) -> int:
        """Store the batches durably, all or none; how many were new."""
        with self._writing:
            connection = self._writer_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                new = sum(self._insert(connection, part) for part in _parts(batches))
                self._rosters.flush(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                self._forget()
                raise
        return new

    def begin(self, batches: Sequence[ReadingBatch]) -> "Future[int]":
        """As ``write``, in a thread of its own, one after the other."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "readings")
        return self._pool.submit(self.write, batches)

    def latest(self, meters: Sequence[str]) -> dict[str, Reading]:
        """The newest reading by device time of each meter that has one."""
        with self._reading() as rows:
            if rows is None:
                return {}
            found, gone = rows.newest(meters)
        for meter, at_ms in gone.items():
            for reading in merged(self._archive.series(meter, at_ms, at_ms + 1)):
                found[meter] = reading
        return found

    def series(self, meter: str, from_ms: int, to_ms: int, limit: int = 10_000) -> tuple[Reading, ...]:
        """Readings of one meter with from_ms ≤ at < to_ms, oldest first, at most ``limit`` (100,000)."""
        with self._reading() as rows:
            here = [] if rows is None else rows.series(meter, from_ms, to_ms)
            parts = heapq.merge(
                self._archive.series(meter, from_ms, to_ms), *here, key=lambda reading: reading.at_ms
            )
            return tuple(islice(merged(parts), min(limit, MAX_SERIES)))

    def aggregated(
        self, meter: str, from_ms: int, to_ms: int, every_ms: int, origin_ms: int = 0
    ) -> tuple[Bucket, ...]:
        """Readings of one meter by spans of ``every_ms``; see the port. Computed from the readings."""
        begin_ms = first_begin(from_ms, every_ms, origin_ms)
        readings = self.series(meter, begin_ms, first_begin(to_ms, every_ms, origin_ms), MAX_SERIES)
        return tuple(aggregate(readings, every_ms, origin_ms))

    def forget_before(self, received_ms: int, limit: int = 10_000) -> int:
        """Delete up to ``limit`` batches received before that instant, oldest first; how many."""
        with self._writing:
            connection = self._writer_connection()
            query = (
                "DELETE FROM batches WHERE batch IN (SELECT batch FROM batches ORDER BY batch LIMIT ?) "
                "AND received_ms < ?"
            )
            return int(connection.execute(query, (limit, received_ms)).rowcount)

    def close(self) -> None:
        """Let go of files and connections, once what was begun is written."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        opened, self._opened, self._writer, self._local = self._opened, [], None, threading.local()
        for connection in opened:
            connection.close()

    def _insert(self, connection: Database, batches: Sequence[ReadingBatch]) -> int:
        """Insert what is not there yet; how many."""
        self._rosters.limit(connection)
        placed = [self._placed(connection, batch) for batch in batches]
        packed = pack_each([one.scaled for one in placed])
        rows = [
            (
                self._start(connection, batch.terminal, batch.boot),
                batch.seq,
                one.roster.id,
                batch.at_ms,
                batch.received_ms,
                self._layout_id(connection, batch.quantities, batch.decimals),
                block.block,
                int(batch.quality),
                packed_doubts(one.doubts),
            )
            for batch, one, block in zip(batches, placed, packed, strict=True)
        ]
        new = _insert_rows(connection, rows)
        count = len(new)
        for row, one, block in zip(rows, placed, packed, strict=True):
            # Of the same batch twice in a group the first is the one that was stored.
            number = new.pop(row[:2], None)
            if number is not None:
                self._rosters.stored(one.roster, number, row[3], None if block.whole else one.scaled)
        return count

    def _placed(self, connection: Database, batch: ReadingBatch) -> "_Placed":
        roster, places = self._rosters.fitting(connection, batch.terminal, batch.meters)
        if places is None:
            return _Placed(roster, batch.scaled, batch.doubts)
        doubts = None if batch.doubts is None else _spread(batch.doubts, roster, places, 0)
        return _Placed(roster, _spread(batch.scaled, roster, places, MISSING), doubts)

    def _start(self, connection: Database, terminal: str, boot: str) -> int:
        number = self._starts.get((terminal, boot))
        if number is None:
            connection.execute(
                "INSERT OR IGNORE INTO starts (terminal, boot) VALUES (?, ?)", (terminal, boot)
            )
            query = "SELECT start FROM starts WHERE terminal = ? AND boot = ?"
            number = int(connection.execute(query, (terminal, boot)).fetchone()[0])
            self._starts[terminal, boot] = number
        return number

    def _layout_id(self, connection: Database, quantities: tuple[str, ...], decimals: tuple[int, ...]) -> int:
        number = self._layout_ids.get((quantities, decimals))
        if number is None:
            text = msgspec.json.encode(Layout(quantities, decimals)).decode()
            connection.execute("INSERT OR IGNORE INTO layouts (columns) VALUES (?)", (text,))
            query = "SELECT layout FROM layouts WHERE columns = ?"
            number = int(connection.execute(query, (text,)).fetchone()[0])
            self._layout_ids[quantities, decimals] = number
        return number

    @contextmanager
    def _reading(self) -> Iterator[Rows | None]:
        """This thread's view of the file at one moment, or None while nothing was ever written."""
        connection = self._reader_connection()
        if connection is None:
            yield None
            return
        # One transaction, so that what is read of several tables and batches is of one moment.
        connection.execute("BEGIN")
        try:
            yield Rows(connection, connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.execute("COMMIT")

    def _reader_connection(self) -> Database | None:
        """This thread's connection, or None while nothing was ever written."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            if not self._file.exists():
                return None
            connection = _connect(self._file)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.close()
                return None
            _refuse_newer(self._file, version)
            connection.execute("PRAGMA query_only=ON")
            self._opened.append(connection)
            self._local.connection = connection
        return connection

    def _writer_connection(self) -> Database:
        if self._writer is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            connection = _connect(self._file)
            self._opened.append(connection)
            for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            _refuse_newer(self._file, version)
            if version < SCHEMA_VERSION:
                change = _UPGRADE if version else _SCHEMA
                connection.executescript(
                    f"BEGIN IMMEDIATE; {change} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                )
            self._writer = connection
        return self._writer

    def _forget(self) -> None:
        """After a rollback numbers given meanwhile are void."""
        self._rosters.forget()
        self._starts.clear()
        self._layout_ids.clear()


def open_to_archive(folder: Path) -> Database | None:
    """A connection that may read and delete batches beside the writer; None where there is nothing yet."""
    file = folder / "readings.db"
    if not file.exists():
        return None
    connection = _connect(file)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    _refuse_newer(file, version)
    if version < SCHEMA_VERSION:
        # Nothing was written by this version yet: its writer will bring the file up to date first.
        connection.close()
        return None
    connection.execute("PRAGMA synchronous=FULL")
    return connection


class _Placed(NamedTuple):
    """A batch in the order of its roster."""

    roster: Roster
    scaled: NDArray[np.int64]
    doubts: NDArray[np.uint8] | None


def _parts(batches: Sequence[ReadingBatch]) -> Iterator[Sequence[ReadingBatch]]:
    """Few enough for the processor's cache."""
    return (batches[start : start + _PART] for start in range(0, len(batches), _PART))


def _insert_rows(connection: Database, rows: Sequence[tuple[Any, ...]]) -> dict[tuple[int, int], int]:
    """(start, seq) → number of each row that was new; as few statements as possible."""
    new: dict[tuple[int, int], int] = {}
    at = 0
    for size in _AT_ONCE:
        while len(rows) - at >= size:
            values = list(chain.from_iterable(rows[at : at + size]))
            new.update(
                {(start, seq): batch for batch, start, seq in connection.execute(_INSERT[size], values)}
            )
            at += size
    return new


def _spread(rows: NDArray[Number], roster: Roster, places: NDArray[np.intp], absent: int) -> NDArray[Number]:
    wide = np.full((len(roster.meters), rows.shape[1]), absent, dtype=rows.dtype)
    wide[places] = rows
    return wide


def _connect(file: Path) -> Database:
    if sqlite.sqlite_version_info < SAFE_SQLITE:
        raise DatabaseTooOld(f"SQLite {sqlite.sqlite_version} is older than 3.51.3")
    # Connections are kept per thread; only ``close`` touches them from another one.
    connection = sqlite.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    return connection


def _refuse_newer(file: Path, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise ReadingsTooNew(f"{file}: version {version}, this program knows {SCHEMA_VERSION}")
