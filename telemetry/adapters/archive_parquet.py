"""Old days of the embedded store as Parquet files, one or more per UTC day, read transparently (pyarrow).

A file is a plain table that other programs read too: ``meter``, ``terminal``, ``at_ms``, ``received_ms``, and
of each quantity an exact decimal, with ``<quantity>_q`` (an integer, ``telemetry.readings.Quality``) in files
that hold anything doubtful. Rows of a meter lie together: one meter's day is a small part of the file.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from telemetry.readings import MISSING, Quality, Reading

DAY_MS: Final = 86_400_000
_ROWS: Final = 65_536
_GROUP_ROWS: Final = 4_096
"""So few that one meter's day, which lies in one group or two, is read in milliseconds."""
_DIGITS: Final = 38
_LAST_MS: Final = 253_402_300_799_000
"""The end of year 9999: names of days sort as text up to there."""
_QUALITY: Final = "_q"
_OPEN_FILES: Final = 64
_FIXED: Final = (
    ("meter", pa.string()), ("terminal", pa.string()), ("at_ms", pa.int64()), ("received_ms", pa.int64()),
)  # fmt: skip


Schema = Any
Table = Any
Column = Any
"""Of pyarrow, which has no types."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of one terminal with the same columns: who and when each row is, and ``scaled[row, q]``."""

    terminal: str
    meters: NDArray[np.object_]
    at_ms: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    quantities: tuple[str, ...]
    decimals: tuple[int, ...]
    scaled: NDArray[np.int64]
    doubts: NDArray[np.uint8]


def write_parts(file: Path, scales: Mapping[str, int], doubtful: bool, parts: Iterable[Part]) -> int:
    """Write the parts to ``file`` and sync it; how many rows. ``scales``: decimals of each column."""
    schema = _schema(scales, doubtful)
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for table in _tables(schema, scales, parts):
            writer.write_table(table)
            rows += table.num_rows
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
    return rows


def same_parts(file: Path, scales: Mapping[str, int], doubtful: bool, parts: Iterable[Part]) -> bool:
    """The file holds exactly these parts."""
    with pq.ParquetFile(file) as opened:
        expected = _tables(_schema(scales, doubtful), scales, parts)
        groups = range(opened.num_row_groups)
        pairs = zip(expected, (opened.read_row_group(group) for group in groups), strict=True)
        try:
            return all(one.equals(other) for one, other in pairs)
        except ValueError:
            return False


def _schema(scales: Mapping[str, int], doubtful: bool) -> Schema:
    columns = [(quantity, pa.decimal128(_DIGITS, scale)) for quantity, scale in scales.items()]
    doubts = [(quantity + _QUALITY, pa.uint8()) for quantity in scales] if doubtful else []
    return pa.schema([*_FIXED, *columns, *doubts])


def _tables(schema: Schema, scales: Mapping[str, int], parts: Iterable[Part]) -> Iterator[Table]:
    """Tables of up to ``_GROUP_ROWS`` rows, one for each row group; by meter, then in order of time."""
    waiting: list[Table] = []
    for part in parts:
        waiting.append(_table(schema, scales, part))
        if sum(table.num_rows for table in waiting) >= _ROWS:
            yield from _groups(waiting)
            waiting = []
    if waiting:
        yield from _groups(waiting)


def _groups(tables: Sequence[Table]) -> Iterator[Table]:
    order = [("meter", "ascending"), ("at_ms", "ascending")]
    joined = pa.concat_tables(tables).sort_by(order).combine_chunks()
    for begin in range(0, joined.num_rows, _GROUP_ROWS):
        yield joined.slice(begin, _GROUP_ROWS)


def _table(schema: Schema, scales: Mapping[str, int], part: Part) -> Table:
    rows = len(part.at_ms)
    columns: dict[str, Any] = {
        "meter": pa.array(part.meters, pa.string()),
        "terminal": pa.repeat(pa.scalar(part.terminal, pa.string()), rows),
        "at_ms": pa.array(part.at_ms),
        "received_ms": pa.array(part.received_ms),
    }
    for q, (quantity, decimals) in enumerate(zip(part.quantities, part.decimals, strict=True)):
        columns[quantity] = _decimals(part.scaled[:, q], decimals, scales[quantity])
        columns[quantity + _QUALITY] = pa.array(part.doubts[:, q])
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _decimals(scaled: NDArray[np.int64], decimals: int, scale: int) -> Column:
    """An exact column of ``scale`` decimals from integers of ``decimals``."""
    missing = scaled == MISSING
    factor = 10 ** (scale - decimals)
    values = np.where(missing, 0, scaled)
    if int(np.abs(values).max(initial=0)) > np.iinfo(np.int64).max // factor:
        exact = [None if value == MISSING else Decimal(value).scaleb(-decimals) for value in scaled.tolist()]
        return pa.array(exact, pa.decimal128(_DIGITS, scale))
    wide = np.empty((len(values), 2), dtype=np.int64)
    wide[:, 0] = values * factor
    wide[:, 1] = wide[:, 0] >> 63
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())
    kind = pa.decimal128(_DIGITS, scale)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(wide.tobytes())])


@dataclass(frozen=True, slots=True)
class _Group:
    """One row group: which meters lie between."""

    number: int
    low: str
    high: str


class ParquetArchive:
    """``ReadingArchive`` in a folder of files ``YYYY-MM-DD.parquet``, ``YYYY-MM-DD.2.parquet`` …"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups: OrderedDict[Path, tuple[_Group, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def free_name(self, day_ms: int) -> Path:
        """A name for one more file of that UTC day."""
        day = _day(day_ms)
        names = (f"{day}.parquet", *(f"{day}.{number}.parquet" for number in range(2, 10_000)))
        return next(self._folder / name for name in names if not (self._folder / name).exists())

    def series(self, meter: str, from_ms: int, to_ms: int) -> Iterator[Reading]:
        """One meter's readings as written, in order of time."""
        if not self._folder.is_dir():
            return
        days: dict[str, list[Path]] = {}
        first, last = _day(from_ms), _day(to_ms - 1)
        for file in self._folder.glob("*.parquet"):
            day = file.name.partition(".")[0]
            if first <= day <= last:
                days.setdefault(day, []).append(file)
        for _, files in sorted(days.items()):
            found = [one for file in files for one in self._of_file(file, meter)]
            within = [one for one in found if from_ms <= one.at_ms < to_ms]
            yield from sorted(within, key=lambda reading: reading.at_ms)

    def _of_file(self, file: Path, meter: str) -> Iterator[Reading]:
        groups = [group.number for group in self._index(file) if group.low <= meter <= group.high]
        if not groups:
            return
        with pq.ParquetFile(file) as opened:
            table = opened.read_row_groups(groups)
        for row in table.filter(pc.equal(table["meter"], meter)).to_pylist():
            yield _reading(row)

    def _index(self, file: Path) -> tuple[_Group, ...]:
        with self._lock:
            known = self._groups.get(file)
        if known is None:
            with pq.ParquetFile(file) as opened:
                known = tuple(_group(opened.metadata, number) for number in range(opened.num_row_groups))
            with self._lock:
                self._groups[file] = known
                if len(self._groups) > _OPEN_FILES * 64:
                    self._groups.popitem(last=False)
        return known


def _group(metadata: Schema, number: int) -> _Group:
    statistics = metadata.row_group(number).column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return _Group(number, "", "\U0010ffff")
    return _Group(number, statistics.min, statistics.max)


def _day(at_ms: int) -> str:
    return str(np.datetime64(max(0, min(at_ms, _LAST_MS)) // DAY_MS, "D"))


def _reading(row: dict[str, Any]) -> Reading:
    meter, terminal = row.pop("meter"), row.pop("terminal")
    at_ms, received_ms = row.pop("at_ms"), row.pop("received_ms")
    values = {name: value for name, value in row.items() if value is not None and isinstance(value, Decimal)}
    doubts = {name: Quality(row[name + _QUALITY]) for name in values if row.get(name + _QUALITY)}
    return Reading(meter, terminal, at_ms, received_ms, values, doubts)
