"""Which ids are terminals that spoke to us themselves: nobody else may speak for them."""

import logging
import time
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from telemetry.adapters.gateway_tables import devices
from telemetry.devices import DeviceKind

log = logging.getLogger(__name__)

LOOK_S: Final = 10.0
MAX_TERMINALS: Final = 1_000_000


class KnownTerminals:
    """Asks the registry at most every ten seconds."""

    def __init__(self, engine: Engine, look_s: float = LOOK_S) -> None:
        self._engine = engine
        self._look_s = look_s
        self._next_look_s = 0.0
        self._known: frozenset[str] = frozenset()

    def __call__(self, device: str) -> bool:
        """Whether that id is a terminal's."""
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + self._look_s
            self._look()
        return device in self._known

    def _look(self) -> None:
        query = select(devices.c.device).where(devices.c.kind == DeviceKind.TERMINAL).limit(MAX_TERMINALS)
        try:
            with self._engine.connect() as connection:
                self._known = frozenset(connection.scalars(query))
        except SQLAlchemyError as problem:
            log.warning("the registry of devices is away: %s", problem)
