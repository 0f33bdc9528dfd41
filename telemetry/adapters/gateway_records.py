"""What others may read of the gateway: counters, terminals, dead letters."""

from typing import Any, Final

from sqlalchemy import Engine, Row, func, select, update

from geo.adapters.database import writing
from telemetry.adapters.gateway_tables import dead_letters, devices, gateway_state
from telemetry.deadletters import DeadLetter
from telemetry.devices import DeviceKind
from telemetry.ports import DeviceState, GatewayCounters

MAX_PAGE: Final = 10_000


class SqlGatewayRecords:
    """``GatewayRecords`` on the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counters(self) -> GatewayCounters:
        """As of the gateway's last transaction; frames that wait in the spool count as new and pending."""
        with self._engine.connect() as connection:
            state = {row.name: int(row.value) for row in connection.execute(select(gateway_state))}
        pending = sum(value for name, value in state.items() if name.startswith("pending."))
        return GatewayCounters(
            received=state.get("received", 0) + pending,
            duplicate=state.get("duplicate", 0),
            stored=state.get("stored", 0),
            dead=state.get("dead", 0),
            pending=pending,
        )

    def terminals(self, after: str = "", limit: int = 1000) -> tuple[DeviceState, ...]:
        """Terminals by id, those after ``after``, at most ``limit`` (10,000)."""
        query = (
            select(devices)
            .where(devices.c.kind == DeviceKind.TERMINAL, devices.c.device > after)
            .order_by(devices.c.device)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_PAGE))).all()
        return tuple(
            DeviceState(
                row.device, row.device, row.first_seen_ms, row.last_seen_ms, bool(row.online), row.door
            )
            for row in rows
        )


class SqlDeadLetters:
    """``DeadLetters`` on the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def listed(self, after_id: int = 0, limit: int = 100) -> tuple[DeadLetter, ...]:
        """Oldest first, those with id > after_id, at most ``limit`` (10,000)."""
        query = select(dead_letters).where(dead_letters.c.id > after_id).order_by(dead_letters.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(min(limit, MAX_PAGE))).all()
        return tuple(map(_letter, rows))

    def count(self) -> int:
        """How many are kept."""
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(dead_letters)) or 0)

    def get(self, letter_id: int) -> DeadLetter | None:
        """One by its id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(dead_letters).where(dead_letters.c.id == letter_id)).one_or_none()
        return None if row is None else _letter(row)

    def ask_again(self, now_ms: int, letter_id: int | None = None, problem: str = "") -> int:
        """Mark one, or all whose problem contains that text; how many. The gateway's next beat sees them."""
        query = update(dead_letters).values(replay_asked_ms=now_ms)
        if letter_id is not None:
            query = query.where(dead_letters.c.id == letter_id)
        if problem:
            query = query.where(dead_letters.c.problem.contains(problem, autoescape=True))
        with writing(self._engine).begin() as connection:
            return connection.execute(query).rowcount


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        key=row.key,
        topic=row.topic,
        body=bytes(row.body),
        received_ms=row.received_ms,
        problem=row.problem,
        code_version=row.code_version,
        id=row.id,
        door=row.door,
        asked_again=row.replay_asked_ms is not None,
    )
