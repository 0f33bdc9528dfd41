"""The spool: raw frames in segment files, on disk before anybody is told that they arrived.

One writer, which only ever appends; a group is one write and one ``fdatasync``. A segment is one file of at
most 128 MiB or an hour; whole files are unlinked once everything in them is stored and old enough. A position
is ``segment · 2³² + offset behind the record``. A record that is damaged is reported alone; the rest of its
segment is delivered. After a failed write a segment is never written again: a reader may have seen what then
was taken back.
"""

import contextlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.adapters.delivery.spool_records import MARK_BYTES, encode
from gateway.adapters.delivery.spool_segment import SegmentReader
from gateway.frames import Frame, SpooledFrame
from gateway.ports import PIECE_BYTES, SpoolUnavailable

SEGMENT_BYTES: Final = 128 * 1024 * 1024
SEGMENT_S: Final = 3600.0
OFFSET_BITS: Final = 32
_OFFSET_MASK: Final = (1 << OFFSET_BITS) - 1
_EPOCH_S: Final = 1_700_000_000
_MAX_BUFFERS: Final = 1_000
_NAME: Final = re.compile(r"(\d{10})-([0-9a-f]{16})\.frames")


class SegmentSpool:
    """``Spool`` in a folder. ``append`` may be called from several threads; they take turns.

    So may ``read`` and ``pending``; a reader in another process sees what was appended.
    """

    def __init__(
        self, folder: Path, segment_bytes: int = SEGMENT_BYTES, segment_s: float = SEGMENT_S
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_s = segment_s
        self._lock = threading.Lock()
        self._writer: _Writer | None = None
        self._newest = 0
        self._reading = threading.Lock()
        self._readers: dict[int, SegmentReader] = {}

    def append(self, frames: Sequence[Frame]) -> int:
        """Keep the frames durably, all or none, and answer the newest position; raises SpoolUnavailable."""
        with self._lock:
            try:
                return self._current_writer().append(frames)
            except OSError as problem:
                self._drop_writer()
                raise SpoolUnavailable(f"spool {self._folder}: {problem}") from problem

    def read(self, after: int, limit: int = 500, most_bytes: int = PIECE_BYTES) -> tuple[SpooledFrame, ...]:
        """Frames with position > after in order, at most ``limit``, from one segment at a time."""
        with self._reading:
            return self._read(after, limit, most_bytes)

    def _read(self, after: int, limit: int, most_bytes: int) -> tuple[SpooledFrame, ...]:
        files = self._segments_from(after >> OFFSET_BITS)
        self._let_go(files)
        newest = max(files, default=0)
        for number in files:
            offset = after & _OFFSET_MASK if number == after >> OFFSET_BITS else 0
            reader = self._reader(number, files[number])
            found = reader.read(offset, limit, sealed=number < newest, most_bytes=most_bytes)
            if found:
                base = number << OFFSET_BITS
                return tuple(SpooledFrame(base | end, frame, damage) for end, frame, damage in found)
        return ()

    def pending(self, after: int) -> int:
        """How many frames lie beyond that position."""
        with self._reading:
            files = self._segments_from(after >> OFFSET_BITS)
            newest = max(files, default=0)
            return sum(
                self._reader(number, file).rows_beyond(
                    after & _OFFSET_MASK if number == after >> OFFSET_BITS else 0, sealed=number < newest
                )
                for number, file in files.items()
            )

    def size_bytes(self) -> int:
        """What the segments take on the disk."""
        total = 0
        for file in self._segments_from(0).values():
            with contextlib.suppress(FileNotFoundError):
                total += file.stat().st_size
        return total

    def forget(self, stored: int, keep_s: float) -> int:
        """Unlink segments that lie wholly before ``stored`` and were last written ``keep_s`` ago."""
        gone = 0
        for number, file in self._segments_from(0).items():
            old = time.time() - file.stat().st_mtime >= keep_s
            if number >= stored >> OFFSET_BITS or not old:
                break
            file.unlink(missing_ok=True)
            gone += 1
        return gone

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._drop_writer()
        self._let_go(())

    def _current_writer(self) -> "_Writer":
        if self._writer is not None and not self._writer.full(self._segment_bytes, self._segment_s):
            return self._writer
        self._drop_writer()
        self._folder.mkdir(parents=True, exist_ok=True)
        # Numbers follow the clock, so that a folder that was emptied never gets a number again that a cursor
        # has passed; a clock that was set back only makes them count up by one.
        last = max(self._newest, *self._segments_from(0), 0)
        self._newest = max(last + 1, int(time.time()) - _EPOCH_S)
        self._writer = _Writer(self._folder, self._newest)
        return self._writer

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _reader(self, number: int, file: Path) -> SegmentReader:
        if number not in self._readers:
            self._readers[number] = SegmentReader(file, bytes.fromhex(file.stem.partition("-")[2]))
        return self._readers[number]

    def _let_go(self, numbers: Iterable[int]) -> None:
        kept = set(numbers)
        for number in [number for number in self._readers if number not in kept]:
            self._readers.pop(number).close()

    def _segments_from(self, number: int) -> dict[int, Path]:
        """Number → file, in order."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 (called for each group)
        except FileNotFoundError:
            return {}
        found = sorted(match.group() for name in names if (match := _NAME.fullmatch(name)))
        return {int(name[:10]): self._folder / name for name in found if int(name[:10]) >= number}


class _Writer:
    def __init__(self, folder: Path, number: int) -> None:
        self._number = number
        self._row = 0
        self._end = 0
        self._began_s = time.monotonic()
        self._mark = secrets.token_bytes(MARK_BYTES)
        file = folder / f"{number:010d}-{self._mark.hex()}.frames"
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        _sync_folder(folder)

    def append(self, frames: Sequence[Frame]) -> int:
        buffers = [
            part
            for row, frame in enumerate(frames, start=self._row + 1)
            for part in encode(self._mark, row, frame)
        ]
        try:
            end = self._write(buffers)
            os.fdatasync(self._descriptor)
        except OSError:
            self._take_back()
            raise
        self._row, self._end = self._row + len(frames), end
        return self._number << OFFSET_BITS | self._end

    def _write(self, buffers: list[bytes]) -> int:
        end = self._end
        for start in range(0, len(buffers), _MAX_BUFFERS):
            part = buffers[start : start + _MAX_BUFFERS]
            wanted = sum(map(len, part))
            written = os.pwritev(self._descriptor, part, end)
            if written < wanted:
                # A signal, or a disk that is full: what the second try says is the truth.
                rest = b"".join(part)[written:]
                while rest:
                    more = os.pwrite(self._descriptor, rest, end + written)
                    rest, written = rest[more:], written + more
            end += wanted
        return end

    def _take_back(self) -> None:
        """Nobody was told of this group: give its space back. This segment is not written again."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._end)

    def full(self, most_bytes: int, most_s: float) -> bool:
        return self._end >= most_bytes or time.monotonic() - self._began_s >= most_s

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    """The file's name must be on disk before anything in it counts as kept."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
