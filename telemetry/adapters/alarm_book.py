"""The book of alarms in a SQL database; one transaction a round."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, insert, select, update

from geo.adapters.database import lock_log, writing
from telemetry.adapters.alarm_tables import ALARMS, POSITIONS, TRACKS, VOLTAGE
from telemetry.alarm_ports import LoggedAlarm, Watched
from telemetry.fault_watch import Alarm, Key
from telemetry.faults import Track
from telemetry.voltage_quality import Counted

MAX_LISTED: Final = 1_000
_ALARM: Final = tuple(Alarm.__dataclass_fields__)


class SqlAlarmBook:
    """``AlarmBook`` on one database. What was written last is remembered, so that a round writes changes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tracks: dict[Key, Track] = {}

    def keep(self, watched: Watched, now_ms: int) -> None:
        """Note what is new, what changed and what ended."""
        with writing(self._engine).begin() as connection:
            lock_log(connection, ALARMS.name)
            _keep_alarms(connection, watched, now_ms)
            self._keep_tracks(connection, watched.tracks)
            _put(connection, POSITIONS, ("name",), _positions(watched.positions))
            _add_voltage(connection, watched.voltage)
        self._tracks = dict(watched.tracks)

    def resume(self) -> tuple[dict[Key, Track], dict[str, int]]:
        """Tracks and positions as last kept."""
        with self._engine.connect() as connection:
            tracks = {(row.rule, row.subject): Track(*row[2:]) for row in connection.execute(select(TRACKS))}
            positions = {row.name: row.position for row in connection.execute(select(POSITIONS))}
        self._tracks = dict(tracks)
        return tracks, positions

    def listed(
        self, *, standing: bool, before_id: int | None = None, limit: int = 100, explained: bool = True
    ) -> Sequence[LoggedAlarm]:
        """Newest first, at most ``limit`` (1,000)."""
        query = select(ALARMS).order_by(ALARMS.c.id.desc()).limit(min(limit, MAX_LISTED))
        if standing:
            query = query.where(ALARMS.c.cleared_ms.is_(None))
        if before_id is not None:
            query = query.where(ALARMS.c.id < before_id)
        if not explained:
            query = query.where(ALARMS.c.swallowed_by == "")
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [LoggedAlarm(row.id, _alarm(row), row.cleared_ms) for row in rows]

    def pass_rates(self, first_day: str, last_day: str) -> Mapping[str, Counted]:
        """Values counted by transformer over these days, both included."""
        query = (
            select(VOLTAGE.c.transformer, func.sum(VOLTAGE.c.monitored), func.sum(VOLTAGE.c.outside))
            .where(VOLTAGE.c.day >= first_day, VOLTAGE.c.day <= last_day)
            .group_by(VOLTAGE.c.transformer)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {
            transformer: Counted(int(monitored), int(outside)) for transformer, monitored, outside in rows
        }

    def forget_before(self, cleared_ms: int) -> int:
        """Let go of alarms that ended before; how many."""
        with writing(self._engine).begin() as connection:
            return connection.execute(delete(ALARMS).where(ALARMS.c.cleared_ms < cleared_ms)).rowcount

    def _keep_tracks(self, connection: Connection, tracks: Mapping[Key, Track]) -> None:
        gone = self._tracks.keys() - tracks.keys()
        _remove(connection, TRACKS, ("rule", "subject"), [{"rule": r, "subject": s} for r, s in gone])
        changed = {key: track for key, track in tracks.items() if self._tracks.get(key) != track}
        rows = [{"rule": key[0], "subject": key[1]} | asdict(track) for key, track in changed.items()]
        _put(connection, TRACKS, ("rule", "subject"), rows)


def _keep_alarms(connection: Connection, watched: Watched, now_ms: int) -> None:
    known = {
        (row.rule, row.subject): row
        for row in connection.execute(select(ALARMS).where(ALARMS.c.cleared_ms.is_(None)))
    }
    newest = int(connection.scalar(select(func.max(ALARMS.c.id))) or 0)
    fresh = [alarm for key, alarm in watched.alarms.items() if key not in known]
    rows = [{"id": newest + place, **asdict(alarm)} for place, alarm in enumerate(fresh, start=1)]
    if rows:
        connection.execute(insert(ALARMS), rows)
    for key, row in known.items():
        alarm = watched.alarms.get(key)
        if alarm is None:
            changed: dict[str, Any] = {"cleared_ms": watched.cleared_ms.get(key, now_ms)}
        elif alarm != _alarm(row):
            changed = asdict(alarm)
        else:
            continue
        connection.execute(update(ALARMS).where(ALARMS.c.id == row.id).values(**changed))


def _alarm(row: Any) -> Alarm:  # noqa: ANN401 (a row has the columns of its table)
    return Alarm(**{name: getattr(row, name) for name in _ALARM})


def _positions(positions: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "position": position} for name, position in positions.items()]


def _add_voltage(connection: Connection, voltage: Mapping[tuple[str, str], Counted]) -> None:
    rows = []
    for (transformer, day), counted in voltage.items():
        before = connection.execute(
            select(VOLTAGE.c.monitored, VOLTAGE.c.outside).where(
                VOLTAGE.c.transformer == transformer, VOLTAGE.c.day == day
            )
        ).one_or_none() or (0, 0)
        sums = {"monitored": before[0] + counted.monitored, "outside": before[1] + counted.outside}
        rows.append({"transformer": transformer, "day": day} | sums)
    _put(connection, VOLTAGE, ("transformer", "day"), rows)


def _put(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace what has these keys; the same on every server."""
    _remove(connection, table, key, rows)
    if rows:
        connection.execute(insert(table), list(rows))


def _remove(
    connection: Connection, table: Table, key: Iterable[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    names = tuple(key)
    where = [table.c[name] == bindparam(f"key_{name}") for name in names]
    if rows:
        connection.execute(delete(table).where(*where), [{f"key_{n}": row[n] for n in names} for row in rows])
