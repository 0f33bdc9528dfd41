"""Rows of the embedded store's file → readings. Every function works within the transaction of its caller."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telemetry.adapters.reading_rosters import Database, newest_of, roster_meters
from telemetry.packing import unpack, unpack_meter
from telemetry.readings import MISSING, Quality, Reading, restated

QUALITY_SINCE: Final = 2
"""Files of version 1 hold no quality."""
_UNITS: Final = tuple(Decimal(1).scaleb(-decimals) for decimals in range(40))
_MAX_BYTES: Final = 65_535 * 255


class Layout(msgspec.Struct, frozen=True):
    """The columns of a block: quantity and decimals of each."""

    quantities: tuple[str, ...]
    decimals: tuple[int, ...]


_decoder = msgspec.json.Decoder(Layout)


class Rows:
    """What one connection reads; remembers layouts, which never change."""

    def __init__(self, connection: Database, version: int) -> None:
        self._connection = connection
        self._quality = "quality, doubts" if version >= QUALITY_SINCE else "0, NULL"
        self._layouts: dict[int, Layout] = {}
        self._columns: dict[int, list[tuple[str, Decimal]]] = {}

    def newest(self, meters: Sequence[str]) -> tuple[dict[str, Reading], dict[str, int]]:
        """The newest reading of each meter, and the time of it where the batch is no longer here."""
        wanted: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
        times: dict[str, int] = {}
        places = list(self._newest_places(meters))
        for meter, _, _, at_ms in places:
            times[meter] = max(times.get(meter, at_ms), at_ms)
        for meter, roster, place, at_ms in places:
            if times[meter] == at_ms:
                wanted[roster, at_ms].append((meter, place))
        parts: dict[str, list[Reading]] = defaultdict(list)
        for batch in self._batches_at(wanted):
            for reading in self._readings(batch, wanted[batch[1], batch[2]]):
                parts[reading.meter].append(reading)
        found = {meter: same[0] if len(same) == 1 else restated(same) for meter, same in parts.items()}
        return found, {meter: at_ms for meter, at_ms in times.items() if meter not in found}

    def _newest_places(self, meters: Sequence[str]) -> Iterator[tuple[str, int, int, int]]:
        """(meter, roster, place in it, time of its newest reading there)."""
        by_roster: dict[int, list[tuple[str, int]]] = defaultdict(list)
        rows = self._connection.execute(
            "SELECT roster, meter, place FROM meter_rosters WHERE meter IN (SELECT value FROM json_each(?))",
            (as_list(meters),),
        )
        for roster, meter, place in rows:
            by_roster[roster].append((meter, place))
        rows = self._connection.execute(
            "SELECT roster, meters, newest, newest_at_ms, others FROM latest JOIN rosters USING (roster) "
            "WHERE roster IN (SELECT value FROM json_each(?))",
            (as_list(by_roster),),
        )
        for roster, packed, newest, newest_at_ms, others in rows:
            size = len(roster_meters(packed)) if others else 1
            batch, at_ms = newest_of(size, newest, newest_at_ms, others)
            for meter, place in by_roster[roster]:
                index = place if others else 0
                if batch[index]:
                    yield meter, roster, place, int(at_ms[index])

    def _batches_at(self, instants: Iterable[tuple[int, int]]) -> Iterator[tuple[Any, ...]]:
        """(terminal, roster, at_ms, received_ms, layout, block, quality, doubts) of rosters and times."""
        pairs = msgspec.json.encode(list(instants)).decode()
        rows: Iterator[tuple[Any, ...]] = self._connection.execute(
            f"SELECT terminal, batches.roster, at_ms, received_ms, layout, block, {self._quality} "  # noqa: S608
            "FROM json_each(?) AS wanted JOIN batches ON batches.roster = wanted.value ->> 0 "
            "AND at_ms = wanted.value ->> 1 JOIN rosters ON rosters.roster = batches.roster ORDER BY batch",
            (pairs,),
        )
        return rows

    def _readings(self, batch: tuple[Any, ...], meters: Sequence[tuple[str, int]]) -> Iterator[Reading]:
        terminal, _, at_ms, received_ms, layout, block, quality, packed = batch
        scaled = unpack(block)
        doubts = read_doubts(packed, scaled.shape[1])
        rows = scaled[[place for _, place in meters]].tolist()
        for (meter, place), row in zip(meters, rows, strict=True):
            values = self._values(layout, row)
            if values:
                doubtful = self._doubtful(layout, quality, doubts, place, values)
                yield Reading(meter, terminal, at_ms, received_ms, values, doubtful)

    def series(self, meter: str, from_ms: int, to_ms: int) -> list[Iterator[Reading]]:
        """One meter's readings as written, each iterator in order of time."""
        rosters = self._connection.execute(
            "SELECT roster, place, terminal FROM meter_rosters JOIN rosters USING (roster) WHERE meter = ?",
            (meter,),
        ).fetchall()
        return [
            self._stretch(meter, roster, place, terminal, from_ms, to_ms)
            for roster, place, terminal in rosters
        ]

    def _stretch(
        self, meter: str, roster: int, place: int, terminal: str, from_ms: int, to_ms: int
    ) -> Iterator[Reading]:
        rows = self._connection.execute(
            f"SELECT at_ms, received_ms, layout, block, {self._quality} FROM batches "  # noqa: S608
            "WHERE roster = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms, batch",
            (roster, from_ms, to_ms),
        )
        for at_ms, received_ms, layout, block, quality, packed in rows:
            row = unpack_meter(block, place).tolist()
            values = self._values(layout, row)
            if values:
                doubts = read_doubts(packed, len(row))
                doubtful = self._doubtful(layout, quality, doubts, place, values)
                yield Reading(meter, terminal, at_ms, received_ms, values, doubtful)

    def _values(self, layout: int, row: Sequence[int]) -> dict[str, Decimal]:
        columns = self._columns.get(layout) or self._read_columns(layout)
        # Multiplying is exact (19 digits fit into 28) and quicker than shifting the exponent.
        return {
            quantity: value * unit
            for (quantity, unit), value in zip(columns, row, strict=True)
            if value != MISSING
        }

    def _read_columns(self, layout: int) -> list[tuple[str, Decimal]]:
        found = self.layout(layout)
        columns = [(name, _UNITS[d]) for name, d in zip(found.quantities, found.decimals, strict=True)]
        self._columns[layout] = columns
        return columns

    def _doubtful(
        self,
        layout: int,
        quality: int,
        doubts: NDArray[np.uint8] | None,
        place: int,
        values: Mapping[str, Decimal],
    ) -> dict[str, Quality]:
        if doubts is None:
            return dict.fromkeys(values, Quality(quality)) if quality else {}
        return {
            quantity: Quality(quality | doubt)
            for quantity, doubt in zip(self.layout(layout).quantities, doubts[place].tolist(), strict=True)
            if quality | doubt and quantity in values
        }

    def layout(self, number: int) -> Layout:
        """The columns of a batch."""
        if number not in self._layouts:
            query = "SELECT columns FROM layouts WHERE layout = ?"
            text = self._connection.execute(query, (number,)).fetchone()[0]
            self._layouts[number] = _decoder.decode(text)
        return self._layouts[number]


def merged(parts: Iterable[Reading]) -> Iterator[Reading]:
    """Readings of one meter in order of time, those of one instant as one."""
    for _, same in groupby(parts, key=lambda reading: reading.at_ms):
        yield restated(same)


def packed_doubts(doubts: NDArray[np.uint8] | None) -> bytes | None:
    """``doubts`` as a row holds them; None costs nothing."""
    if doubts is None or not doubts.any():
        return None
    return zlib.compress(np.ascontiguousarray(doubts, dtype=np.uint8).tobytes(), 1)


def read_doubts(packed: bytes | None, quantities: int) -> NDArray[np.uint8] | None:
    """What ``packed_doubts`` was given."""
    if packed is None:
        return None
    single = zlib.decompressobj().decompress(packed, _MAX_BYTES)
    return np.frombuffer(single, dtype=np.uint8).reshape(-1, quantities)


def as_list(wanted: Iterable[int] | Iterable[str]) -> str:
    """As JSON, for SQLite's ``json_each``: one statement, however many there are."""
    return msgspec.json.encode(list(dict.fromkeys(wanted))).decode()
