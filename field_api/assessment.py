"""How well the work of a grid cell's manager goes, every figure with the events that it is made of.

First-visit completion: of the orders closed in a time, how many needed one visit (ORG-04). The sheet adds
what supervisors noted of the person's service (ORG-09); a score that names no event is worth nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.work import HistoryEntry

ARRIVAL: Final = "arrive"
"""The step with which a visit begins."""
FULL_SCORE: Final = 100.0


@dataclass(frozen=True, slots=True)
class ClosedOrder:
    """As much of a closed order as the sheet needs."""

    id: str
    owner_id: str
    visits: int
    """How often a crew came; 0: it was settled without going there."""
    closed_ms: int


@dataclass(frozen=True, slots=True)
class FirstVisits:
    """``first`` of ``visited`` orders were closed with a single visit."""

    first: tuple[str, ...]
    again: tuple[str, ...]
    """Orders that needed more."""

    @property
    def ratio(self) -> float | None:
        """0 to 1; None where nobody went anywhere."""
        visited = len(self.first) + len(self.again)
        return len(self.first) / visited if visited else None


@dataclass(frozen=True, slots=True)
class SupervisionRecord:
    """What a supervisor found; ``points`` are added to the score, so a fault has fewer than none."""

    id: int
    person_id: str
    at_ms: int
    by: str
    by_name: str
    finding: str
    points: float
    order_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One line of the sheet and the events behind it."""

    name: str
    points: float
    events: tuple[str, ...]
    """Ids of orders, or ``record-N`` of the supervision's records."""


@dataclass(frozen=True, slots=True)
class Sheet:
    person_id: str
    from_ms: int
    until_ms: int
    closed: int
    first_visits: FirstVisits
    lines: tuple[ScoreLine, ...]

    @property
    def score(self) -> float:
        """Of 100, plus and minus what the lines say, never below 0."""
        return max(0.0, FULL_SCORE + sum(line.points for line in self.lines))


def visits(history: Iterable[HistoryEntry]) -> int:
    """How often a crew arrived."""
    return sum(entry.step == ARRIVAL for entry in history)


def first_visits(closed: Iterable[ClosedOrder]) -> FirstVisits:
    """Which orders needed one visit, and which more; those without any say nothing."""
    visited = [one for one in closed if one.visits]
    first = tuple(one.id for one in visited if one.visits == 1)
    return FirstVisits(first, tuple(one.id for one in visited if one.visits > 1))


def assessment(
    person_id: str,
    closed: Sequence[ClosedOrder],
    records: Sequence[SupervisionRecord],
    from_ms: int,
    until_ms: int,
) -> Sheet:
    """The person's sheet of a time: a point off for each second visit, and what supervisors gave or took."""
    mine = [one for one in closed if one.owner_id == person_id and from_ms <= one.closed_ms < until_ms]
    counted = first_visits(mine)
    lines = [ScoreLine("second_visits", -float(len(counted.again)), counted.again)] if counted.again else []
    lines += [
        ScoreLine(record.finding, record.points, (f"record-{record.id}",))
        for record in records
        if record.person_id == person_id and from_ms <= record.at_ms < until_ms
    ]
    return Sheet(person_id, from_ms, until_ms, len(mine), counted, tuple(lines))
