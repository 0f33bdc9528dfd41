"""Our own JSON frames → readings, evidence, problems. Field data never raise: they are refused or noted.

A frame whose shape, version or time cannot be trusted is refused whole (dead letter). A quantity outside the
catalogue or an event nobody understands is left out, noted, and the rest is kept; a value out of its range is
noted and kept with that doubt.
"""

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.contract.payloads import MAX_EVENTS, MAX_METERS, MAX_QUANTITIES, Event, Instant, Status
from gateway.contract.topics import EVENTS, MAX_FRAME_BYTES, READINGS, STATUS, Address, parse
from gateway.frames import Decoded, Frame
from gateway.voltages import with_voltages
from telemetry.decimals import Columns, PlainMatrix, read_plain
from telemetry.devices import DeviceKind, DeviceNote
from telemetry.evidence import FIELD_KINDS, Evidence, EvidenceKind, Volts
from telemetry.quantities import CATALOGUE
from telemetry.readings import Quality, ReadingBatch
from telemetry.scaling import scale_exactly

MAX_PROBLEMS: Final = 20
AHEAD_MS: Final = 10 * 60_000
BEHIND_MS: Final = 400 * 86_400_000
LAST_MS: Final = 4_102_444_800_000  # 2100-01-01: beyond it no clock is right.
_LARGEST_KEPT: Final = 1e15
"""A number that no quantity can have and that 64 bits cannot hold beside others: noted, not kept."""
_MAX_SEQ: Final = 2**63 - 1
_BOOT: Final = re.compile(r"[!-.0-~]{1,64}")
_DEVICE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_WORD: Final = re.compile(r"[\x00-\x1f\x7f]")
_EVENT_KINDS: Final = FIELD_KINDS - {EvidenceKind.CALL}
_PLAIN_KINDS: Final = _EVENT_KINDS - {EvidenceKind.VOLTAGE}


class Refused(ValueError):
    """This frame as a whole cannot be used; the text says what was expected and what was found."""


class _Named(msgspec.Struct, frozen=True):
    v: Literal[1]
    boot: str
    seq: int


class _Head(_Named, frozen=True):
    """As ``contract.payloads.Readings`` without values; rosters stay raw, for they repeat in every frame."""

    at: Instant
    meters: msgspec.Raw
    quantities: msgspec.Raw


class _Readings(_Head, frozen=True):
    """And its values, raw too."""

    values: msgspec.Raw


class _Events(_Named, frozen=True):
    """As ``contract.payloads.Events``; each event is looked at alone."""

    events: tuple[msgspec.Raw, ...]


class _PlainEvent(msgspec.Struct, frozen=True):
    """An event as most are: whole milliseconds, a kind that is known, no volts."""

    at: int
    device: str
    kind: EvidenceKind
    volts: None = None


class _PlainEvents(_Named, frozen=True):
    events: Annotated[tuple[_PlainEvent, ...], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)]


_Groups = dict[tuple[EvidenceKind, int], dict[str, Volts | None]]
"""Events of one kind and instant: device → its voltages, where it told any."""

_readings = msgspec.json.Decoder(_Readings)
_heads = msgspec.json.Decoder(_Head)
_VALUES: Final = b',"values":'
_events = msgspec.json.Decoder(_Events)
_plain_events = msgspec.json.Decoder(_PlainEvents)
_event = msgspec.json.Decoder(Event)
_status = msgspec.json.Decoder(Status)
_names = msgspec.json.Decoder(tuple[str, ...])
_values = msgspec.json.Decoder(tuple[tuple[float | None, ...], ...])


def decode(frame: Frame) -> Decoded:
    """What the frame says; never raises on what a device may send."""
    address = parse(frame.topic)
    if address is None or address.channel not in _CHANNELS:
        return _refusal(frame, "", f"topic: expected gridcrew/v1/{{terminal}}/…, found {frame.topic[:200]!r}")
    if len(frame.body) > MAX_FRAME_BYTES:
        problem = f"frame: expected at most {MAX_FRAME_BYTES} bytes, found {len(frame.body)}"
        return _refusal(frame, address.terminal, problem)
    try:
        return _CHANNELS[address.channel](frame, address)
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        return _refusal(frame, address.terminal, str(problem))


def _refusal(frame: Frame, terminal: str, problem: str) -> Decoded:
    return Decoded(content_key(frame), terminal, refusal=problem[:500], named_by_content=True)


def content_key(frame: Frame) -> str:
    """A name for a frame that carries none: a digest of topic and body."""
    digest = blake2b(frame.body, digest_size=16, person=b"gridcrew-frame")
    digest.update(b"\n" + frame.topic.encode("utf-8", "surrogateescape"))
    return f"#{digest.hexdigest()}"


def _decode_readings(frame: Frame, address: Address) -> Decoded:
    quick = _values_last(frame.body)
    if quick is not None:
        # Where this fails, the general way says what is wrong, or that nothing is.
        with contextlib.suppress(msgspec.MsgspecError):
            return _of_payload(frame, address, quick)
    return _of_payload(frame, address, _readings.decode(frame.body))


def _values_last(body: bytes) -> _Readings | None:
    """The payload without reading its values, which are most of it, where they come last."""
    at = body.find(_VALUES)
    if at < 0 or not body.endswith(b"]]}"):
        return None
    try:
        head = _heads.decode(body[:at] + b"}")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    values = msgspec.Raw(body[at + len(_VALUES) : -1])
    return _Readings(head.v, head.boot, head.seq, head.at, head.meters, head.quantities, values)


def _of_payload(frame: Frame, address: Address, payload: _Readings) -> Decoded:
    key = frame_key(address.terminal, payload.boot, payload.seq)
    head = ReadingsHead(key, payload.boot, payload.seq, instant_of(payload.at))
    roster = roster_of(bytes(payload.meters), bytes(payload.quantities))
    return told(frame, address.terminal, head, roster, _table(bytes(payload.values), roster))


class ReadingsHead(NamedTuple):
    """What a frame of readings says before its rosters; ``key`` is its name for ever."""

    key: str
    boot: str
    seq: int
    at_ms: int


class Roster(NamedTuple):
    """Who and what a frame of readings is about; the same in frame after frame."""

    meters: tuple[str, ...]
    columns: "Quantities"


def roster_of(meters: bytes, quantities: bytes) -> Roster:
    """Of their JSON; raises Refused or a msgspec error."""
    return Roster(_meters(meters), _columns(quantities))


def told(frame: Frame, terminal: str, head: ReadingsHead, roster: Roster, table: "Table") -> Decoded:
    """What a frame of readings says, once all of it is read."""
    meters, columns = roster
    batch = ReadingBatch(
        terminal=terminal,
        boot=head.boot,
        seq=head.seq,
        at_ms=head.at_ms,
        received_ms=frame.received_ms,
        meters=meters,
        quantities=columns.names,
        decimals=table.decimals,
        scaled=table.scaled,
        doubts=table.doubts,
    )
    evidence = tuple(
        [
            Evidence(kind, head.at_ms, frame.received_ms, terminal, devices, f"{head.key}/{kind}")
            for kind, devices in _said(meters, table.answered)
            if devices
        ]
    )
    noted = _limited((*_clock_problems(head.at_ms, frame), *columns.problems, *table.problems))
    kept = (batch,) if columns.names else ()
    return Decoded(head.key, terminal, kept, with_voltages(batch, evidence), online=True, problems=noted)


def _said(
    meters: tuple[str, ...], answered: NDArray[np.bool_] | None
) -> Iterable[tuple[EvidenceKind, tuple[str, ...]]]:
    """Who lives and who did not answer; nearly always all live."""
    if answered is None or answered.all():
        return ((EvidenceKind.ALIVE, meters),)
    return (
        (EvidenceKind.ALIVE, _chosen(meters, answered)),
        (EvidenceKind.SILENT, _chosen(meters, ~answered)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The values of a frame, of the quantities that the catalogue knows."""

    scaled: NDArray[np.int64]
    decimals: tuple[int, ...]
    answered: NDArray[np.bool_] | None
    """Which meters gave any number; None where all did."""
    problems: tuple[str, ...] = ()
    doubts: NDArray[np.uint8] | None = None


def plain_table(plain: PlainMatrix) -> Table:
    """Values without any problem."""
    return Table(plain.scaled, tuple(plain.decimals.tolist()), plain.answered)


def _table(text: bytes, roster: Roster) -> Table:
    meters, columns = roster
    plain = read_plain(text, len(meters), columns.plain)
    if plain is not None:
        return plain_table(plain)
    values = _matrix(_values.decode(text), len(meters), columns.given)
    answered = np.logical_not(np.isnan(values).all(axis=1))
    known = values[:, columns.kept]
    outside = (known < columns.plain.low) | (known > columns.plain.high)
    problems = tuple(_outside(columns, meters, known, outside))
    keepable = np.where(np.abs(known) < _LARGEST_KEPT, known, np.nan)
    scaled, decimals, rounded = scale_exactly(keepable, columns.decimals)
    problems += tuple(f"{columns.names[q]}: rounded to {decimals[q]} decimals" for q in rounded)
    doubts = (outside * np.uint8(Quality.OUT_OF_RANGE)).astype(np.uint8) if outside.any() else None
    return Table(scaled, decimals, answered, problems, doubts)


def _matrix(rows: tuple[tuple[float | None, ...], ...], meters: int, quantities: int) -> NDArray[np.float64]:
    if len(rows) != meters:
        raise Refused(f"values: expected {meters} rows, one per meter, found {len(rows)}")
    if set(map(len, rows)) - {quantities}:
        wrong = next(place for place, row in enumerate(rows) if len(row) != quantities)
        raise Refused(f"values[{wrong}]: expected {quantities} numbers, found {len(rows[wrong])}")
    return np.array(rows, dtype=np.float64).reshape(meters, quantities)


def _outside(
    columns: "Quantities", meters: tuple[str, ...], known: NDArray[np.float64], outside: NDArray[np.bool_]
) -> Iterable[str]:
    for q in np.flatnonzero(outside.any(axis=0)).tolist():
        first = int(np.argmax(outside[:, q]))
        yield (
            f"{columns.names[q]} of {meters[first]}: expected "
            f"{columns.plain.low[q]:g} to {columns.plain.high[q]:g}, "
            f"found {known[first, q]:g} ({int(outside[:, q].sum())} meters)"
        )


def _decode_events(frame: Frame, address: Address) -> Decoded:
    return _events_at_once(frame, address) or _events_one_by_one(frame, address)


def _events_at_once(frame: Frame, address: Address) -> Decoded | None:
    """A burst is many frames of plain events; None where anything needs a closer look."""
    try:
        payload = _plain_events.decode(frame.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    groups: _Groups = {}
    for event in payload.events:
        groups.setdefault((event.kind, event.at), {})[event.device] = None
    for (kind, at_ms), devices in groups.items():
        timely = 0 <= at_ms < LAST_MS and not _clock_problems(at_ms, frame)
        if kind not in _PLAIN_KINDS or not timely or not all(map(_DEVICE.fullmatch, devices)):
            return None
    key = _key(address, payload.boot, payload.seq)
    return _told_events(frame, address, key, groups)


def _events_one_by_one(frame: Frame, address: Address) -> Decoded:
    payload = _events.decode(frame.body)
    key = _key(address, payload.boot, payload.seq)
    if not 0 < len(payload.events) <= MAX_EVENTS:
        raise Refused(f"events: expected 1 to {MAX_EVENTS}, found {len(payload.events)}")
    groups: _Groups = {}
    problems: list[str] = []
    for place, raw in enumerate(payload.events):
        try:
            kind, at_ms, event = _read_event(raw)
        except (Refused, msgspec.MsgspecError, UnicodeDecodeError) as problem:
            problems.append(f"events[{place}]: {problem}")
            continue
        problems.extend(f"events[{place}]: {text}" for text in _clock_problems(at_ms, frame))
        groups.setdefault((kind, at_ms), {}).setdefault(event.device, event.volts)
    if not groups:
        raise Refused("; ".join(problems[:3]))
    return _told_events(frame, address, key, groups, _limited(problems))


def _told_events(
    frame: Frame, address: Address, key: str, groups: _Groups, problems: tuple[str, ...] = ()
) -> Decoded:
    """What a frame of events says: one piece of evidence for each kind and instant."""
    evidence = tuple(
        Evidence(
            kind, at_ms, frame.received_ms, address.terminal, tuple(devices), f"{key}/{kind}/{at_ms}",
            volts=tuple(filter(None, devices.values())),
        )
        for (kind, at_ms), devices in groups.items()
    )  # fmt: skip
    return Decoded(key, address.terminal, (), evidence, online=True, problems=problems)


def _read_event(raw: msgspec.Raw) -> tuple[EvidenceKind, int, Event]:
    event = _event.decode(raw)
    if event.kind not in _EVENT_KINDS:
        raise Refused(f"kind: expected one of {', '.join(sorted(_EVENT_KINDS))}, found {event.kind[:40]!r}")
    if not _DEVICE.fullmatch(event.device):
        raise Refused(f"device: expected 1 to 64 printable characters, found {event.device[:80]!r}")
    if (event.volts is not None) != (event.kind == EvidenceKind.VOLTAGE):
        raise Refused("volts: expected with kind voltage and only there")
    quantity = CATALOGUE["voltage_a_v"]
    if any(volt is not None and not quantity.low <= volt <= quantity.high for volt in event.volts or ()):
        raise Refused(f"volts: expected {quantity.low:g} to {quantity.high:g}, found {event.volts}")
    return EvidenceKind(event.kind), instant_of(event.at), event


def _decode_status(frame: Frame, address: Address) -> Decoded:
    payload = _status.decode(frame.body)
    at_ms = instant_of(payload.at)
    online = payload.state == "online"
    named = payload.seq is not None
    key = _key(address, payload.boot, payload.seq) if payload.seq is not None else content_key(frame)
    kind = EvidenceKind.ALIVE if online else EvidenceKind.SILENT
    # A last will was written when the connection began: what it tells happened when it arrived.
    at_ms = at_ms if online else frame.received_ms
    unique = key if named else f"{key}/{frame.received_ms}"
    told_by = address.terminal
    evidence = Evidence(kind, at_ms, frame.received_ms, told_by, (told_by,), f"{unique}/{kind}")
    return Decoded(
        key,
        address.terminal,
        (),
        (evidence,),
        online=online,
        problems=_clock_problems(at_ms, frame),
        devices=_note(address.terminal, payload),
        named_by_content=not named,
    )


def _note(terminal: str, payload: Status) -> tuple[DeviceNote, ...]:
    if not (payload.model or payload.firmware):
        return ()
    model, firmware = (_WORD.sub("", text)[:64] for text in (payload.model, payload.firmware))
    return (DeviceNote(terminal, DeviceKind.TERMINAL, model=model, firmware=firmware),)


_CHANNELS: Final[dict[str, Callable[[Frame, Address], Decoded]]] = {
    READINGS: _decode_readings,
    EVENTS: _decode_events,
    STATUS: _decode_status,
}


def _key(address: Address, boot: str, seq: int) -> str:
    return frame_key(address.terminal, boot, seq)


def frame_key(terminal: str, boot: str, seq: int) -> str:
    """The name of a frame for ever; raises Refused for a boot or sequence number that cannot be."""
    if not _BOOT.fullmatch(boot):
        raise Refused(f"boot: expected 1 to 64 visible characters without '/', found {boot[:80]!r}")
    if not 0 <= seq <= _MAX_SEQ:
        raise Refused(f"seq: expected 0 to 2^63-1, found {seq}")
    return f"{terminal}/{boot}/{seq}"


def instant_of(at: Instant) -> int:
    """Epoch milliseconds of an instant of the contract; raises Refused."""
    if isinstance(at, str):
        at = _iso_ms(at)
    if not 0 <= at < LAST_MS:
        raise Refused(f"at: expected a time from 1970 to 2100 (UTC, ms), found {at}")
    return at


def _iso_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text[:40])
        if moment.tzinfo is not None:
            return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Refused(f"at: expected ISO-8601 or epoch milliseconds, found {text[:40]!r}") from None
    raise Refused(f"at: expected a time with its zone (…Z), found {text[:40]!r}")


def _clock_problems(at_ms: int, frame: Frame) -> tuple[str, ...]:
    if at_ms > frame.received_ms + AHEAD_MS:
        return (f"at: the terminal's clock is {(at_ms - frame.received_ms) // 1000} s ahead",)
    if at_ms < frame.received_ms - BEHIND_MS:
        return (f"at: older than {BEHIND_MS // 86_400_000} days",)
    return ()


def _limited(problems: Iterable[str]) -> tuple[str, ...]:
    noted = tuple(problems)
    if len(noted) <= MAX_PROBLEMS:
        return noted
    return (*noted[:MAX_PROBLEMS], f"and {len(noted) - MAX_PROBLEMS} more")


def _chosen(meters: tuple[str, ...], mask: NDArray[np.bool_]) -> tuple[str, ...]:
    if mask.all():
        return meters
    return tuple(meters[place] for place in np.flatnonzero(mask).tolist())


@lru_cache(maxsize=4096)
def _meters(raw: bytes) -> tuple[str, ...]:
    meters = _names.decode(raw)
    if not 0 < len(meters) <= MAX_METERS:
        raise Refused(f"meters: expected 1 to {MAX_METERS}, found {len(meters)}")
    if len(set(meters)) != len(meters):
        raise Refused("meters: an id occurs twice")
    wrong = next((meter for meter in meters if not _DEVICE.fullmatch(meter)), None)
    if wrong is not None:
        raise Refused(f"meters: expected 1 to 64 printable characters, found {wrong[:80]!r}")
    return meters


@dataclass(frozen=True, slots=True)
class Quantities:
    """What the catalogue knows of a frame's quantities; ``kept[k]`` is the column of ``names[k]``."""

    given: int
    kept: NDArray[np.intp]
    names: tuple[str, ...]
    decimals: tuple[int, ...]
    plain: Columns
    problems: tuple[str, ...]


@lru_cache(maxsize=1024)
def _columns(raw: bytes) -> Quantities:
    given = _names.decode(raw)
    if len(given) > MAX_QUANTITIES:
        raise Refused(f"quantities: expected at most {MAX_QUANTITIES}, found {len(given)}")
    if len(set(given)) != len(given):
        raise Refused("quantities: a name occurs twice")
    kept = [place for place, name in enumerate(given) if name in CATALOGUE]
    known = [CATALOGUE[given[place]] for place in kept]
    return Quantities(
        given=len(given),
        kept=np.array(kept, dtype=np.intp),
        names=tuple(quantity.name for quantity in known),
        decimals=tuple(quantity.decimals for quantity in known),
        plain=Columns(
            target=np.array(
                [kept.index(place) if place in kept else -1 for place in range(len(given))], np.int64
            ),
            decimals=np.array([quantity.decimals for quantity in known], np.int64),
            low=np.array([quantity.low for quantity in known], np.float64),
            high=np.array([quantity.high for quantity in known], np.float64),
        ),
        problems=tuple(
            f"quantities: {name[:64]!r} is not in the catalogue" for name in given if name not in CATALOGUE
        ),
    )
