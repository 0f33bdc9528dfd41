"""What anybody may learn with a customer's, an order's or a ticket's number: how far it is, nobody's data.

The answer has one shape whether the number exists or not, so that trying numbers tells nothing of who is a
customer; a number without an outage looks like a number that is nobody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.orders.work import HistoryEntry


class Supply(StrEnum):
    NOTHING_KNOWN = "nothing_known"
    """No outage is known there, or nothing at all is."""
    OUT = "out"
    BACK = "back"
    """Supply is back, since the instant that is told."""
    PLANNED = "planned"
    DONE = "done"
    """The work of that number is over."""


class Stage(StrEnum):
    REPORTED = "reported"
    ASSIGNED = "assigned"
    ON_THE_WAY = "on_the_way"
    ON_SITE = "on_site"
    REPAIRED = "repaired"
    CLOSED = "closed"


_REACHED: Final = (
    ({"assign"}, Stage.ASSIGNED),
    ({"accept", "depart"}, Stage.ON_THE_WAY),
    ({"arrive"}, Stage.ON_SITE),
    ({"repair"}, Stage.REPAIRED),
    ({"close", "confirm"}, Stage.CLOSED),
)


@dataclass(frozen=True, slots=True)
class Progress:
    supply: Supply
    since_ms: int | None = None
    expected_ms: int | None = None
    """None: nobody knows yet."""
    stage: Stage | None = None


NOTHING: Final = Progress(Supply.NOTHING_KNOWN)


def stage_of(history: Sequence[HistoryEntry]) -> Stage:
    """How far work has come, by the furthest step since it was opened or undone."""
    reached = Stage.REPORTED
    for entry in history:
        if entry.step == "reopen":
            reached = Stage.ON_SITE
        reached = next((stage for steps, stage in _REACHED if entry.step in steps), reached)
    return reached
