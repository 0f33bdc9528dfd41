"""When a step was taken: by the person's own clock as far as that is proved, else when the server took it.

A phone without signal sends its steps later, with the time of its own clock and, when it sends, how far
that clock was off. The rule: a device time counts only corrected by that offset, and only inside what the
server itself has witnessed: not before the step that came before, not after the reception. Anything else
(no offset, outside that window) counts as of the reception, and says so. So a step received late is met by
its device's word only where the company's own records leave room for it, and is then marked ``device``.

What was written on paper and entered afterwards counts as of its entry until a second person has
countersigned it; then it counts as written, inside the same window, and is marked ``paper``. What the system
itself noted in between (a warning, a passed limit) moved nothing and is no witness of when people did what.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from field_api.orders.work import HistoryEntry

COUNTERSIGNED: Final = "countersigned"
"""The fact that somebody else vouches for paper steps: ``details["sequences"]``."""
PAPER: Final = "paper"
TOLERANCE_MS: Final = 5_000
"""Two clocks that were compared over a phone network agree no better; within it a time is moved inside."""


class TimeSource(StrEnum):
    SERVER = "server"
    """Taken as it came in."""
    DEVICE = "device"
    """Taken before, by the device's clock, corrected."""
    PAPER = "paper"
    """Taken before, as a paper says for which two people stand."""
    NO_OFFSET = "no_offset"
    """The device told a time, but not how far its clock is off: the reception counts."""
    IMPLAUSIBLE = "implausible"
    """The device's time lies outside what the server witnessed: the reception counts."""


@dataclass(frozen=True, slots=True)
class StepTime:
    at_ms: int
    source: TimeSource


def happened(previous_ms: int | None, entry: HistoryEntry) -> StepTime:
    """When the step was taken; ``previous_ms``: when the one before was, None for the first."""
    received = entry.at_ms if previous_ms is None else max(previous_ms, entry.at_ms)
    if entry.device_ms is None:
        return StepTime(received, TimeSource.SERVER)
    if entry.offset_ms is None:
        return StepTime(received, TimeSource.NO_OFFSET)
    said = entry.device_ms + entry.offset_ms
    earliest = said if previous_ms is None else previous_ms
    if not earliest - TOLERANCE_MS <= said <= received + TOLERANCE_MS:
        return StepTime(received, TimeSource.IMPLAUSIBLE)
    return StepTime(min(max(said, earliest), received), TimeSource.DEVICE)


def happened_times(history: Sequence[HistoryEntry]) -> tuple[StepTime, ...]:
    """When each step of an order was taken; never falls among those that moved the order."""
    signed = signed_sequences(history)
    found: list[StepTime] = []
    moved_ms, revision = None, 0
    for entry in history:
        is_signed = entry.sequence in signed
        time = happened(moved_ms, replace(entry, offset_ms=0) if is_signed else entry)
        if is_signed and time.source is TimeSource.DEVICE:
            time = replace(time, source=TimeSource.PAPER)
        found.append(time)
        if entry.revision > revision:
            moved_ms, revision = time.at_ms, entry.revision
    return tuple(found)


def signed_sequences(history: Sequence[HistoryEntry]) -> frozenset[int]:
    """Of the paper steps for which a second person stands."""
    signatures = (entry for entry in history if entry.step == COUNTERSIGNED)
    return frozenset(number for entry in signatures for number in entry.details.get("sequences", ()))
