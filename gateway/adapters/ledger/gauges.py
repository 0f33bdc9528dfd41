"""The gateway's numbers by name, as others see them in its database."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, insert, select, update

from telemetry.adapters.gateway_tables import gateway_state


def read(connection: Connection) -> dict[str, int]:
    """All numbers."""
    return {row.name: int(row.value) for row in connection.execute(select(gateway_state))}


def put(connection: Connection, values: Mapping[str, int], known: Mapping[str, int] | None = None) -> None:
    """Write numbers; ``known`` spares the query when the caller has just read them."""
    known = read(connection) if known is None else known
    moved = [
        {"named": name, "to": value}
        for name, value in values.items()
        if name in known and known[name] != value
    ]
    if moved:
        query = update(gateway_state).where(gateway_state.c.name == bindparam("named"))
        connection.execute(query.values(value=bindparam("to")), moved)
    fresh = [{"name": name, "value": value} for name, value in values.items() if name not in known]
    if fresh:
        connection.execute(insert(gateway_state), fresh)
