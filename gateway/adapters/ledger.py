"""The gateway's ledger on SQLite or PostgreSQL: what frames said, once in effect, in one transaction."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from gateway.adapters import certificates, security_log
from gateway.adapters.arrivals_ledger import note_arrivals
from gateway.adapters.device_ledger import DeviceLedger
from gateway.frames import Lane
from gateway.ingest import Entry, Sorted, sort_out
from geo.adapters.database import lock_log, writing
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_tables import dead_letters, gateway_state, seen_frames
from telemetry.evidence import Evidence, EvidenceKind

log = logging.getLogger(__name__)

_NAMES_PER_QUERY: Final = 500
REGISTRY: Final = "registry"
HOUSEKEEPING_MS: Final = 600_000


class SqlLedger:
    """``Ledger`` on the gateway's database. One process writes."""

    def __init__(self, engine: Engine, code_version: str, devices: DeviceLedger | None = None) -> None:
        """``code_version`` is noted with dead letters, which may be tried again by a later one."""
        self._engine = engine
        self._code_version = code_version
        self._evidence = SqlEvidenceLog(engine)
        self._devices = devices or DeviceLedger()
        self._house_kept_ms = 0

    def cursor(self, lane: Lane) -> int:
        """Position in the lane's spool up to which everything is committed."""
        with self._engine.connect() as connection:
            return _state(connection).get(f"cursor.{lane}", 0)

    def online(self) -> tuple[str, ...]:
        """Terminals that spoke last and were not lost since."""
        with self._engine.connect() as connection:
            return self._devices.online(connection)

    def screen(self, lane: Lane, entries: Sequence[Entry]) -> list[Entry]:
        """Frames of terminals that are not believed become dead letters; the others' readings get doubts."""
        with self._engine.connect() as connection:
            return self._devices.screen(connection, lane, entries)

    def commit(self, lane: Lane, entries: Sequence[Entry], cursor: int, pending: int) -> Sorted:
        """Write what the frames said and move the lane's cursor, all or none; repeated frames only count."""
        try:
            return self._commit(lane, entries, cursor, pending)
        except BaseException:
            self._devices.forget()
            raise

    def _commit(self, lane: Lane, entries: Sequence[Entry], cursor: int, pending: int) -> Sorted:
        with writing(self._engine).begin() as connection:
            lock_log(connection, "gateway")
            result = sort_out(entries, _seen(connection, entries))
            self._evidence.append_within(
                connection, [fact for entry in result.stored for fact in entry.decoded.evidence]
            )
            _remember(connection, (*result.stored, *result.dead))
            _bury(connection, result.dead, self._code_version)
            self._devices.register(connection, result.stored, result.dead)
            note_arrivals(
                connection, self._devices.places, result.stored, result.dead, _repeated(entries, result)
            )
            security_log.record(connection, (*result.stored, *result.dead))
            self._keep_house(connection, max((entry.received_ms for entry in entries), default=0))
            _count(connection, result, len(entries), {f"cursor.{lane}": cursor, f"pending.{lane}": pending})
        return result

    def _keep_house(self, connection: Connection, now_ms: int) -> None:
        """Now and then: what certificates are worth changes with time alone."""
        if now_ms - self._house_kept_ms < HOUSEKEEPING_MS:
            return
        self._house_kept_ms = now_ms
        certificates.show_in_registry(connection, now_ms)
        security_log.forget(connection, now_ms)

    def report_silent(self, terminals: Sequence[str], now_ms: int) -> None:
        """These are overdue: evidence ``silent`` for each, and offline in the registry."""
        with writing(self._engine).begin() as connection:
            lost = self._devices.lose(connection, terminals)
            facts = [_silent(terminal, last_seen_ms, now_ms) for terminal, last_seen_ms in lost]
            self._evidence.append_within(connection, facts)

    def forget_seen(self, before_ms: int) -> int:
        """Forget names of frames received before; how many."""
        with writing(self._engine).begin() as connection:
            return connection.execute(
                delete(seen_frames).where(seen_frames.c.received_ms < before_ms)
            ).rowcount


def _silent(terminal: str, last_seen_ms: int, now_ms: int) -> Evidence:
    return Evidence(
        kind=EvidenceKind.SILENT,
        at_ms=now_ms,
        received_ms=now_ms,
        source=REGISTRY,
        devices=(terminal,),
        key=f"{REGISTRY}/{terminal}/{last_seen_ms}/{EvidenceKind.SILENT}",
    )


def _repeated(entries: Sequence[Entry], result: Sorted) -> list[Entry]:
    if not result.duplicate:
        return []
    new = {id(entry) for entry in (*result.stored, *result.dead)}
    return [entry for entry in entries if id(entry) not in new]


def _state(connection: Connection) -> dict[str, int]:
    return {row.name: int(row.value) for row in connection.execute(select(gateway_state))}


def _seen(connection: Connection, entries: Sequence[Entry]) -> Mapping[str, int]:
    names = [name for entry in entries for name in entry.names()]
    seen: dict[str, int] = {}
    for start in range(0, len(names), _NAMES_PER_QUERY):
        part = names[start : start + _NAMES_PER_QUERY]
        rows = connection.execute(select(seen_frames).where(seen_frames.c.key.in_(part)))
        seen.update((row.key, int(row.received_ms)) for row in rows)
    return seen


def _remember(connection: Connection, entries: Iterable[Entry]) -> None:
    rows = [{"key": entry.names()[0], "received_ms": entry.received_ms} for entry in entries]
    if rows:
        connection.execute(insert(seen_frames), rows)


def _bury(connection: Connection, dead: Sequence[Entry], code_version: str) -> None:
    if not dead:
        return
    newest = int(connection.scalar(select(func.max(dead_letters.c.id))) or 0)
    rows = [
        {
            "id": newest + place,
            "key": entry.names()[0],
            "topic": entry.spooled.frame.topic.replace("\x00", "�"),
            "body": entry.spooled.frame.body,
            "received_ms": entry.received_ms,
            "problem": entry.problem.replace("\x00", "�"),
            "code_version": code_version,
        }
        for place, entry in enumerate(dead, start=1)
    ]
    connection.execute(insert(dead_letters), rows)
    log.warning("%d frames to the dead letters, first: %s", len(dead), dead[0].problem)


def _count(connection: Connection, result: Sorted, received: int, places: Mapping[str, int]) -> None:
    state = _state(connection)
    problems = sum(len(entry.decoded.problems) for entry in result.stored)
    after = {
        "received": state.get("received", 0) + received,
        "duplicate": state.get("duplicate", 0) + result.duplicate,
        "stored": state.get("stored", 0) + len(result.stored),
        "dead": state.get("dead", 0) + len(result.dead),
        "problems": state.get("problems", 0) + problems,
        **places,
    }
    for name, value in after.items():
        if name in state:
            connection.execute(update(gateway_state).where(gateway_state.c.name == name).values(value=value))
        else:
            connection.execute(insert(gateway_state).values(name=name, value=value))
