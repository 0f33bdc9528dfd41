"""Statements of InfluxQL and what their answers mean. Ids stand in them as literals, whatever they hold."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from telemetry.adapters.influx_server import Answered
from telemetry.adapters.line_protocol import EXACT, MEASUREMENT, QUALITY, RECEIVED, read_text, stored_text
from telemetry.readings import Quality, Reading

_POINTS: Final = f'SELECT * FROM "{MEASUREMENT}"'  # noqa: S608 (a constant)
_BY_SERIES: Final = 'GROUP BY "meter", "terminal"'
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
"""Ids that mean themselves in a regular expression."""
LAST_MS: Final = 9_223_372_036_854
"""The database counts nanoseconds in 64 bits."""


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def series_statement(meter: str, from_ms: int, to_ms: int, limit: int) -> str:
    """One meter's points with from_ms ≤ time < to_ms, by terminal, oldest first."""
    within = f"time >= {_clamped(from_ms)}ms AND time < {_clamped(to_ms)}ms"
    return f"{_POINTS} WHERE {_is(meter)} AND {within} {_BY_SERIES} ORDER BY time LIMIT {limit}"


def latest_statement(meters: Sequence[str]) -> str:
    """The newest point of each meter and terminal."""
    return f"{_POINTS} WHERE {_one_of(meters)} {_BY_SERIES} ORDER BY time DESC LIMIT 1"


def several_statement(meters: Sequence[str], from_ms: int, to_ms: int) -> str:
    """Points of some meters with from_ms ≤ time < to_ms, by meter and terminal."""
    within = f"time >= {_clamped(from_ms)}ms AND time < {_clamped(to_ms)}ms"
    return f"{_POINTS} WHERE {_one_of(meters)} AND {within} {_BY_SERIES} ORDER BY time"


def window_statement(from_ms: int, to_ms: int) -> str:
    """Points of all meters with from_ms ≤ time < to_ms, by meter and terminal."""
    return f"{_POINTS} WHERE time >= {_clamped(from_ms)}ms AND time < {_clamped(to_ms)}ms {_BY_SERIES}"


def meters_statement() -> str:
    """Every meter that ever reported; the last column of each row."""
    return f'SHOW TAG VALUES FROM "{MEASUREMENT}" WITH KEY = "meter"'


def spans_statement(measurement: str, meter: str, from_ms: int, to_ms: int) -> str:
    """Kept spans of one meter that begin in from_ms ≤ time < to_ms, oldest first."""
    within = f"time >= {_clamped(from_ms)}ms AND time < {_clamped(to_ms)}ms"
    return f'SELECT * FROM "{measurement}" WHERE {_is(meter)} AND {within} GROUP BY "meter" ORDER BY time'  # noqa: S608


def _one_of(meters: Sequence[str]) -> str:
    """Alternatives cost the server half as much as a chain of comparisons; they take plain ids only."""
    plain = [meter for meter in meters if _PLAIN.fullmatch(meter)]
    terms = [_is(meter) for meter in meters if not _PLAIN.fullmatch(meter)]
    if plain:
        terms.append(f'"meter" =~ /^({"|".join(plain)})$/')
    return f"({' OR '.join(terms)})"


def _is(meter: str) -> str:
    return f'"meter" = {literal(stored_text(meter))}'


def _clamped(at_ms: int) -> int:
    return max(-LAST_MS, min(at_ms, LAST_MS))


def points(series: Iterable[Answered]) -> Iterator[Reading]:
    """The points of an answer to one of these statements, as they come; without those that hold no value."""
    for one in series:
        meter, terminal = read_text(one.tags["meter"]), read_text(one.tags["terminal"])
        for row in one.rows:
            fields = {name: value for name, value in zip(one.columns, row, strict=True) if value is not None}
            reading = _reading(meter, terminal, fields)
            if reading.values:
                yield reading


def _reading(meter: str, terminal: str, fields: dict[str, Any]) -> Reading:
    at_ms, received_ms = int(fields.pop("time")), int(fields.pop(RECEIVED, 0))
    values: dict[str, Decimal] = {}
    doubts: dict[str, Quality] = {}
    for name, value in fields.items():
        base = name.removesuffix(QUALITY)
        if base != name and base in fields:
            if int(value):
                doubts[read_text(base)] = Quality(int(value))
        elif name.removesuffix(EXACT) == name or name.removesuffix(EXACT) not in fields:
            values[read_text(name)] = _number(value, fields.get(name + EXACT))
    return Reading(meter, terminal, at_ms, received_ms, values, doubts)


def _number(value: str | int, exact: str | None) -> Decimal:
    """The decimal that was written: the shortest text of its double, or the text that stands beside it."""
    # After a restatement an older text may still stand there: it holds only for the same double.
    if exact is not None and float(exact) == float(value):
        return Decimal(exact)
    return Decimal(value)
