"""Writes down every two seconds what the receiver's doors, spools and disk are like, for all who look.

In a thread of its own: a database that is away never holds up a door.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import SQLAlchemyError

from gateway.adapters.delivery.service import spool_folder
from gateway.adapters.ledger.gauges import put
from gateway.frames import Lane
from gateway.ports import Door
from geo.adapters.database import writing
from telemetry.adapters.gateway_tables import door_states

log = logging.getLogger(__name__)

BOARD_S: Final = 2.0
_MAX_TROUBLE: Final = 500


class DoorBoard:
    """Shows the state of doors until the process ends."""

    def __init__(
        self, engine: Engine, doors: Sequence[Door], folder: Path, gauges: Callable[[], Mapping[str, int]]
    ) -> None:
        """``gauges``: further numbers of the receiver, by name."""
        self._engine = engine
        self._doors = doors
        self._folder = folder
        self._gauges = gauges
        self._since: dict[str, tuple[bool, int]] = {}

    def start(self) -> None:
        """Return at once."""
        threading.Thread(target=self._run, name="board", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self.show(time.time_ns() // 1_000_000)
            except (SQLAlchemyError, OSError) as problem:
                log.warning("the doors' state is not shown: %s", problem)
            time.sleep(BOARD_S)

    def show(self, now_ms: int) -> None:
        """Write all down once; doors that are no more are forgotten."""
        rows = [self._row(door, now_ms) for door in self._doors]
        gauges = {"board_ms": now_ms, **spool_gauges(self._folder), **self._gauges()}
        with writing(self._engine).begin() as connection:
            connection.execute(delete(door_states))
            if rows:
                connection.execute(insert(door_states), rows)
            put(connection, gauges)

    def _row(self, door: Door, now_ms: int) -> dict[str, Any]:
        trouble = door.trouble
        # A door that nobody configured anything for has nothing to wait for.
        ready = door.ready or not (door.required or trouble)
        if self._since.get(door.name, (None, 0))[0] != ready:
            self._since[door.name] = ready, now_ms
        return {
            "name": door.name,
            "ready": ready,
            "trouble": trouble[:_MAX_TROUBLE],
            "counters": json.dumps(dict(door.counters())),
            "at_ms": self._since[door.name][1],
        }


def spool_gauges(folder: Path) -> dict[str, int]:
    """What the spools take on disk, in bytes."""
    return {
        f"spool_bytes.{lane}": sum(
            file.stat().st_size for file in spool_folder(folder, lane).glob("*") if file.is_file()
        )
        for lane in Lane
    }
