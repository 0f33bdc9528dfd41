"""The registry of devices on the gateway's database, as others read it and as people decide on it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, insert, select, update

from geo.adapters.database import writing
from telemetry.adapters.gateway_tables import dead_letters, device_decisions, devices, gateway_state
from telemetry.devices import Approval, DeviceKind, LostBy, held_back_reason
from telemetry.gateway_ports import DeviceFilter, DeviceRecord

MAX_PAGE: Final = 10_000
DECISIONS: Final = "decisions"
"""The counter of ``gateway_state`` that grows with every decision, so that the gateway looks again."""
_NAMES_PER_QUERY: Final = 500
_MANY: Final = func.count().label("many")


class SqlDeviceRegistry:
    """``DeviceRegistry`` on the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, names: Sequence[str]) -> dict[str, DeviceRecord]:
        """Those of them that are known."""
        found: dict[str, DeviceRecord] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(names), _NAMES_PER_QUERY):
                part = list(names[start : start + _NAMES_PER_QUERY])
                rows = connection.execute(select(devices).where(devices.c.device.in_(part)))
                found.update((row.device, _record(row)) for row in rows)
        return found

    def listed(self, wanted: DeviceFilter, after: str = "", limit: int = 100) -> tuple[DeviceRecord, ...]:
        """Devices by id, those after ``after``, at most ``limit`` (10,000)."""
        query = select(devices).where(devices.c.device > after).order_by(devices.c.device)
        asked = (("kind", wanted.kind), ("approval", wanted.approval), ("parent", wanted.parent))
        for column, value in asked:
            if value is not None:
                query = query.where(devices.c[column] == str(value))
        with self._engine.connect() as connection:
            return tuple(_record(row) for row in connection.execute(query.limit(min(limit, MAX_PAGE))))

    def decide(self, device: str, approval: Approval, decided_by: str, now_ms: int) -> DeviceRecord | None:
        """A person approves or blocks a terminal; None: nobody knows it."""
        with writing(self._engine).begin() as connection:
            said = {"approval": approval.value, "decided_by": decided_by, "decided_ms": now_ms}
            changed = connection.execute(update(devices).where(devices.c.device == device).values(said))
            if changed.rowcount == 0:
                return None
            history = {"at_ms": now_ms, "device": device, "approval": approval.value}
            connection.execute(insert(device_decisions).values(decided_by=decided_by, **history))
            _tell(connection)
            if approval is Approval.APPROVED:
                ask_again(connection, device, now_ms)
            return _record(connection.execute(select(devices).where(devices.c.device == device)).one())

    def counts(self) -> Mapping[tuple[DeviceKind, Approval, bool | None, LostBy], int]:
        """How many devices there are by kind and, of terminals, approval, online and how they were lost."""
        columns = (devices.c.approval, devices.c.online, devices.c.lost_by)
        terminals = select(*columns, _MANY).where(devices.c.kind == DeviceKind.TERMINAL).group_by(*columns)
        others = select(devices.c.kind, _MANY).where(devices.c.kind != DeviceKind.TERMINAL)
        with self._engine.connect() as connection:
            found = {
                (
                    DeviceKind.TERMINAL,
                    Approval(row.approval),
                    _truth(row.online),
                    LostBy(row.lost_by),
                ): row.many
                for row in connection.execute(terminals)
            }
            for row in connection.execute(others.group_by(devices.c.kind)):
                found[DeviceKind(row.kind), Approval.APPROVED, None, LostBy.NOTHING] = row.many
        return found


def _tell(connection: Connection) -> None:
    known = gateway_state.c.name == DECISIONS
    grown = update(gateway_state).where(known).values(value=gateway_state.c.value + 1)
    if connection.execute(grown).rowcount == 0:
        connection.execute(insert(gateway_state).values(name=DECISIONS, value=1))


def ask_again(connection: Connection, device: str, now_ms: int) -> None:
    """Within the caller's transaction: what was held back of this terminal is to be replayed."""
    reasons = [held_back_reason(device, why) for why in (Approval.PENDING, Approval.BLOCKED)]
    held = (dead_letters.c.problem.in_(reasons), dead_letters.c.replay_asked_ms.is_(None))
    connection.execute(update(dead_letters).where(*held).values(replay_asked_ms=now_ms))


def _record(row: Any) -> DeviceRecord:  # noqa: ANN401 (a row has no type)
    return DeviceRecord(
        device=row.device,
        kind=DeviceKind(row.kind),
        parent=row.parent,
        approval=Approval(row.approval),
        decided_by=row.decided_by,
        decided_ms=row.decided_ms,
        online=_truth(row.online),
        lost_by=LostBy(row.lost_by),
        first_seen_ms=row.first_seen_ms,
        last_seen_ms=row.last_seen_ms,
        door=row.door,
        model=row.model,
        maker=row.maker,
        firmware=row.firmware,
        foreign_id=row.foreign_id,
        clock_offset_ms=row.clock_offset_ms,
        certificate_state=row.certificate_state,
        certificate_serial=row.certificate_serial,
        certificate_until_ms=row.certificate_until_ms,
    )


def _truth(value: object) -> bool | None:
    return None if value is None else bool(value)
