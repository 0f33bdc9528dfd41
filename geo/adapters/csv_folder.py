"""A network as a folder of CSV files: UTF-8 with or without byte order mark, one header row."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Protocol

from geo import doors
from geo.assemble import Assembled, assemble
from geo.network import Network, Texts
from geo.ports import Progress, unwatched
from geo.report import Report
from geo.rows import Table
from geo.spelling import spelled

MAX_FILE_BYTES = 4_000_000_000
UTF_8 = "utf-8-sig"
"""With a byte order mark or without."""
_LIKELY = "gb18030"
"""What spreadsheets save in China, where it is not UTF-8."""
SLICE = 500
"""Rows that are read at once: fewer than the garbage collector waits for until it looks at everything."""
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_folder(folder: Path, set_aside: bool = False, progress: Progress = unwatched) -> Assembled:
    """The network of a folder, or the report of why there is none; ``set_aside`` as for ``assemble``."""
    report = Report()
    tables = {}
    for door in doors.DOORS:
        file = folder / door.file
        if file.is_file():
            found = read_table(file, report, progress)
            if found is not None:
                tables[door.name] = found
    if not folder.is_dir():
        report.add("no-folder", place=str(folder), facts={"path": folder})
        return Assembled(None, report.findings())
    return assemble(tables, report, set_aside)


def read_table(
    file: Path, report: Report, progress: Progress = unwatched, encoding: str = UTF_8
) -> Table | None:
    """One file as it is; None where it has no header. What cannot be read is reported."""
    text = _decoded(file, report, encoding)
    if text is None:
        return None
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    reading = _Reading(file.name, report)
    whole = text.count("\n")
    try:
        while reading.take(rows):
            progress(file.name, rows.line_num, whole)
    except csv.Error as problem:
        report.add("broken-csv", "", file.name, rows.line_num, facts={"problem": problem})
    if reading.header is None:
        report.add("empty-file", "", file.name, 1)
        return None
    columns = (tuple(column) for column in reading.columns)
    return Table(file.name, dict(zip(reading.header, columns, strict=True)), reading.lines)


class _Rows(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


class _Reading:
    """Rows become columns slice by slice: a million rows at once would keep the garbage collector busy."""

    def __init__(self, place: str, report: Report) -> None:
        self.header: list[str] | None = None
        self.columns: list[list[str]] = []
        self.lines: list[int] = []
        self._place = place
        self._report = report

    def take(self, rows: _Rows) -> bool:
        """Read the next slice; False at the end. Raises ``csv.Error``; what came before it is kept."""
        before = rows.line_num
        taken: list[list[str]] = []
        try:
            taken.extend(islice(rows, SLICE))
        finally:
            self._add(taken, before, rows.line_num)
        return bool(taken)

    def _add(self, taken: list[list[str]], before: int, after: int) -> None:
        width = len(self.header or ())
        plain = after - before == len(taken) and set(map(len, taken)) == {width}
        if plain:
            self._keep(taken, range(before + 1, after + 1))
            return
        kept, lines, line = [], [], before + 1
        for cells in taken:
            if self._fits(cells, line):
                kept.append(cells)
                lines.append(line)
            line += 1 + sum(len(_LINE_END.findall(cell)) for cell in cells)
        self._keep(kept, lines)

    def _keep(self, rows: list[list[str]], lines: Sequence[int]) -> None:
        if rows:
            for column, cells in zip(self.columns, zip(*rows, strict=True), strict=True):
                column.extend(cells)
            self.lines.extend(lines)

    def _fits(self, cells: list[str], line: int) -> bool:
        """Whether it is a row of the table; the first one is the header, blank lines are passed over."""
        if not cells:
            return False
        if self.header is None:
            self.header = _header(self._place, cells, self._report)
            self.columns = [[] for _ in self.header]
            return False
        if len(cells) != len(self.header):
            counts = {"found": len(cells), "expected": len(self.header)}
            self._report.add("column-count", cells[0].strip(), self._place, line, facts=counts)
            return False
        return True


def _header(place: str, cells: list[str], report: Report) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in {name for name in names if names.count(name) > 1}:
        report.add("duplicate-column", "", place, 1, facts={"column": name})
    return names


def _decoded(file: Path, report: Report, encoding: str) -> str | None:
    if file.stat().st_size > MAX_FILE_BYTES:
        report.add("too-large", place=file.name, facts={"limit": MAX_FILE_BYTES})
        return None
    content = file.read_bytes()
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        expected = "UTF-8" if encoding == UTF_8 else encoding
        facts = {"expected": expected, "likely": "GBK" if _is_likely(content) else ""}
        report.add("bad-encoding", "", file.name, line, facts=facts)
        # One unreadable name must not hide what else is wrong.
        return content.decode(encoding, errors="replace")


def _is_likely(content: bytes) -> bool:
    try:
        content.decode(_LIKELY)
    except UnicodeDecodeError:
        return False
    return True


def write_folder(network: Network, folder: Path) -> None:
    """Write the doors' files; reading them again gives the same ``content_hash``."""
    folder.mkdir(parents=True, exist_ok=True)
    written = spelled(network)
    for door in doors.DOORS:
        file = folder / door.file
        if door.name in written:
            _write(file, written[door.name])
        else:
            # What an earlier export left must not be read with this one's.
            file.unlink(missing_ok=True)


def _write(file: Path, columns: Mapping[str, Texts]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
