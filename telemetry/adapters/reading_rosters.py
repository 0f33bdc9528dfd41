"""Which meters a terminal reports together, and which batch holds each one's newest reading.

Kept by the writer of the embedded store in memory and, row by row, in its file.
"""

import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telemetry.readings import MISSING

SPARSE: Final = 4
"""A batch may use a roster up to this many times its size; else it gets a roster of its own."""
MANY_ROSTERS: Final = 32
"""From here on a terminal's batch takes any roster that fits, however sparse."""
MAX_CACHED: Final = 20_000
_MAX_BYTES: Final = 64 * 1024 * 1024
_names = msgspec.json.Decoder(tuple[str, ...])

Database = Any
"""A connection of the SQLite driver, which has no types."""


@dataclass(slots=True, eq=False)
class Roster:
    """A list of meters with the batch (0 = none) and time of each one's newest reading."""

    id: int
    terminal: str
    meters: tuple[str, ...]
    place: dict[str, int]
    batch: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    newest_ms: int
    """No time in ``at_ms`` is later."""

    def places_of(self, meters: tuple[str, ...]) -> NDArray[np.intp] | None:
        """Where these meters stand, or None where they are exactly this roster."""
        if meters == self.meters:
            return None
        return np.array([self.place[meter] for meter in meters], dtype=np.intp)

    def note(self, batch: int, at_ms: int, scaled: NDArray[np.int64] | None) -> None:
        """Batch ``batch`` (rows in roster order) was stored: it is the newest of whom it answers for.

        ``scaled`` is None where it answers for all.
        """
        if scaled is None and self.newest_ms <= at_ms:
            self.batch[:], self.at_ms[:], self.newest_ms = batch, at_ms, at_ms
            return
        answered = True if scaled is None else (scaled != MISSING).any(axis=1)
        newer = answered & (self.at_ms <= at_ms)
        self.newest_ms = max(self.newest_ms, at_ms)
        self.batch[newer] = batch
        self.at_ms[newer] = at_ms

    def newest_row(self) -> tuple[int, int, int, bytes | None]:
        """(roster, batch, its time, the single ones where they differ)."""
        batch, at_ms = int(self.batch[0]), int(self.at_ms[0])
        if (self.batch == batch).all():
            return self.id, batch, at_ms, None
        both = self.batch.astype("<i8").tobytes() + self.at_ms.astype("<i8").tobytes()
        return self.id, batch, at_ms, zlib.compress(both, 1)


def newest_of(
    size: int, batch: int, at_ms: int, others: bytes | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Batch and time of each of a roster's ``size`` meters, from its row in ``latest``."""
    if others is None:
        return np.full(size, batch, dtype=np.int64), np.full(size, at_ms, dtype=np.int64)
    both = np.frombuffer(zlib.decompressobj().decompress(others, _MAX_BYTES), dtype="<i8").astype(np.int64)
    return both[:size].copy(), both[size:].copy()


@dataclass(slots=True)
class Rosters:
    """The writer's memory of rosters; ``forget`` after a rollback, the file is the truth."""

    _by_terminal: dict[str, list[Roster]] = field(default_factory=dict)
    _fitting: dict[tuple[str, tuple[str, ...]], tuple[Roster, NDArray[np.intp] | None]] = field(
        default_factory=dict
    )
    _touched: dict[int, Roster] = field(default_factory=dict)

    def fitting(
        self, connection: Database, terminal: str, meters: tuple[str, ...]
    ) -> tuple[Roster, NDArray[np.intp] | None]:
        """The roster for this batch and the places of its meters in it (None: in order, all)."""
        known = self._fitting.get((terminal, meters))
        if known is None:
            roster = self._chosen(connection, terminal, meters)
            known = roster, roster.places_of(meters)
            self._fitting[terminal, meters] = known
        return known

    def limit(self, connection: Database) -> None:
        """Begin anew if too much is remembered; rosters that were given out are then no longer to be used."""
        if len(self._fitting) >= MAX_CACHED:
            self.flush(connection)
            self.forget()

    def stored(self, roster: Roster, batch: int, at_ms: int, scaled: NDArray[np.int64] | None) -> None:
        """A batch of this roster was inserted; see ``Roster.note``."""
        roster.note(batch, at_ms, scaled)
        self._touched[roster.id] = roster

    def flush(self, connection: Database) -> None:
        """Write the ``latest`` rows that changed, within the caller's transaction."""
        rows = [roster.newest_row() for roster in self._touched.values()]
        connection.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)", rows)
        self._touched.clear()

    def forget(self) -> None:
        """Read everything anew from the file. Only between transactions, or after a rollback."""
        self._by_terminal.clear()
        self._fitting.clear()
        self._touched.clear()

    def _chosen(self, connection: Database, terminal: str, meters: tuple[str, ...]) -> Roster:
        if terminal not in self._by_terminal:
            self._by_terminal[terminal] = _load(connection, terminal)
        known = self._by_terminal[terminal]
        wanted = set(meters)
        holding = [roster for roster in known if wanted <= roster.place.keys()]
        best = min(holding, key=lambda roster: len(roster.meters), default=None)
        if best and (len(best.meters) <= SPARSE * len(meters) or len(known) >= MANY_ROSTERS):
            return best
        known.append(_create(connection, terminal, meters))
        return known[-1]


def _roster(number: int, terminal: str, meters: tuple[str, ...], row: tuple[Any, ...] | None) -> Roster:
    batch, at_ms = newest_of(len(meters), *(row or (0, 0, None)))
    place = {meter: place for place, meter in enumerate(meters)}
    return Roster(number, terminal, meters, place, batch, at_ms, int(at_ms.max(initial=0)))


def _load(connection: Database, terminal: str) -> list[Roster]:
    rows = connection.execute(
        "SELECT roster, meters, newest, newest_at_ms, others FROM rosters LEFT JOIN latest USING (roster) "
        "WHERE terminal = ? ORDER BY roster",
        (terminal,),
    ).fetchall()
    return [
        _roster(number, terminal, roster_meters(meters), None if newest is None else (newest, at_ms, others))
        for number, meters, newest, at_ms, others in rows
    ]


def _create(connection: Database, terminal: str, meters: tuple[str, ...]) -> Roster:
    packed = zlib.compress(msgspec.json.encode(meters), 1)
    number = connection.execute(
        "INSERT INTO rosters (terminal, meters) VALUES (?, ?)", (terminal, packed)
    ).lastrowid
    places = [(meter, number, place) for place, meter in enumerate(meters)]
    connection.executemany("INSERT INTO meter_rosters VALUES (?, ?, ?)", places)
    return _roster(int(number), terminal, meters, None)


def roster_meters(packed: bytes) -> tuple[str, ...]:
    """The meters of a row of ``rosters``."""
    return _names.decode(zlib.decompressobj().decompress(packed, _MAX_BYTES))
