"""From an export's bytes to cells: encoding, header, and each line's cells in the order the source needs.

A line is a record: a quoted cell that goes on in the next line is refused. Lines keep their numbers, so
whatever cannot be used is named by the line of the file that came in.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.exports.cells import BadCell
from gateway.exports.sources import Column, FileSource, Form, columns

MAX_LINE_BYTES: Final = 30_000
BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_SHOWN: Final = 12
_objects = msgspec.json.Decoder(dict[str, Any], float_hook=str)


class FileRefused(ValueError):
    """The file as a whole cannot be read by this source; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, and its number in the file, from 1."""

    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a source lie in a file: column → place in a line's cells."""

    places: dict[Column, int]
    width: int
    """Cells that a line must have."""
    exact: bool
    """True: not one more (a header said how many)."""
    absent: tuple[Column, ...] = ()
    """Columns of values that this file's header does not name: of these it says nothing."""

    def place(self, column: Column) -> int:
        return self.places[column]


def encoding_of(source: FileSource, content: bytes) -> str:
    """The codec for these bytes: what the source says, or what the byte order mark and the bytes prove."""
    if content.startswith(BOM):
        return "utf-8-sig"
    named = source.encoding.lower()
    if named != "auto":
        return "utf-8" if named == "utf-8" else "gb18030"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def explain_encoding(source: FileSource, content: bytes) -> str:
    """Why ``encoding_of`` says what it says, in words."""
    if content.startswith(BOM):
        return "utf-8: the file begins with its byte order mark"
    if source.encoding.lower() != "auto":
        return f"{source.encoding}: the source says so"
    if encoding_of(source, content) == "gb18030":
        return "gb18030 (covers GBK): the bytes are not valid UTF-8"
    plain = "only ASCII" if content.isascii() else "the bytes are valid UTF-8"
    return f"utf-8: {plain}"


def layout_of(source: FileSource, header: bytes) -> Layout:
    """Where the source's columns lie; ``header`` is the file's header line, or empty if it has none.

    Of the columns of values of kind rows one is enough. Raises FileRefused where another column is missing
    or the header cannot be read.
    """
    wanted = [column for _, column in columns(source)]
    if source.form is Form.JSONL:
        return Layout({column: place for place, column in enumerate(dict.fromkeys(wanted))}, 0, exact=False)
    points = source.curve.points - 1 if source.curve is not None else 0
    if not source.header:
        places = {column: int(column) - 1 for column in wanted}
        widest = max(places.values(), default=0)
        first = places[source.curve.first] + points if source.curve is not None else 0
        return Layout(places, max(widest, first) + 1, exact=False)
    names = _header_names(source, header)
    absent = _absent_values(source, names)
    places = {
        column: _place(source, field, column, names)
        for field, column in columns(source)
        if column not in absent
    }
    if source.curve is not None and places[source.curve.first] + points >= len(names):
        found = len(names) - places[source.curve.first]
        raise FileRefused(
            f"header: expected {points + 1} columns from {source.curve.first!r} on, found {found}"
        )
    return Layout(places, len(names), exact=True, absent=absent)


def _absent_values(source: FileSource, names: Sequence[str]) -> tuple[Column, ...]:
    """Columns of values that are not there, if any is."""
    absent = tuple(
        value.column
        for value in source.values
        if (value.column > len(names) if isinstance(value.column, int) else value.column not in names)
    )
    return absent if len(absent) < len(source.values) else ()


def _header_names(source: FileSource, header: bytes) -> list[str]:
    if header.startswith(_WIDE):
        raise FileRefused("encoding: expected UTF-8 or GBK, found UTF-16; save the file as UTF-8 or CSV")
    codec = encoding_of(source, header)
    try:
        names = split_cells(header.decode(codec), source.delimiter)
    except UnicodeDecodeError as problem:
        raise FileRefused(f"encoding: expected {source.encoding}, {_undecodable(problem, header)}") from None
    except BadCell as problem:
        raise FileRefused(f"header: {problem}") from None
    return [name.strip() for name in names]


def _undecodable(problem: UnicodeDecodeError, raw: bytes) -> str:
    try:
        raw.decode("gb18030")
        hint = "; it reads as gb18030"
    except UnicodeDecodeError:
        hint = ""
    return f"found byte 0x{raw[problem.start]:02x} at {problem.start + 1}{hint}"


def _place(source: FileSource, field: str, column: Column, names: Sequence[str]) -> int:
    if isinstance(column, int):
        if column > len(names):
            raise FileRefused(f"header: expected at least {column} columns ({field}), found {len(names)}")
        return column - 1
    if names.count(column) != 1:
        found = "not there" if column not in names else f"{names.count(column)} times"
        shown = source.delimiter.join(names[:_SHOWN])[:300]
        raise FileRefused(f"header: expected a column {column!r} ({field}), found {found} in {shown!r}")
    return names.index(column)


def split_cells(text: str, delimiter: str) -> list[str]:
    """The cells of one line; raises BadCell."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as problem:
        raise BadCell(f"expected whole quoted cells in one line, found: {problem}") from None


def decoded(source: FileSource, codec: str, lines: Sequence[Line]) -> Iterator[tuple[Line, str | BadCell]]:
    """The lines' texts; blank ones are left out. All at once where the bytes allow it."""
    kept = [line for line in lines if line.raw.strip()]
    codec = "utf-8" if codec == "utf-8-sig" else codec
    try:
        texts = b"\n".join(line.raw for line in kept).decode(codec).split("\n")
    except UnicodeDecodeError:
        texts = []
    if len(texts) == len(kept):
        yield from zip(kept, texts, strict=True)
        return
    for line in kept:
        try:
            yield line, line.raw.decode(codec)
        except UnicodeDecodeError as problem:
            yield line, BadCell(f"expected {source.encoding}, {_undecodable(problem, line.raw)}")


def cells_of(source: FileSource, layout: Layout, text: str) -> list[str]:
    """A line's cells by the layout's places; raises BadCell."""
    if source.form is Form.JSONL:
        return _object_cells(layout, text)
    cells = split_cells(text, source.delimiter)
    while len(cells) > layout.width and not cells[-1].strip():
        cells.pop()
    if len(cells) < layout.width or (layout.exact and len(cells) > layout.width):
        raise BadCell(f"expected {layout.width} columns, found {len(cells)}")
    return cells


def _object_cells(layout: Layout, text: str) -> list[str]:
    try:
        found = _objects.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as problem:
        raise BadCell(f"expected a JSON object: {problem}") from None
    return [_text_of(found.get(str(column))) for column in layout.places]


def _text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def numbered(raw_lines: Iterable[bytes], first: int) -> list[Line]:
    """Lines without their ends, numbered from ``first``."""
    return [Line(number, raw.rstrip(b"\r\n")) for number, raw in enumerate(raw_lines, start=first)]
