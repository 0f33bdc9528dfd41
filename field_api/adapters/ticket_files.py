"""Ticket lists as files: mappings of the site, lists dropped into a folder, answers left in another."""

import csv
import io
import json
import logging
import os
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from field_api.adapters.data_files import BadDataFile
from field_api.adapters.refusal_files import shipped_wording
from field_api.partners.ticket_mapping import (
    BACK,
    KNOWN,
    REQUIRED,
    RefusedRow,
    TicketMapping,
    back_row,
    read_with,
    rows_of,
)
from field_api.partners.tickets import SentTicket, Ticket, TicketKind
from field_api.saying import Said, Saying, in_all

MAX_FILE_BYTES: Final = 16 * 2**20
SETTLED_S: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


def load_mappings(folder: Path | None) -> tuple[TicketMapping, ...]:
    """The site's before the shipped ones; raises ``BadDataFile``."""
    own = sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else []
    shipped = (
        one for one in resources.files("field_api.ticket_mappings").iterdir() if one.name.endswith(".toml")
    )
    texts = [(file.name, file.read_text(encoding="utf-8")) for file in [*own, *shipped]]
    return tuple(_mapping(name, text) for name, text in texts)


def _mapping(name: str, text: str) -> TicketMapping:
    try:
        told = tomllib.loads(text)
        columns, back = dict(told["columns"]), dict(told.get("back", {}))
        _check_words(columns, back)
        formats = tuple(map(str, told.get("formats", ["%Y-%m-%d %H:%M:%S"])))
        return TicketMapping(
            name.removesuffix(".toml"), tuple(map(str, told.get("files", []))),
            ZoneInfo(told.get("zone", "Asia/Shanghai")), columns, formats, back,
            _kinds(told.get("kinds", {})),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, LookupError) as problem:
        raise BadDataFile(f"{name}: {problem}") from problem


def _kinds(told: Mapping[str, str]) -> Mapping[str, TicketKind]:
    known = {kind.value for kind in TicketKind}
    if wrong := sorted(set(told.values()) - known):
        raise ValueError(f"kinds: unknown words: {', '.join(wrong)}; known: {', '.join(sorted(known))}")
    return {theirs: TicketKind(ours) for theirs, ours in told.items()}


def _check_words(columns: Mapping[str, str], back: Mapping[str, str]) -> None:
    if wrong := sorted(set(columns) - KNOWN) + sorted(set(back.values()) - BACK):
        raise ValueError(f"unknown words: {', '.join(wrong)}; known: {', '.join(sorted(KNOWN | BACK))}")
    if missing := [key for key in REQUIRED if key not in columns]:
        raise ValueError(f"columns: expected {', '.join(missing)}")


Taken = Callable[[Sequence[SentTicket]], object]


@dataclass(frozen=True, slots=True)
class TicketInbox:
    """Takes each settled file once: good lines go to ``take``, refused ones into a file with reasons."""

    folder: Path
    mappings: Sequence[TicketMapping]
    take: Taken

    def __call__(self, now_ms: int) -> int:  # noqa: ARG002 (a chore is told the time)
        """How many files were taken."""
        if not self.folder.is_dir():
            return 0
        waiting = [path for path in sorted(self.folder.iterdir()) if path.is_file() and _settled(path)]
        for path in waiting:
            self._file(path)
        return len(waiting)

    def _file(self, path: Path) -> None:
        try:
            good, refused = self._read(path)
        except (ValueError, OSError) as problem:
            _LOG.warning("%s: %s", path.name, problem)
            _move(path, self.folder / "refused")
            (self.folder / "refused" / f"{path.name}.reason.txt").write_text(
                f"{_told(problem)}\n", encoding="utf-8"
            )
            return
        self.take([ticket for _, ticket in good])
        if refused:
            _write_refused(self.folder / "refused" / f"{path.stem}.lines.csv", refused)
        _move(path, self.folder / "done")

    def _read(self, path: Path) -> tuple[list[tuple[int, SentTicket]], list[RefusedRow]]:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES} bytes: split it")
        rows = rows_of(_decoded(path.read_bytes()), path.name.lower())
        return read_with(rows, [one for one in self.mappings if _names(one, path.name)] or self.mappings)


@dataclass(frozen=True, slots=True)
class TicketOutbox:
    """Answers in the other system's columns, a numbered file at a time, whole or not at all."""

    folder: Path
    mapping: TicketMapping

    def write(self, tickets: Sequence[Ticket]) -> Path:
        """``tickets-back-<first>-<last>.csv`` in UTF-8 with a mark, as spreadsheets expect it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"tickets-back-{tickets[0].sequence:09d}-{tickets[-1].sequence:09d}.csv"
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, list(self.mapping.back))
        writer.writeheader()
        writer.writerows(_harmless(back_row(ticket, self.mapping)) for ticket in tickets)
        draft = file.with_name(f".{file.name}.new")
        with draft.open("w", encoding="utf-8-sig", newline="") as out:
            out.write(table.getvalue())
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
        return file


def _harmless(row: Mapping[str, str]) -> dict[str, str]:
    """No cell that a spreadsheet would take for a formula."""
    return {key: f"'{value}" if value[:1] in {"=", "+", "-", "@"} else value for key, value in row.items()}


def _names(mapping: TicketMapping, name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in mapping.files)


def _settled(path: Path) -> bool:
    return not path.name.startswith(".") and time.time() - path.stat().st_mtime >= SETTLED_S


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("neither UTF-8 nor GB 18030")


def _move(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    for number in range(1, 1000):
        if not target.exists():
            break
        target = folder / f"{path.stem}.{number}{path.suffix}"
    path.replace(target)


def _told(problem: Exception) -> str:
    return _in_words(problem.said) if isinstance(problem, Saying) else str(problem)


def _in_words(said: Said) -> str:
    """Whoever opens the file may read either."""
    return " / ".join(in_all(lambda language: shipped_wording().told(said, language)).values())


def _write_refused(file: Path, refused: Sequence[RefusedRow]) -> None:
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["line", "problem", "row"])
        for one in refused:
            told: dict[str, Any] = dict(one.row)
            writer.writerow([one.line, _in_words(one.problem), json.dumps(told, ensure_ascii=False)])
