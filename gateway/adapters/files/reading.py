"""A file cut into slices of whole lines, each a frame; lines that cannot be used are kept aside."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from gateway.codecs import file_exports
from gateway.codecs.file_exports import has_header, read_slice
from gateway.exports.lines import BOM, MAX_LINE_BYTES, FileRefused, layout_of
from gateway.exports.parsing import FindId, Problem
from gateway.exports.sources import FileSource
from gateway.frames import MAX_BODY_BYTES, Frame

SLICE_BYTES: Final = MAX_BODY_BYTES - 2_000
SLICE_LINES: Final = 2_000
MAX_REASONS: Final = 10_000
MAX_UNMATCHED: Final = 10_000


@dataclass(slots=True)
class Tally:
    """What came of a file."""

    lines: int = 0
    bad: int = 0
    reasons: list[str] = field(default_factory=list)
    unmatched: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(terminal, foreign id) → lines."""

    def note(self, problem: Problem) -> None:
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(str(problem))
        name = (problem.terminal, problem.unmatched)
        if problem.unmatched and (name in self.unmatched or len(self.unmatched) < MAX_UNMATCHED):
            self.unmatched[name] += 1

    def report(self) -> list[str]:
        """The reasons, one a line, and how often each unmatched id came."""
        if not self.bad:
            return []
        told = [f"{self.bad} of {self.lines} lines cannot be used", *self.reasons]
        if self.bad > len(self.reasons):
            told.append(f"and {self.bad - len(self.reasons)} more")
        if self.unmatched:
            told.append("ids that the crosswalk does not hold:")
        for (terminal, name), count in self.unmatched.most_common():
            told.append(f"  {name}{f' (terminal {terminal})' if terminal else ''}: {count} lines")
        return told


@dataclass(frozen=True, slots=True)
class Slice:
    """Some whole lines of a file, from its line ``first_line`` on. Blank where a line is not wanted."""

    header: bytes
    first_line: int
    lines: list[bytes]

    def body(self) -> bytes:
        return b"\n".join([self.header, *self.lines] if self.header else self.lines)


def slices(source: FileSource, handle: IO[bytes], tally: Tally) -> Iterator[Slice]:
    """The file in slices; raises FileRefused if its header does not fit. A line that is too long is named."""
    number, header = 0, b""
    begin = handle.read(len(BOM))
    handle.seek(0 if begin != BOM else len(BOM))
    for _ in range(source.skip_lines):
        handle.readline(MAX_LINE_BYTES)
        number += 1
    if has_header(source):
        header, number = _header(handle), number + 1
        header = begin + header if begin == BOM else header
        layout_of(source, header)
    lines: list[bytes] = []
    size, first = len(header), number + 1
    while raw := handle.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            _skip_rest(handle, raw)
            tally.lines, tally.bad = tally.lines + 1, tally.bad + 1
            tally.note(Problem(number, "line", f"expected at most {MAX_LINE_BYTES} bytes"))
            raw = b"\n"
        line = raw.rstrip(b"\r\n")
        if lines and (size + len(line) >= SLICE_BYTES or len(lines) >= SLICE_LINES):
            yield Slice(header, first, lines)
            lines, size, first = [], len(header), number
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield Slice(header, first, lines)


def _header(handle: IO[bytes]) -> bytes:
    raw = handle.readline(MAX_LINE_BYTES + 1)
    if len(raw) > MAX_LINE_BYTES:
        raise FileRefused(f"header: expected at most {MAX_LINE_BYTES} bytes in a line")
    header = raw.rstrip(b"\r\n")
    if not header.strip():
        raise FileRefused("header: expected the columns' names, found nothing")
    return header


def _skip_rest(handle: IO[bytes], raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = handle.readline(MAX_LINE_BYTES)


def sifted(source: FileSource, part: Slice, find_id: FindId, tally: Tally) -> tuple[Slice, list[bytes]]:
    """The slice with its bad lines blanked, and those lines as they came; raises FileRefused."""
    said = read_slice(source, part.body(), part.first_line, find_id)
    tally.lines += said.lines
    bad = said.bad_lines
    tally.bad += len(bad)
    for problem in said.problems:
        tally.note(problem)
    if not bad:
        return part, []
    numbers = range(part.first_line, part.first_line + len(part.lines))
    kept = [b"" if number in bad else line for number, line in zip(numbers, part.lines, strict=True)]
    left_out = [line for number, line in zip(numbers, part.lines, strict=True) if number in bad]
    return Slice(part.header, part.first_line, kept), left_out


def frame_of(source: FileSource, part: Slice, file: str, mtime_ms: int, now_ms: int) -> Frame | None:
    """The slice as a frame; None where nothing of it is left."""
    if not any(line.strip() for line in part.lines):
        return None
    topic = file_exports.topic(source.name, file, mtime_ms, part.first_line)
    return Frame(topic, part.body(), now_ms, f"{file_exports.FILE}:{source.name}")


class Rejected:
    """The bad lines of a file as a file of the same kind: mend it and drop it again."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.rejected")
        self._handle: IO[bytes] | None = None

    def add(self, header: bytes, lines: list[bytes]) -> None:
        if not lines:
            return
        if self._handle is None:
            self._handle = self._path.open("wb")
            self._handle.write(header + b"\n" if header else b"")
        self._handle.writelines(line + b"\n" for line in lines)

    @property
    def path(self) -> Path | None:
        """Where they lie, or None if there were none."""
        return self._path if self._handle is not None else None

    def close(self) -> None:
        """Let go of the file; no more lines."""
        if self._handle is not None:
            self._handle.close()
