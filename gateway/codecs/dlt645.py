"""What DL/T 645-2007 frames say: readings, living meters, losses of supply. Never raises on field data.

A spooled frame's body is a stretch of the line as it came: the answers of one poll of one meter, or what a
meter pushed by itself; empty = the meter did not answer, or, without an address, that the line stands.
Answers carry no time, so they are of the instant of receipt. Loss records carry the meter's own times and are
named by meter and time: read twice, they are one fact.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from gateway.codecs.dlt645_frames import Control, MeterFrame, find_frames
from gateway.codecs.dlt645_items import (
    ITEMS,
    POWER_DOWN_BIT,
    POWER_DOWN_RECORDS,
    POWER_DOWNS,
    STATUS_BITS,
    STATUS_BYTES,
    STATUS_WORD,
    TIME_BYTES,
    Item,
    read_digits,
)
from gateway.codecs.own import AHEAD_MS, MAX_PROBLEMS, content_key
from gateway.contract.topics import TERMINAL_PATTERN
from gateway.frames import Decoded, Frame
from telemetry.devices import DeviceKind, DeviceNote
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality, ReadingBatch

DOOR: Final = "dlt645"
MAX_FRAMES: Final = 1_000
"""Of one body; 64 KiB of the shortest frames are more than anybody sends at once."""
MAX_FOLLOW_UPS: Final = 32
ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Meters keep local time and do not say which."""

Resolve = Callable[[str], str]
"""Meter address → device id of the network; the address itself where nobody knows better."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A meter's record of a loss of supply; ``ended_ms`` None while the record is open."""

    began_ms: int
    ended_ms: int | None


@dataclass(slots=True)
class _Said:
    """What the frames of one body said, before it becomes readings and evidence."""

    answered: dict[str, None] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)
    losses: dict[str, list[Loss]] = field(default_factory=dict)
    gasping: dict[str, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def decode(frame: Frame, resolve: Resolve = str) -> Decoded:
    """A frame of the door ``dlt645:LINE`` with topic ``LINE/ADDRESS`` (``LINE/`` where nobody was asked)."""
    line, _, address = frame.topic.partition("/")
    if not TERMINAL_PATTERN.fullmatch(line):
        problem = f"topic: expected LINE/ADDRESS, found {frame.topic[:80]!r}"
        return Decoded(content_key(frame), refusal=problem, named_by_content=True)
    if not frame.body:
        return _unanswered(frame, line, resolve(address))
    # A line repeats itself word by word while nothing changes: what was asked is named by when, too.
    key = f"{content_key(frame)}/{frame.received_ms}" if address else content_key(frame)
    return said_by(frame, frame.body, frame.received_ms, line, key, resolve, named_by_content=not address)


def said_by(
    frame: Frame,
    stream: bytes,
    at_ms: int,
    terminal: str,
    key: str,
    resolve: Resolve,
    *,
    named_by_content: bool,
) -> Decoded:
    """What a stretch of 645 bytes says that ``terminal`` (a line, or who forwards) brought at ``at_ms``."""
    found = find_frames(stream)
    if not found.frames or len(found.frames) > MAX_FRAMES:
        problem = f"frame: expected 1 to {MAX_FRAMES} frames 68 … 16 with a right checksum, found "
        return Decoded(key, terminal, refusal=problem + str(len(found.frames)), named_by_content=True)
    said = _listen(found.frames)
    if found.skipped or found.rest:
        said.problems.append(f"frame: {found.skipped + len(found.rest)} bytes belong to no frame")
    if not said.answered and not said.gasping:
        problem = "; ".join(said.problems[:3]) or "no frame is an answer or a report of a meter"
        return Decoded(key, terminal, refusal=problem[:500], named_by_content=True)
    batch = _batch(said, key, at_ms, frame.received_ms, terminal, resolve)
    meters = (*said.answered, *(meter for meter in said.gasping if meter not in said.answered))
    return Decoded(
        key,
        terminal,
        (batch,) if batch else (),
        tuple(_evidence(said, key, at_ms, frame.received_ms, terminal, resolve)),
        online=True,
        problems=_limited(said.problems),
        devices=tuple(
            _note(meter, terminal, resolve, online=None if meter in said.gasping else True)
            for meter in meters
        ),
        named_by_content=named_by_content,
    )


def _unanswered(frame: Frame, line: str, device: str) -> Decoded:
    if not device:
        return Decoded(f"{DOOR}/{line}/{frame.received_ms}", line, online=True)
    key = f"{DOOR}/{EvidenceKind.SILENT}/{device}/{frame.received_ms}"
    fact = Evidence(EvidenceKind.SILENT, frame.received_ms, frame.received_ms, line, (device,), key)
    note = DeviceNote(device, DeviceKind.METER, parent=line, online=False)
    return Decoded(key, line, evidence=(fact,), online=True, devices=(note,))


def _listen(frames: tuple[MeterFrame, ...]) -> _Said:
    said = _Said()
    for frame, value in _assembled(frames, said.problems):
        if not frame.is_answer:
            # A DTU that echoes what we asked, or another master on the line: no meter said this.
            said.problems.append(f"{frame.address}: control {frame.control:02X}h is a request")
        elif frame.operation == Control.REPORT and frame.identifier == STATUS_WORD:
            _hear_status(frame.address, value, said)
        elif frame.refused:
            said.answered[frame.address] = None
            said.problems.append(f"{frame.address}: the meter refuses: {frame.error}")
        elif frame.operation in {Control.READ, Control.READ_NEXT}:
            said.answered[frame.address] = None
            _hear_item(frame, value, said)
        elif frame.operation == Control.READ_ADDRESS:
            said.answered[frame.address] = None
        else:
            said.problems.append(f"{frame.address}: control {frame.control:02X}h is not one that we read")
    return said


def _assembled(frames: tuple[MeterFrame, ...], problems: list[str]) -> Iterator[tuple[MeterFrame, bytes]]:
    """Each answer with its whole value: follow-up frames, each ending in its number, behind the first."""
    parts: dict[tuple[str, int | None], list[bytes]] = {}
    for frame in frames:
        name = (frame.address, frame.identifier)
        follows = frame.is_answer and not frame.refused and frame.operation == Control.READ_NEXT
        if follows:
            if not frame.value or frame.value[-1] != len(parts.get(name, ())) or name not in parts:
                problems.append(f"{frame.address}: a follow-up frame out of turn")
                parts.pop(name, None)
                continue
            parts[name].append(frame.value[:-1])
        elif frame.has_more and frame.identifier is not None:
            parts[name] = [frame.value]
        if frame.has_more and frame.identifier is not None and len(parts[name]) <= MAX_FOLLOW_UPS:
            continue
        yield frame, b"".join(parts.pop(name)) if name in parts else frame.value
    problems.extend(f"{address}: the follow-up frames are not complete" for address, _ in parts)


def _hear_item(frame: MeterFrame, value: bytes, said: _Said) -> None:
    identifier = frame.identifier
    if identifier in ITEMS:
        _hear_values(frame.address, identifier, value, said)
    elif identifier in POWER_DOWN_RECORDS:
        loss = read_loss(value)
        if isinstance(loss, str):
            said.problems.append(f"{frame.address}: {identifier:08X}: {loss}")
        elif loss is not None:
            said.losses.setdefault(frame.address, []).append(loss)
    elif identifier == STATUS_WORD:
        _hear_status(frame.address, value, said)
    elif identifier != POWER_DOWNS:
        name = "none" if identifier is None else f"{identifier:08X}"
        said.problems.append(f"{frame.address}: identifier {name} is not in the table")


def _hear_values(address: str, identifier: int, value: bytes, said: _Said) -> None:
    at = 0
    for item in ITEMS[identifier]:
        raw = value[at : at + item.size]
        at += item.size
        if len(raw) < item.size:
            said.problems.append(f"{address}: {identifier:08X}: expected {_size(identifier)} bytes of data, "
                                 f"found {len(value)}")  # fmt: skip
            return
        number = read_digits(raw, signed=item.signed)
        if number is None:
            said.problems.append(
                f"{address}: {identifier:08X}: expected decimal digits, found {raw[::-1].hex()}"
            )
        elif item.quantity and number != MISSING:
            _keep(address, item, number, said)


def _size(identifier: int) -> int:
    return sum(item.size for item in ITEMS[identifier])


def _keep(address: str, item: Item, number: int, said: _Said) -> None:
    quantity = CATALOGUE[item.quantity]
    said.values.setdefault(address, {})[item.quantity] = number
    said.decimals[item.quantity] = item.decimals
    if not quantity.low <= number / 10**item.decimals <= quantity.high:
        said.problems.append(
            f"{item.quantity} of {address}: expected {quantity.low:g} to {quantity.high:g}, "
            f"found {number / 10**item.decimals:g}"
        )


def _hear_status(address: str, value: bytes, said: _Said) -> None:
    if len(value) < STATUS_BYTES:
        said.problems.append(f"{address}: status word: expected {STATUS_BYTES} bytes, found {len(value)}")
        return
    word = int.from_bytes(value[:STATUS_BYTES], "little")
    if word >> POWER_DOWN_BIT & 1:
        said.gasping[address] = None
    else:
        said.answered[address] = None
    others = [bit for bit in range(8 * STATUS_BYTES) if word >> bit & 1 and bit != POWER_DOWN_BIT]
    if others:
        names = ", ".join(STATUS_BITS.get(bit, f"bit {bit}") for bit in others[:5])
        said.problems.append(f"{address}: status word reports {names}: no evidence of supply")


def read_loss(value: bytes) -> Loss | str | None:
    """A loss record; None where the meter has none in this place; a text says what is wrong with it."""
    if len(value) < 2 * TIME_BYTES:
        return f"expected {2 * TIME_BYTES} bytes of start and end, found {len(value)}"
    if _blank(value[:TIME_BYTES]):
        return None
    began_ms = _instant_ms(value[:TIME_BYTES])
    ended = value[TIME_BYTES : 2 * TIME_BYTES]
    ended_ms = None if _blank(ended) else _instant_ms(ended)
    if began_ms is None or (ended_ms is None and not _blank(ended)):
        return f"expected ss mm hh DD MM YY twice, found {value[: 2 * TIME_BYTES].hex(' ')}"
    if ended_ms is not None and ended_ms < began_ms:
        return "the loss ends before it begins"
    return Loss(began_ms, ended_ms)


def _blank(raw: bytes) -> bool:
    return not raw.strip(b"\x00") or not raw.strip(b"\xff")


def _instant_ms(raw: bytes) -> int | None:
    digits = raw[::-1].hex()
    if not digits.isdecimal():
        return None
    year, *rest = (int(digits[place : place + 2]) for place in range(0, 12, 2))
    try:
        month, day, hour, minute, second = rest
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=ZONE)
    except ValueError:
        return None
    return int(local.timestamp()) * 1000


def _batch(
    said: _Said, key: str, at_ms: int, received_ms: int, terminal: str, resolve: Resolve
) -> ReadingBatch | None:
    if not said.values:
        return None
    names = tuple(said.decimals)
    rows = [[row.get(name, MISSING) for name in names] for row in said.values.values()]
    scaled = np.array(rows, dtype=np.int64).reshape(len(rows), len(names))
    decimals = tuple(said.decimals[name] for name in names)
    powers = np.power(10.0, decimals)
    low, high = (np.array([getattr(CATALOGUE[name], side) for name in names]) for side in ("low", "high"))
    outside = (scaled != MISSING) & ((scaled / powers < low) | (scaled / powers > high))
    return ReadingBatch(
        terminal=terminal,
        boot=DOOR,
        seq=int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) >> 1,
        at_ms=at_ms,
        received_ms=received_ms,
        meters=tuple(resolve(address) for address in said.values),
        quantities=names,
        decimals=decimals,
        scaled=scaled,
        doubts=np.where(outside, Quality.OUT_OF_RANGE, 0).astype(np.uint8) if outside.any() else None,
    )


def _evidence(
    said: _Said, key: str, at_ms: int, received_ms: int, terminal: str, resolve: Resolve
) -> Iterator[Evidence]:
    for kind, addresses in (
        (EvidenceKind.ALIVE, [address for address in said.answered if address not in said.gasping]),
        (EvidenceKind.POWER_OFF, list(said.gasping)),
    ):
        if addresses:
            devices = tuple(dict.fromkeys(map(resolve, addresses)))
            yield Evidence(kind, at_ms, received_ms, terminal, devices, f"{key}/{kind}")
    for address, losses in said.losses.items():
        device = resolve(address)
        for loss in losses:
            yield _fact(EvidenceKind.POWER_OFF, loss.began_ms, received_ms, terminal, device)
            if loss.ended_ms is not None:
                yield _fact(EvidenceKind.POWER_ON, loss.ended_ms, received_ms, terminal, device)
            if max(loss.began_ms, loss.ended_ms or 0) > received_ms + AHEAD_MS:
                said.problems.append(f"{address}: the meter's clock is ahead")


def _fact(kind: EvidenceKind, at_ms: int, received_ms: int, terminal: str, device: str) -> Evidence:
    return Evidence(kind, at_ms, received_ms, terminal, (device,), f"{DOOR}/{kind}/{device}/{at_ms}")


def _note(address: str, terminal: str, resolve: Resolve, *, online: bool | None) -> DeviceNote:
    device = resolve(address)
    foreign = address if device != address else ""
    return DeviceNote(device, DeviceKind.METER, parent=terminal, foreign_id=foreign, online=online)


def _limited(problems: list[str]) -> tuple[str, ...]:
    if len(problems) <= MAX_PROBLEMS:
        return tuple(problems)
    return (*problems[:MAX_PROBLEMS], f"and {len(problems) - MAX_PROBLEMS} more")
