"""What a batch of evidence says, column by column: rows of a table and the instants told of them.

A burst is a hundred thousand rows of evidence of one meter each; gathered first, they become a few array
operations.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import Int32
from geo.row_sets import distinct

Int64 = NDArray[np.int64]

_NOBODY: Final = np.empty(0, np.int32)
_LOUD: Final = {
    "meter": ("meter_off_ms", "meter_silent_ms", "meter_call_ms", "meter_low_ms"),
    "terminal": ("terminal_off_ms", "terminal_silent_ms", "terminal_low_ms"),
    "edge": ("edge_open_ms", "edge_closed_ms", "edge_fault_passage_ms"),
}
"""Columns that may tell of trouble."""
_CALM: Final = {"meter": ("meter_alive_ms",), "terminal": ("terminal_alive_ms",), "edge": ()}
_SWITCHED: Final = ("edge_open_ms", "edge_closed_ms")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of three tables, in any order, perhaps several times."""

    meters: Int32
    terminals: Int32
    edges: Int32


class News:
    """Instants by column, in the order of telling."""

    def __init__(self) -> None:
        self.corrected: list[str] = []
        """Ids of elements and customers of whom a person said something."""
        self._rows: defaultdict[str, list[Int32]] = defaultdict(list)
        self._at_ms: defaultdict[str, list[int]] = defaultdict(list)
        self._single_rows: defaultdict[str, list[int]] = defaultdict(list)
        self._single_at_ms: defaultdict[str, list[int]] = defaultdict(list)

    def tell(self, column: str, rows: Int32, at_ms: int) -> None:
        """The same instant of several rows."""
        if len(rows):
            self._rows[column].append(rows)
            self._at_ms[column].append(at_ms)

    def tell_one(self, column: str, row: int, at_ms: int) -> None:
        """The instant of one row."""
        self._single_rows[column].append(row)
        self._single_at_ms[column].append(at_ms)

    @property
    def columns(self) -> set[str]:
        """Those of which anything is told."""
        return {*self._rows, *self._single_rows}

    def of(self, column: str) -> tuple[Int32, Int64]:
        """Rows and instants, repeated ones with them."""
        rows, at_ms = self._rows.get(column, []), self._at_ms.get(column, [])
        singles = np.array(self._single_rows.get(column, ()), np.int32)
        instants = np.repeat(np.array(at_ms, np.int64), [len(part) for part in rows])
        single_instants = np.array(self._single_at_ms.get(column, ()), np.int64)
        return np.concatenate((*rows, singles)), np.concatenate((instants, single_instants))

    @property
    def loud(self) -> Rows:
        """Whom a word of trouble is about."""
        return Rows(*(self._about(_LOUD[table]) for table in ("meter", "terminal", "edge")))

    @property
    def calm(self) -> Rows:
        """Of whom only life is told."""
        return Rows(*(self._about(_CALM[table]) for table in ("meter", "terminal", "edge")))

    @property
    def switched(self) -> Int32:
        """Edges whose position was reported."""
        return distinct(self._about(_SWITCHED))

    def _about(self, columns: Iterable[str]) -> Int32:
        return np.concatenate((_NOBODY, *(self.of(column)[0] for column in columns)))
