"""The spool: raw frames in SQLite segments, on disk before anybody is told that they arrived.

One writer. A segment is one file of at most 128 MiB or an hour; whole files are unlinked once everything in
them is stored and old enough, so that a full disk can always be relieved. A position is
``segment · 2³² + row``. A record whose checksum fails, or that cannot be read, is reported alone; the rest of
its segment is delivered.
"""

import contextlib
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pysqlite3.dbapi2 as sqlite

from gateway.frames import Frame, SpooledFrame
from gateway.ports import SpoolUnavailable

SEGMENT_BYTES: Final = 128 * 1024 * 1024
SEGMENT_S: Final = 3600.0
ROW_BITS: Final = 32
_ROW_MASK: Final = (1 << ROW_BITS) - 1
_PROBE_ROWS: Final = 4_096
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS frames (
  row INTEGER PRIMARY KEY, door TEXT NOT NULL, topic TEXT NOT NULL, received_ms INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, body BLOB NOT NULL)
"""
_SELECT: Final = "SELECT row, door, topic, received_ms, crc32, body FROM frames "


class SqliteSpool:
    """``Spool`` in a folder. ``append`` may be called from several threads; they take turns."""

    def __init__(
        self, folder: Path, segment_bytes: int = SEGMENT_BYTES, segment_s: float = SEGMENT_S
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_s = segment_s
        self._lock = threading.Lock()
        self._writer: _Writer | None = None
        self._reader: _Reader | None = None

    def append(self, frames: Sequence[Frame]) -> int:
        """Keep the frames durably, all or none, and answer the newest position; raises SpoolUnavailable."""
        with self._lock:
            try:
                writer = self._current_writer()
                return writer.append(frames)
            except (sqlite.Error, OSError) as problem:
                self._drop_writer()
                raise SpoolUnavailable(f"spool {self._folder}: {problem}") from problem

    def read(self, after: int, limit: int = 500) -> tuple[SpooledFrame, ...]:
        """Frames with position > after in order, at most ``limit``, from one segment at a time."""
        for number in self._segments_from(after >> ROW_BITS):
            if self._reader is None or self._reader.number != number:
                if self._reader is not None:
                    self._reader.close()
                self._reader = _Reader(self._file(number), number)
            first = (after & _ROW_MASK) + 1 if number == after >> ROW_BITS else 1
            found = self._reader.read(first, limit)
            if found:
                return found
        return ()

    def pending(self, after: int) -> int:
        """How many frames lie beyond that position."""
        total = 0
        for number in self._segments_from(after >> ROW_BITS):
            newest = _newest_row(self._file(number), number)
            total += max(0, newest - (after & _ROW_MASK)) if number == after >> ROW_BITS else newest
        return total

    def forget(self, stored: int, keep_s: float) -> int:
        """Unlink segments that lie wholly before ``stored`` and were last written ``keep_s`` ago."""
        gone = 0
        for number in self._segments_from(0):
            file = self._file(number)
            old = time.time() - file.stat().st_mtime > keep_s
            if number >= stored >> ROW_BITS or not old:
                break
            for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
                name.unlink(missing_ok=True)
            gone += 1
        return gone

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._drop_writer()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _current_writer(self) -> "_Writer":
        if self._writer is not None and not self._writer.full(self._segment_bytes, self._segment_s):
            return self._writer
        self._drop_writer()
        self._folder.mkdir(parents=True, exist_ok=True)
        # A new process starts a new segment: the last one may be damaged or torn, and is then only read.
        number = max(self._segments_from(0), default=0) + 1
        self._writer = _Writer(self._file(number), number)
        return self._writer

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(sqlite.Error):
                writer.close()

    def _segments_from(self, number: int) -> list[int]:
        found = (int(file.stem) for file in self._folder.glob("*.spool"))
        return sorted(segment for segment in found if segment >= number)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:010d}.spool"


class _Writer:
    def __init__(self, file: Path, number: int) -> None:
        self._number = number
        self._row = 0
        self._bytes = 0
        self._began_s = time.monotonic()
        self._connection = _connect(file, "journal_mode=WAL", "synchronous=FULL")
        self._connection.execute(_SCHEMA)

    def append(self, frames: Sequence[Frame]) -> int:
        rows = [
            (row, frame.door, frame.topic, frame.received_ms, _checksum(frame), frame.body)
            for row, frame in enumerate(frames, start=self._row + 1)
        ]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        self._row += len(rows)
        self._bytes += sum(len(frame.body) for frame in frames)
        return self._number << ROW_BITS | self._row

    def full(self, most_bytes: int, most_s: float) -> bool:
        return self._bytes >= most_bytes or time.monotonic() - self._began_s >= most_s

    def close(self) -> None:
        self._connection.close()


class _Reader:
    def __init__(self, file: Path, number: int) -> None:
        self.number = number
        # Readers never move the log into the file on their own: that is the writer's work.
        self._connection = _connect(file, "query_only=ON", "wal_autocheckpoint=0")

    def read(self, first: int, limit: int) -> tuple[SpooledFrame, ...]:
        try:
            query = f"{_SELECT} WHERE row BETWEEN ? AND ? ORDER BY row"
            rows = self._connection.execute(query, (first, first + limit - 1)).fetchall()
        except sqlite.DatabaseError as problem:
            return () if _is_new(problem) else self._read_singly(first, limit)
        return tuple(self._spooled(rows, first)) if rows else self._after_gap(first)

    def newest(self) -> int:
        try:
            return int(self._connection.execute("SELECT max(row) FROM frames").fetchone()[0] or 0)
        except sqlite.DatabaseError:
            return 0

    def close(self) -> None:
        self._connection.close()

    def _spooled(self, rows: list[tuple[Any, ...]], expected: int) -> Iterator[SpooledFrame]:
        for row, door, topic, received_ms, crc32, body in rows:
            if row != expected:
                yield self._lost(expected, row - 1)
            expected = row + 1
            frame = Frame(str(topic), bytes(body), int(received_ms), str(door))
            whole = _checksum(frame) == crc32
            yield SpooledFrame(self._position(row), frame, "" if whole else "checksum does not match")

    def _after_gap(self, first: int) -> tuple[SpooledFrame, ...]:
        """Rows are numbered without gaps: one that is missing while later ones exist was lost."""
        newest = self.newest()
        return (self._lost(first, newest - 1),) if newest > first else ()

    def _read_singly(self, first: int, limit: int) -> tuple[SpooledFrame, ...]:
        """Pages of this stretch are damaged: take what can be read and name the rest."""
        found: list[SpooledFrame] = []
        for row in range(first, first + max(limit, _PROBE_ROWS)):
            with contextlib.suppress(sqlite.DatabaseError, UnicodeDecodeError, TypeError, ValueError):
                rows = self._connection.execute(f"{_SELECT} WHERE row = ?", (row,)).fetchall()
                expected = (found[-1].position & _ROW_MASK) + 1 if found else first
                found.extend(self._spooled(rows, expected))
        return tuple(found)

    def _lost(self, first: int, last: int) -> SpooledFrame:
        return SpooledFrame(
            self._position(last),
            Frame("", b"", 0),
            f"segment {self.number}: rows {first}–{last} cannot be read",
        )

    def _position(self, row: int) -> int:
        return self.number << ROW_BITS | row


def _connect(file: Path, *pragmas: str) -> Any:  # noqa: ANN401 (the driver has no types)
    connection = sqlite.connect(file, isolation_level=None, check_same_thread=False)
    for pragma in ("busy_timeout=5000", *pragmas):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _is_new(problem: Exception) -> bool:
    """The writer has made the file but not yet its table."""
    return "no such table" in str(problem)


def _newest_row(file: Path, number: int) -> int:
    reader = _Reader(file, number)
    try:
        return reader.newest()
    finally:
        reader.close()


def _checksum(frame: Frame) -> int:
    return zlib.crc32(frame.body, zlib.crc32(f"{frame.door}\n{frame.topic}\n{frame.received_ms}".encode()))
