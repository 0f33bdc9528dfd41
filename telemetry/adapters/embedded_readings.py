"""Readings in one SQLite file: one packed row per terminal batch; one writer, readers in any process.

A *roster* is a list of meters that a terminal reports together. A batch is one row (roster, time, packed
block). ``latest`` is one small row per roster: the batch that holds each meter's newest reading, which is one
and the same batch for nearly all of them. A meter leads to its rosters, so a meter's day is one index range.
"""

import heapq
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pysqlite3.dbapi2 as sqlite
from numpy.typing import NDArray

from geo.adapters.database import SAFE_SQLITE, DatabaseTooOld
from telemetry.adapters.reading_rosters import Database, Roster, Rosters, newest_of, roster_meters
from telemetry.packing import pack, unpack, unpack_meter
from telemetry.readings import MISSING, Reading, ReadingBatch

MAX_SERIES: Final = 100_000
SCHEMA_VERSION: Final = 1
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
  block BLOB NOT NULL, UNIQUE (start, seq));
CREATE INDEX batches_of_roster ON batches (roster, at_ms);
CREATE TABLE latest (roster INTEGER PRIMARY KEY, newest INTEGER NOT NULL, newest_at_ms INTEGER NOT NULL,
  others BLOB);
"""


class ReadingsTooNew(RuntimeError):
    """The file was written by a later version of the program."""


class _Layout(msgspec.Struct, frozen=True):
    """The columns of a block: quantity and decimals of each."""

    quantities: tuple[str, ...]
    decimals: tuple[int, ...]


_layout = msgspec.json.Decoder(_Layout)


class EmbeddedReadingStore:
    """``ReadingStore`` in ``folder/readings.db``. Only one process may call ``write``; any may read."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "readings.db"
        self._local = threading.local()
        self._opened: list[Database] = []
        self._writing = threading.Lock()
        self._writer: Database = None
        self._rosters = Rosters()
        self._starts: dict[tuple[str, str], int] = {}
        self._layout_ids: dict[tuple[tuple[str, ...], tuple[int, ...]], int] = {}

    def write(self, batches: Sequence[ReadingBatch]) -> int:
        """Store the batches durably, all or none; how many were new."""
        with self._writing:
            connection = self._writer_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                new = sum(self._insert(connection, batch) for batch in batches)
                self._rosters.flush(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                self._forget()
                raise
        return new

    def latest(self, meters: Sequence[str]) -> dict[str, Reading]:
        """The newest reading by device time of each meter that has one."""
        connection = self._reader_connection()
        if connection is None:
            return {}
        # One transaction, so that what is read of several tables and batches is of one moment.
        connection.execute("BEGIN")
        try:
            return self._latest(connection, meters)
        finally:
            connection.execute("COMMIT")

    def _latest(self, connection: Database, meters: Sequence[str]) -> dict[str, Reading]:
        newest: dict[str, tuple[int, int, int]] = {}
        for meter, place, batch, at_ms in self._newest_batches(connection, meters):
            if batch and (meter not in newest or at_ms > newest[meter][0]):
                newest[meter] = at_ms, batch, place
        wanted: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for meter, (_, batch, place) in newest.items():
            wanted[batch].append((meter, place))
        return {
            reading.meter: reading
            for batch, head, scaled in self._batches(connection, wanted)
            for reading in head.readings(wanted[batch], scaled)
        }

    def series(self, meter: str, from_ms: int, to_ms: int, limit: int = 10_000) -> tuple[Reading, ...]:
        """Readings of one meter with from_ms ≤ at < to_ms, oldest first, at most ``limit`` (100,000)."""
        connection = self._reader_connection()
        if connection is None:
            return ()
        rosters = connection.execute(
            "SELECT roster, place, terminal FROM meter_rosters JOIN rosters USING (roster) WHERE meter = ?",
            (meter,),
        ).fetchall()
        parts = [
            _stretch(connection, meter, roster, place, terminal, from_ms, to_ms)
            for roster, place, terminal in rosters
        ]
        merged = heapq.merge(*parts, key=lambda reading: reading.at_ms)
        return tuple(islice(merged, min(limit, MAX_SERIES)))

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
        """Let go of files and connections."""
        opened, self._opened, self._writer, self._local = self._opened, [], None, threading.local()
        for connection in opened:
            connection.close()

    def _insert(self, connection: Database, batch: ReadingBatch) -> bool:
        roster, places = self._rosters.fitting(connection, batch.terminal, batch.meters)
        scaled = batch.scaled if places is None else _spread(batch.scaled, roster, places)
        row = connection.execute(
            "INSERT OR IGNORE INTO batches (start, seq, roster, at_ms, received_ms, layout, block) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._start(connection, batch.terminal, batch.boot),
                batch.seq,
                roster.id,
                batch.at_ms,
                batch.received_ms,
                self._layout_id(connection, batch.quantities, batch.decimals),
                pack(scaled),
            ),
        )
        if row.rowcount != 1:
            return False
        self._rosters.stored(roster, int(row.lastrowid), batch.at_ms, scaled)
        return True

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
            text = msgspec.json.encode(_Layout(quantities, decimals)).decode()
            connection.execute("INSERT OR IGNORE INTO layouts (columns) VALUES (?)", (text,))
            query = "SELECT layout FROM layouts WHERE columns = ?"
            number = int(connection.execute(query, (text,)).fetchone()[0])
            self._layout_ids[quantities, decimals] = number
        return number

    def _newest_batches(
        self, connection: Database, meters: Sequence[str]
    ) -> Iterator[tuple[str, int, int, int]]:
        """(meter, place, batch, at_ms) for every roster that a meter is on."""
        by_roster: dict[int, list[tuple[str, int]]] = defaultdict(list)
        rows = connection.execute(
            "SELECT roster, meter, place FROM meter_rosters WHERE meter IN (SELECT value FROM json_each(?))",
            (_list(meters),),
        )
        for roster, meter, place in rows:
            by_roster[roster].append((meter, place))
        rows = connection.execute(
            "SELECT roster, meters, newest, newest_at_ms, others FROM latest JOIN rosters USING (roster) "
            "WHERE roster IN (SELECT value FROM json_each(?))",
            (_list(by_roster),),
        )
        for roster, packed, newest, newest_at_ms, others in rows:
            size = len(roster_meters(packed)) if others else 1
            batch, at_ms = newest_of(size, newest, newest_at_ms, others)
            for meter, place in by_roster[roster]:
                index = place if others else 0
                yield meter, place, int(batch[index]), int(at_ms[index])

    def _batches(
        self, connection: Database, wanted: Iterable[int]
    ) -> Iterator[tuple[int, "_Head", NDArray[np.int64]]]:
        rows = connection.execute(
            "SELECT batch, terminal, at_ms, received_ms, columns, block FROM batches "
            "JOIN rosters USING (roster) JOIN layouts USING (layout) "
            "WHERE batch IN (SELECT value FROM json_each(?))",
            (_list(wanted),),
        )
        for batch, terminal, at_ms, received_ms, columns, block in rows:
            yield batch, _Head(terminal, at_ms, received_ms, _layout.decode(columns)), unpack(block)

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
            if version == 0:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
                )
            self._writer = connection
        return self._writer

    def _forget(self) -> None:
        """After a rollback numbers given meanwhile are void."""
        self._rosters.forget()
        self._starts.clear()
        self._layout_ids.clear()


class _Head(msgspec.Struct, frozen=True):
    """What all readings of a batch share."""

    terminal: str
    at_ms: int
    received_ms: int
    layout: _Layout

    def readings(self, meters: list[tuple[str, int]], scaled: NDArray[np.int64]) -> Iterator[Reading]:
        for meter, place in meters:
            yield self.reading(meter, scaled[place])

    def reading(self, meter: str, scaled: NDArray[np.int64]) -> Reading:
        values = {
            quantity: Decimal(value).scaleb(-decimals)
            for quantity, decimals, value in zip(
                self.layout.quantities, self.layout.decimals, scaled.tolist(), strict=True
            )
            if value != MISSING
        }
        return Reading(meter, self.terminal, self.at_ms, self.received_ms, values)


def _stretch(
    connection: Database, meter: str, roster: int, place: int, terminal: str, from_ms: int, to_ms: int
) -> Iterator[Reading]:
    layouts: dict[str, _Layout] = {}
    rows = connection.execute(
        "SELECT at_ms, received_ms, columns, block FROM batches JOIN layouts USING (layout) "
        "WHERE roster = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms, batch",
        (roster, from_ms, to_ms),
    )
    for at_ms, received_ms, columns, block in rows:
        scaled = unpack_meter(block, place)
        if (scaled == MISSING).all():
            continue
        if columns not in layouts:
            layouts[columns] = _layout.decode(columns)
        yield _Head(terminal, at_ms, received_ms, layouts[columns]).reading(meter, scaled)


def _spread(scaled: NDArray[np.int64], roster: Roster, places: NDArray[np.intp]) -> NDArray[np.int64]:
    wide = np.full((len(roster.meters), scaled.shape[1]), MISSING, dtype=np.int64)
    wide[places] = scaled
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


def _list(wanted: Iterable[int] | Iterable[str]) -> str:
    """As JSON, for SQLite's ``json_each``: one statement, however many there are."""
    return msgspec.json.encode(list(dict.fromkeys(wanted))).decode()
