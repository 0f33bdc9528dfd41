"""A network as a folder of CSV files: UTF-8 with or without byte order mark, one header row."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
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
PROGRESS_LINES = 20_000


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


def read_table(file: Path, report: Report, progress: Progress = unwatched) -> Table | None:
    """One file as it is; None where it has no header. What cannot be read is reported."""
    text = _decoded(file, report)
    if text is None:
        return None
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    lines: list[int] = []
    kept: list[list[str]] = []
    header: list[str] | None = None
    try:
        whole = text.count("\n")
        for begins, cells in _numbered(rows):
            if not begins % PROGRESS_LINES:
                progress(file.name, begins, whole)
            if header is None:
                header = _header(file, cells, report)
            elif len(cells) != len(header):
                counts = {"found": len(cells), "expected": len(header)}
                report.add("column-count", cells[0].strip(), file.name, begins, facts=counts)
            else:
                kept.append(cells)
                lines.append(begins)
    except csv.Error as problem:
        report.add("broken-csv", "", file.name, rows.line_num, facts={"problem": problem})
    if header is None:
        report.add("empty-file", "", file.name, 1)
        return None
    columns: Sequence[Texts] = list(zip(*kept, strict=True)) if kept else [()] * len(header)
    return Table(file.name, dict(zip(header, columns, strict=True)), lines)


class _Rows(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def _numbered(rows: _Rows) -> Iterator[tuple[int, list[str]]]:
    """Rows with the 1-based line on which each begins; blank lines are passed over."""
    before = 0
    for cells in rows:
        if cells:
            yield before + 1, cells
        before = rows.line_num


def _header(file: Path, cells: list[str], report: Report) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in {name for name in names if names.count(name) > 1}:
        report.add("duplicate-column", "", file.name, 1, facts={"column": name})
    return names


def _decoded(file: Path, report: Report) -> str | None:
    if file.stat().st_size > MAX_FILE_BYTES:
        report.add("too-large", place=file.name, facts={"limit": MAX_FILE_BYTES})
        return None
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        report.add("bad-encoding", "", file.name, line)
        # One unreadable name must not hide what else is wrong.
        return content.decode("utf-8-sig", errors="replace")


def write_folder(network: Network, folder: Path) -> None:
    """Write the doors' files; reading them again gives the same ``content_hash``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in spelled(network).items():
        _write(folder / f"{name}.csv", columns)


def _write(file: Path, columns: Mapping[str, Texts]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
