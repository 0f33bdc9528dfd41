"""What a foreign export looks like, as one TOML file: ``gateway/sources/*.toml`` and the site's ``sources/``.

The file says how lines become cells (encoding, delimiter, header), which cells are the device, the time and
the values, and how foreign names become ours. Everything that can be wrong with it is told with its field and
what was expected; nothing is guessed. ``docs/add-a-source.md`` leads through it.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.site_toml import SiteFileRefused, read_toml
from telemetry.evidence import FIELD_KINDS
from telemetry.quantities import CATALOGUE

Column = str | int
"""A name in the header (a key in JSON Lines), or the number of the column, from 1."""

ENCODINGS: Final = ("utf-8", "gbk", "gb18030", "auto")
POINTS: Final = (24, 48, 96, 288)
DEFAULT_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "iso",
)
NAMED_FORMATS: Final = ("iso", "epoch_s", "epoch_ms")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):[0-5]\d")
_MAX_SCALE: Final = Decimal(10) ** 9


class SourceKind(StrEnum):
    ROWS = "rows"
    """One line is one meter at one instant, a column per quantity."""
    CURVES = "curves"
    """One line is one meter, one day and one quantity, a column per point of the day."""
    PAIRS = "pairs"
    """One line is one outage of one device: off at its start, on at its end."""
    EVENTS = "events"
    """One line is one event of one device, or one call of one customer."""
    CROSSING = "crossing"
    """Files that another installation exported (``gateway.crossing``)."""


class Form(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class IdColumn(_Part, frozen=True):
    column: Column
    digits: int = 0
    """Pad ids that lost their leading zeros to so many digits; 0 takes them as they are."""
    system: str = ""
    """Foreign ids of this system become ours by the crosswalk; empty: they are ours already."""


class TimeColumns(_Part, frozen=True):
    columns: tuple[Column, ...]
    """One column, or date and time in two."""
    formats: tuple[str, ...] = DEFAULT_FORMATS
    """As of strptime, tried in turn, or ``iso``, ``epoch_s``, ``epoch_ms``."""


class Meaning(_Part, frozen=True):
    """What a number is: ``quantity = number · scale``, exactly."""

    quantity: str
    scale: Decimal = Decimal(1)


class ValueColumn(_Part, frozen=True):
    column: Column
    quantity: str
    scale: Decimal = Decimal(1)


class Curve(_Part, frozen=True):
    first: Column
    """The first point's column; the others follow it."""
    points: int = 96
    first_at: str = "00:00"
    """Local time of the first point; ``00:15`` lets the day end with 24:00."""
    quantity_column: Column | None = None
    quantities: dict[str, Meaning] = {}
    """What stands in ``quantity_column`` → what it is; without that column one entry named ``*``."""
    stale_after: int = 0
    """A value repeated exactly more than so many times in a row is stale; 0 doubts nothing."""


class EventColumn(_Part, frozen=True):
    kind: str = ""
    """All lines are of this kind; or:"""
    column: Column | None = None
    kinds: dict[str, str] = {}
    """What stands in ``column`` → evidence kind; what stands in neither is refused."""
    volts: tuple[Column, ...] = ()
    """Three columns, or one key with a list of three, of events of kind voltage."""
    customer: Column | None = None
    """Where a call names its customer if not in the column of the id."""


class QualityColumn(_Part, frozen=True):
    column: Column
    estimated: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    out_of_range: tuple[str, ...] = ()
    clock_suspect: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Lines marked so carry no value."""


class FileSource(_Part, frozen=True):
    """One source. ``name`` is the file's name without ``.toml``."""

    kind: SourceKind
    what: str = ""
    name: str = ""
    files: tuple[str, ...] = ()
    """Patterns of file names (``*``, ``?``); a subfolder of the inbox with the source's name does as well."""
    form: Form = Form.CSV
    encoding: str = "auto"
    delimiter: str = ","
    header: bool = True
    skip_lines: int = 0
    """Lines before the header (a title), or before the first row."""
    zone: str = "Asia/Shanghai"
    """Of times that name none."""
    missing: tuple[str, ...] = ("-", "--", "NULL", "null", "NaN", "None")
    """Cells that hold no value, beside the empty one."""
    terminal: Column | None = None
    """Who brought the values, where a column tells; else the source's name."""
    id: IdColumn | None = None
    time: TimeColumns | None = None
    end: TimeColumns | None = None
    values: tuple[ValueColumn, ...] = ()
    curve: Curve | None = None
    event: EventColumn | None = None
    quality: QualityColumn | None = None

    @property
    def of_events(self) -> bool:
        """Its lines are evidence, so they go before readings."""
        return self.kind in {SourceKind.PAIRS, SourceKind.EVENTS}


def read_source(name: str, text: str) -> FileSource:
    """The source of a TOML file's text; raises SiteFileRefused with field and what was expected."""
    source = msgspec.structs.replace(read_toml(text, FileSource), name=name)
    problem = next(_problems(source), None)
    if problem is not None:
        raise SiteFileRefused(problem)
    return source


def _problems(source: FileSource) -> Iterator[str]:
    """What is wrong, as ``field: expected …, found …``."""
    if not NAME.fullmatch(source.name):
        yield f"file name: expected small letters, digits, '-' and '_', found {source.name!r}"
    if source.encoding.lower() not in ENCODINGS:
        yield f"encoding: expected one of {', '.join(ENCODINGS)}, found {source.encoding!r}"
    if len(source.delimiter) != 1 or source.delimiter in '"\r\n':
        yield f"delimiter: expected one character, found {source.delimiter!r}"
    if not 0 <= source.skip_lines <= 100:
        yield f"skip_lines: expected 0 to 100, found {source.skip_lines}"
    try:
        ZoneInfo(source.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"zone: expected a zone such as Asia/Shanghai, found {source.zone!r}"
    if source.kind is not SourceKind.CROSSING:
        yield from _missing_parts(source)
        yield from _bad_columns(source)
        yield from _bad_times(source)
        yield from _bad_meanings(source)


_NEEDED: Final = {
    SourceKind.ROWS: ("id", "time", "values"),
    SourceKind.CURVES: ("id", "time", "curve"),
    SourceKind.PAIRS: ("id", "time", "end"),
    SourceKind.EVENTS: ("id", "time", "event"),
}
_PARTS: Final = ("id", "time", "end", "values", "curve", "event")


def _missing_parts(source: FileSource) -> Iterator[str]:
    needed = _NEEDED[source.kind]
    for part in _PARTS:
        given = getattr(source, part) not in (None, ())
        if part in needed and not given:
            yield f"{part}: expected with kind {source.kind}"
        if given and part not in needed:
            yield f"{part}: not expected with kind {source.kind}"
    if source.kind is SourceKind.CURVES and source.form is Form.JSONL:
        yield "form: expected csv with kind curves"


def columns(source: FileSource) -> Iterator[tuple[str, Column]]:
    """(field of the file, column) of all columns that the source names."""
    if source.id is not None:
        yield "id.column", source.id.column
    for part, times in (("time", source.time), ("end", source.end)):
        for column in times.columns if times is not None else ():
            yield f"{part}.columns", column
    for place, value in enumerate(source.values):
        yield f"values[{place}].column", value.column
    if source.terminal is not None:
        yield "terminal", source.terminal
    if source.quality is not None:
        yield "quality.column", source.quality.column
    if source.curve is not None:
        yield "curve.first", source.curve.first
        if source.curve.quantity_column is not None:
            yield "curve.quantity_column", source.curve.quantity_column
    if source.event is not None:
        yield from _event_columns(source.event)


def _event_columns(event: EventColumn) -> Iterator[tuple[str, Column]]:
    if event.column is not None:
        yield "event.column", event.column
    if event.customer is not None:
        yield "event.customer", event.customer
    for column in event.volts:
        yield "event.volts", column


def _bad_columns(source: FileSource) -> Iterator[str]:
    for field, column in columns(source):
        if isinstance(column, int) and not 1 <= column <= 4096:
            yield f"{field}: expected a column number from 1, found {column}"
        if isinstance(column, int) and source.form is Form.JSONL:
            yield f"{field}: expected a key of the JSON objects, found number {column}"
        if isinstance(column, str) and not source.header and source.form is Form.CSV:
            yield f"{field}: expected a column number, for the file has no header, found {column!r}"
    if source.id is not None and not 0 <= source.id.digits <= 64:
        yield f"id.digits: expected 0 to 64, found {source.id.digits}"


def _bad_times(source: FileSource) -> Iterator[str]:
    for part, times in (("time", source.time), ("end", source.end)):
        if times is None:
            continue
        if len(times.columns) not in {1, 2}:
            yield f"{part}.columns: expected one column, or date and time, found {len(times.columns)}"
        for shape in times.formats:
            if shape not in NAMED_FORMATS and "%" not in shape:
                yield f"{part}.formats: expected %Y-%m-%d …, {', '.join(NAMED_FORMATS)}, found {shape!r}"


def _bad_meanings(source: FileSource) -> Iterator[str]:
    names = [value.quantity for value in source.values]
    for place, value in enumerate(source.values):
        if names.count(value.quantity) > 1:
            yield f"values[{place}].quantity: expected each quantity once, found {value.quantity!r} again"
        yield from _bad_meaning(f"values[{place}]", value.quantity, value.scale)
    if source.curve is not None:
        yield from _bad_curve(source.curve)
    if source.event is not None:
        yield from _bad_event(source.event)


def _bad_meaning(field: str, quantity: str, scale: Decimal) -> Iterator[str]:
    if quantity not in CATALOGUE:
        yield f"{field}.quantity: expected one of the catalogue ({', '.join(CATALOGUE)}), found {quantity!r}"
    if not scale.is_finite() or not 1 / _MAX_SCALE <= abs(scale) <= _MAX_SCALE:
        yield f"{field}.scale: expected a number from 1e-9 to 1e9, found {scale}"


def _bad_curve(curve: Curve) -> Iterator[str]:
    if curve.points not in POINTS:
        yield f"curve.points: expected one of {', '.join(map(str, POINTS))}, found {curve.points}"
    if not _CLOCK.fullmatch(curve.first_at):
        yield f"curve.first_at: expected a local time such as 00:15, found {curve.first_at!r}"
    if not curve.quantities:
        yield "curve.quantities: expected at least one name and what it is"
    if curve.quantity_column is None and set(curve.quantities) != {"*"}:
        yield "curve.quantities: expected the one entry '*' where no quantity_column is named"
    for name, meaning in curve.quantities.items():
        yield from _bad_meaning(f"curve.quantities.{name}", meaning.quantity, meaning.scale)
    if curve.stale_after < 0:
        yield f"curve.stale_after: expected 0 or more, found {curve.stale_after}"


def _bad_event(event: EventColumn) -> Iterator[str]:
    if bool(event.kind) == (event.column is not None):
        yield "event: expected either kind (of all lines) or column with kinds"
    for kind in (event.kind, *event.kinds.values()):
        if kind and kind not in FIELD_KINDS:
            yield f"event.kinds: expected one of {', '.join(sorted(FIELD_KINDS))}, found {kind!r}"
    if len(event.volts) not in {0, 1, 3}:
        yield f"event.volts: expected three columns or one list, found {len(event.volts)}"
