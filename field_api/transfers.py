"""An order changes hands a limited number of times, and never straight back (REP-03)."""

from collections.abc import Sequence
from typing import Final

from field_api.work import HistoryEntry

TRANSFER: Final = "transfer"
MAX_TRANSFERS: Final = 3
"""Beyond this somebody of the office decides: an order that wanders is nobody's."""


def crews_in_turn(first_crew: str, history: Sequence[HistoryEntry]) -> tuple[str, ...]:
    """Who had the order, one after the other; ``first_crew`` is whom it was assigned to."""
    return (first_crew, *(str(e.details["to_crew"]) for e in history if e.step == TRANSFER))


def objection(crews: Sequence[str], to_crew: str) -> str:
    """Why it may not go to that crew; '' where it may.

    ``crews`` are those who had it, the present one last.
    """
    if to_crew == crews[-1]:
        return f"crew {to_crew!r} has the order already"
    if to_crew in crews[:-1]:
        return f"it was with crew {to_crew!r} before: {' → '.join((*crews, to_crew))}"
    if len(crews) > MAX_TRANSFERS:
        return f"it changed hands {len(crews) - 1} times already: {' → '.join(crews)}"
    return ""


def solved_locally(histories: Sequence[Sequence[HistoryEntry]]) -> float | None:
    """Share of finished orders that never changed hands; None without any."""
    if not histories:
        return None
    kept = sum(all(entry.step != TRANSFER for entry in history) for history in histories)
    return kept / len(histories)
