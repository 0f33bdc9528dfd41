"""What a crew promised in an order's history: when supply is back, when it comes.

A crew's own estimate beats the computed one and is never overwritten, only given anew. One that has passed
is withdrawn: a fact in the history after which there is none until the crew gives another (invariant 5).
"""

from collections.abc import Sequence
from typing import Final

from field_api.orders.work import HistoryEntry

ESTIMATE: Final = "estimate"
WITHDRAWN: Final = "estimate_withdrawn"


def estimate_ms(history: Sequence[HistoryEntry]) -> int | None:
    """The crew's estimate that stands; None where none was given or the last was withdrawn."""
    for entry in reversed(history):
        if entry.step == WITHDRAWN:
            return None
        if "estimate_ms" in entry.details:
            return int(entry.details["estimate_ms"])
    return None


def has_passed(history: Sequence[HistoryEntry], now_ms: int) -> bool:
    """Is there an estimate that should be withdrawn?"""
    promised_ms = estimate_ms(history)
    return promised_ms is not None and promised_ms <= now_ms


def appointment_ms(history: Sequence[HistoryEntry]) -> tuple[int, int] | None:
    """From and until when the customer expects somebody: the last agreement."""
    for entry in reversed(history):
        if "appointment" in entry.details:
            begins, ends = entry.details["appointment"]
            return int(begins), int(ends)
    return None
