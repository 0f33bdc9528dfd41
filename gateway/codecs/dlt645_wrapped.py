"""DL/T 645-2007 frames wrapped in MQTT: ``gridcrew/v1/{terminal}/dlt645`` and ``…/dlt645-events``.

The body is the frames' bytes as they are, the same as hexadecimal text, or JSON with the text inside:
``{"frame": "68…16"}``, with ``"at"`` (epoch milliseconds or ISO-8601 with zone) where the terminal knows when
the meter said it, and ``"boot"`` and ``"seq"`` where it can name its frames. Without a name, a frame with the
same body within ten minutes is taken for a repetition.
"""

import re
from datetime import datetime
from typing import Final

import msgspec

from gateway.codecs.dlt645 import Resolve, said_by
from gateway.codecs.own import Refused, content_key
from gateway.contract.payloads import Instant
from gateway.contract.topics import MAX_FRAME_BYTES, parse
from gateway.frames import Decoded, Frame

_HEX: Final = re.compile(rb"[0-9A-Fa-f\s]+")
_BOOT: Final = re.compile(r"[!-.0-~]{1,64}")
_LAST_MS: Final = 4_102_444_800_000
_MAX_SEQ: Final = 2**63 - 1


class _Wrapped(msgspec.Struct, frozen=True):
    frame: str
    at: Instant | None = None
    boot: str = ""
    seq: int | None = None


_wrapped = msgspec.json.Decoder(_Wrapped)


def decode(frame: Frame, resolve: Resolve = str) -> Decoded:
    """What the wrapped frames say; never raises on what a device may send."""
    address = parse(frame.topic)
    if address is None:
        return _refusal(frame, "", f"topic: expected gridcrew/v1/{{terminal}}/…, found {frame.topic[:80]!r}")
    if len(frame.body) > MAX_FRAME_BYTES:
        problem = f"frame: expected at most {MAX_FRAME_BYTES} bytes, found {len(frame.body)}"
        return _refusal(frame, address.terminal, problem)
    try:
        return _unwrapped(frame, address.terminal, resolve)
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        return _refusal(frame, address.terminal, str(problem))


def _refusal(frame: Frame, terminal: str, problem: str) -> Decoded:
    return Decoded(content_key(frame), terminal, refusal=problem[:500], named_by_content=True)


def _unwrapped(frame: Frame, terminal: str, resolve: Resolve) -> Decoded:
    body = frame.body.strip(b" \t\r\n") if frame.body[:1] in b" \t\r\n{" else frame.body
    key, at_ms, named = content_key(frame), frame.received_ms, False
    if body.startswith(b"{"):
        wrapped = _wrapped.decode(body)
        at_ms = frame.received_ms if wrapped.at is None else _instant_ms(wrapped.at)
        named = wrapped.seq is not None
        key = _key(terminal, wrapped) if named else key
        body = wrapped.frame.encode()
        if not _HEX.fullmatch(body):
            raise Refused(f"frame: expected hexadecimal digits, found {wrapped.frame[:40]!r}")
    stream = _bytes_of(body) if _HEX.fullmatch(body) else body
    return said_by(frame, stream, at_ms, terminal, key, resolve, named_by_content=not named, online=True)


def _bytes_of(text: bytes) -> bytes:
    digits = b"".join(text.split())
    if len(digits) % 2:
        raise Refused("frame: expected pairs of hexadecimal digits, found an odd number")
    return bytes.fromhex(digits.decode("ascii"))


def _key(terminal: str, wrapped: _Wrapped) -> str:
    if not _BOOT.fullmatch(wrapped.boot) or wrapped.seq is None or not 0 <= wrapped.seq <= _MAX_SEQ:
        raise Refused("boot and seq: expected 1 to 64 visible characters without '/', and 0 to 2^63-1")
    return f"{terminal}/{wrapped.boot}/{wrapped.seq}"


def _instant_ms(at: Instant) -> int:
    if isinstance(at, str):
        try:
            moment = datetime.fromisoformat(at[:40])
            at = round(moment.timestamp() * 1000) if moment.tzinfo else -1
        except (ValueError, OverflowError):
            at = -1
    if not 0 <= at < _LAST_MS:
        raise Refused("at: expected epoch milliseconds or ISO-8601 with its zone, from 1970 to 2100")
    return at
