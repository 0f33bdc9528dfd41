"""Ping wishes as a table of whoever has them: the desk's database, later also the outages'."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, func, insert, inspect, select

from geo.adapters.database import lock_log, writing
from telemetry.adapters.gateway_tables import WIDE
from telemetry.pings import MAX_DEVICES, LoggedWish, PingWish

MAX_READ: Final = 1_000
LOOK_S: Final = 2.0
_devices = msgspec.json.Decoder(tuple[str, ...])


def ping_wishes_table(metadata: MetaData, name: str = "ping_wishes") -> Table:
    """The table, the same in every database that keeps one."""
    return Table(
        name,
        metadata,
        Column("id", WIDE, primary_key=True, autoincrement=False),
        Column("key", Text, nullable=False, unique=True),
        Column("terminal", Text, nullable=False),
        Column("devices", Text, nullable=False),
        Column("asked_ms", BigInteger, nullable=False),
        Column("expires_ms", BigInteger, nullable=False),
        Column("asked_by", Text, nullable=False),
    )


TABLE: Final = ping_wishes_table(MetaData())


class SqlPingWishes:
    """``PingWishes`` on one table of one database."""

    def __init__(self, engine: Engine, table: Table = TABLE) -> None:
        self._engine = engine
        self._table = table
        self._stands = False
        self._next_look_s = 0.0

    def wish(self, wishes: Sequence[PingWish]) -> int:
        """Append all or none; how many were new. Raises ValueError for a wish of no or too many devices."""
        for wish in wishes:
            if not 0 < len(wish.devices) <= MAX_DEVICES:
                raise ValueError(f"devices: expected 1 to {MAX_DEVICES}, found {len(wish.devices)}")
        with writing(self._engine).begin() as connection:
            lock_log(connection, self._table.name)
            keys = [wish.key for wish in wishes]
            known = set(connection.scalars(select(self._table.c.key).where(self._table.c.key.in_(keys))))
            newest = int(connection.scalar(select(func.max(self._table.c.id))) or 0)
            fresh = {wish.key: wish for wish in wishes if wish.key not in known}
            rows = [_row(newest + place, wish) for place, wish in enumerate(fresh.values(), start=1)]
            if rows:
                connection.execute(insert(self._table), rows)
        return len(rows)

    def read(self, after_id: int, limit: int = 100) -> tuple[LoggedWish, ...]:
        """Rows with id > after_id, in order, at most ``limit`` (1,000); none while there is no table."""
        if not self._is_there():
            return ()
        query = select(self._table).where(self._table.c.id > after_id).order_by(self._table.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_READ))).all()
        return tuple(
            LoggedWish(
                row.id,
                PingWish(
                    row.key,
                    row.terminal,
                    _devices.decode(row.devices),
                    row.asked_ms,
                    row.expires_ms,
                    row.asked_by,
                ),
            )
            for row in rows
        )

    def newest_id(self) -> int:
        """0 while empty or while there is no table."""
        if not self._is_there():
            return 0
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.max(self._table.c.id))) or 0)

    def _is_there(self) -> bool:
        """The desk's database may be made after the gateway started; looking must not make a file."""
        if not self._stands and time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + LOOK_S
            file = self._engine.url.database or ""
            absent = self._engine.dialect.name == "sqlite" and not Path(file).exists()
            self._stands = not absent and inspect(self._engine).has_table(self._table.name)
        return self._stands


def _row(place: int, wish: PingWish) -> dict[str, object]:
    return {
        "id": place,
        "key": wish.key,
        "terminal": wish.terminal,
        "devices": msgspec.json.encode(wish.devices).decode(),
        "asked_ms": wish.asked_ms,
        "expires_ms": wish.expires_ms,
        "asked_by": wish.asked_by,
    }
