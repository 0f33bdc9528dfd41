"""Frames of the ping door: who was asked, and who did not answer. Pure.

Two frames per wish that somebody stayed silent on. ``due`` says nothing by itself: once it is in the ledger
all answers that arrived before it are too, and only then is anybody called silent.
"""

import json
from collections.abc import Sequence
from typing import Final

from gateway.codecs.own import content_key, instant_of
from gateway.frames import Decoded, Frame
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.pings import MAX_DEVICES

PING: Final = "ping"
"""Kind of the door, and the source of its evidence."""
DUE, SILENT = "due", "silent"


def frame_of(step: str, key: str, devices: Sequence[str], at_ms: int) -> Frame:
    """The frame of a step (``due``, ``silent``) of a wish."""
    body = json.dumps({"key": key, "at": at_ms, "devices": sorted(devices)}, ensure_ascii=False)
    return Frame(step, body.encode(), at_ms, PING)


def name_of(step: str, key: str) -> str:
    """Under which the ledger remembers the step."""
    return f"{PING}/{key}/{step}"


def decode(frame: Frame) -> Decoded:
    """Evidence ``silent`` of those that did not answer; nothing of other steps."""
    try:
        told = json.loads(frame.body)
        key, at_ms = str(told["key"]), instant_of(int(told["at"]))
        devices = tuple(str(device) for device in told["devices"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as problem:
        refusal = f"ping: {type(problem).__name__}: {problem}"
        return Decoded(content_key(frame), refusal=refusal[:500], named_by_content=True)
    name = name_of(frame.topic, key)
    if frame.topic != SILENT or not devices:
        return Decoded(name)
    fact = Evidence(
        EvidenceKind.SILENT, at_ms, frame.received_ms, PING, devices[:MAX_DEVICES], f"{PING}/{key}/silent"
    )
    return Decoded(name, evidence=(fact,))
