"""How well the work of a grid cell's manager goes, every figure with the events that it is made of.

First-visit completion: of the orders closed in a time, how many needed one visit (ORG-04). The sheet takes
off for further visits and for what supervision found and upheld (ORG-09); the weights are working figures.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.orders.work import HistoryEntry
from field_api.people.findings import PersonFinding

ARRIVAL: Final = "arrive"
"""The step with which a visit begins."""
FULL_SCORE: Final = 100.0
SECOND_VISIT: Final = -1.0
"""Points for an order that needed more than one visit."""
UPHELD: Final = -5.0
"""Points for a finding of supervision that counts against the person."""


@dataclass(frozen=True, slots=True)
class ClosedOrder:
    """As much of a closed order as the sheet needs."""

    id: str
    owner_id: str
    visits: int
    """How often a crew came; 0: it was settled without going there."""
    closed_ms: int
    crew_id: str = ""
    """Whom it was assigned to at first."""
    stayed: bool = True
    """It never changed hands."""


@dataclass(frozen=True, slots=True)
class LocalSolves:
    """``solved`` of ``closed`` orders were finished by the crew that got them first (REP-03)."""

    closed: int
    solved: int

    @property
    def ratio(self) -> float | None:
        """0 to 1; None where none was closed."""
        return self.solved / self.closed if self.closed else None


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
class ScoreLine:
    """One line of the sheet and the events behind it."""

    name: str
    points: float
    events: tuple[str, ...]
    """Ids of orders and of findings."""


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
        """Of 100 what the lines leave, never below 0."""
        return max(0.0, FULL_SCORE + sum(line.points for line in self.lines))


def visits(history: Iterable[HistoryEntry]) -> int:
    """How often a crew arrived."""
    return sum(entry.step == ARRIVAL for entry in history)


def first_visits(closed: Iterable[ClosedOrder]) -> FirstVisits:
    """Which orders needed one visit, and which more; those without any say nothing."""
    visited = [one for one in closed if one.visits]
    first = tuple(one.id for one in visited if one.visits == 1)
    return FirstVisits(first, tuple(one.id for one in visited if one.visits > 1))


def local_solves(closed: Iterable[ClosedOrder]) -> Mapping[str, LocalSolves]:
    """By the crew that had the order first, in order of their ids: an order handed on counts against it."""
    stayed: dict[str, list[bool]] = defaultdict(list)
    for one in closed:
        stayed[one.crew_id].append(one.stayed)
    return {crew: LocalSolves(len(stayed[crew]), sum(stayed[crew])) for crew in sorted(stayed)}


def assessment(
    person_id: str,
    closed: Sequence[ClosedOrder],
    findings: Iterable[PersonFinding],
    from_ms: int,
    until_ms: int,
) -> Sheet:
    """The person's sheet of a time: orders that they own and closed in it, findings on them decided in it.

    A finding that is not upheld, or not theirs to answer for, costs nothing.
    """
    mine = [one for one in closed if one.owner_id == person_id and from_ms <= one.closed_ms < until_ms]
    counted = first_visits(mine)
    lines = []
    if counted.again:
        lines.append(ScoreLine("second_visits", SECOND_VISIT * len(counted.again), counted.again))
    lines += [
        ScoreLine(finding.rule, UPHELD, tuple(filter(None, (finding.id, finding.order_id))))
        for finding in findings
        if finding.counts and from_ms <= (finding.decided_ms or 0) < until_ms
    ]
    return Sheet(person_id, from_ms, until_ms, len(mine), counted, tuple(lines))
