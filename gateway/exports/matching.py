"""Which source a dropped file belongs to: its folder, its name, or its header."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from gateway.exports.lines import BOM, FileRefused, layout_of
from gateway.exports.sources import FileSource, Form, SourceKind, columns

_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Match:
    """The source found and why, or why none was."""

    source: FileSource | None
    why: str


def match(sources: Mapping[str, FileSource], folder: str, file: str, head: bytes) -> Match:
    """The source of a file. ``folder``: the inbox's subfolder ('' at its top); ``head``: its first bytes."""
    if folder:
        found = sources.get(folder)
        known = ", ".join(sorted(sources))
        return Match(
            found,
            f"the folder {folder} names it"
            if found
            else f"folder: expected the name of a source ({known}), found {folder!r}",
        )
    named = [source for source in sources.values() if any(fnmatchcase(file, shape) for shape in source.files)]
    if len(named) == 1:
        return Match(named[0], f"the file's name fits {' or '.join(named[0].files)}")
    candidates = named or list(sources.values())
    fitting = [source for source in candidates if _fits(source, head, whole=True)]
    fitting = fitting or [source for source in candidates if _fits(source, head, whole=False)]
    if len(fitting) == 1:
        return Match(fitting[0], "the header names its columns")
    return Match(None, _nobody(file, fitting or named))


def _nobody(file: str, candidates: list[FileSource]) -> str:
    if candidates:
        names = ", ".join(source.name for source in candidates)
        return f"source: expected one that fits, found {names}; drop the file into a subfolder of that name"
    return f"source: expected one whose file pattern or header fits, found none for {file[:80]!r}"


def _fits(source: FileSource, head: bytes, *, whole: bool) -> bool:
    """Whether the first lines prove the source: by number alone, columns prove nothing.

    ``whole``: all its columns are there, not just as many as it needs.
    """
    if source.kind is SourceKind.CROSSING:
        return False
    lines = list(_head_lines(head, source.skip_lines))
    if not lines or not any(isinstance(column, str) for _, column in columns(source)):
        return False
    if source.form is Form.JSONL:
        return _has_keys(source, lines[0])
    try:
        return not (layout_of(source, lines[0]).absent and whole)
    except FileRefused:
        return False


def _head_lines(head: bytes, skip: int) -> Iterator[bytes]:
    for number, line in enumerate(head.removeprefix(BOM).split(b"\n")):
        if number >= skip:
            yield line.rstrip(b"\r")


def _has_keys(source: FileSource, line: bytes) -> bool:
    try:
        found = _keys.decode(line).keys()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    needed = [str(column) for field, column in columns(source) if field != "event.customer"]
    needed = [name for name in needed if source.event is None or name not in source.event.volts]
    return all(name in found for name in needed)
