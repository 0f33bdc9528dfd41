"""DL/T 645-2007 frames wrapped in MQTT: ``gridcrew/v1/{terminal}/dlt645``.

The body is the frames' bytes as they are, the same as hexadecimal text, or JSON with the text inside:
``{"frame": "68…16"}``, with ``"at"`` (epoch milliseconds or ISO-8601 with zone) where the terminal knows when
the meter said it, and ``"boot"`` and ``"seq"`` where it can name its frames. Without a name, a frame with the
same body within ten minutes is taken for a repetition.
"""

import re
from typing import Final

import msgspec

from gateway.codecs.dlt645 import Resolve, said_by
from gateway.codecs.dlt645_frames import Control, find_frames
from gateway.codecs.dlt645_items import POWER_DOWN_RECORDS, STATUS_WORD
from gateway.codecs.own import Refused, content_key, frame_key, instant_of
from gateway.contract.payloads import Dlt645
from gateway.contract.topics import DLT645, MAX_FRAME_BYTES
from gateway.frames import Decoded, Frame

_HEX: Final = re.compile(rb"[0-9A-Fa-f\s]+")
_BLANKS: Final = b" \t\r\n"
_payload = msgspec.json.Decoder(Dlt645)
_UNREADABLE: Final = (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(frame: Frame, terminal: str, resolve: Resolve = str) -> Decoded:
    """What the frames say that ``terminal`` passed on; never raises on what a device may send."""
    if len(frame.body) > MAX_FRAME_BYTES:
        problem = f"frame: expected at most {MAX_FRAME_BYTES} bytes, found {len(frame.body)}"
        return _refusal(frame, terminal, problem)
    try:
        stream, payload = _unwrapped(frame.body)
        at_ms = frame.received_ms if payload.at is None else instant_of(payload.at)
        named = payload.seq is not None
        key = content_key(frame) if payload.seq is None else frame_key(terminal, payload.boot, payload.seq)
    except _UNREADABLE as problem:
        return _refusal(frame, terminal, str(problem))
    return said_by(frame, stream, at_ms, terminal, key, resolve, named_by_content=not named)


def is_urgent(frame: Frame) -> bool:
    """True for what must not wait behind readings: active reports and loss records."""
    if not frame.topic.endswith(f"/{DLT645}") or len(frame.body) > MAX_FRAME_BYTES:
        return False
    try:
        stream, _ = _unwrapped(frame.body)
    except _UNREADABLE:
        return False
    return any(
        each.operation == Control.REPORT or each.identifier in {STATUS_WORD, *POWER_DOWN_RECORDS}
        for each in find_frames(stream).frames
        if each.is_answer
    )


def _refusal(frame: Frame, terminal: str, problem: str) -> Decoded:
    return Decoded(content_key(frame), terminal, refusal=problem[:500], named_by_content=True)


def _unwrapped(body: bytes) -> tuple[bytes, Dlt645]:
    """The frames' bytes, and what was said around them; raises one of ``_UNREADABLE``."""
    payload = Dlt645(frame="")
    if body.lstrip(_BLANKS).startswith(b"{"):
        payload = _payload.decode(body)
        body = payload.frame.encode()
        if not _HEX.fullmatch(body):
            raise Refused(f"frame: expected hexadecimal digits, found {payload.frame[:40]!r}")
    return (_bytes_of(body) if _HEX.fullmatch(body) else body), payload


def _bytes_of(text: bytes) -> bytes:
    digits = b"".join(text.split())
    if len(digits) % 2:
        raise Refused("frame: expected pairs of hexadecimal digits, found an odd number")
    return bytes.fromhex(digits.decode("ascii"))
