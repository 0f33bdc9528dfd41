"""The audit record in the desk's table."""

import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, or_, select

from field_api.adapters.audit_tables import audit
from field_api.people.audit_chain import START, Act, AuditRow, link
from field_api.people.ports import AuditFilter
from geo.adapters.database import lock_log

PAGE: Final = 1_000


class SqlAuditLog:
    """``AuditLog`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, at_ms: int, act: Act) -> AuditRow:
        """One appender at a time, so that the chain has no fork."""
        lock_log(self._connection, audit.name)
        newest = self.newest()
        sequence, before = (newest.sequence, newest.hash) if newest else (0, START)
        row = link(sequence + 1, at_ms, act, before)
        self._connection.execute(
            insert(audit).values(
                sequence=row.sequence, at_ms=at_ms, action=act.action, subject=act.subject,
                actor_id=act.actor_id, actor_name=act.actor_name, address=act.address,
                details=json.dumps(dict(act.details), ensure_ascii=False), before=row.before, hash=row.hash,
            )
        )  # fmt: skip
        return row

    def newest(self) -> AuditRow | None:
        row = self._connection.execute(select(audit).order_by(audit.c.sequence.desc()).limit(1)).first()
        return None if row is None else _row(row)

    def listed(self, wanted: AuditFilter, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        query = select(audit).order_by(audit.c.sequence.desc()).limit(limit)
        for column, value in ((audit.c.action, wanted.action), (audit.c.actor_id, wanted.actor_id)):
            if value:
                query = query.where(column == value)
        if (
            thing := wanted.subject
        ):  # in an operation's row it stands behind the name of its place in the path
            named = audit.c.subject.endswith(f"={thing}", autoescape=True)
            query = query.where(or_(audit.c.subject == thing, named))
        if wanted.since_ms is not None:
            query = query.where(audit.c.at_ms >= wanted.since_ms)
        if wanted.until_ms is not None:
            query = query.where(audit.c.at_ms < wanted.until_ms)
        if before is not None:
            query = query.where(audit.c.sequence < before)
        return tuple(_row(row) for row in self._connection.execute(query))

    def all_rows(self, after: int = 0) -> Iterator[AuditRow]:
        """Page by page: the record grows for years."""
        while True:
            query = select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence).limit(PAGE)
            rows = self._connection.execute(query).all()
            yield from map(_row, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].sequence


def _row(row: Row[Any]) -> AuditRow:
    try:
        details = {str(key): str(value) for key, value in json.loads(row.details).items()}
    except (ValueError, AttributeError):
        details = {"unreadable": row.details}  # its hash will tell
    act = Act(row.action, row.subject, row.actor_id, row.actor_name, row.address, details)
    return AuditRow(row.sequence, row.at_ms, act, row.before, row.hash)
