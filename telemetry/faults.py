"""Is it a fault, since when, and is it over? One track per rule and subject, fed value by value.

The state depends on the values in order of their device times; what arrives late is passed over, since a
fault that has ended raises nothing any more.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from telemetry.fault_rule import FaultRule, Limit


class Turn(StrEnum):
    """What one value changed."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Track:
    """A subject beyond a rule's limit, or not yet well again."""

    since_ms: int
    """First value beyond the limit."""
    last_ms: int
    worst: float
    raised_ms: int | None = None
    well_since_ms: int | None = None


def step(rule: FaultRule, track: Track | None, at_ms: int, value: float) -> tuple[Track | None, Turn | None]:
    """The track after one more value of the rule's measure; None: nothing to be remembered."""
    if rule.raises is None or rule.clears is None or (track is not None and at_ms <= track.last_ms):
        return track, None
    beyond, well = rule.raises.is_beyond(value), rule.clears.is_beyond(value)
    if track is None or (track.raised_ms is None and at_ms - track.last_ms > rule.gap_ms):
        return _raised(rule.raises, Track(at_ms, at_ms, value), at_ms) if beyond else (None, None)
    if track.raised_ms is None:
        return (
            _raised(rule.raises, _worse(rule.raises, track, at_ms, value), at_ms) if beyond else (None, None)
        )
    if not well:
        held = _worse(rule.raises, track, at_ms, value) if beyond else replace(track, last_ms=at_ms)
        return replace(held, well_since_ms=None), None
    since_ms = track.well_since_ms
    if since_ms is None or at_ms - track.last_ms > rule.gap_ms:
        since_ms = at_ms
    if at_ms - since_ms >= rule.clears.for_ms:
        return None, Turn.CLEARED
    return replace(track, last_ms=at_ms, well_since_ms=since_ms), None


def _raised(limit: Limit, track: Track, at_ms: int) -> tuple[Track, Turn | None]:
    if at_ms - track.since_ms < limit.for_ms:
        return track, None
    return replace(track, raised_ms=at_ms), Turn.RAISED


def _worse(limit: Limit, track: Track, at_ms: int, value: float) -> Track:
    worst = min(track.worst, value) if limit.below is not None else max(track.worst, value)
    return replace(track, last_ms=at_ms, worst=worst)
