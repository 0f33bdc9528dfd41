"""What arrived, noted in the ledger's transaction with a few bytes per batch, counted per meter later.

Counting rewrites a block per terminal and day, so it waits until a minute's arrivals share the work; a reader
adds what is not counted yet, so that it sees the same either way.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import SQLAlchemyError

from gateway.adapters.ledger.meter_places import MeterPlaces
from gateway.ingest import Entry
from telemetry.adapters.completeness_records import fold
from telemetry.adapters.gateway_tables import arrivals
from telemetry.completeness import REVIVED, WHOLE_TERMINAL, Arrivals, Outcome
from telemetry.readings import Quality

log = logging.getLogger(__name__)

FOLD_S: Final = 60.0
_SHARE: Final = 0.02
"""Counting takes at most this share of the time."""
_UNNAMED: Final = np.array([[WHOLE_TERMINAL, WHOLE_TERMINAL + 1]], dtype=np.int32)


def note_arrivals(
    connection: Connection,
    places: MeterPlaces,
    stored: Sequence[Entry],
    dead: Sequence[Entry],
    duplicate: Sequence[Entry],
    revived: Sequence[Entry] = (),
) -> None:
    """Write down what arrived with these frames; ``revived``: those of them that counted as dead before."""
    arrived = Arrivals.none()
    for entry in stored:
        _add(connection, places, arrived, entry, duplicate=False)
    for entry in duplicate:
        if not entry.problem:
            _add(connection, places, arrived, entry, duplicate=True)
    for outcome, entries in ((Outcome.DEAD, dead), (REVIVED, revived)):
        for entry in entries:
            if entry.decoded.terminal:
                arrived.add(entry.decoded.terminal, entry.received_ms, outcome, _UNNAMED)
    if len(arrived):
        received_ms = max(entry.received_ms for entry in (*stored, *dead, *duplicate))
        row = {"received_ms": received_ms, "frames": len(arrived), "body": arrived.packed()}
        connection.execute(insert(arrivals), row)


def _add(
    connection: Connection, places: MeterPlaces, arrived: Arrivals, entry: Entry, *, duplicate: bool
) -> None:
    for batch in entry.decoded.batches:
        late = Quality.LATE in batch.quality
        outcome = Outcome.DUPLICATE if duplicate else Outcome.LATE if late else Outcome.ON_TIME
        runs = places.answered(connection, batch, entry.received_ms, entry.spooled.frame.door)
        if len(runs):
            arrived.add(batch.terminal, batch.at_ms, outcome, runs)


class ArrivalsCounter:
    """Counts arrivals in a thread of its own; ends with the process, between two transactions or in none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self) -> None:
        """Return at once."""
        threading.Thread(target=self._run, name="arrivals", daemon=True).start()

    def _run(self) -> None:
        while True:
            began_s = time.monotonic()
            try:
                while fold(self._engine):
                    pass
            except SQLAlchemyError as problem:
                log.warning("arrivals are not counted yet, trying again: %s", problem)
            time.sleep(max(FOLD_S, (time.monotonic() - began_s) / _SHARE))
