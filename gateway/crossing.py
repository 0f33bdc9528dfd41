"""Files between zones: numbered, chained by hash, self-describing; evidence and readings as JSON Lines.

The first line says what the file is, the last one how many rows it has and the SHA-256 of everything before.
Numbers count up by one per installation and stream, and each file names the hash of the one before it: the
reading side sees what is missing, and an altered or foreign file does not fit into the chain. The hash proves
that a file is whole, not who wrote it: that is for the isolation device or the transport.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from telemetry.evidence import Evidence, EvidenceKind, LoggedEvidence, Volts
from telemetry.readings import MISSING, Quality, ReadingBatch

FORMAT: Final = "gridcrew-crossing/1"
EVIDENCE: Final = "evidence"
READINGS: Final = "readings"
SPOOLED_READINGS: Final = {
    "events": "readings_events",
    "bulk": "readings_bulk",
    "backfill": "readings_backfill",
}
"""Readings by lane, where the store of readings knows no order of its own."""
STREAMS: Final = (EVIDENCE, READINGS, *SPOOLED_READINGS.values())
MAX_ROW_BYTES: Final = 2_000_000
MAX_HASHES: Final = 20_000
_INSTALLATION: Final = re.compile(r"[a-z0-9-]{1,32}")
_SHA: Final = re.compile(r"[0-9a-f]{64}")


class CrossingRefused(ValueError):
    """A file that is no whole crossing file; the text says what was expected."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First line. ``first`` and ``last`` are positions in the stream of the installation that wrote it."""

    format: str
    installation: str
    stream: str
    number: int
    first: int
    last: int
    previous: str
    """SHA-256 of the file before it, empty for the first."""
    made_ms: int


class Tail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Last line. ``sha256`` covers every byte before this line."""

    rows: int
    sha256: str


class EvidenceRow(msgspec.Struct, frozen=True, omit_defaults=True):
    id: int
    kind: EvidenceKind
    at_ms: int
    received_ms: int
    source: str
    devices: tuple[str, ...]
    key: str
    volts: tuple[Volts, ...] = ()


class ReadingsRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """``scaled[m][q] · 10^-decimals[q]`` of meter m; null = missing."""

    id: int
    terminal: str
    boot: str
    seq: int
    at_ms: int
    received_ms: int
    meters: tuple[str, ...]
    quantities: tuple[str, ...]
    decimals: tuple[int, ...]
    scaled: tuple[tuple[int | None, ...], ...]
    quality: int = 0
    doubts: tuple[tuple[int, ...], ...] | None = None


_head = msgspec.json.Decoder(Head)
_tail = msgspec.json.Decoder(Tail)
_evidence = msgspec.json.Decoder(EvidenceRow)
_readings = msgspec.json.Decoder(ReadingsRow)


def file_name(installation: str, stream: str, number: int) -> str:
    """The name of a file, which sorts by number."""
    return f"gridcrew-crossing-{installation}-{stream}-{number:09d}.jsonl"


def evidence_line(row: LoggedEvidence) -> bytes:
    """A row of the evidence log, without its line end."""
    said = row.evidence
    return msgspec.json.encode(
        EvidenceRow(
            row.id, said.kind, said.at_ms, said.received_ms, said.source, said.devices, said.key, said.volts
        )
    )


def readings_line(position: int, batch: ReadingBatch) -> bytes:
    """A batch without the meters that have no value in it, without its line end."""
    there = (batch.scaled != MISSING).any(axis=1)
    kept = np.flatnonzero(there).tolist()
    doubts = batch.doubts[there].tolist() if batch.doubts is not None else None
    row = ReadingsRow(
        position,
        batch.terminal,
        batch.boot,
        batch.seq,
        batch.at_ms,
        batch.received_ms,
        tuple(batch.meters[place] for place in kept),
        batch.quantities,
        batch.decimals,
        tuple(
            tuple(None if value == MISSING else value for value in values)
            for values in batch.scaled[there].tolist()
        ),
        int(batch.quality),
        None if doubts is None else tuple(map(tuple, doubts)),
    )
    return msgspec.json.encode(row)


def read_evidence(line: bytes) -> Evidence:
    """The fact of a line; raises CrossingRefused."""
    try:
        row = _evidence.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise CrossingRefused(f"row: {problem}") from None
    return Evidence(row.kind, row.at_ms, row.received_ms, row.source, row.devices, row.key, row.volts)


def read_readings(line: bytes) -> ReadingBatch:
    """The batch of a line; raises CrossingRefused."""
    try:
        row = _readings.decode(line)
        shape = (len(row.meters), len(row.quantities))
        scaled = np.array(
            [[MISSING if value is None else value for value in values] for values in row.scaled],
            dtype=np.int64,
        ).reshape(shape)
        doubts = None if row.doubts is None else np.array(row.doubts, dtype=np.uint8).reshape(shape)
        quality = Quality(row.quality)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError) as problem:
        raise CrossingRefused(f"row: {problem}") from None
    if len(row.decimals) != len(row.quantities):
        raise CrossingRefused(f"row: expected {len(row.quantities)} decimals, found {len(row.decimals)}")
    return ReadingBatch(
        row.terminal, row.boot, row.seq, row.at_ms, row.received_ms, row.meters, row.quantities, row.decimals,
        scaled, quality, doubts,
    )  # fmt: skip


def read_head(line: bytes) -> Head:
    """The first line; raises CrossingRefused."""
    try:
        head = _head.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise CrossingRefused(f"first line: {problem}") from None
    if head.format != FORMAT:
        raise CrossingRefused(f"first line: expected format {FORMAT}, found {head.format[:40]!r}")
    if not _INSTALLATION.fullmatch(head.installation) or head.stream not in STREAMS or head.number < 1:
        raise CrossingRefused("first line: expected installation, stream and a number from 1")
    if head.previous and not _SHA.fullmatch(head.previous):
        raise CrossingRefused("first line: expected the hash of the file before")
    return head


def read_tail(line: bytes) -> Tail:
    """The last line; raises CrossingRefused (a file that was cut off ends with a row)."""
    try:
        return _tail.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise CrossingRefused("last line: expected rows and sha256; the file was cut off") from None


class StreamRecord(msgspec.Struct):
    """What of one stream has arrived: closed ranges of numbers, and the newest hashes."""

    ranges: list[tuple[int, int]] = []
    hashes: dict[int, str] = {}
    previous: dict[int, str] = {}
    """What files say of the hash of the file before them."""

    def holds(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.ranges)

    def missing(self) -> list[tuple[int, int]]:
        """Closed ranges between 1 and the newest that have not arrived."""
        gaps, expected = [], 1
        for first, last in self.ranges:
            if first > expected:
                gaps.append((expected, first - 1))
            expected = last + 1
        return gaps

    def add(self, number: int, sha256: str, previous: str) -> None:
        """Note a file that was imported."""
        numbers = sorted([*self.ranges, (number, number)])
        merged: list[tuple[int, int]] = []
        for first, last in numbers:
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        self.ranges = merged
        self.hashes[number], self.previous[number] = sha256, previous
        for known in (self.hashes, self.previous):
            while len(known) > MAX_HASHES:
                known.pop(min(known))


@dataclass(slots=True)
class Received:
    """What has arrived of all installations, by (installation, stream)."""

    streams: dict[tuple[str, str], StreamRecord] = field(default_factory=dict)

    def judge(self, head: Head, sha256: str) -> str | None:
        """None: new; '': it was imported before; else why it does not fit."""
        record = self.streams.get((head.installation, head.stream), StreamRecord())
        known = record.hashes.get(head.number)
        if known is not None and known != sha256:
            return f"number {head.number} was imported before with another content"
        if record.holds(head.number):
            return ""
        before, after = record.hashes.get(head.number - 1), record.previous.get(head.number + 1)
        if before is not None and head.previous != before:
            return f"the chain is broken: number {head.number} follows another file than the one imported"
        if after is not None and after != sha256:
            return f"the chain is broken: number {head.number + 1}, imported before, follows another file"
        return None

    def add(self, head: Head, sha256: str) -> None:
        """Note a file that was imported."""
        record = self.streams.setdefault((head.installation, head.stream), StreamRecord([], {}, {}))
        record.add(head.number, sha256, head.previous)

    def gaps(self) -> list[dict[str, object]]:
        """What must be sent again, as plain data."""
        return [
            {"installation": installation, "stream": stream, "first": first, "last": last}
            for (installation, stream), record in sorted(self.streams.items())
            for first, last in record.missing()
        ]


class _Saved(msgspec.Struct):
    streams: dict[str, StreamRecord]


def pack_received(received: Received) -> bytes:
    """As JSON."""
    return msgspec.json.encode(_Saved({"/".join(name): record for name, record in received.streams.items()}))


def unpack_received(content: bytes) -> Received:
    """What ``pack_received`` made; raises CrossingRefused."""
    try:
        saved = msgspec.json.decode(content, type=_Saved)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise CrossingRefused(f"record of what was received: {problem}") from None
    found: dict[tuple[str, str], StreamRecord] = {}
    for name, record in saved.streams.items():
        installation, _, stream = name.partition("/")
        found[installation, stream] = record
    return Received(found)


def parse_numbers(text: str) -> range:
    """``7`` or ``3-9``; raises CrossingRefused."""
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise CrossingRefused(f"expected numbers such as 7 or 3-9, found {text[:40]!r}")
    numbers = range(int(first), int(last or first) + 1)
    if not 1 <= len(numbers) <= 100_000 or numbers[0] < 1:
        raise CrossingRefused(f"expected 1 to 100000 numbers from 1, found {text[:40]!r}")
    return numbers


def in_parts(lines: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    """Lines in groups of at most ``limit`` bytes together (one that is larger comes alone)."""
    group: list[bytes] = []
    size = 0
    for line in lines:
        if group and size + len(line) + 1 > limit:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line) + 1
    if group:
        yield group


def told(gaps: Iterable[Mapping[str, object]]) -> str:
    """Gaps in words, one a line, with what the other side has to run."""
    return "\n".join(
        f"{gap['installation']} {gap['stream']}: missing {gap['first']}-{gap['last']}; there: "
        f"gridcrew gateway export --out FOLDER --stream {gap['stream']} --resend {gap['first']}-{gap['last']}"
        for gap in gaps
    )
