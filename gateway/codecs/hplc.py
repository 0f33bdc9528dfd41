"""Outage reports of a power-line carrier network: the data unit of AFN 06H F5 and F6. Field data never raise.

Source: Q/GDW 1376.2 local link, CCO → terminal, as public test software reads it (domain facts §4.3).
``device type 1 B | protocol 1 B | length 1 B (F6: 2 B, low first) | content``; content of protocol 04:
``event 1 B (1 out, 2 restored)`` then per meter 6 bytes of address, low byte first, or per collector the
address and a state byte (0 off, 1 on). The report carries no time: duplicates, partial and late sets, and a
restoration without an outage are all normal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.codecs.foreign import MAX_DEVICES, Found, Unusable, evidence
from gateway.codecs.own import Refused, content_key, frame_key, instant_of
from gateway.contract.payloads import Hplc
from gateway.frames import Decoded, Frame
from telemetry.evidence import EvidenceKind

COLLECTOR: Final = 0x00
DEVICE_TYPES: Final = {0x00: "collector", 0x01: "meter", 0x02: "HPLC module", 0x05: "dual-mode module"}
POWER: Final = 0x04
"""Protocol "slave power off/on"."""
_EVENTS: Final = {1: EvidenceKind.POWER_OFF, 2: EvidenceKind.POWER_ON}
_STATES: Final = {0: EvidenceKind.POWER_OFF, 1: EvidenceKind.POWER_ON}
_ADDRESS_BYTES: Final = 6
_payload = msgspec.json.Decoder(Hplc)


@dataclass(frozen=True, slots=True)
class Report:
    """Kind → addresses of twelve digits, in the order of the report."""

    devices: Mapping[EvidenceKind, tuple[str, ...]]


def read_text(text: str) -> Report:
    """A data unit as hexadecimal text, blanks allowed; raises Unusable."""
    try:
        unit = bytes.fromhex(text)
    except ValueError:
        raise Unusable(f"hplc: expected hexadecimal text, found {text[:40]!r}") from None
    return read(unit)


def read(unit: bytes, fn: int = 0) -> Report:
    """A data unit of F5 or F6 (0: whichever its length field fits); raises Unusable."""
    if len(unit) < 4:
        raise Unusable(f"hplc: expected a data unit of at least 4 bytes, found {len(unit)}")
    device_type, protocol = unit[0], unit[1]
    if device_type not in DEVICE_TYPES:
        raise Unusable(f"hplc: expected device type 0, 1, 2 or 5, found {device_type}")
    if protocol != POWER:
        raise Unusable(f"hplc: expected protocol 4 (power off/on), found {protocol}")
    content = _content(unit, fn)
    return _collectors(content) if device_type == COLLECTOR else _meters(content)


def _content(unit: bytes, fn: int) -> bytes:
    short, wide = unit[2], int.from_bytes(unit[2:4], "little")
    if fn in {0, 5} and len(unit) == 3 + short:
        return unit[3:]
    if fn in {0, 6} and len(unit) == 4 + wide:
        return unit[4:]
    raise Unusable(f"hplc: expected {short} (F5) or {wide} (F6) bytes of content, found {len(unit)} in all")


def _meters(content: bytes) -> Report:
    kind = _kind(content)
    addresses = _split(content[1:], _ADDRESS_BYTES)
    return Report({kind: tuple(dict.fromkeys(address_text(each) for each in addresses))})


def _collectors(content: bytes) -> Report:
    _kind(content)
    told: dict[EvidenceKind, dict[str, None]] = {}
    for entry in _split(content[1:], _ADDRESS_BYTES + 1):
        if entry[-1] not in _STATES:
            raise Unusable(f"hplc: expected state 0 or 1 of a collector, found {entry[-1]}")
        told.setdefault(_STATES[entry[-1]], {})[address_text(entry[:-1])] = None
    return Report({kind: tuple(addresses) for kind, addresses in told.items()})


def _kind(content: bytes) -> EvidenceKind:
    if not content or content[0] not in _EVENTS:
        raise Unusable(f"hplc: expected event 1 (out) or 2 (restored), found {content[:1].hex()!r}")
    return _EVENTS[content[0]]


def _split(entries: bytes, size: int) -> list[bytes]:
    if not entries or len(entries) % size:
        raise Unusable(f"hplc: expected entries of {size} bytes, found {len(entries)} bytes")
    if len(entries) > MAX_DEVICES * size:
        raise Unusable(f"hplc: expected at most {MAX_DEVICES} devices, found {len(entries) // size}")
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def address_text(address: bytes) -> str:
    """Six bytes of binary coded decimals, low byte first → twelve digits."""
    text = address[::-1].hex()
    if not text.isdigit():
        raise Unusable(f"hplc: expected an address of decimal digits, found {text!r}")
    return text


def decode(frame: Frame, terminal: str, resolve: Callable[[str], str]) -> Decoded:
    """A frame of our own topic ``…/hplc``: wrapped in JSON, or the bare data unit as bytes or text."""
    try:
        key, at_ms, report = _opened(frame, terminal)
        found = Found()
        for kind, addresses in report.devices.items():
            for address in addresses:
                found.fact(kind, at_ms, resolve(address))
    except (Unusable, Refused, msgspec.MsgspecError, UnicodeDecodeError) as problem:
        return Decoded(content_key(frame), terminal, refusal=str(problem)[:500], named_by_content=True)
    told = evidence(found, terminal, frame.received_ms, prefix="hplc/")
    return Decoded(key or content_key(frame), terminal, (), told, online=True, named_by_content=not key)


def _opened(frame: Frame, terminal: str) -> tuple[str, int, Report]:
    """(frame's name or nothing, instant, report)."""
    body = frame.body.strip()
    if body.startswith(b"{"):
        payload = _payload.decode(body)
        report = read(_bytes(payload.data), payload.fn)
        return frame_key(terminal, payload.boot, payload.seq), instant_of(payload.at), report
    if body[:1] in b"0123456789abcdefABCDEF" and not set(body) - set(b"0123456789abcdefABCDEF \r\n\t"):
        return "", frame.received_ms, read_text(body.decode("ascii"))
    return "", frame.received_ms, read(frame.body)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Unusable(f"data: expected hexadecimal text, found {text[:40]!r}") from None
