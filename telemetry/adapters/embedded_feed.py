"""Batches of the embedded store in the order in which they were stored, for whoever passes them on."""

import zlib
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
import pysqlite3.dbapi2 as sqlite
from numpy.typing import NDArray

from telemetry.adapters.reading_rosters import roster_meters
from telemetry.adapters.reading_rows import Rows
from telemetry.packing import unpack
from telemetry.readings import Quality, ReadingBatch

_BUSY_MS: Final = 10_000
_VERSION: Final = 2
_MAX_BYTES: Final = 65_535 * 255


class EmbeddedFeed:
    """Reads ``folder/readings.db`` beside its writer. Positions grow by one in the order of storing."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "readings.db"

    def newest(self) -> int:
        """Position of the last batch; 0 while there is none."""
        if not self._file.exists():
            return 0
        with closing(sqlite.connect(f"file:{self._file}?mode=ro", uri=True)) as connection:
            connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                return 0
            return int(connection.execute("SELECT max(batch) FROM batches").fetchone()[0] or 0)

    def after(self, position: int, limit: int = 500) -> list[tuple[int, ReadingBatch]]:
        """(position, batch) with position > the given one, in order, at most ``limit``.

        A batch has the meters of its whole roster; those that it did not name have no value in it.
        """
        if not self._file.exists():
            return []
        with closing(
            sqlite.connect(f"file:{self._file}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                return []
            connection.execute("BEGIN")
            layouts = Rows(connection, _VERSION)
            found = connection.execute(
                "SELECT batch, starts.terminal, boot, seq, at_ms, received_ms, meters, layout, block, "
                "quality, doubts FROM batches JOIN starts USING (start) "
                "JOIN rosters ON rosters.roster = batches.roster WHERE batch > ? ORDER BY batch LIMIT ?",
                (position, limit),
            )
            return [_batch(row, layouts) for row in found]


def _batch(row: tuple[object, ...], layouts: Rows) -> tuple[int, ReadingBatch]:
    batch, terminal, boot, seq, at_ms, received_ms, meters, layout, block, quality, doubts = row
    columns = layouts.layout(_whole(layout))
    return _whole(batch), ReadingBatch(
        terminal=str(terminal),
        boot=str(boot),
        seq=_whole(seq),
        at_ms=_whole(at_ms),
        received_ms=_whole(received_ms),
        meters=roster_meters(_bytes(meters)),
        quantities=columns.quantities,
        decimals=columns.decimals,
        scaled=unpack(_bytes(block)),
        quality=Quality(_whole(quality)),
        doubts=None if doubts is None else _unpacked(_bytes(doubts), len(columns.quantities)),
    )


def _unpacked(packed: bytes, quantities: int) -> NDArray[np.uint8]:
    plain = zlib.decompressobj().decompress(packed, _MAX_BYTES)
    return np.frombuffer(plain, dtype=np.uint8).reshape(-1, quantities)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected a whole number, found {value!r}")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"expected bytes, found {type(value).__name__}")
    return value
