"""The supervisor's record of refusals: one row per hour, threat and source, however often it was tried."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from gateway.contract.topics import parse
from gateway.ingest import Entry
from gateway.security import MANY, Finding, Tally, Threat, told
from telemetry.adapters.gateway_tables import security_events

HOUR_MS: Final = 3_600_000
MAX_ROWS_PER_HOUR: Final = 2_000
"""Then further sources of that hour are one row per threat."""
KEEP_MS: Final = 400 * 86_400_000
"""Longer than the six months for which network logs are to be kept (Cybersecurity Law, art. 21)."""
MAX_PAGE: Final = 10_000


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """What was tried within one hour by one source."""

    id: int
    threat: Threat
    source: str
    door: str
    finding: str
    """The first of them, in words."""
    count: int
    first_ms: int
    last_ms: int


def record(connection: Connection, entries: Sequence[Entry]) -> int:
    """Count what these frames told, within the caller's transaction; how many findings there were."""
    counted: dict[tuple[int, str], Tally] = {}
    found = 0
    for entry in entries:
        for each in _findings(entry):
            found += each.count
            place = (entry.received_ms // HOUR_MS, entry.spooled.frame.door)
            counted.setdefault(place, Tally()).add(each)
    for (hour, door), tally in counted.items():
        newest_ms = max(entry.received_ms for entry in entries if entry.received_ms // HOUR_MS == hour)
        _add(connection, hour, door, newest_ms, tally.take())
    return found


def _findings(entry: Entry) -> Iterable[Finding]:
    decoded = entry.decoded
    if decoded.security:
        yield from told(decoded.security, decoded.terminal or _speaker(entry))
    yield from decoded.findings


def _speaker(entry: Entry) -> str:
    """The level of the topic that names a terminal, for frames that were refused before anybody knew more."""
    frame = entry.spooled.frame
    address = parse(frame.topic)
    return address.terminal if address else frame.topic


def _add(connection: Connection, hour: int, door: str, at_ms: int, findings: Sequence[Finding]) -> None:
    table = security_events
    rows = connection.execute(
        select(table.c.id, table.c.threat, table.c.source).where(table.c.hour == hour)
    ).all()
    known = {(row.threat, row.source): int(row.id) for row in rows}
    newest = int(connection.scalar(select(func.max(table.c.id))) or 0)
    for each in findings:
        full = len(known) >= MAX_ROWS_PER_HOUR and (each.threat, each.source) not in known
        source = MANY if full else each.source
        row = known.get((each.threat, source))
        if row is not None:
            connection.execute(
                update(table).where(table.c.id == row).values(times=table.c.times + each.count, last_ms=at_ms)
            )
            continue
        newest += 1
        known[each.threat, source] = newest
        connection.execute(
            insert(table).values(
                id=newest, hour=hour, threat=each.threat, source=source, door=door,
                finding=each.text.replace("\x00", "�"), times=each.count, first_ms=at_ms, last_ms=at_ms,
            )
        )  # fmt: skip


class SqlSecurityLog:
    """Read side."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, limit: int = 100, since_ms: int = 0) -> tuple[SecurityEvent, ...]:
        """Newest first, those that went on at or after ``since_ms``, at most ``limit`` (10,000)."""
        table = security_events
        query = (
            select(table)
            .where(table.c.last_ms >= since_ms)
            .order_by(table.c.last_ms.desc(), table.c.id.desc())
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_PAGE))).all()
        return tuple(
            SecurityEvent(
                id=row.id, threat=Threat(row.threat), source=row.source, door=row.door, finding=row.finding,
                count=row.times, first_ms=row.first_ms, last_ms=row.last_ms,
            )
            for row in rows
        )  # fmt: skip


def forget(connection: Connection, now_ms: int) -> int:
    """Let go of what is older than ``KEEP_MS``; how many rows."""
    oldest_hour = (now_ms - KEEP_MS) // HOUR_MS
    return connection.execute(delete(security_events).where(security_events.c.hour < oldest_hour)).rowcount
