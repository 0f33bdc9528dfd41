"""From the embedded store's file into Parquet: whole old days, compared with their source, then deleted.

Runs beside the writer of the store, in any process. Killed at any point it leaves every reading in the file,
in the archive, or in both, which reads the same.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.adapters.archive_parquet import DAY_MS, ParquetArchive, Part, same_parts, write_parts
from telemetry.adapters.embedded_readings import open_to_archive
from telemetry.adapters.reading_rosters import Database, roster_meters
from telemetry.adapters.reading_rows import Rows, as_list, read_doubts
from telemetry.packing import unpack
from telemetry.readings import MISSING

_AT_ONCE: Final = 500


class ArchiveDiffers(RuntimeError):
    """What was written cannot be read back as it was: nothing was deleted."""


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """A day that moved."""

    day_ms: int
    file: Path
    rows: int
    batches: int


def archive_before(folder: Path, before_ms: int) -> Iterator[ArchivedDay]:
    """Move whole UTC days that end by ``before_ms`` from ``folder/readings.db`` to ``folder/archive``."""
    connection = open_to_archive(folder)
    if connection is None:
        return
    target = folder / "archive"
    target.mkdir(exist_ok=True)
    for draft in target.glob("*.draft"):
        draft.unlink()
    try:
        for day_ms in _days(connection, before_ms):
            yield _archive_day(connection, ParquetArchive(target), day_ms)
    finally:
        connection.close()


def _days(connection: Database, before_ms: int) -> list[int]:
    rows = connection.execute(
        "SELECT DISTINCT at_ms / ? FROM batches WHERE at_ms >= 0 AND at_ms < ? ORDER BY 1",
        (DAY_MS, before_ms - before_ms % DAY_MS),
    )
    return [number * DAY_MS for (number,) in rows]


def _archive_day(connection: Database, archive: ParquetArchive, day_ms: int) -> ArchivedDay:
    file = archive.free_name(day_ms)
    draft = file.with_suffix(".draft")
    # One view of the file for all three passes: what arrives meanwhile for that day stays where it is.
    connection.execute("BEGIN")
    try:
        day = _Day(connection, day_ms)
        batches = day.batches()
        rows = write_parts(draft, day.scales, day.doubtful, day.parts())
        if not same_parts(draft, day.scales, day.doubtful, day.parts()):
            raise ArchiveDiffers(f"{draft}: differs from its source; nothing was deleted")
    finally:
        connection.execute("COMMIT")
    draft.rename(file)
    _sync(file.parent)
    for begin in range(0, len(batches), _AT_ONCE):
        some = as_list(batches[begin : begin + _AT_ONCE])
        connection.execute("DELETE FROM batches WHERE batch IN (SELECT value FROM json_each(?))", (some,))
    return ArchivedDay(day_ms, file, rows, len(batches))


class _Day:
    """One day as it lies in the file."""

    def __init__(self, connection: Database, day_ms: int) -> None:
        self._connection = connection
        self._within = (day_ms, day_ms + DAY_MS)
        self._rows = Rows(connection, 2)
        self.scales: dict[str, int] = {}
        layouts = connection.execute(
            "SELECT DISTINCT layout FROM batches WHERE at_ms >= ? AND at_ms < ? ORDER BY layout", self._within
        ).fetchall()
        for (number,) in layouts:
            layout = self._rows.layout(number)
            for quantity, decimals in zip(layout.quantities, layout.decimals, strict=True):
                self.scales[quantity] = max(decimals, self.scales.get(quantity, 0))
        query = (
            "SELECT 1 FROM batches WHERE at_ms >= ? AND at_ms < ? AND (quality OR doubts IS NOT NULL) LIMIT 1"
        )
        self.doubtful = connection.execute(query, self._within).fetchone() is not None

    def batches(self) -> list[int]:
        """Ids of all rows of the day."""
        query = "SELECT batch FROM batches WHERE at_ms >= ? AND at_ms < ? ORDER BY batch"
        return [batch for (batch,) in self._connection.execute(query, self._within)]

    def parts(self) -> Iterator[Part]:
        """Everything of the day, roster by roster and layout by layout."""
        rosters = self._connection.execute(
            "SELECT roster, terminal, meters FROM rosters WHERE roster IN "
            "(SELECT roster FROM batches WHERE at_ms >= ? AND at_ms < ?) ORDER BY roster",
            self._within,
        ).fetchall()
        for roster, terminal, packed in rosters:
            rows = self._connection.execute(
                "SELECT layout, at_ms, received_ms, block, quality, doubts FROM batches "
                "WHERE roster = ? AND at_ms >= ? AND at_ms < ? ORDER BY layout, at_ms, batch",
                (roster, *self._within),
            ).fetchall()
            meters = np.array(roster_meters(packed), dtype=object)
            for layout in dict.fromkeys(row[0] for row in rows):
                yield self._part(terminal, meters, layout, [row[1:] for row in rows if row[0] == layout])

    def _part(
        self, terminal: str, meters: NDArray[np.object_], layout: int, rows: list[tuple[Any, ...]]
    ) -> Part:
        columns = self._rows.layout(layout)
        shape = (len(meters), len(columns.quantities))
        scaled = np.concatenate([unpack(row[2]) for row in rows])
        doubts = np.concatenate([_doubts(row[3], row[4], shape) for row in rows])
        answered = (scaled != MISSING).any(axis=1)
        times = np.repeat(np.array([row[:2] for row in rows], dtype=np.int64), len(meters), axis=0)[answered]
        return Part(
            terminal=terminal,
            meters=np.tile(meters, len(rows))[answered],
            at_ms=times[:, 0],
            received_ms=times[:, 1],
            quantities=columns.quantities,
            decimals=columns.decimals,
            scaled=scaled[answered],
            doubts=doubts[answered],
        )


def _doubts(quality: int, packed: bytes | None, shape: tuple[int, int]) -> NDArray[np.uint8]:
    single = read_doubts(packed, shape[1])
    whole = np.full(shape, quality, dtype=np.uint8)
    return whole if single is None else whole | single


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
