"""The organisation as tables of text: which file, which columns, and how each cell is read and written.

An import names what it cannot read by file, line and column; nothing is guessed.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final

from field_api.calendars import ZONE, local
from field_api.instants import milliseconds
from field_api.organisation.cells import AreaKind
from field_api.organisation.duties import Assignment
from field_api.organisation.shifts import DAY_MINUTES, Shift
from field_api.organisation.staffing import Member, Person, Qualification, TeamKind, Unit, UnitKind, Vehicle
from field_api.organisation.villages import Liaison, Village
from field_api.validity import ALWAYS_MS

MAX_TEXT: Final = 200


class Unreadable(ValueError):
    """A cell that is not what its column holds; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    """As the file's header has it."""
    field: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str
    needed: bool = False
    """Without the column the file is not read; an empty cell is refused."""
    empty: str | None = None
    """What an empty cell means, where that is not the record's default."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of the organisation's folder."""

    file: str
    kind: str
    """Field of ``Establishment``, or ``crews`` or ``cells``."""
    make: Callable[..., Any]
    columns: tuple[Column, ...]

    def made(self, cells: Mapping[str, str]) -> Any:  # noqa: ANN401 (of each sheet another)
        """The record of one row; raises ``BadCell``."""
        values: dict[str, Any] = {}
        for column in self.columns:
            text = cells.get(column.name, "").strip()
            if text or column.needed:
                values[column.field] = _read(column, text)
            elif column.empty is not None:
                values[column.field] = column.empty
        return self.make(**values)

    def row(self, record: object) -> list[str]:
        """The record's cells, in the columns' order."""
        return [column.write(getattr(record, column.field)) for column in self.columns]


class BadCell(ValueError):
    def __init__(self, column: str, told: str) -> None:
        super().__init__(told)
        self.column = column


def _read(column: Column, text: str) -> Any:  # noqa: ANN401
    if not text:
        raise BadCell(column.name, "empty, expected a value")
    if len(text) > MAX_TEXT or not text.isprintable():
        raise BadCell(column.name, f"expected at most {MAX_TEXT} printable characters")
    try:
        return column.read(text)
    except ValueError as problem:
        expected = str(problem) if isinstance(problem, Unreadable) else "not what the column holds"
        raise BadCell(column.name, f"{text!r}: {expected}") from problem


@dataclass(frozen=True, slots=True)
class CrewRow:
    """A crew as a file has it; ``lon`` and ``lat`` are where a new one begins."""

    id: str
    name: str
    grid_ids: tuple[str, ...]
    unit_id: str = ""
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class CellRow:
    """What people say of a grid cell; where it lies, the network says."""

    id: str
    name: str
    name_en: str = ""
    area: AreaKind = AreaKind.URBAN


def _one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return kind(text.lower())
        except ValueError:
            raise Unreadable(f"expected {', '.join(one.value for one in kind if one.value)}") from None

    return read


def _number(lowest: float, highest: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:
            raise Unreadable(f"expected a number from {lowest:g} to {highest:g}")
        return value

    return read


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise Unreadable("expected a whole number")
    return int(text)


_YES: Final = {"1": True, "yes": True, "true": True, "是": True}
_NO: Final = {"0": False, "no": False, "false": False, "否": False}


def _yes_or_no(text: str) -> bool:
    try:
        return (_YES | _NO)[text.lower()]
    except KeyError:
        raise Unreadable("expected 1 or 0, yes or no, 是 or 否") from None


def _instant(text: str) -> int:
    """A day begins at the company's midnight; a time of day may carry a zone."""
    try:
        if len(text) == len("2026-11-22"):
            return milliseconds(datetime.combine(date.fromisoformat(text), time(0), ZONE))
        found = datetime.fromisoformat(text)
        return milliseconds(found if found.tzinfo else found.replace(tzinfo=ZONE))
    except ValueError:
        raise Unreadable("expected such as 2026-11-22 or 2026-11-22T08:00") from None


def _told_instant(at_ms: int | None) -> str:
    if at_ms is None or at_ms == ALWAYS_MS:
        return ""
    at = local(at_ms)
    return at.date().isoformat() if at.time() == time(0) else at.isoformat(timespec="milliseconds")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable("expected such as 2026-11-22") from None


def _minutes(text: str) -> int:
    if text == "24:00":
        return DAY_MINUTES
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise Unreadable("expected such as 08:30, up to 24:00") from None
    return found.hour * 60 + found.minute


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in text.split("|") if part.strip()}))


def _or_empty(value: object) -> str:
    return "" if value is None else str(value)


def _flag(value: object) -> str:
    return "1" if value else "0"


def _text(name: str, field: str = "", needed: bool = False) -> Column:
    return Column(name, field or name, str, _or_empty, needed)


def _id(name: str, field: str = "") -> Column:
    return _text(name, field, needed=True)


_SPAN: Final = (
    Column("valid_from", "from_ms", _instant, _told_instant),
    Column("valid_to", "until_ms", _instant, _told_instant),
)
_PLACE: Final = (
    Column("lon", "lon", _number(-180, 180), _or_empty),
    Column("lat", "lat", _number(-90, 90), _or_empty),
)

SHEETS: Final[tuple[Sheet, ...]] = (
    Sheet("cells.csv", "cells", CellRow, (
        _id("id"), _id("name"), _text("name_en"), Column("area", "area", _one_of(AreaKind)),
    )),
    Sheet("units.csv", "units", Unit, (
        _id("id"), Column("kind", "kind", _one_of(UnitKind), needed=True),
        Column("parent_id", "parent_id", str, empty=""), _id("name"), _text("name_en"),
        Column("team_kind", "team_kind", _one_of(TeamKind)), Column("number", "number", _whole), *_PLACE,
    )),
    Sheet("people.csv", "people", Person, (
        _id("id"), _id("name"), _id("unit_id"), _text("name_en"), _text("phone"), _text("user_id"),
        Column("rating", "rating", _number(0, 5), _or_empty), *_PLACE, *_SPAN,
    )),
    Sheet("skills.csv", "qualifications", Qualification, (_id("person_id"), _id("skill"), *_SPAN)),
    Sheet("duties.csv", "assignments", Assignment, (
        _id("grid_id"), _id("person_id"), *(
            Column(flag, flag, _yes_or_no, _flag) for flag in ("service", "work", "asset")
        ), *_SPAN,
    )),
    Sheet("crews.csv", "crews", CrewRow, (
        _id("id"), _id("name"), Column("grid_ids", "grid_ids", _listed, "|".join, needed=True),
        _text("unit_id"), *_PLACE,
    )),
    Sheet("members.csv", "members", Member, (
        _id("crew_id"), _id("person_id"), Column("leads", "leads", _yes_or_no, _flag), *_SPAN,
    )),
    Sheet("shifts.csv", "shifts", Shift, (
        _id("crew_id"), _id("days"), Column("starts", "starts", _minutes, _clock, needed=True),
        Column("ends", "ends", _minutes, _clock, needed=True),
        Column("on_call", "on_call", _yes_or_no, _flag),
        Column("from_day", "from_day", _day, _or_empty), Column("until_day", "until_day", _day, _or_empty),
    )),
    Sheet("vehicles.csv", "vehicles", Vehicle, (
        _id("id"), _id("plate"), _id("kind"), _text("crew_id"), *_SPAN,
    )),
    Sheet("villages.csv", "villages", Village, (
        _id("id"), _id("name"), _id("grid_id"), _text("name_en"), *_PLACE,
    )),
    Sheet("liaisons.csv", "liaisons", Liaison, (_id("village_id"), _id("person_id"), *_SPAN)),
)  # fmt: skip
"""The files, in the order in which one refers to those before it."""

SHEET_OF: Final[Mapping[str, Sheet]] = {sheet.kind: sheet for sheet in SHEETS}


def column_of(kind: str, field: str) -> str:
    """What the file calls a record's field."""
    return next((one.name for one in SHEET_OF[kind].columns if one.field == field), field)


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with a file; line 1 is the header, 0 the file as a whole."""

    file: str
    line: int
    column: str
    told: str

    def __str__(self) -> str:
        place = f"{self.file}: line {self.line}" if self.line else self.file
        return f"{place}: {self.column}: {self.told}" if self.column else f"{place}: {self.told}"


def read_rows(
    sheet: Sheet, header: Iterable[str], rows: Iterable[tuple[int, Mapping[str, str]]]
) -> tuple[list[tuple[int, Any]], list[FileProblem]]:
    """(line, record) of each good row, and everything that is wrong."""
    names = tuple(header)
    known = {column.name for column in sheet.columns}
    found = [FileProblem(sheet.file, 1, name, f"unknown; expected {', '.join(sorted(known))}")
             for name in names if name not in known]  # fmt: skip
    found += [FileProblem(sheet.file, 1, column.name, "the column is missing")
              for column in sheet.columns if column.needed and column.name not in names]  # fmt: skip
    records: list[tuple[int, Any]] = []
    if found:
        return records, found
    for line, cells in rows:
        if cells.get(""):
            found.append(FileProblem(sheet.file, line, "", "more cells than the header has"))
            continue
        try:
            records.append((line, sheet.made(cells)))
        except BadCell as problem:
            found.append(FileProblem(sheet.file, line, problem.column, str(problem)))
    return records, found
