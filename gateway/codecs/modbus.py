"""One poll of one device as a frame of the door ``modbus``, and what it says.

The body is JSON: who was polled by which model (name and digest), the registers in hex by block, what was
refused. Decoding applies the model of that digest, or the newest of that name, so a poll can be replayed
after a model was put right.
"""

from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from gateway.codecs.own import content_key
from gateway.frames import Decoded, Frame
from gateway.modbus.device_models import DeviceModel, StateEntry, Table
from gateway.modbus.polling import Block
from gateway.modbus.reading import (
    Image,
    Ratios,
    expected_bytes,
    infos,
    read_values,
    refused_table,
    scaled_integer,
    states,
)
from telemetry.devices import DeviceKind, DeviceNote
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.quantities import CATALOGUE
from telemetry.readings import Quality, ReadingBatch

MODBUS: Final = "modbus"
FindModel = Callable[[str, str], DeviceModel | None]
"""(name, digest) → that model, the newest of that name, or None."""


class Poll(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of a frame; ``at`` is the poll's instant in epoch milliseconds."""

    v: Literal[1] = 1
    device: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
    unit: int
    terminal: str
    model: str
    digest: str
    at: Annotated[int, msgspec.Meta(ge=0, lt=4_102_444_800_000)]
    ct: Decimal | None = None
    pt: Decimal | None = None
    blocks: tuple[tuple[Table, int, int, str], ...] = ()
    """(table, first address, count, registers in hex; bits packed)."""
    refused: tuple[tuple[Table, int, int, int], ...] = ()
    """(table, first address, count, exception code), named when it begins."""
    alive: bool = False
    """The device's life is to be told: after silence and each minute."""
    states: tuple[str, ...] = ()
    """States of the model that changed since the last poll and are to be told."""
    silent: str = ""
    """Why there is no answer; the device counts as silent."""
    link: bool = True
    """Whether the line itself was open."""
    doubt: str = ""
    """Why the first reading cannot be true, told once."""


_poll = msgspec.json.Decoder(Poll)


def encode(poll: Poll, received_ms: int) -> Frame:
    """The frame of a poll; its topic is the device."""
    return Frame(poll.device, msgspec.json.encode(poll), received_ms, MODBUS)


def make_decode(find: FindModel) -> Callable[[Frame], Decoded]:
    """The decoder of this door; ``find`` brings the models."""

    def decode(frame: Frame) -> Decoded:
        key = content_key(frame)
        try:
            poll = _poll.decode(frame.body)
            return _decoded(key, frame, poll, find)
        except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as problem:
            return Decoded(key, refusal=f"poll: {problem}"[:500], named_by_content=True)

    return decode


def _decoded(key: str, frame: Frame, poll: Poll, find: FindModel) -> Decoded:
    if poll.silent:
        note = DeviceNote(poll.device, DeviceKind.METER, parent=poll.terminal, model=poll.model, online=False)
        evidence = _evidence(EvidenceKind.SILENT, frame, poll, poll.device)
        return Decoded(
            key, poll.terminal, (), (evidence,), online=poll.link, devices=(note,), named_by_content=True
        )
    model = find(poll.model, poll.digest)
    if model is None:
        problem = f"model: expected a file {poll.model}.toml in devices/, there is none"
        return Decoded(key, poll.terminal, refusal=problem[:500], named_by_content=True)
    image = Image({Block(t, at, n): _data(Block(t, at, n), hexed) for t, at, n, hexed in poll.blocks})
    values = read_values(model, image, Ratios(poll.ct, poll.pt))
    batch, problems = _batch(key, frame, poll, values)
    refusals = tuple(refused_table(*refused) for refused in poll.refused)
    return Decoded(
        key,
        poll.terminal,
        (batch,) if batch is not None else (),
        _all_evidence(frame, poll, model, image),
        online=True,
        problems=(*problems, *refusals, *((poll.doubt,) if poll.doubt else ())),
        devices=(_note(poll, model, image),) if poll.alive else (),
        named_by_content=True,
    )


def _data(block: Block, hexed: str) -> bytes:
    data = bytes.fromhex(hexed)
    if len(data) != expected_bytes(block):
        raise ValueError(f"blocks: expected {expected_bytes(block)} bytes of {block}, found {len(data)}")
    return data


def _batch(
    key: str, frame: Frame, poll: Poll, values: dict[str, Decimal]
) -> tuple[ReadingBatch | None, tuple[str, ...]]:
    names, decimals, scaled, doubts, problems = [], [], [], [], []
    for name, value in values.items():
        known = CATALOGUE[name]
        try:
            whole, used, exact = scaled_integer(name, value)
        except OverflowError:
            problems.append(f"{name}: too large to be kept: {value:.6g}")
            continue
        inside = Decimal(repr(known.low)) <= value <= Decimal(repr(known.high))
        if not inside:
            problems.append(f"{name}: expected {known.low:g} to {known.high:g}, found {value:f}")
        if not exact:
            problems.append(f"{name}: rounded to {used} decimals")
        names.append(name)
        decimals.append(used)
        scaled.append(whole)
        doubts.append(Quality.GOOD if inside else Quality.OUT_OF_RANGE)
    if not names:
        return None, tuple(problems)
    batch = ReadingBatch(
        terminal=poll.terminal,
        boot=MODBUS,
        seq=_sequence(key),
        at_ms=poll.at,
        received_ms=frame.received_ms,
        meters=(poll.device,),
        quantities=tuple(names),
        decimals=tuple(decimals),
        scaled=np.array([scaled], dtype=np.int64),
        doubts=np.array([doubts], dtype=np.uint8) if any(doubts) else None,
    )
    return batch, tuple(problems)


def _sequence(key: str) -> int:
    """A number for a frame that carries none: 63 bits of a digest of its name."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") >> 1


def _all_evidence(frame: Frame, poll: Poll, model: DeviceModel, image: Image) -> tuple[Evidence, ...]:
    said = [_evidence(EvidenceKind.ALIVE, frame, poll, poll.device)] if poll.alive else []
    holds = states(model, image)
    for entry in model.state:
        kind = _said_by(entry, holds[entry.name]) if entry.name in holds else ""
        if entry.name in poll.states and kind:
            device = entry.device.replace("{id}", poll.device)
            said.append(_evidence(EvidenceKind(kind), frame, poll, device))
    return tuple(said)


def _said_by(entry: StateEntry, holds: bool) -> str:
    return entry.on if holds else entry.off


def _evidence(kind: EvidenceKind, frame: Frame, poll: Poll, device: str) -> Evidence:
    return Evidence(
        kind=kind,
        at_ms=poll.at,
        received_ms=frame.received_ms,
        source=poll.terminal,
        devices=(device,),
        key=f"{poll.terminal}/{kind}/{device}/{poll.at}",
    )


def _note(poll: Poll, model: DeviceModel, image: Image) -> DeviceNote:
    told = infos(model, image)
    return DeviceNote(
        poll.device,
        DeviceKind.METER,
        parent=poll.terminal,
        model=told.get("model", "") or poll.model,
        maker=told.get("maker", "") or model.maker,
        firmware=told.get("firmware", ""),
        foreign_id=told.get("foreign_id", ""),
        online=True,
    )
