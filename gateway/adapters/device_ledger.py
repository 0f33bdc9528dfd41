"""Devices as the ledger's transaction writes them: who was heard of, who is lost."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.ingest import Entry
from telemetry.adapters.gateway_tables import devices
from telemetry.devices import Approval, DeviceKind

_NAMES_PER_QUERY: Final = 500


class DeviceLedger:
    """The table of devices, within the caller's transactions."""

    def online(self, connection: Connection) -> tuple[str, ...]:
        """Terminals that spoke last and were not lost since, by id."""
        query = select(devices.c.device).where(devices.c.kind == DeviceKind.TERMINAL, devices.c.online)
        return tuple(connection.scalars(query.order_by(devices.c.device)))

    def lose(self, connection: Connection, terminals: Sequence[str]) -> list[tuple[str, int]]:
        """These are overdue and now offline; (terminal, when it was last heard) of those that are known."""
        known = devices.c.device.in_(terminals)
        query = select(devices.c.device, devices.c.last_seen_ms).where(known).order_by(devices.c.device)
        lost = [(row.device, int(row.last_seen_ms)) for row in connection.execute(query)]
        connection.execute(update(devices).where(known).values(online=False))
        return lost

    def register(self, connection: Connection, stored: Sequence[Entry]) -> None:
        """Note who was heard in these frames."""
        heard: dict[str, dict[str, Any]] = {}
        for entry in stored:
            state = heard.setdefault(entry.decoded.terminal, {"last": 0, "first": entry.received_ms})
            state["last"] = max(state["last"], entry.received_ms)
            state["online"] = bool(entry.decoded.online)
            state["door"] = entry.spooled.frame.door
        known = _known(connection, list(heard))
        fresh = [_row(name, state) for name, state in heard.items() if name not in known]
        if fresh:
            connection.execute(insert(devices), fresh)
        again = [
            {"name": name, "last_seen_ms": state["last"], "online": state["online"]}
            for name, state in heard.items()
            if name in known
        ]
        if again:
            connection.execute(update(devices).where(devices.c.device == bindparam("name")), again)


def _known(connection: Connection, names: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(names), _NAMES_PER_QUERY):
        part = names[start : start + _NAMES_PER_QUERY]
        known.update(connection.scalars(select(devices.c.device).where(devices.c.device.in_(part))))
    return known


def _row(terminal: str, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "device": terminal,
        "kind": DeviceKind.TERMINAL.value,
        "parent": "",
        "approval": Approval.APPROVED.value,
        "decided_by": "rule: all",
        "online": state["online"],
        "lost_by": "",
        "first_seen_ms": state["first"],
        "last_seen_ms": state["last"],
        "door": state["door"],
        "model": "",
        "maker": "",
        "firmware": "",
        "foreign_id": "",
        "certificate_state": "",
        "certificate_serial": "",
    }
