"""What the lines of a foreign export say: readings, events, and per unusable line the field and the reason.

Pure, and the same at the door (which parts good lines from bad before it takes them), in the decoder, and in
``gridcrew gateway try``. Bad lines never raise and never cost another line.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec

from gateway.exports.blocks import Block, Row, curve_blocks, row_blocks
from gateway.exports.cells import BadCell, read_id, read_number, read_time
from gateway.exports.lines import Layout, Line, cells_of, decoded
from gateway.exports.numbers import read_numbers
from gateway.exports.sources import Column, Curve, EventColumn, FileSource, Meaning, TimeColumns
from telemetry.evidence import EvidenceKind, Volts
from telemetry.quantities import CATALOGUE
from telemetry.readings import Quality

_DAY_MINUTES: Final = 1440
_VOLTS: Final = CATALOGUE["voltage_a_v"]

FindId = Callable[[str, str, int], str | None]
"""(system, foreign id, instant) → our id, or None: ``geo.identifiers.Crosswalk.find``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One line that cannot be used, wholly or in part."""

    line: int
    field: str
    expected: str
    unmatched: str = ""
    """The foreign id that the crosswalk does not hold."""
    terminal: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.expected}"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of one device."""

    line: int
    kind: EvidenceKind
    at_ms: int
    device: str
    volts: Volts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """All that some lines said."""

    blocks: tuple[Block, ...] = ()
    events: tuple[Happening, ...] = ()
    problems: tuple[Problem, ...] = ()
    lines: int = 0
    """Lines that were not blank."""

    @property
    def bad_lines(self) -> frozenset[int]:
        return frozenset(problem.line for problem in self.problems)


class _Bad(BadCell):
    """A bad cell whose field is known."""

    def __init__(self, name: str, problem: object, unmatched: str = "", terminal: str = "") -> None:
        super().__init__(str(problem))
        self.field = name
        self.unmatched = unmatched
        self.terminal = terminal


def read_lines(
    source: FileSource, layout: Layout, find_id: FindId, codec: str, lines: Sequence[Line]
) -> Said:
    """What the lines say. ``codec``: see ``exports_lines.encoding_of``."""
    reading = _Reading(source, layout, find_id)
    count = 0
    for line, text in decoded(source, codec, lines):
        count += 1
        try:
            reading.take(line.number, _cells(source, layout, text))
        except _Bad as problem:
            reading.refuse(line.number, problem)
    return reading.said(count)


def _cells(source: FileSource, layout: Layout, text: str | BadCell) -> list[str]:
    if isinstance(text, BadCell):
        raise _Bad("line", text)
    try:
        return cells_of(source, layout, text)
    except BadCell as problem:
        raise _Bad("line", problem) from None


@dataclass(slots=True)
class _Reading:
    """Collects what lines say, of one source and one header."""

    source: FileSource
    layout: Layout
    find_id: FindId
    rows: list[Row] = field(default_factory=list)
    numbers: list[list[str]] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def take(self, number: int, cells: list[str]) -> None:
        """Take one line in; raises _Bad."""
        if self.source.of_events:
            self._take_events(number, cells)
        else:
            self._take_row(number, cells)

    def refuse(self, line: int, problem: _Bad) -> None:
        self.problems.append(Problem(line, problem.field, str(problem), problem.unmatched, problem.terminal))

    def said(self, lines: int) -> Said:
        blocks = tuple(self._blocks()) if self.rows else ()
        problems = sorted(self.problems, key=lambda problem: problem.line)
        return Said(blocks, tuple(self.events), tuple(problems), lines)

    def _cell(self, cells: list[str], column: Column) -> str:
        return cells[self.layout.place(column)].strip()

    def _time(self, cells: list[str], times: TimeColumns, name: str) -> int:
        text = " ".join(self._cell(cells, column) for column in times.columns)
        try:
            return read_time(text, times.formats, self.source.zone)
        except BadCell as problem:
            raise _Bad(name, problem) from None

    def _foreign_id(self, cells: list[str], column: Column, name: str) -> str:
        digits = self.source.id.digits if self.source.id is not None else 0
        try:
            return read_id(self._cell(cells, column), digits)
        except BadCell as problem:
            raise _Bad(name, problem) from None

    def _own_id(self, foreign_id: str, at_ms: int, terminal: str = "") -> str:
        system = self.source.id.system if self.source.id is not None else ""
        own = self.find_id(system, foreign_id, at_ms) if system else foreign_id
        if own is None:
            expected = f"expected an id that the crosswalk of {system} holds then, found {foreign_id!r}"
            raise _Bad("id", expected, foreign_id, terminal)
        return own

    def _take_row(self, number: int, cells: list[str]) -> None:
        source = self.source
        if source.id is None or source.time is None:
            return
        foreign_id = self._foreign_id(cells, source.id.column, "id")
        at_ms = self._time(cells, source.time, "time")
        terminal = self._cell(cells, source.terminal) if source.terminal is not None else ""
        if len(terminal) > 64:
            raise _Bad("terminal", f"expected at most 64 characters, found {len(terminal)}")
        quality = self._quality(cells)
        if quality is None:
            return
        if source.curve is None:
            meter = self._own_id(foreign_id, at_ms, terminal)
            self.rows.append(Row(number, terminal, ((meter, 0, 1),), (at_ms,), quality))
            absent = self.layout.absent
            self.numbers.append(
                ["" if value.column in absent else self._cell(cells, value.column) for value in source.values]
            )
            return
        instants = _instants(at_ms, source.curve.points, source.curve.first_at)
        meaning = self._meaning(cells, source.curve)
        spans = self._spans(foreign_id, instants, terminal)
        first = self.layout.place(source.curve.first)
        self.rows.append(Row(number, terminal, spans, instants, quality, meaning))
        self.numbers.append(cells[first : first + source.curve.points])

    def _spans(
        self, foreign_id: str, instants: tuple[int, ...], terminal: str
    ) -> tuple[tuple[str, int, int], ...]:
        """One span, unless the meter was exchanged during the day."""
        first = self._own_id(foreign_id, instants[0], terminal)
        if self._own_id(foreign_id, instants[-1], terminal) == first:
            return ((first, 0, len(instants)),)
        owners = [self._own_id(foreign_id, at_ms, terminal) for at_ms in instants]
        starts = [at for at, own in enumerate(owners) if at == 0 or own != owners[at - 1]]
        return tuple(
            (owners[at], at, end) for at, end in zip(starts, [*starts[1:], len(owners)], strict=True)
        )

    def _meaning(self, cells: list[str], curve: Curve) -> Meaning:
        if curve.quantity_column is None:
            return curve.quantities["*"]
        name = self._cell(cells, curve.quantity_column)
        if name not in curve.quantities:
            expected = ", ".join(curve.quantities)
            raise _Bad("curve.quantity_column", f"expected one of {expected[:300]}, found {name[:80]!r}")
        return curve.quantities[name]

    def _quality(self, cells: list[str]) -> Quality | None:
        """What the line says of its own values; None: it carries none."""
        marks = self.source.quality
        if marks is None:
            return Quality.GOOD
        mark = self._cell(cells, marks.column)
        if mark in marks.missing:
            return None
        named = (
            (marks.estimated, Quality.ESTIMATED),
            (marks.stale, Quality.STALE),
            (marks.out_of_range, Quality.OUT_OF_RANGE),
            (marks.clock_suspect, Quality.CLOCK_SUSPECT),
        )
        return next((quality for words, quality in named if mark in words), Quality.GOOD)

    def _take_events(self, number: int, cells: list[str]) -> None:
        source = self.source
        if source.id is None or source.time is None:
            return
        kind = self._kind(cells, source.event)
        at_ms = self._time(cells, source.time, "time")
        column = source.id.column
        if source.event is not None and source.event.customer is not None and kind is EvidenceKind.CALL:
            column = source.event.customer if self._cell(cells, source.event.customer) else column
        device = self._own_id(self._foreign_id(cells, column, "id"), at_ms)
        volts = self._volts(cells, source.event) if kind is EvidenceKind.VOLTAGE else None
        happened = [Happening(number, kind, at_ms, device, volts)]
        if source.end is not None and any(self._cell(cells, column) for column in source.end.columns):
            until_ms = self._time(cells, source.end, "end")
            if until_ms < at_ms:
                raise _Bad("end", "expected a time that is not before the start")
            happened.append(Happening(number, EvidenceKind.POWER_ON, until_ms, device))
        self.events.extend(happened)

    def _kind(self, cells: list[str], event: EventColumn | None) -> EvidenceKind:
        if event is None:
            return EvidenceKind.POWER_OFF
        if event.column is None:
            return EvidenceKind(event.kind)
        name = self._cell(cells, event.column)
        if name not in event.kinds:
            expected = ", ".join(event.kinds)
            raise _Bad("event.column", f"expected one of {expected[:300]}, found {name[:80]!r}")
        return EvidenceKind(event.kinds[name])

    def _volts(self, cells: list[str], event: EventColumn | None) -> Volts:
        columns = event.volts if event is not None else ()
        texts = [self._cell(cells, column) for column in columns]
        try:
            if len(texts) == 1:
                return _checked_volts(msgspec.json.decode(texts[0], type=Volts, strict=False))
            a, b, c = (read_number(text, frozenset(self.source.missing)) for text in texts)
        except (BadCell, msgspec.MsgspecError, ValueError) as problem:
            raise _Bad("event.volts", f"expected three voltages: {problem}") from None
        return _checked_volts(tuple(None if volt is None else float(volt) for volt in (a, b, c)))

    def _blocks(self) -> Iterator[Block]:
        source = self.source
        width = source.curve.points if source.curve is not None else len(source.values)
        found = read_numbers(self.numbers, width, frozenset(("", *source.missing)))
        for place, (column, reason) in found.bad.items():
            name = f"point {column + 1}" if source.curve is not None else source.values[column].quantity
            self.problems.append(Problem(self.rows[place].line, name, reason))
        assemble = curve_blocks if source.curve is not None else row_blocks
        for part in assemble(source, self.rows, found):
            if isinstance(part, Block):
                yield part
            else:
                self.problems.append(Problem(part.line, part.quantity, "expected a number that 64 bits hold"))


def _checked_volts(volts: tuple[float | None, ...]) -> Volts:
    if any(volt is not None and not _VOLTS.low <= volt <= _VOLTS.high for volt in volts):
        raise _Bad("event.volts", f"expected {_VOLTS.low:g} to {_VOLTS.high:g}, found {volts}")
    a, b, c = volts
    return (a, b, c)


@lru_cache(maxsize=512)
def _instants(day_ms: int, points: int, first_at: str) -> tuple[int, ...]:
    hours, _, minutes = first_at.partition(":")
    begin_ms = day_ms + (int(hours) * 60 + int(minutes)) * 60_000
    step_ms = _DAY_MINUTES // points * 60_000
    return tuple(begin_ms + place * step_ms for place in range(points))
