"""CIM XML (IEC 61970-552, a subset): read as a stream, one object at a time.

A document type declaration is refused, so that no entity can unfold or fetch anything; depth, texts and the
number of objects have limits.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final
from xml.parsers import expat

from geo.assemble import Assembled, assemble
from geo.cim_model import OWN, CimModel, CimObject
from geo.cim_tables import tables_of
from geo.ports import Progress, unwatched
from geo.report import Report
from geo.rows import Table

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OWN_NAMESPACE: Final = "urn:gridcrew:network#"
CHUNK_BYTES: Final = 1 << 20
MAX_FILE_BYTES: Final = 20_000_000_000
MAX_DEPTH: Final = 16
MAX_TEXT: Final = 1_000_000
MAX_OBJECTS: Final = 200_000_000
SUFFIXES: Final = (".xml", ".rdf", ".cim")


class RefusedXml(ValueError):
    """What no model needs and could do harm; the text says what."""


def read_cim(path: Path, set_aside: bool = False, progress: Progress = unwatched) -> Assembled:
    """The network of one file, or of a folder of files that make one model together (profiles)."""
    report = Report()
    tables = _tables(path, report, progress)
    if report.blocked:
        return Assembled(None, report.findings())
    return assemble(tables, report, set_aside)


def _tables(path: Path, report: Report, progress: Progress) -> dict[str, Table]:
    """The door tables; the model, which is larger, is let go with the end of this."""
    model = CimModel()
    files = (
        sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if path.is_dir()
        else [path]
    )
    for file in files:
        _read(file, model, report, progress)
    if not model.objects and not report.blocked:
        facts = {"problem": "no CIM object in it, expected rdf:RDF with elements such as cim:ACLineSegment"}
        report.add("unreadable", place=path.name, facts=facts)
    return {} if report.blocked else tables_of(model, report)


def _read(file: Path, model: CimModel, report: Report, progress: Progress) -> None:
    if not file.is_file():
        report.add("missing-table", place=file.name, facts={"file": file.name})
        return
    if file.stat().st_size > MAX_FILE_BYTES:
        report.add("too-large", place=file.name, facts={"limit": MAX_FILE_BYTES})
        return
    document = _Document(file.name, model.take)
    try:
        document.read(_chunks(file, progress))
    except (expat.ExpatError, RefusedXml) as problem:
        report.add("unreadable", "", file.name, document.line, facts={"problem": problem})


def _chunks(file: Path, progress: Progress) -> Iterator[bytes]:
    whole, done = file.stat().st_size, 0
    with file.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            done += len(chunk)
            progress(file.name, done, whole)
            yield chunk


class _Document:
    """Hands on every object below the root; properties are literals or references to ids."""

    def __init__(self, place: str, take: Callable[[CimObject], None]) -> None:
        self._place = place
        self._take = take
        self._depth = 0
        self._kind = ""
        self._id = ""
        self._began = 0
        self._properties: dict[str, str] = {}
        self._property = ""
        self._text: list[str] = []
        self._size = 0
        self._objects = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def read(self, chunks: Iterator[bytes]) -> None:
        """Raises ``ExpatError`` or ``RefusedXml``."""
        for chunk in chunks:
            self._parser.Parse(chunk, False)
        self._parser.Parse(b"", True)

    def _doctype(self, *_declared: object) -> None:
        raise RefusedXml("a document type declaration, expected none")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedXml(f"elements deeper than {MAX_DEPTH}")
        if self._depth == 2:
            self._begin(name, attributes)
        elif self._depth == 3:
            self._property, self._text, self._size = _local(name), [], 0
            reference = attributes.get(f"{RDF} resource")
            if reference:
                self._text = [_reference(reference)]

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise RefusedXml(f"more than {MAX_OBJECTS} objects")
        identifier = attributes.get(f"{RDF} ID") or attributes.get(f"{RDF} about") or ""
        self._kind, self._id = _local(name), _plain(identifier)
        self._began, self._properties = self._parser.CurrentLineNumber, {}

    def _characters(self, text: str) -> None:
        if self._depth == 3:
            self._size += len(text)
            if self._size > MAX_TEXT:
                raise RefusedXml(f"a text longer than {MAX_TEXT} characters")
            self._text.append(text)

    def _end(self, _name: str) -> None:
        if self._depth == 3:
            # A reference is the attribute alone; blanks between tags are no value.
            self._properties[self._property] = "".join(self._text).strip()
        elif self._depth == 2:
            identifier = self._id or f"{self._place}:{self._began}"
            self._take(CimObject(self._kind, identifier, self._properties, self._place, self._began))
        self._depth -= 1


@lru_cache(maxsize=4096)
def _local(name: str) -> str:
    """The name without its namespace; ours keep a mark, so that nobody else's is taken for it.

    The same few again and again: millions of objects hold one text of each.
    """
    namespace, _, local = name.rpartition(" ")
    return f"{OWN.partition(':')[0]}:{local}" if namespace == OWN_NAMESPACE else local


def _reference(text: str) -> str:
    """An id within the model, or a value of an enumeration (``…#PhaseCode.ABC``)."""
    return _plain(text if text.startswith("#") or "#" not in text else text.rpartition("#")[2])


def _plain(identifier: str) -> str:
    """rdf:ID, rdf:about and rdf:resource spell one id in different ways."""
    return identifier.removeprefix("#").removeprefix("urn:uuid:").removeprefix("_")
