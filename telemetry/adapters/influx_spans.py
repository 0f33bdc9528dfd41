"""Spans of time kept in a database of their own, for longer than the readings that they were computed from.

Measurements ``reading_15m``, ``reading_1h``, ``reading_1d``, one point per meter and span: of each quantity
``_last``, ``_count``, ``_q`` (doubts), and of what is instantaneous ``_mean``, ``_low``, ``_high``. They are
computed by our own code from what InfluxQL answers, and written as lines: neither continuous queries nor
``INTO`` (both 1.x only) are needed. Computing a day again replaces it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from telemetry.adapters.influx_posts import deliver
from telemetry.adapters.influx_queries import (
    meters_statement,
    points,
    several_statement,
    spans_statement,
)
from telemetry.adapters.influx_server import Answered, InfluxServer
from telemetry.adapters.line_protocol import escaped, read_text
from telemetry.downsampling import DAY_MS, HOUR_MS, QUARTER_MS, Aggregate, Bucket, aggregate
from telemetry.ports import ReadingsAway
from telemetry.readings import Quality, Reading, restated

MEASUREMENTS: Final = {QUARTER_MS: "reading_15m", HOUR_MS: "reading_1h", DAY_MS: "reading_1d"}
METERS_AT_ONCE: Final = 200
_PARTS: Final = ("mean", "low", "high", "last")


class InfluxSpans:
    """The kept spans."""

    def __init__(self, server: InfluxServer) -> None:
        """``server``: of the database that keeps spans."""
        self._server = server

    def keep(self, meter: str, every_ms: int, buckets: Iterable[Bucket]) -> bytes:
        """These spans as lines."""
        head = f"{MEASUREMENTS[every_ms]},meter=".encode() + escaped(meter) + b" "
        return b"".join(_line(head, bucket) for bucket in buckets)

    def write(self, lines: bytes) -> int:
        """Store lines of ``keep``; how many were refused. Raises ReadingsAway."""
        return len(deliver(self._server, lines)) if lines else 0

    def read(self, meter: str, from_ms: int, to_ms: int, every_ms: int, origin_ms: int) -> list[Bucket]:
        """Kept spans of one meter that begin in from_ms ≤ begin < to_ms on that grid, oldest first."""
        if every_ms not in MEASUREMENTS:
            return []
        statement = spans_statement(MEASUREMENTS[every_ms], meter, from_ms, to_ms)
        found = [_bucket(one, row) for one in self._server.query(statement) for row in one.rows]
        return [bucket for bucket in found if (bucket.begin_ms - origin_ms) % every_ms == 0]


def keep_day(readings: InfluxServer, spans: InfluxSpans, begin_ms: int) -> int:
    """Compute and keep the spans of the day that begins there, a local midnight; how many meters have any."""
    end_ms, meters = begin_ms + DAY_MS, 0
    for some in _portions(_meters(readings), METERS_AT_ONCE):
        lines: list[bytes] = []
        for meter, found in _by_meter(readings, some, begin_ms, end_ms):
            meters += 1
            lines += [spans.keep(meter, every, aggregate(found, every, begin_ms)) for every in MEASUREMENTS]
        refused = spans.write(b"".join(lines))
        if refused:
            raise ReadingsAway(f"InfluxDB refuses {refused} spans of the day: is its retention too short?")
    return meters


def _meters(server: InfluxServer) -> list[str]:
    rows = (row for one in server.query(meters_statement()) for row in one.rows)
    return [read_text(str(row[-1])) for row in rows]


def _by_meter(
    server: InfluxServer, meters: Sequence[str], begin_ms: int, end_ms: int
) -> Iterator[tuple[str, list[Reading]]]:
    found = list(points(server.query(several_statement(meters, begin_ms, end_ms))))
    found.sort(key=lambda reading: (reading.meter, reading.at_ms))
    for meter, same in groupby(found, key=lambda reading: reading.meter):
        yield meter, [restated(parts) for _, parts in groupby(same, key=lambda reading: reading.at_ms)]


def _portions(meters: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(meters), size):
        yield meters[begin : begin + size]


def _line(head: bytes, bucket: Bucket) -> bytes:
    fields = b",".join(_fields(quantity, found) for quantity, found in bucket.values.items())
    return head + fields + b" %d\n" % bucket.begin_ms


def _fields(quantity: str, found: Aggregate) -> bytes:
    name = escaped(quantity)
    numbers = {part: getattr(found, part) for part in _PARTS}
    parts = [
        b"%s_%s=%s" % (name, part.encode(), f"{n:f}".encode()) for part, n in numbers.items() if n is not None
    ]
    return b",".join([*parts, b"%s_count=%di" % (name, found.count), b"%s_q=%di" % (name, found.doubt)])


def _bucket(series: Answered, row: Sequence[Any]) -> Bucket:
    fields = {name: value for name, value in zip(series.columns, row, strict=True) if value is not None}
    names = [name.removesuffix("_count") for name in fields if name.endswith("_count")]
    return Bucket(int(fields["time"]), {read_text(name): _aggregate(name, fields) for name in names})


def _aggregate(name: str, fields: Mapping[str, Any]) -> Aggregate:
    mean, low, high, last = (
        Decimal(fields[f"{name}_{part}"]) if f"{name}_{part}" in fields else None for part in _PARTS
    )
    doubt = Quality(int(fields.get(f"{name}_q", 0)))
    return Aggregate(int(fields[f"{name}_count"]), last or Decimal(0), mean, low, high, doubt)
