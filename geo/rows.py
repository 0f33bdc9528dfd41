"""A table as it came in, all text, with the line of every row; and the reading of its columns.

A reader never raises: what cannot be read is noted in the report and replaced by a harmless value, so that
one pass over a file finds everything that is wrong with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import repeat

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
    """1-based line (or feature) of each row; empty where the source has none."""
    places: Sequence[str] = field(default=())
    """Where each row came from, for a table of several files or layers; empty for one."""
    origin: Sequence[int] = field(default=())
    """For a table of which rows were taken out: the row that each was before; empty where none was."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def line(self, row: int) -> int | None:
        return int(self.lines[row]) if len(self.lines) else None

    def place_of(self, row: int) -> str:
        return self.places[row] if len(self.places) else self.place

    def original(self, row: int) -> int:
        """The number that the row had before any was taken out."""
        return self.origin[row] if len(self.origin) else row

    def without(self, originals: frozenset[int]) -> "Table":
        """The same table without the rows that had these numbers before any was taken out."""
        if not originals:
            return self
        kept = [row for row in range(len(self)) if self.original(row) not in originals]
        return Table(
            self.place,
            {name: tuple(cells[row] for row in kept) for name, cells in self.columns.items()},
            [self.lines[row] for row in kept] if len(self.lines) else (),
            [self.places[row] for row in kept] if len(self.places) else (),
            [self.original(row) for row in kept],
        )


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
            near = "".join(get_close_matches(name, self.source.columns, n=1))
            self.report.add("missing-column", "", self.source.place, 1, facts={"column": name, "near": near})
        return not missing

    def texts(self, column: str) -> Texts:
        """The cells without surrounding blanks; empty ones where an optional column is absent."""
        cells = self.source.columns.get(column)
        return tuple(map(str.strip, cells)) if cells is not None else ("",) * len(self)

    def extra(self) -> dict[str, Texts]:
        """The columns that the door does not know, as they came; none where there are no rows."""
        unread = {name: cells for name, cells in self.source.columns.items() if name not in self.door.known}
        return unread if len(self) else {}

    def tell(self, rule: str, row: int, **facts: object) -> None:
        """Note a finding about a row."""
        source = self.source
        self.report.add(
            rule,
            self._element(row),
            source.place_of(row),
            source.line(row),
            self.door.name,
            source.original(row),
            facts,
        )

    def _element(self, row: int) -> str:
        return self.source.columns[self.door.columns[0]][row].strip()

    def identifiers(self, taken: dict[str, str]) -> Texts:
        """The ``id`` column; each must be there and new. ``taken`` (id → table) is shared and filled."""
        found = self.texts("id")
        unique = set(found)
        if len(unique) == len(found) and "" not in unique and taken.keys().isdisjoint(unique):
            taken.update(dict.fromkeys(found, self.source.place))
            return found
        for row, identifier in enumerate(found):
            if not identifier:
                self.tell("missing-id", row)
            elif identifier in taken:
                self.tell("duplicate-id", row, id=identifier, table=taken[identifier])
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
        limits = {} if np.isinf(low) else {"low": f"{low:g}", "high": f"{high:g}"}
        for row in np.flatnonzero(bad).tolist():
            self.tell("bad-number", row, column=column, found=cells[row], **limits)
        values[bad] = np.nan
        return values

    def kinds(self, column: str, spelling: Mapping[str, int], rule: str = "unknown-kind") -> Int8:
        """Numbers of spelled values; the report lists what would have been right."""
        cells = self.texts(column)
        values = np.fromiter(map(spelling.get, cells, repeat(ABSENT)), np.int8, len(cells))
        for row in np.flatnonzero(values == ABSENT).tolist():
            expected = "|".join(name for name in spelling if name)
            self.tell(rule, row, column=column, found=cells[row], expected=expected)
        values[values == ABSENT] = 0
        return values

    def flags(self, column: str, spelling: Mapping[str, int]) -> Bool:
        return self.kinds(column, spelling, "bad-flag").astype(np.bool_)

    def references(self, column: str, rows: Mapping[str, int], rule: str, optional: bool = False) -> Int32:
        """Rows of the named elements in another table; ABSENT where empty (an error unless optional)."""
        cells = self.texts(column)
        values = np.fromiter(map(rows.get, cells, repeat(ABSENT)), np.int32, len(cells))
        for row in np.flatnonzero(values == ABSENT).tolist():
            if cells[row]:
                self.tell(rule, row, column=column, found=cells[row])
            elif not optional:
                self.tell("empty-reference", row, column=column)
        return values


def _number(cell: str) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        return np.nan
