"""An order changes hands a limited number of times, and never straight back (REP-03)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.orders.work import HistoryEntry
from field_api.saying import Said

TRANSFER: Final = "transfer"
MAX_TRANSFERS: Final = 3
"""Beyond this somebody of the office decides: an order that wanders is nobody's."""


def crews_in_turn(first_crew: str, history: Sequence[HistoryEntry]) -> tuple[str, ...]:
    """Who had the order, one after the other; ``first_crew`` is whom it was assigned to."""
    return (first_crew, *(str(e.details["to_crew"]) for e in history if e.step == TRANSFER))


@dataclass(frozen=True, slots=True)
class HandOver:
    """One crew gave the order to another."""

    from_crew: str
    to_crew: str
    at_ms: int
    spoken_ms: int | None
    """When both spoke with each other, a warm hand-over; None: nobody said so."""
    accepted_ms: int | None
    """When the new crew took it; None: not yet."""


def hand_overs(history: Sequence[HistoryEntry]) -> tuple[HandOver, ...]:
    """All of an order, oldest first (REP-04)."""
    found = []
    for place, entry in enumerate(history):
        if entry.step != TRANSFER:
            continue
        taken = next((later.at_ms for later in history[place + 1 :] if later.step == "accept"), None)
        who = str(entry.details.get("from_crew", "")), str(entry.details["to_crew"])
        found.append(HandOver(*who, entry.at_ms, entry.details.get("spoken_ms"), taken))
    return tuple(found)


def objection(crews: Sequence[str], to_crew: str) -> Said | None:
    """Why it may not go to that crew; None where it may.

    ``crews`` are those who had it, the present one last.
    """
    if to_crew == crews[-1]:
        return Said("order.with_that_crew", {"crew": to_crew})
    if to_crew in crews[:-1]:
        return Said("order.back_and_forth", {"crew": to_crew, "way": " → ".join((*crews, to_crew))})
    if len(crews) > MAX_TRANSFERS:
        return Said("order.wandered", {"times": len(crews) - 1, "way": " → ".join(crews)})
    return None


def stayed(history: Iterable[HistoryEntry]) -> bool:
    """Did it never change hands?"""
    return all(entry.step != TRANSFER for entry in history)
