"""The gateway's own state as others read it: doors, counters, gauges."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine, select

from telemetry.adapters.gateway_tables import door_states, gateway_state
from telemetry.gateway_ports import DoorState

_counters = msgspec.json.Decoder(dict[str, int])


class SqlGatewayBoard:
    """``GatewayBoard`` on the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def doors(self) -> tuple[DoorState, ...]:
        """By name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(door_states).order_by(door_states.c.name)).all()
        return tuple(
            DoorState(row.name, bool(row.ready), row.trouble, _counters.decode(row.counters), row.at_ms)
            for row in rows
        )

    def gauges(self) -> Mapping[str, int]:
        """Counters, cursors and gauges by name; ``board_ms`` is when the receiver last wrote."""
        with self._engine.connect() as connection:
            return {row.name: int(row.value) for row in connection.execute(select(gateway_state))}
