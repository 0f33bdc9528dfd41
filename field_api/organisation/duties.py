"""Who answers for a grid cell, and since when: customer manager and asset owner in one person.

At any instant a cell has at most one (ORG-01); an instant without one is a gap that coverage reports.
Work about a customer, about the cell as a whole and about an asset all belong to that person (ORG-03).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.orders.work import Subject
from field_api.saying import Saying
from field_api.validity import ALWAYS_MS, holding, is_empty, overlaps, succeeded, until_the_next


class Duty(StrEnum):
    """What a grid manager answers for."""

    SERVICE = "service"
    """客户经理: the cell's customers."""
    WORK = "work"
    """The cell's business: notices, campaigns, training."""
    ASSET = "asset"
    """设备主人: the cell's equipment."""


DUTY_OF: Final = {
    Subject.CUSTOMER: Duty.SERVICE,
    Subject.GRID: Duty.WORK,
    Subject.ELEMENT: Duty.ASSET,
}
"""Which duty an order falls under, by what it is about."""


class BadDuty(Saying, ValueError):
    """An assignment that the rules do not allow; says which and why."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person as grid manager of a cell for a time, with the three flags of the duty."""

    grid_id: str
    person_id: str
    service: bool = True
    work: bool = True
    asset: bool = True
    from_ms: int = ALWAYS_MS
    until_ms: int | None = None

    def bears(self, duty: Duty) -> bool:
        """Does the person answer for that?"""
        return bool(getattr(self, duty.value))


def check_assignment(assignment: Assignment) -> None:
    """Raises ``BadDuty`` for a split duty or an empty time."""
    if not (assignment.service and assignment.asset):
        raise BadDuty("organisation.duty_split", cell=assignment.grid_id)
    if is_empty(assignment):
        raise BadDuty("organisation.duty_ends_first", cell=assignment.grid_id)


def two_at_once(assignments: Iterable[Assignment]) -> tuple[tuple[Assignment, Assignment], ...]:
    """Pairs of assignments of one cell that hold at the same time: what must never be."""
    return overlaps(assignments, key=lambda one: one.grid_id)


def manager_at(
    assignments: Iterable[Assignment], grid_id: str, at_ms: int, duty: Duty | None = None
) -> str | None:
    """The one person who answers for that cell then; None: nobody is named."""
    for one in holding(assignments, at_ms):
        if one.grid_id == grid_id and (duty is None or one.bears(duty)):
            return one.person_id
    return None


def handed_over(assignments: Sequence[Assignment], new: Assignment) -> tuple[Assignment, ...]:
    """The cell's succession with ``new`` in it: one holds at a time, and no hole opens that was not there.

    ``assignments`` are all of the cell. Without an end of its own the new one holds until the next begins.
    Raises ``BadDuty``.
    """
    check_assignment(new)
    if new.until_ms is None:
        until_ms = until_the_next(assignments, new.from_ms)
        new = Assignment(new.grid_id, new.person_id, new.service, new.work, new.asset, new.from_ms, until_ms)
    return tuple(one for one in succeeded(assignments, new) if not is_empty(one))
