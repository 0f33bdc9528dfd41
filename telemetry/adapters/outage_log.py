"""The outage log on SQLite or PostgreSQL: revisions, and the detector's position in the same transaction."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, func, insert, select, update

from geo.adapters.database import lock_log, writing
from telemetry.adapters.outage_tables import HEADS, POSITIONS, REVISIONS, SNAPSHOTS
from telemetry.outages import OPEN_STATES, LoggedRevision, OutageRevision
from telemetry.ports import DetectorPosition, FoldSnapshot

MAX_CURRENT: Final = 10_000
"""Most outages that ``current`` answers; a province has had fewer open at once."""
MAX_REVISIONS: Final = 10_000

_OPEN: Final = sorted(state.value for state in OPEN_STATES)


class SqlOutageLog:
    """``OutageLog`` and ``FoldSnapshots`` on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def publish(self, revisions: Sequence[OutageRevision], position: DetectorPosition) -> None:
        """Append and move the position, all or none; a repeated (outage, revision) raises IntegrityError."""
        with writing(self._engine).begin() as connection:
            lock_log(connection, "outage_revision")
            first = 1 + _newest_id(connection)
            if revisions:
                connection.execute(
                    insert(REVISIONS), [_row(first + n, revision) for n, revision in enumerate(revisions)]
                )
            for n, revision in enumerate(revisions):
                _move_head(connection, first + n, revision)
            for log, reached in position.positions.items():
                _move_position(connection, log, reached)

    def position(self) -> DetectorPosition:
        with self._engine.connect() as connection:
            rows = connection.execute(select(POSITIONS)).all()
        return DetectorPosition({row.log: row.position for row in rows})

    def read(self, after_id: int, limit: int = 1000) -> tuple[LoggedRevision, ...]:
        return self._all(_SELECT.where(REVISIONS.c.id > after_id).order_by(REVISIONS.c.id).limit(limit))

    def newest_id(self) -> int:
        """0 while the log is empty."""
        with self._engine.connect() as connection:
            return _newest_id(connection)

    def current(self, open_only: bool) -> tuple[LoggedRevision, ...]:
        query = _SELECT.join(HEADS, HEADS.c.newest_id == REVISIONS.c.id)
        if open_only:
            query = query.where(HEADS.c.state.in_(_OPEN))
        return self._all(
            query.order_by(HEADS.c.started_at_ms.desc(), REVISIONS.c.id.desc()).limit(MAX_CURRENT)
        )

    def revisions(self, outage_id: str) -> tuple[LoggedRevision, ...]:
        query = _SELECT.where(REVISIONS.c.outage_id == outage_id).order_by(REVISIONS.c.revision)
        return self._all(query.limit(MAX_REVISIONS))

    def keep(self, snapshot: FoldSnapshot) -> None:
        """Replace the snapshot."""
        row = {
            "network_hash": snapshot.network_hash,
            "positions": json.dumps(dict(snapshot.positions), sort_keys=True),
            "body": snapshot.body,
        }
        with writing(self._engine).begin() as connection:
            lock_log(connection, "detector_snapshot")
            if not connection.execute(update(SNAPSHOTS).where(SNAPSHOTS.c.id == 1).values(row)).rowcount:
                connection.execute(insert(SNAPSHOTS).values(id=1, **row))

    def kept(self) -> FoldSnapshot | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(SNAPSHOTS)).first()
        if row is None:
            return None
        positions: Mapping[str, int] = json.loads(row.positions)
        return FoldSnapshot(row.network_hash, positions, bytes(row.body))

    def _all(self, query: Select[tuple[int, str]]) -> tuple[LoggedRevision, ...]:
        with self._engine.connect() as connection:
            return tuple(_logged(row) for row in connection.execute(query))


_SELECT: Final = select(REVISIONS.c.id, REVISIONS.c.body)


def _logged(row: Row[tuple[int, str]]) -> LoggedRevision:
    return LoggedRevision(row.id, msgspec.json.decode(row.body, type=OutageRevision))


def _newest_id(connection: Connection) -> int:
    newest: int | None = connection.execute(select(func.max(REVISIONS.c.id))).scalar()
    return newest or 0


def _row(identifier: int, revision: OutageRevision) -> dict[str, object]:
    return {
        "id": identifier,
        "outage_id": revision.outage_id,
        "revision": revision.revision,
        "at_ms": revision.at_ms,
        "state": revision.state.value,
        "started_at_ms": revision.started_at_ms,
        "restored_at_ms": revision.restored_at_ms,
        "probability": revision.probability,
        "body": msgspec.json.encode(revision).decode(),
    }


def _move_head(connection: Connection, identifier: int, revision: OutageRevision) -> None:
    values = {
        "newest_id": identifier,
        "state": revision.state.value,
        "started_at_ms": revision.started_at_ms,
    }
    moved = connection.execute(update(HEADS).where(HEADS.c.outage_id == revision.outage_id).values(values))
    if not moved.rowcount:
        connection.execute(insert(HEADS).values(outage_id=revision.outage_id, **values))


def _move_position(connection: Connection, log: str, reached: int) -> None:
    moved = connection.execute(update(POSITIONS).where(POSITIONS.c.log == log).values(position=reached))
    if not moved.rowcount:
        connection.execute(insert(POSITIONS).values(log=log, position=reached))
