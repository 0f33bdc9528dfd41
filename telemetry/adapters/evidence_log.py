"""The evidence log on SQLite and PostgreSQL: one table, ids without gaps in commit order.

Devices of a row are packed (JSON, deflated where that is worth it); the same roster is packed once and
remembered.
"""

import zlib
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Select, Table, func, select

from geo.adapters.database import lock_log, writing
from geo.adapters.many_rows import insert_many, rows_named
from telemetry.adapters import gateway_tables
from telemetry.evidence import Evidence, EvidenceKind, LoggedEvidence, Volts

MAX_READ: Final = 10_000
_COLUMNS: Final = ("id", "key", "kind", "at_ms", "received_ms", "source", "devices", "volts")
_MAX_PACKED_BYTES: Final = 16 * 1024 * 1024
_LEAST_DEFLATED_BYTES: Final = 256
"""Shorter lists stay JSON: a burst is a hundred thousand rows of one device each, and a stream costs more."""
_JSON: Final = b"["
"""How a list begins that is not deflated; no deflated one does."""
_KINDS: Final = {kind.value: kind for kind in EvidenceKind}
_devices = msgspec.json.Decoder(tuple[str, ...])
_volts = msgspec.json.Decoder(tuple[Volts, ...])


class SqlEvidenceLog:
    """``EvidenceLog`` on one table of one database (the gateway's, or another of the same shape)."""

    def __init__(self, engine: Engine, table: Table = gateway_tables.evidence) -> None:
        self._engine = engine
        self._table = table
        self._newest_id = select(func.max(table.c.id))

    def append(self, evidence: Sequence[Evidence]) -> int:
        """Append all or none; how many were new."""
        if not evidence:
            return 0
        with writing(self._engine).begin() as connection:
            return self.append_within(connection, evidence)

    def append_within(self, connection: Connection, evidence: Sequence[Evidence]) -> int:
        """Append as part of the caller's writing transaction; how many were new."""
        if not evidence:
            return 0
        lock_log(connection, self._table.name)
        first: dict[str, Evidence] = {}
        for fact in evidence:
            first.setdefault(fact.key, fact)
        known = self._known(connection, list(first))
        fresh = [fact for key, fact in first.items() if key not in known]
        if fresh:
            newest = self._newest(connection)
            rows = [_row(newest + place, fact) for place, fact in enumerate(fresh, start=1)]
            insert_many(connection, self._table, _COLUMNS, rows)
        return len(fresh)

    def read(self, after_id: int, limit: int = 1000) -> tuple[LoggedEvidence, ...]:
        """Rows with id > after_id, in order, at most ``limit`` (10,000 at once)."""
        query = self._whole_rows().where(self._table.c.id > after_id).order_by(self._table.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_READ))).all()
        return tuple(_logged(row) for row in rows)

    def of_kinds(
        self, kinds: Collection[EvidenceKind], after_id: int, last_id: int, limit: int = 1000
    ) -> tuple[LoggedEvidence, ...]:
        """Rows of these kinds with after_id < id ≤ last_id, in order, at most ``limit``."""
        table = self._table
        within = (table.c.id > after_id) & (table.c.id <= last_id)
        query = self._whole_rows().where(within & table.c.kind.in_(sorted(kinds))).order_by(table.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_READ))).all()
        return tuple(_logged(row) for row in rows)

    def first_id_since(self, received_ms: int) -> int:
        """Id of the first row received at or after that instant, or one past the newest."""
        query = select(func.min(self._table.c.id)).where(self._table.c.received_ms >= received_ms)
        with self._engine.connect() as connection:
            first = connection.scalar(query)
            return int(first) if first is not None else self._newest(connection) + 1

    def newest_id(self) -> int:
        """0 while empty."""
        with self._engine.connect() as connection:
            return self._newest(connection)

    def _whole_rows(self) -> Select[Any]:
        return select(*(self._table.c[name] for name in _COLUMNS))

    def _newest(self, connection: Connection) -> int:
        return int(connection.scalar(self._newest_id) or 0)

    def _known(self, connection: Connection, keys: list[str]) -> set[str]:
        return {row[0] for row in rows_named(connection, self._table, ("key",), keys)}


def _row(place: int, fact: Evidence) -> tuple[Any, ...]:
    """As ``_COLUMNS``."""
    return (
        place,
        fact.key,
        fact.kind.value,
        fact.at_ms,
        fact.received_ms,
        fact.source,
        _packed_devices(fact.devices),
        _packed_volts(fact.volts) if fact.volts else None,
    )


def _logged(row: Sequence[Any]) -> LoggedEvidence:
    """Of a row as ``_COLUMNS``."""
    place, key, kind, at_ms, received_ms, source, devices, volts = row
    said = _volts.decode(_inflated(bytes(volts))) if volts is not None else ()
    named = _unpacked_devices(bytes(devices))
    return LoggedEvidence(place, Evidence(_KINDS[kind], at_ms, received_ms, source, named, key, said))


@lru_cache(maxsize=4096)
def _packed_volts(volts: tuple[Volts, ...]) -> bytes:
    """Whole volts of a good frame repeat from frame to frame."""
    return zlib.compress(msgspec.json.encode(volts), 1)


def _packed_devices(devices: tuple[str, ...]) -> bytes:
    if len(devices) > 1:
        return _packed_roster(devices)
    return msgspec.json.encode(devices)


@lru_cache(maxsize=4096)
def _packed_roster(devices: tuple[str, ...]) -> bytes:
    plain = msgspec.json.encode(devices)
    return plain if len(plain) < _LEAST_DEFLATED_BYTES else zlib.compress(plain, 1)


def _unpacked_devices(packed: bytes) -> tuple[str, ...]:
    return _devices.decode(packed) if packed.startswith(_JSON) else _unpacked_roster(packed)


@lru_cache(maxsize=4096)
def _unpacked_roster(packed: bytes) -> tuple[str, ...]:
    return _devices.decode(_inflated(packed))


def _inflated(packed: bytes) -> bytes:
    return zlib.decompressobj().decompress(packed, _MAX_PACKED_BYTES)
