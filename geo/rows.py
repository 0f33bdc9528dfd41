"""A table as it came in, all text, with the line of every row; and the reading of its columns.

A reader never raises: what cannot be read is noted in the report and replaced by a harmless value, so that
one pass over a file finds everything that is wrong with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np

from geo.doors import Door
from geo.network import ABSENT, Bool, Float64, Int8, Int32, Texts
from geo.report import Report


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of text, all of one length."""

    place: str
    """What a finding names: the file's name, or where else the rows came from."""
    columns: Mapping[str, Texts]
    lines: Sequence[int] = field(default=())
    """1-based line of each row; empty where the source has no lines."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def line(self, row: int) -> int | None:
        return int(self.lines[row]) if len(self.lines) else None


def table(place: str, rows: Iterable[Mapping[str, object]]) -> Table:
    """A table of row mappings that all have the same keys; None becomes empty, floats keep their digits."""
    listed = list(rows)
    names = list(listed[0]) if listed else []
    return Table(place, {name: tuple(_cell(row[name]) for row in listed) for name in names})


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one table's columns by its door, telling the report what it could not read."""

    door: Door
    source: Table
    report: Report

    def __len__(self) -> int:
        return len(self.source)

    def complete(self) -> bool:
        """Whether all columns are there; names each missing one."""
        missing = [name for name in self.door.columns if name not in self.source.columns]
        for name in missing:
            near = get_close_matches(name, self.source.columns, n=1)
            hint = f"; found {near[0]!r}" if near else ""
            self.report.error("missing-column", f"column {name!r} is missing{hint}", "", self.source.place, 1)
        return not missing

    def texts(self, column: str) -> Texts:
        """The cells without surrounding blanks; empty ones where an optional column is absent."""
        cells = self.source.columns.get(column)
        return tuple(cell.strip() for cell in cells) if cells is not None else ("",) * len(self)

    def extra(self) -> dict[str, Texts]:
        """The columns that the door does not know, as they came; none where there are no rows."""
        unread = {name: cells for name, cells in self.source.columns.items() if name not in self.door.known}
        return unread if len(self) else {}

    def tell(self, rule: str, row: int, message: str) -> None:
        """Note an error in a row."""
        self.report.error(rule, message, self._element(row), self.source.place, self.source.line(row))

    def warn(self, rule: str, row: int, message: str) -> None:
        """Note a warning about a row."""
        self.report.warning(rule, message, self._element(row), self.source.place, self.source.line(row))

    def _element(self, row: int) -> str:
        return self.source.columns[self.door.columns[0]][row].strip()

    def identifiers(self, taken: dict[str, str]) -> Texts:
        """The ``id`` column; each must be there and new. ``taken`` (id → table) is shared and filled."""
        found = self.texts("id")
        for row, identifier in enumerate(found):
            if not identifier:
                self.tell("missing-id", row, "id is empty")
            elif identifier in taken:
                self.tell("duplicate-id", row, f"id {identifier!r} is already used in {taken[identifier]}")
            else:
                taken[identifier] = self.source.place
        return found

    def numbers(self, column: str, low: float = -np.inf, high: float = np.inf) -> Float64:
        """Finite numbers within the limits; an empty cell is NaN."""
        cells = self.texts(column)
        try:
            values = np.array([float(cell) if cell else np.nan for cell in cells], np.float64)
        except ValueError:
            values = np.array([_number(cell) for cell in cells], np.float64)
        given = np.array([bool(cell) for cell in cells], np.bool_)
        bad = given & ~((values >= low) & (values <= high) & np.isfinite(values))
        for row in np.flatnonzero(bad).tolist():
            limits = "" if np.isinf(low) else f" from {low:g} to {high:g}"
            self.tell("bad-number", row, f"{column} is {cells[row]!r}, expected a number{limits}")
        values[bad] = np.nan
        return values

    def kinds(self, column: str, spelling: Mapping[str, int], rule: str = "unknown-kind") -> Int8:
        """Numbers of spelled values; the report lists what would have been right."""
        cells = self.texts(column)
        values = np.array([spelling.get(cell, ABSENT) for cell in cells], np.int8)
        for row in np.flatnonzero(values == ABSENT).tolist():
            expected = "|".join(name for name in spelling if name)
            self.tell(rule, row, f"{column} is {cells[row]!r}, expected {expected}")
        values[values == ABSENT] = 0
        return values

    def flags(self, column: str, spelling: Mapping[str, int]) -> Bool:
        return self.kinds(column, spelling, "bad-flag").astype(np.bool_)

    def references(self, column: str, rows: Mapping[str, int], rule: str, optional: bool = False) -> Int32:
        """Rows of the named elements in another table; ABSENT where empty (an error unless optional)."""
        cells = self.texts(column)
        values = np.array([rows.get(cell, ABSENT) for cell in cells], np.int32)
        for row in np.flatnonzero(values == ABSENT).tolist():
            if cells[row]:
                self.tell(rule, row, f"{column} names {cells[row]!r}, which does not exist")
            elif not optional:
                self.tell(rule, row, f"{column} is empty")
        return values


def _number(cell: str) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        return np.nan
