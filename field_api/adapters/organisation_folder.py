"""The organisation as a folder of CSV files, UTF-8 with or without byte order mark, one header row each."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from field_api.organisation.columns import SHEETS, FileProblem, Sheet, read_rows

MAX_FILE_BYTES: Final = 50_000_000
PRIVATE: Final = 0o600
"""Mode of what is written: telephone numbers are in it."""


@dataclass(frozen=True, slots=True)
class OrganisationFolder:
    """What a folder says, by kind; kinds without a file are not in it."""

    records: Mapping[str, Sequence[tuple[int, Any]]] = field(default_factory=dict)
    """(line, record)"""
    problems: tuple[FileProblem, ...] = ()


def read_organisation(folder: Path) -> OrganisationFolder:
    """Every file that is there, and everything that cannot be read."""
    records: dict[str, Sequence[tuple[int, Any]]] = {}
    problems: list[FileProblem] = []
    for sheet in SHEETS:
        file = folder / sheet.file
        if file.is_file():
            records[sheet.kind], found = _read(file, sheet)
            problems += found
    if not records and not problems:
        names = ", ".join(sheet.file for sheet in SHEETS)
        problems.append(FileProblem(str(folder), 0, "", f"no file of an organisation; known: {names}"))
    return OrganisationFolder(records, tuple(problems))


def write_organisation(folder: Path, records: Mapping[str, Iterable[object]]) -> tuple[Path, ...]:
    """One file for each kind; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for sheet in SHEETS:
        text = StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow([column.name for column in sheet.columns])
        rows.writerows(sheet.row(record) for record in records.get(sheet.kind, ()))
        file = folder / sheet.file
        beside = file.with_suffix(".part")
        beside.unlink(missing_ok=True)
        beside.touch(PRIVATE)
        beside.write_text(text.getvalue(), encoding="utf-8")
        beside.replace(file)
        written.append(file)
    return tuple(written)


def _read(file: Path, sheet: Sheet) -> tuple[list[tuple[int, Any]], list[FileProblem]]:
    if file.stat().st_size > MAX_FILE_BYTES:
        return [], [FileProblem(sheet.file, 0, "", f"larger than {MAX_FILE_BYTES} bytes")]
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        told = f"not UTF-8 at byte {problem.start}; save it as CSV UTF-8"
        return [], [FileProblem(sheet.file, 0, "", told)]
    reader = csv.DictReader(StringIO(text, newline=""), restkey="", restval="", strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        records, problems = read_rows(sheet, header, _rows(reader))
    except csv.Error as problem:
        return [], [FileProblem(sheet.file, reader.line_num, "", f"not CSV: {problem}")]
    return records, problems


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, Mapping[str, str]]]:
    for row in reader:
        if any(row.values()):
            yield reader.line_num, row
