"""Which meters a terminal speaks for, numbered in the order in which they came; new ones become devices.

A roster that was seen before costs one look-up in a dictionary and no query.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select, text, update

from telemetry.adapters.gateway_tables import devices, meter_places
from telemetry.completeness import Places
from telemetry.devices import DeviceKind
from telemetry.readings import MISSING, ReadingBatch

MAX_METERS: Final = 4_000_000
"""Most meters whose places are remembered at once; then it begins anew."""
_NAMES_PER_QUERY: Final = 500
_NEW_METER: Final = text(
    "INSERT INTO devices (device, kind, parent, approval, decided_by, lost_by, first_seen_ms, last_seen_ms, "
    "door, model, maker, firmware, foreign_id, certificate_state, certificate_serial) VALUES (:device, "
    "'meter', :parent, 'approved', 'with its terminal', '', :at_ms, :at_ms, "
    ":door, '', '', '', '', '', '')"
)
"""As text: a million meters come with few columns of their own."""
_NEW_PLACE: Final = text(
    "INSERT INTO meter_places (meter, terminal, place) VALUES (:meter, :terminal, :place)"
)


@dataclass(slots=True)
class MeterPlaces:
    """Runs of places of the meters of a batch."""

    _rosters: dict[tuple[str, tuple[str, ...]], Places] = field(default_factory=dict)
    _remembered: int = 0

    def forget(self) -> None:
        """After a rollback: places given meanwhile are void."""
        self._rosters.clear()
        self._remembered = 0

    def answered(self, connection: Connection, batch: ReadingBatch, first_seen_ms: int, door: str) -> Places:
        """Runs of places of those meters of the batch that have any value."""
        runs = self._rosters.get((batch.terminal, batch.meters))
        if runs is None:
            runs = runs_of(_numbered(connection, batch, first_seen_ms, door))
            if self._remembered > MAX_METERS:
                self.forget()
            self._rosters[batch.terminal, batch.meters] = runs
            self._remembered += len(batch.meters)
        if batch.scaled.size and batch.scaled.min() != MISSING:
            return runs
        told = (batch.scaled != MISSING).any(axis=1)
        if told.all():
            return runs
        places = _found(connection, batch.terminal, batch.meters)
        return runs_of(np.array([places[m] for m, t in zip(batch.meters, told, strict=True) if t], np.int32))


def runs_of(places: NDArray[np.int32]) -> Places:
    """Places as runs (first, behind), in order."""
    ordered = np.sort(places)
    if not len(ordered):
        return np.empty((0, 2), dtype=np.int32)
    breaks = np.flatnonzero(np.diff(ordered) != 1) + 1
    firsts, lasts = ordered[np.r_[0, breaks]], ordered[np.r_[breaks - 1, len(ordered) - 1]]
    return np.stack((firsts, lasts + 1), axis=1).astype(np.int32)


def _numbered(
    connection: Connection, batch: ReadingBatch, first_seen_ms: int, door: str
) -> NDArray[np.int32]:
    """The place of each meter of the batch; those that are new get one and become devices."""
    known = _found(connection, batch.terminal, batch.meters)
    fresh = [meter for meter in batch.meters if meter not in known]
    if fresh:
        query = select(func.max(meter_places.c.place)).where(meter_places.c.terminal == batch.terminal)
        newest = connection.scalar(query)
        start = 0 if newest is None else int(newest) + 1
        given = {meter: start + number for number, meter in enumerate(fresh)}
        rows = [
            {"meter": meter, "terminal": batch.terminal, "place": place} for meter, place in given.items()
        ]
        connection.execute(_NEW_PLACE, rows)
        _note_meters(connection, batch.terminal, fresh, first_seen_ms, door)
        known |= given
    return np.array([known[meter] for meter in batch.meters], dtype=np.int32)


def _found(connection: Connection, terminal: str, meters: tuple[str, ...]) -> dict[str, int]:
    columns = (meter_places.c.meter, meter_places.c.place)
    mine = meter_places.c.terminal == terminal
    return {
        row.meter: int(row.place)
        for part in _parts(meters)
        for row in connection.execute(select(*columns).where(mine, meter_places.c.meter.in_(part)))
    }


def _note_meters(connection: Connection, terminal: str, meters: list[str], at_ms: int, door: str) -> None:
    """Meters that speak through this terminal for the first time: new devices, or moved here."""
    known: dict[str, Any] = {
        row.device: row
        for part in _parts(meters)
        for row in connection.execute(
            select(devices.c.device, devices.c.kind, devices.c.parent).where(devices.c.device.in_(part))
        )
    }
    same = {"parent": terminal, "at_ms": at_ms, "door": door}
    fresh = [{"device": meter, **same} for meter in meters if meter not in known]
    if fresh:
        connection.execute(_NEW_METER, fresh)
    moved = [row.device for row in known.values() if row.kind != DeviceKind.TERMINAL]
    for part in _parts(moved):
        connection.execute(update(devices).where(devices.c.device.in_(part)).values(parent=terminal))


def _parts(names: Iterable[str]) -> Iterable[list[str]]:
    listed = list(names)
    for start in range(0, len(listed), _NAMES_PER_QUERY):
        yield listed[start : start + _NAMES_PER_QUERY]
