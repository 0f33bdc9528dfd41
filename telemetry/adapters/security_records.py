"""The record of refusals on the gateway's database, as others read it."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Engine, func, select

from telemetry.adapters.gateway_tables import security_events
from telemetry.gateway_ports import SecurityRecord

MAX_PAGE: Final = 10_000


class SqlSecurityRecords:
    """``SecurityRecords`` on the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, before_id: int | None = None, limit: int = 100) -> tuple[SecurityRecord, ...]:
        """Newest first, those with id < ``before_id``, at most ``limit`` (10,000)."""
        query = select(security_events).order_by(security_events.c.id.desc())
        if before_id is not None:
            query = query.where(security_events.c.id < before_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_PAGE))).all()
        return tuple(
            SecurityRecord(
                id=row.id, threat=row.threat, source=row.source, door=row.door, finding=row.finding,
                times=row.times, first_ms=row.first_ms, last_ms=row.last_ms,
            )
            for row in rows
        )  # fmt: skip

    def counts(self) -> Mapping[str, int]:
        """How often each threat was tried, of all that is kept."""
        total = func.sum(security_events.c.times).label("total")
        query = select(security_events.c.threat, total).group_by(security_events.c.threat)
        with self._engine.connect() as connection:
            return {row.threat: int(row.total) for row in connection.execute(query)}
