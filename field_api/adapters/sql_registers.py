"""Entries of registers in the desk's tables."""

import json
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from field_api.adapters.register_tables import register_entries as entries
from field_api.adapters.sql_organisation import in_scope
from field_api.people.users import Scope
from field_api.service.registering import Entry


class SqlRegisterEntries:
    """``RegisterEntries`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: Entry) -> None:
        self._connection.execute(
            insert(entries).values(
                id=entry.id, register=entry.register, subject_id=entry.subject_id, grid_id=entry.grid_id,
                document=json.dumps(entry.document, ensure_ascii=False, allow_nan=False), by=entry.by,
                by_name=entry.by_name, from_ms=entry.from_ms, until_ms=entry.until_ms,
            )
        )  # fmt: skip

    def end(self, entry_id: str, until_ms: int) -> bool:
        ended = self._connection.execute(
            update(entries)
            .where(entries.c.id == entry_id, entries.c.until_ms.is_(None))
            .values(until_ms=until_ms)
        )
        return ended.rowcount == 1

    def get(self, scope: Scope, entry_id: str) -> Entry | None:
        query = select(entries).where(entries.c.id == entry_id, in_scope(entries.c.grid_id, scope))
        row = self._connection.execute(query).first()
        return None if row is None else _entry(row)

    def held(
        self, scope: Scope, register: str, at_ms: int, subject_id: str | None, after_id: str, limit: int
    ) -> tuple[Entry, ...]:
        query = select(entries).where(
            entries.c.register == register, in_scope(entries.c.grid_id, scope), entries.c.id > after_id,
            entries.c.from_ms <= at_ms, or_(entries.c.until_ms.is_(None), entries.c.until_ms > at_ms),
        )  # fmt: skip
        if subject_id is not None:
            query = query.where(entries.c.subject_id == subject_id)
        rows = self._connection.execute(query.order_by(entries.c.id).limit(limit))
        return tuple(_entry(row) for row in rows)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.id, row.register, row.subject_id, row.grid_id, json.loads(row.document), row.by, row.by_name,
        row.from_ms, row.until_ms,
    )  # fmt: skip
