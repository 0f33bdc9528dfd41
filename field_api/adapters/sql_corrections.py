"""What people corrected, in the desk's table beside the evidence that counts."""

import json
from collections.abc import Collection

from sqlalchemy import Connection, Row, func, insert, select

from field_api.adapters.tables import corrections, evidence
from field_api.orders.corrections import Correction
from geo.adapters.database import lock_log
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.evidence import Evidence, EvidenceKind

MAX_READ = 1_000


class SqlCorrections:
    """``Corrections`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._evidence = SqlEvidenceLog(connection.engine, evidence)

    def by_key(self, key: str) -> Correction | None:
        row = self._connection.execute(select(corrections).where(corrections.c.key == key)).first()
        return None if row is None else _correction(row)

    def add(self, correction: Correction) -> None:
        lock_log(self._connection, corrections.name)
        newest = int(self._connection.scalar(select(func.max(corrections.c.id))) or 0)
        self._connection.execute(
            insert(corrections).values(
                id=newest + 1, key=correction.key, outage_id=correction.outage_id, kind=correction.kind.value,
                things=json.dumps(correction.things, ensure_ascii=False), note=correction.note,
                at_ms=correction.at_ms, said_ms=correction.said_ms, user_id=correction.user_id,
                user_name=correction.user_name,
            )
        )  # fmt: skip
        self.witness(correction.evidence)

    def of_outage(self, outage_id: str) -> tuple[Correction, ...]:
        query = select(corrections).where(corrections.c.outage_id == outage_id).order_by(corrections.c.id)
        return tuple(_correction(row) for row in self._connection.execute(query.limit(MAX_READ)))

    def of_kinds(self, kinds: Collection[EvidenceKind], limit: int) -> tuple[Correction, ...]:
        query = select(corrections).where(corrections.c.kind.in_(sorted(kinds)))
        rows = self._connection.execute(query.order_by(corrections.c.id.desc()).limit(min(limit, MAX_READ)))
        return tuple(_correction(row) for row in rows)

    def witness(self, fact: Evidence) -> None:
        self._evidence.append_within(self._connection, [fact])


def _correction(row: Row[tuple[object, ...]]) -> Correction:
    return Correction(
        key=row.key,
        outage_id=row.outage_id,
        kind=EvidenceKind(row.kind),
        things=tuple(json.loads(row.things)),
        note=row.note,
        at_ms=row.at_ms,
        said_ms=row.said_ms,
        user_id=row.user_id,
        user_name=row.user_name,
    )
