"""Slices of exported files → readings and evidence.

A frame's body is the file's header line (where it has one) and some of its lines; its topic names source,
file, the file's time and the first line: ``SOURCE/FILE@MTIME_MS#LINE``. The same slice of the same file is
the same frame, however often the file is read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Final

import numpy as np

from gateway.codecs.own import AHEAD_MS, MAX_PROBLEMS, content_key
from gateway.exports.blocks import Block
from gateway.exports.lines import FileRefused, encoding_of, layout_of, numbered
from gateway.exports.parsing import FindId, Happening, Said, read_lines
from gateway.exports.sources import FileSource, Form
from gateway.frames import Decoded, Frame
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.readings import MISSING, Quality, ReadingBatch

FILE: Final = "file"
"""The kind of door, and ``boot`` of the batches."""
_TOPIC: Final = re.compile(r"([a-z0-9][a-z0-9_-]{0,47})/(.*)@(\d{1,16})#(\d{1,12})", re.DOTALL)

Sources = Callable[[], Mapping[str, FileSource]]
"""The sources in force by name."""


def topic(source: str, file: str, mtime_ms: int, line: int) -> str:
    """The topic of a slice that begins at ``line`` of ``file``."""
    return f"{source}/{file}@{mtime_ms}#{line}"


def has_header(source: FileSource) -> bool:
    """Whether each slice begins with the file's header line."""
    return source.header and source.form is Form.CSV


def read_slice(source: FileSource, body: bytes, first_line: int, find_id: FindId) -> Said:
    """What a slice says; raises FileRefused where its header does not fit the source."""
    raw = body.split(b"\n")
    header = raw[0] if has_header(source) else b""
    layout = layout_of(source, header)
    lines = numbered(raw[1:] if has_header(source) else raw, first_line)
    return read_lines(source, layout, find_id, encoding_of(source, body), lines)


def make_decoder(
    sources: Sources, find_id: Callable[[], FindId], late_after_ms: int
) -> Callable[[Frame], Decoded]:
    """The decoder of frames of the file drop; ``find_id`` gives the crosswalk in force.

    A value that is older than ``late_after_ms`` when it arrives is late.
    """

    def decode(frame: Frame) -> Decoded:
        place = _TOPIC.fullmatch(frame.topic)
        if place is None:
            return _refused(frame, f"topic: expected SOURCE/FILE@MTIME#LINE, found {frame.topic[:200]!r}")
        source = sources().get(place.group(1))
        if source is None:
            return _refused(
                frame, f"source: expected one of {', '.join(sources())}, found {place.group(1)!r}"
            )
        try:
            said = read_slice(source, frame.body, int(place.group(4)), find_id())
        except FileRefused as problem:
            return _refused(frame, str(problem))
        return _decoded(frame, source, said, late_after_ms)

    return decode


def _refused(frame: Frame, problem: str) -> Decoded:
    return Decoded(content_key(frame), refusal=problem[:500])


def _decoded(frame: Frame, source: FileSource, said: Said, late_after_ms: int) -> Decoded:
    key = content_key(frame)
    problems = [str(problem) for problem in said.problems]
    if len(problems) > MAX_PROBLEMS:
        problems = [*problems[:MAX_PROBLEMS], f"and {len(said.problems) - MAX_PROBLEMS} more"]
    if said.lines and len(said.bad_lines) == said.lines:
        return Decoded(key, refusal="; ".join(problems[:3])[:500])
    return Decoded(
        key,
        batches=tuple(_batches(frame, key, said, late_after_ms)),
        evidence=(*_events(frame, source, said.events), *_alive(frame, source, key, said)),
        problems=tuple(problems),
    )


def _batches(frame: Frame, key: str, said: Said, late_after_ms: int) -> Iterator[ReadingBatch]:
    part = 0
    for block in said.blocks:
        for t, at_ms in enumerate(block.at_ms):
            scaled = np.ascontiguousarray(block.scaled[:, :, t])
            if (scaled == MISSING).all():
                continue
            part += 1
            doubts = np.ascontiguousarray(block.doubts[:, :, t])
            yield ReadingBatch(
                terminal=block.terminal,
                boot=FILE,
                seq=_seq(key, part),
                at_ms=at_ms,
                received_ms=frame.received_ms,
                meters=block.meters,
                quantities=block.quantities,
                decimals=block.decimals,
                scaled=scaled,
                quality=_quality(at_ms, frame.received_ms, late_after_ms),
                doubts=doubts if doubts.any() else None,
            )


def _quality(at_ms: int, received_ms: int, late_after_ms: int) -> Quality:
    if at_ms > received_ms + AHEAD_MS:
        return Quality.CLOCK_SUSPECT
    return Quality.LATE if received_ms - at_ms > late_after_ms else Quality.GOOD


def _seq(key: str, part: int) -> int:
    digest = blake2b(f"{key}/{part}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _events(frame: Frame, source: FileSource, events: tuple[Happening, ...]) -> Iterator[Evidence]:
    """One row each, named by what it tells: a file that comes again, or cut elsewhere, adds nothing."""
    for event in events:
        yield Evidence(
            kind=event.kind,
            at_ms=event.at_ms,
            received_ms=frame.received_ms,
            source=f"{FILE}:{source.name}",
            devices=(event.device,),
            key=f"{FILE}:{source.name}/{event.kind}/{event.device}/{event.at_ms}",
            volts=(event.volts,) if event.volts is not None else (),
        )


def _alive(frame: Frame, source: FileSource, key: str, said: Said) -> Iterator[Evidence]:
    """Who is proved to have lived, by the newest instant of each: one row per instant."""
    newest: dict[str, int] = {}
    for block in said.blocks:
        for meter, at_ms in _last_signs(block, frame.received_ms + AHEAD_MS):
            newest[meter] = max(at_ms, newest.get(meter, 0))
    for at_ms in sorted(set(newest.values())):
        devices = tuple(meter for meter, last_ms in newest.items() if last_ms == at_ms)
        yield Evidence(
            kind=EvidenceKind.ALIVE,
            at_ms=at_ms,
            received_ms=frame.received_ms,
            source=f"{FILE}:{source.name}",
            devices=devices,
            key=f"{key}/{EvidenceKind.ALIVE}/{at_ms}",
        )


def _last_signs(block: Block, latest_ms: int) -> Iterator[tuple[str, int]]:
    """(meter, newest instant) of values that prove life: measured, beyond doubt, and not zero.

    Head-ends fill what they could not read with zeros or estimates.
    """
    proof = (block.scaled != MISSING) & (block.scaled != 0) & (block.doubts == 0)
    past = np.array(block.at_ms, dtype=np.int64) <= latest_ms
    signs = proof.any(axis=1) & past[np.newaxis, :]
    for m in np.flatnonzero(signs.any(axis=1)).tolist():
        yield block.meters[m], block.at_ms[int(np.flatnonzero(signs[m])[-1])]
