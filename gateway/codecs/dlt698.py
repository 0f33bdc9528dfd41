"""DL/T 698.45 reports of terminals → readings and evidence, and what they are answered; extra ``dlt698``.

Both checksums, scrambling and the data types are the library's; which object says what is the table below
(DL/T 698.45-2017, appendix E, as named in the library's catalogue). Decoding is pure and never raises on what
a terminal sends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from dlt698 import Dlt698Error
from dlt698.codec import crc16, decode_apdu, decode_frame, decode_security, encode_apdu, encode_frame
from dlt698.model import Data, DateTime, Oad, Road
from dlt698.protocol import (
    AttributeResult,
    LinkRequest,
    LinkRequestType,
    LinkResponse,
    RecordResult,
    ReportNotification,
    ReportResponse,
)
from dlt698.protocol import (
    Frame as LinkFrame,
)

from gateway.codecs.dlt645 import Resolve
from gateway.codecs.own import AHEAD_MS, MAX_PROBLEMS, content_key
from gateway.frames import Decoded, Frame
from telemetry.devices import DeviceKind, DeviceNote
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality, ReadingBatch

DOOR: Final = "dlt698"
START: Final = 0x68
END: Final = 0x16
LONGEST_FRAME: Final = 16_385
ZONE: Final = ZoneInfo("Asia/Shanghai")
CLOCK_TRUSTED: Final = 0x80
"""Result byte of a link response: our clock may be trusted, the rest 0 = success."""
_MOST: Final = 10**14
_LINK_ANSWER: Final = 0x01
_DATA_ANSWER: Final = 0x03
_FRAGMENT: Final = 0x20
_SECURITY_ANSWER: Final = 0x90

VALUES: Final[dict[tuple[int, int], tuple[int, tuple[str, ...]]]] = {
    (0x2000, 2): (1, ("voltage_a_v", "voltage_b_v", "voltage_c_v")),
    (0x2001, 2): (3, ("current_a_a", "current_b_a", "current_c_a")),
    (0x2001, 4): (3, ("neutral_current_a",)),
    (0x2001, 5): (0, ("residual_current_ma",)),
    (0x2004, 2): (4, ("active_power_kw", "active_power_a_kw", "active_power_b_kw", "active_power_c_kw")),
    (0x2005, 2): (4, ("reactive_power_kvar",)),
    (0x200A, 2): (3, ("power_factor",)),
    (0x200F, 2): (2, ("frequency_hz",)),
    (0x0010, 2): (2, ("energy_import_kwh",)),
    (0x0010, 4): (4, ("energy_import_kwh",)),
    (0x0020, 2): (2, ("energy_export_kwh",)),
    (0x0020, 4): (4, ("energy_export_kwh",)),
}
"""(object, attribute) → decimals, and the quantities of its elements in order."""
LOSSES: Final = {0x3011, 0x3106}
"""Event records of a meter's power-down, of a terminal's power off and on."""
_BEGAN: Final = 0x201E
_ENDED: Final = 0x2020
_METER: Final = {0x202A, 0x4001, 0x2024}
"""Columns that name the meter of a row: target address, communication address, source of an event."""
_WHEN: Final = {0x2021, 0x4000, 0x6042}
"""Columns that say when a row was measured: freeze time, clock, time of storing."""


@dataclass(slots=True)
class _Said:
    rows: dict[int, dict[str, dict[str, tuple[int, int]]]] = field(default_factory=dict)
    """Instant → device → quantity → (scaled, decimals)."""
    losses: dict[tuple[EvidenceKind, str, int], None] = field(default_factory=dict)
    heard: dict[str, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def find_frames(stream: bytes) -> tuple[tuple[bytes, ...], bytes, int]:
    """(whole checked frames, what may become one, bytes skipped). The head's checksum stops false starts."""
    raw: list[bytes] = []
    behind, waiting, at, used = 0, -1, 0, 0
    while (at := stream.find(START, at)) >= 0:
        length = _length_at(stream, at)
        if length > 0:
            raw.append(stream[at : at + length])
            used += length
            at = behind = at + length
            waiting = -1
            continue
        if length < 0 and waiting < 0:
            waiting = at
        at += 1
    end = len(stream) if waiting < behind else waiting
    return tuple(raw), stream[end:], end - used


def _length_at(stream: bytes, at: int) -> int:
    """Length of the whole frame that begins here; 0 where none can, -1 where more bytes must decide."""
    if len(stream) < at + 5:
        return -1
    length = (int.from_bytes(stream[at + 1 : at + 3], "little") & 0x3FFF) + 2
    head = 6 + (stream[at + 4] & 0x0F) + 1
    if length < head + 4:
        return 0
    if len(stream) < at + head + 2:
        return -1
    if crc16(stream[at + 1 : at + head]) != int.from_bytes(stream[at + head : at + head + 2], "little"):
        return 0
    if len(stream) < at + length:
        return -1
    sums = int.from_bytes(stream[at + length - 3 : at + length - 1], "little")
    whole = stream[at + length - 1] == END and crc16(stream[at + 1 : at + length - 3]) == sums
    return length if whole else 0


@dataclass(frozen=True, slots=True)
class Call:
    """A checked frame from a terminal, taken apart as far as answering needs."""

    terminal: str
    """Its logical address, high digit first."""
    link: LinkFrame
    apdu: LinkRequest | ReportNotification

    @property
    def urgent(self) -> bool:
        """Link changes and event records go before readings."""
        if isinstance(self.apdu, LinkRequest):
            return True
        payload = self.apdu.payload
        return isinstance(payload, list) and any(part.attribute.oi >> 12 == 3 for part in payload)


def read_call(raw: bytes) -> Call | str:
    """What a terminal says by its own accord, or why it is not that."""
    try:
        link = decode_frame(raw)
        if link.control & _FRAGMENT:
            return "frame: expected a whole report, found a fragment"
        payload = link.payload
        if payload[:1] == bytes([_SECURITY_ANSWER]):
            secured = decode_security(payload)
            if secured.encrypted or not isinstance(secured.application, bytes):
                return "frame: expected plain text, found an encrypted report"
            payload = secured.application
        apdu = decode_apdu(payload)
    except (Dlt698Error, ValueError) as problem:
        return f"frame: {problem}"[:300]
    if not isinstance(apdu, LinkRequest | ReportNotification):
        return f"frame: expected a link request or a report, found {type(apdu).__name__}"
    return Call(link.server.bytes[::-1].hex().upper(), link, apdu)


def answer_to(call: Call, received_ms: int, now_ms: int) -> bytes:
    """What the protocol asks us to answer: link response, or report response. It controls nothing."""
    link, apdu = call.link, call.apdu
    if isinstance(apdu, LinkRequest):
        control = _LINK_ANSWER
        said = encode_apdu(
            LinkResponse(
                piid=apdu.piid_acd & 0x3F,
                result=CLOCK_TRUSTED,
                requested_at=apdu.requested_at,
                received_at=_date_time(received_ms),
                responded_at=_date_time(now_ms),
            )
        )
    else:
        control = _DATA_ANSWER
        said = encode_apdu(_report_answer(apdu))
    return encode_frame(LinkFrame(client=link.client, control=control, payload=said, server=link.server))


def _report_answer(report: ReportNotification) -> ReportResponse:
    """Confirms what was reported: choice 1 attributes, 2 records, 3 what was passed through."""
    payload = report.payload
    if not isinstance(payload, list):
        return ReportResponse(piid=report.piid_acd & 0x3F, choice=3)
    choice = 2 if payload and isinstance(payload[0], RecordResult) else 1
    attributes = [part.attribute for part in payload]
    return ReportResponse(piid=report.piid_acd & 0x3F, choice=choice, attributes=attributes)


def _date_time(at_ms: int) -> DateTime:
    at = datetime.fromtimestamp(at_ms / 1000, ZONE)
    clock = [at.month, at.day, at.isoweekday() % 7, at.hour, at.minute, at.second]
    ms = at_ms % 1000
    return DateTime(value=[at.year >> 8, at.year & 0xFF, *clock, ms >> 8, ms & 0xFF])


def decode(frame: Frame, resolve: Resolve = str) -> Decoded:
    """A frame of the door ``dlt698:NAME``, its body one whole frame of a terminal."""
    key = content_key(frame)
    call = read_call(frame.body)
    if isinstance(call, str):
        return Decoded(key, refusal=call, named_by_content=True)
    terminal = resolve(call.terminal)
    if isinstance(call.apdu, LinkRequest):
        return _link(frame, call.apdu, key, terminal, call.terminal)
    said = _Said()
    try:
        _listen(call.apdu, frame.received_ms, terminal, resolve, said)
    except (Dlt698Error, ValueError, TypeError) as problem:
        said.problems.append(f"report: {problem}"[:300])
    if not said.rows and not said.losses and not said.heard:
        refusal = "; ".join(said.problems[:3]) or "report: nothing that we know"
        return Decoded(key, terminal, refusal=refusal[:500], named_by_content=True)
    return Decoded(
        key,
        terminal,
        tuple(_batches(said, key, frame.received_ms, terminal)),
        tuple(_evidence(said, key, frame.received_ms, terminal)),
        online=True,
        problems=tuple(said.problems[:MAX_PROBLEMS]),
        devices=(_note(terminal, call.terminal), *(_meter(name, terminal) for name in said.heard)),
        named_by_content=True,
    )


def _link(frame: Frame, request: LinkRequest, key: str, terminal: str, address: str) -> Decoded:
    """Heart-beats may all be the same, word by word: each receipt is a fact of its own."""
    online = request.type != LinkRequestType.logout
    key = f"{key}/{frame.received_ms}"
    fact = Evidence(
        EvidenceKind.ALIVE, frame.received_ms, frame.received_ms, terminal, (terminal,), f"{key}/alive"
    )
    return Decoded(
        key,
        terminal,
        evidence=(fact,) if online else (),
        online=online,
        devices=(_note(terminal, address),),
    )


def _note(terminal: str, address: str) -> DeviceNote:
    return DeviceNote(terminal, DeviceKind.TERMINAL, foreign_id=address if address != terminal else "")


def _meter(device: str, terminal: str) -> DeviceNote:
    return DeviceNote(device, DeviceKind.METER, parent=terminal)


def _listen(report: ReportNotification, at_ms: int, terminal: str, resolve: Resolve, said: _Said) -> None:
    payload = report.payload
    if not isinstance(payload, list):
        said.problems.append("report: what a terminal passes through is not looked into")
        return
    for part in payload:
        name = f"{part.attribute.oi:04X}.{part.attribute.attribute}"
        if isinstance(part.result, int):
            said.problems.append(f"{name}: the terminal gives error {part.result}")
        elif isinstance(part, RecordResult):
            for row in part.result:
                _hear_row(part, row, at_ms, terminal, resolve, said)
        elif isinstance(part, AttributeResult):
            _hear_attribute(part.attribute, part.result, at_ms, terminal, said)


def _hear_attribute(oad: Oad, data: Data, at_ms: int, device: str, said: _Said) -> None:
    if oad.oi in LOSSES and oad.attribute == 2:
        for record in _records(data):
            began, ended = (_instant_ms(part) for part in record[1:3])
            _hear_loss(device, began, ended, said)
    elif not _hear_values(oad, data, at_ms, device, said):
        said.problems.append(f"{oad.oi:04X}.{oad.attribute}: not in the table")


def _records(data: Data) -> Iterator[list[Data]]:
    """Event records: a structure (number, start, end, …), or an array of them."""
    value = data.value
    parts = [part for part in value if isinstance(part, Data)] if isinstance(value, list) else []
    if data.type.name == "array":
        for part in parts:
            yield from _records(part)
    elif len(parts) >= 3:
        yield parts


def _hear_row(
    part: RecordResult, row: Sequence[Data], at_ms: int, terminal: str, resolve: Resolve, said: _Said
) -> None:
    cells = list(_cells(part.columns, row))
    named = [name for oad, data in cells if oad.oi in _METER and (name := _address(data))]
    device = resolve(named[0]) if named else terminal
    if device != terminal:
        said.heard[device] = None
    if part.attribute.oi in LOSSES:
        times = {oad.oi: _instant_ms(data) for oad, data in cells if oad.oi in {_BEGAN, _ENDED}}
        _hear_loss(device, times.get(_BEGAN), times.get(_ENDED), said)
        return
    when = [at for oad, data in cells if oad.oi in _WHEN and (at := _instant_ms(data)) is not None]
    known = [_hear_values(oad, data, when[0] if when else at_ms, device, said) for oad, data in cells]
    if not any(known):
        said.problems.append(f"{part.attribute.oi:04X}.{part.attribute.attribute}: no column that we know")


def _cells(columns: Sequence[Oad | Road], row: Sequence[Data]) -> Iterator[tuple[Oad, Data]]:
    for column, data in zip(columns, row, strict=False):
        if isinstance(column, Oad):
            yield column, data
            continue
        inner = data.value
        if isinstance(inner, list):
            for oad, value in zip(column.associated, inner, strict=False):
                if isinstance(value, Data):
                    yield oad, value


def _hear_values(oad: Oad, data: Data, at_ms: int, device: str, said: _Said) -> bool:
    decimals, names = VALUES.get((oad.oi, oad.attribute), (0, ()))
    if not names:
        return False
    elements = data.value if isinstance(data.value, list) else [data]
    if oad.index:
        names = names[oad.index - 1 : oad.index]
    row = said.rows.setdefault(at_ms, {}).setdefault(device, {})
    for name, element in zip(names, elements, strict=False):
        number = element.value if isinstance(element, Data) else element
        if isinstance(number, int) and not isinstance(number, bool) and abs(number) < _MOST:
            row[name] = (number, decimals)
        elif number is not None:
            said.problems.append(
                f"{name} of {device}: expected a whole number, found {type(number).__name__}"
            )
    return True


def _hear_loss(device: str, began_ms: int | None, ended_ms: int | None, said: _Said) -> None:
    if began_ms is None:
        said.problems.append(f"{device}: a loss of supply without a time of beginning")
        return
    if ended_ms is not None and ended_ms < began_ms:
        said.problems.append(f"{device}: a loss of supply ends before it begins")
        return
    said.losses[EvidenceKind.POWER_OFF, device, began_ms] = None
    if ended_ms is not None:
        said.losses[EvidenceKind.POWER_ON, device, ended_ms] = None


def _instant_ms(data: Data) -> int | None:
    if data.type.name != "date_time_s":
        return None
    high, low, month, day, hour, minute, second = data.as_date_time_s()
    try:
        local = datetime(high << 8 | low, month, day, hour, minute, second, tzinfo=ZONE)
        at_ms = int(local.timestamp()) * 1000
    except (ValueError, OverflowError):
        return None
    return at_ms if at_ms >= 0 else None


def _address(data: Data) -> str:
    """Twelve digits out of a TSA (flags, then the address) or an octet string; empty where there are none."""
    kind = data.type.name
    raw = data.as_tsa() if kind == "tsa" else data.as_octet_string() if kind == "octet_string" else b""
    return raw[-6:].hex().upper() if len(raw) >= 6 else ""


def _batches(said: _Said, key: str, received_ms: int, terminal: str) -> Iterator[ReadingBatch]:
    for place, (at_ms, devices) in enumerate(said.rows.items()):
        used: dict[str, int] = {}
        for row in devices.values():
            for name, (_, decimals) in row.items():
                used[name] = max(used.get(name, 0), decimals)
        if not used:
            continue
        scaled = np.array([_scaled(row, used) for row in devices.values()], dtype=np.int64)
        measured = scaled / np.power(10.0, list(used.values()))
        low, high = (np.array([getattr(CATALOGUE[name], side) for name in used]) for side in ("low", "high"))
        outside = (scaled != MISSING) & ((measured < low) | (measured > high))
        yield ReadingBatch(
            terminal=terminal,
            boot=DOOR,
            seq=int.from_bytes(blake2b(f"{key}/{received_ms}/{place}".encode(), digest_size=8).digest()) >> 1,
            at_ms=at_ms,
            received_ms=received_ms,
            meters=tuple(devices),
            quantities=tuple(used),
            decimals=tuple(used.values()),
            scaled=scaled,
            doubts=np.where(outside, Quality.OUT_OF_RANGE, 0).astype(np.uint8) if outside.any() else None,
        )


def _scaled(row: dict[str, tuple[int, int]], used: dict[str, int]) -> list[int]:
    """A device's values at the scale of the batch."""
    given = [row.get(name) for name in used]
    return [
        MISSING if value is None else value[0] * 10 ** (decimals - value[1])
        for value, decimals in zip(given, used.values(), strict=True)
    ]


def _evidence(said: _Said, key: str, received_ms: int, terminal: str) -> Iterator[Evidence]:
    # The reporter spoke; a meter whose loss it reports did not, and old values prove nothing about now.
    lost = {device for _, device, _ in said.losses}
    if terminal not in lost:
        yield Evidence(
            EvidenceKind.ALIVE, received_ms, received_ms, terminal, (terminal,), f"{key}/{received_ms}"
        )
    for at_ms, devices in said.rows.items():
        alive = tuple(device for device in devices if device != terminal)
        if alive:
            fact = f"{key}/{EvidenceKind.ALIVE}/{at_ms}"
            yield Evidence(EvidenceKind.ALIVE, at_ms, received_ms, terminal, alive, fact)
    for kind, device, at_ms in said.losses:
        name = f"{DOOR}/{kind}/{device}/{at_ms}"
        yield Evidence(kind, at_ms, received_ms, terminal, (device,), name)
        if at_ms > received_ms + AHEAD_MS:
            said.problems.append(f"{device}: its clock is ahead")
