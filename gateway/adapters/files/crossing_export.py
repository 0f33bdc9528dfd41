"""Writing numbered files of evidence and readings for another zone.

A file is made in ``kept`` of the data folder under another name, synced, and renamed: from then on it exists,
for ever the same. The newest kept file of a stream *is* the stream's position, so death at any moment neither
skips nor repeats a row. Kept files are then copied to where they leave from; copying again does no harm, and
is also how a file is sent again.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from gateway.adapters.delivery.fault_points import fault_point
from gateway.adapters.files.crossing_import import checked
from gateway.crossing import (
    FORMAT,
    CrossingRefused,
    Head,
    Tail,
    evidence_line,
    file_name,
    readings_line,
)
from telemetry.ports import EvidenceLog
from telemetry.readings import ReadingBatch

MAX_FILE_BYTES: Final = 8_000_000
KEEP_FILES: Final = 2_000
_PAGE: Final = 500

Rows = Callable[[int], Sequence[tuple[int, bytes]]]
"""Position → (position, line) of the next rows beyond it, in order; empty at the end.

Rows of one position come together and are never parted.
"""
ReadBatches = Callable[[int, int], Sequence[tuple[int, ReadingBatch]]]
"""(position, limit) → (position, batch) beyond it, in the order of storing."""


def evidence_rows(log: EvidenceLog) -> Rows:
    """The evidence log as rows; a position is its id."""
    return lambda after: [(row.id, evidence_line(row)) for row in log.read(after, _PAGE)]


def readings_rows(read: ReadBatches) -> Rows:
    """Stored batches as rows."""
    return lambda after: [
        (position, readings_line(position, batch)) for position, batch in read(after, _PAGE)
    ]


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that lies ready."""

    path: Path
    head: Head
    rows: int


class CrossingExport:
    """Exports the streams of one installation. One process at a time (see ``service.locked``)."""

    def __init__(
        self, folder: Path, out: Path, max_bytes: int = MAX_FILE_BYTES, keep_files: int = KEEP_FILES
    ) -> None:
        """``folder``: the data folder; ``out``: where files leave from."""
        self._kept = folder / "crossing" / "kept"
        self._delivered = folder / "crossing" / "delivered.json"
        self._out = out
        self._max_bytes = max_bytes
        self._keep_files = keep_files
        self._kept.mkdir(parents=True, exist_ok=True)
        out.mkdir(parents=True, exist_ok=True)
        self.installation = _installation(folder / "crossing" / "installation")
        for draft in self._kept.glob("*.part"):
            draft.unlink()

    def export(self, stream: str, rows: Rows, since: int = 0) -> list[Exported]:
        """Everything new of a stream as files, delivered; ``since`` is the position before the first file.

        Raises CrossingRefused where the newest kept file is damaged or ``since`` comes too late.
        """
        number, position, previous = self._newest(stream)
        if number and since:
            raise CrossingRefused(
                f"{stream}: --since only before the first export; position {position} is kept"
            )
        position = position if number else since
        made: list[Exported] = []
        self._deliver(stream)
        while part := self._gather(rows, position):
            number += 1
            head = Head(
                FORMAT, self.installation, stream, number, part[0][0], part[-1][0], previous,
                time.time_ns() // 1_000_000,
            )  # fmt: skip
            path, previous = self._write(head, part)
            position = head.last
            self._deliver(stream)
            made.append(Exported(self._out / path.name, head, len(part)))
        self._forget(stream)
        return made

    def resend(self, stream: str, numbers: Iterable[int]) -> list[Path]:
        """Deliver kept files again; raises CrossingRefused, before any, for one that is not kept."""
        files = [self._kept / file_name(self.installation, stream, number) for number in numbers]
        missing = [file.name for file in files if not file.exists()]
        if missing:
            raise CrossingRefused(f"not kept (any more): {missing[0]} ({len(missing)} of {len(files)})")
        return [self._copy(file) for file in files]

    def _gather(self, rows: Rows, position: int) -> list[tuple[int, bytes]]:
        """The next rows up to the size of a file, at least one if there is any."""
        part: list[tuple[int, bytes]] = []
        size = 0
        while found := rows(position):
            for place, line in found:
                if part and size + len(line) > self._max_bytes and place != position:
                    return part
                part.append((place, line))
                size += len(line) + 1
                position = place
        return part

    def _write(self, head: Head, part: list[tuple[int, bytes]]) -> tuple[Path, str]:
        body = b"".join(line + b"\n" for line in (msgspec.json.encode(head), *(line for _, line in part)))
        tail = Tail(len(part), hashlib.sha256(body).hexdigest())
        path = self._kept / file_name(head.installation, head.stream, head.number)
        fault_point("crossing_before_write")
        _write_synced(path, body + msgspec.json.encode(tail) + b"\n")
        fault_point("crossing_after_write")
        return path, tail.sha256

    def _newest(self, stream: str) -> tuple[int, int, str]:
        """(number, last position, hash) of the newest kept file; zeros before the first."""
        files = self._files(stream)
        if not files:
            return 0, 0, ""
        head, tail = checked(files[-1])
        return head.number, head.last, tail.sha256

    def _files(self, stream: str) -> list[Path]:
        return sorted(self._kept.glob(f"gridcrew-crossing-{self.installation}-{stream}-*.jsonl"))

    def _deliver(self, stream: str) -> None:
        """Copy what is kept and was not delivered yet."""
        done = self._done()
        for file in self._files(stream):
            number = int(file.stem.rpartition("-")[2])
            if number > done.get(stream, 0):
                self._copy(file)
                fault_point("crossing_after_copy")
                done[stream] = number
                _write_synced(self._delivered, msgspec.json.encode(done))

    def _done(self) -> dict[str, int]:
        if not self._delivered.exists():
            return {}
        return msgspec.json.decode(self._delivered.read_bytes(), type=dict[str, int])

    def _copy(self, file: Path) -> Path:
        target = self._out / file.name
        _write_synced(target, file.read_bytes())
        return target

    def _forget(self, stream: str) -> None:
        """Keep the newest files; the last one always, for it holds the position."""
        for file in self._files(stream)[: -max(1, self._keep_files)]:
            file.unlink()


def _write_synced(path: Path, content: bytes) -> None:
    """Whole or not at all, on the disk when this returns."""
    draft = path.with_name(f"{path.name}.part")
    with draft.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _installation(file: Path) -> str:
    """This installation's name for all times: made once, at random."""
    if not file.exists():
        _write_synced(file, secrets.token_hex(6).encode())
    return file.read_text(encoding="ascii").strip()
