"""On which observed brokers we listen now: a silence that nobody listened to proves nothing."""

import contextlib
import json
from typing import Final

from sqlalchemy import Connection, select

from gateway.frames import MQTT
from telemetry.adapters.gateway_tables import door_states

OBSERVERS: Final = f"{MQTT}:observers"
READY: Final = ".ready"
"""Ending of the counter that says whether an observed broker is heard."""


def is_heard(door: str, listening: frozenset[str]) -> bool:
    """Whether the silence of a terminal that spoke by this door is its own. Our own doors: see the drain."""
    return not door.startswith(f"{MQTT}:") or door in listening


def listening(connection: Connection) -> frozenset[str]:
    """Observed brokers that are heard, as doors (``mqtt:NAME``)."""
    told = connection.scalar(select(door_states.c.counters).where(door_states.c.name == OBSERVERS))
    with contextlib.suppress(ValueError, AttributeError):
        return frozenset(
            f"{MQTT}:{name.removesuffix(READY)}"
            for name, count in json.loads(told or "{}").items()
            if name.endswith(READY) and count
        )
    return frozenset()
