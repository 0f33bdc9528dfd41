"""Frames of the security door: findings of a broker, counted, as JSON. Pure; bad frames are refused."""

import json
from collections.abc import Sequence
from typing import Final

from gateway.codecs.own import content_key
from gateway.frames import Decoded, Frame
from gateway.security import Finding, Threat, finding

SECURITY: Final = "security"
"""Kind of the door."""
MAX_FINDINGS: Final = 40
"""In one frame: with texts of limited length it stays below the largest body."""


def frames_of(findings: Sequence[Finding], topic: str, received_ms: int) -> list[Frame]:
    """The findings as frames; ``topic`` names the log that they come from."""
    parts = [findings[start : start + MAX_FINDINGS] for start in range(0, len(findings), MAX_FINDINGS)]
    return [
        Frame(topic, _body(part, received_ms + place), received_ms, SECURITY)
        for place, part in enumerate(parts)
    ]


def _body(findings: Sequence[Finding], at_ms: int) -> bytes:
    rows = [[found.threat, found.source, found.text, found.count] for found in findings]
    # The instant tells two equal reports apart.
    return json.dumps({"at": at_ms, "findings": rows}, ensure_ascii=False).encode()


def decode(frame: Frame) -> Decoded:
    """The findings of a frame that ``frames_of`` made."""
    key = content_key(frame)
    try:
        rows = json.loads(frame.body)["findings"]
        found = tuple(
            finding(Threat(threat), str(source), str(text), int(count))
            for threat, source, text, count in rows[:MAX_FINDINGS]
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as problem:
        refusal = f"findings: {type(problem).__name__}: {problem}"[:500]
        return Decoded(key, refusal=refusal, named_by_content=True)
    return Decoded(key, findings=found, named_by_content=True)
