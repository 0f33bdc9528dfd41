"""Readings of InfluxDB by minutes of device time, once they are old enough for slow frames to be in.

A time series database keeps no order of arrival: what comes later than the patience is not seen here. It is
stored all the same.
"""

import time
from collections.abc import Iterable
from typing import Final

import numpy as np

from telemetry.adapters.influx_queries import points, window_statement
from telemetry.adapters.influx_server import InfluxServer
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality, Reading, ReadingBatch

WINDOW_MS: Final = 60_000
PATIENCE_MS: Final = 20 * 60_000
_DECIMALS: Final = 6
_Name = tuple[str, int, tuple[str, ...]]


class InfluxFeed:
    """``ReadingFeed``; positions are instants (epoch ms) at which a minute ended."""

    def __init__(self, server: InfluxServer) -> None:
        self._server = server

    def newest(self) -> int:
        """The end of the last minute that may be read."""
        ripe_ms = time.time_ns() // 1_000_000 - PATIENCE_MS
        return ripe_ms - ripe_ms % WINDOW_MS

    def after(self, position: int, limit: int = 500) -> list[tuple[int, ReadingBatch]]:
        """The batches of whole minutes, as many as hold about ``limit`` of them. Raises ReadingsAway."""
        found: list[tuple[int, ReadingBatch]] = []
        end_ms, newest_ms = position, self.newest()
        while end_ms < newest_ms and len(found) < limit:
            begin_ms, end_ms = end_ms, end_ms + WINDOW_MS
            readings = points(self._server.query(window_statement(begin_ms, end_ms)))
            found.extend((end_ms, batch) for batch in _batches(readings))
        if end_ms > position and not (found and found[-1][0] == end_ms):
            found.append((end_ms, _nothing(end_ms)))
        return found


def _batches(readings: Iterable[Reading]) -> Iterable[ReadingBatch]:
    """Meters of one terminal and instant with the same quantities together."""
    together: dict[_Name, list[Reading]] = {}
    for reading in readings:
        name = reading.terminal, reading.at_ms, tuple(sorted(reading.values))
        together.setdefault(name, []).append(reading)
    for name in sorted(together, key=lambda name: name[1]):
        yield _batch(name, together[name])


def _batch(name: _Name, readings: list[Reading]) -> ReadingBatch:
    terminal, at_ms, quantities = name
    decimals = tuple(CATALOGUE[q].decimals if q in CATALOGUE else _DECIMALS for q in quantities)
    scaled = [
        [int(reading.values[q].scaleb(places)) for q, places in zip(quantities, decimals, strict=True)]
        for reading in readings
    ]
    doubts = [[int(reading.doubts.get(q, Quality.GOOD)) for q in quantities] for reading in readings]
    return ReadingBatch(
        terminal=terminal,
        boot="influxdb",
        seq=at_ms,
        at_ms=at_ms,
        received_ms=readings[0].received_ms,
        meters=tuple(reading.meter for reading in readings),
        quantities=quantities,
        decimals=decimals,
        scaled=np.array(scaled, np.int64).reshape(len(readings), len(quantities)),
        doubts=np.array(doubts, np.uint8).reshape(len(readings), len(quantities)),
    )


def _nothing(at_ms: int) -> ReadingBatch:
    """A minute without readings: only its position counts."""
    return ReadingBatch("", "influxdb", at_ms, at_ms, at_ms, (), (), (), np.full((0, 0), MISSING, np.int64))
