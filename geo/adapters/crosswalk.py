"""The crosswalk of the network in force, read anew when another network takes effect."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.adapters.tables import VERSIONS
from geo.identifiers import Crosswalk
from geo.ports import Seals

LOOK_S: Final = 2.0


class LiveCrosswalk:
    """Ask ``current()`` at each use: at most every two seconds it looks which network is in force."""

    def __init__(self, location: str, seals: Seals | None, look_s: float = LOOK_S) -> None:
        """``location`` as for ``open_database``; without a network the crosswalk is empty."""
        self._location = location
        self._seals = seals
        self._engine: Engine | None = None
        self._look_s = look_s
        self._lock = threading.Lock()
        self._next_look_s = 0.0
        self._hash = ""
        self._crosswalk = Crosswalk()

    def current(self) -> Crosswalk:
        """The crosswalk in force; the last one known while the database is away."""
        with self._lock:
            if time.monotonic() >= self._next_look_s:
                self._next_look_s = time.monotonic() + self._look_s
                self._look()
            return self._crosswalk

    def resolver(self, system: str) -> Callable[[str], str]:
        """Foreign ids of ``system`` → ours, always by the network in force; unknown ids stay as they are."""

        def resolve(foreign_id: str, at_ms: int | None = None) -> str:
            found = self.current().resolver(system)
            return found(foreign_id) if at_ms is None else found(foreign_id, at_ms)

        return resolve

    def _look(self) -> None:
        try:
            engine = self._opened()
            if engine is None or not inspect(engine).has_table(VERSIONS.name):
                return
            # A store of its own for each reading: the whole network must not stay in memory for its ids.
            store = SqlNetworkStore(engine, self._seals)
            version = store.effective(time.time_ns() // 1_000_000)
            if version is not None and version.content_hash != self._hash:
                self._crosswalk = Crosswalk.of(store.get(version.content_hash).identifiers)
                self._hash = version.content_hash
        except SQLAlchemyError:
            # The facts' database is away: what was known stays right until another network is in force.
            return

    def _opened(self) -> Engine | None:
        """None while there is no database: looking must not make one."""
        if self._engine is None and (
            self._location.startswith("postgresql") or Path(self._location, "network.db").exists()
        ):
            self._engine = open_database(self._location, "network")
        return self._engine
