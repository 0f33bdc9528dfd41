"""Due times: each states its rule, what it counts from, and whether it is provisional (暂定) (REP-02).

A company profile (``profiles/*.toml``) holds the limits by kind of area with their origin; a work type says
from which step to which a clock runs. The restoration clock counts from arrival; until the crew has arrived
it counts from the arrival's own due time and is provisional.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from field_api.instants import MINUTE_MS
from field_api.work import ClockRule, HistoryEntry, WorkType


class ClockState(StrEnum):
    RUNNING = "running"
    MET = "met"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Limit:
    clock: str
    area: str
    minutes: int
    rule: str
    """The rule in words, as it is shown beside the due time."""


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    origin: str
    limits: tuple[Limit, ...]

    def limit(self, clock: str, area: str) -> Limit:
        """The limit of a clock in that kind of area; KeyError where the profile gives none."""
        for limit in self.limits:
            if (limit.clock, limit.area) == (clock, area):
                return limit
        raise KeyError(f"profile {self.name!r} has no limit for clock {clock!r} in area {area!r}")


@dataclass(frozen=True, slots=True)
class Due:
    clock: str
    due_ms: int
    rule: str
    basis: str
    """What it counts from: the step, or ``<clock> due`` while that step has not happened."""
    provisional: bool
    state: ClockState


def due_times(
    work_type: WorkType, profile: Profile, area: str, history: Sequence[HistoryEntry], now_ms: int
) -> tuple[Due, ...]:
    """All due times of an order, in the work type's order of clocks."""
    found: dict[str, Due] = {}
    for clock in work_type.clocks:
        basis = _basis(clock, history, found)
        if basis is not None:
            from_ms, words, provisional = basis
            limit = profile.limit(clock.name, area)
            due_ms = from_ms + limit.minutes * MINUTE_MS
            state = _state(due_ms, _first(history, clock.stops), _end(work_type, history), now_ms)
            found[clock.name] = Due(clock.name, due_ms, limit.rule, words, provisional, state)
    return tuple(found.values())


def _basis(
    clock: ClockRule, history: Sequence[HistoryEntry], found: dict[str, Due]
) -> tuple[int, str, bool] | None:
    started_ms = _first(history, clock.starts)
    if started_ms is not None:
        return started_ms, clock.starts, False
    before = found.get(clock.follows)
    return None if before is None else (before.due_ms, f"{clock.follows} due", True)


def _state(due_ms: int, stopped_ms: int | None, ended_ms: int | None, now_ms: int) -> ClockState:
    if stopped_ms is None and ended_ms is None:
        return ClockState.LATE if now_ms > due_ms else ClockState.RUNNING
    at_ms = stopped_ms if stopped_ms is not None else ended_ms
    return ClockState.LATE if at_ms is not None and at_ms > due_ms else ClockState.MET


def _first(history: Sequence[HistoryEntry], step: str) -> int | None:
    return next((entry.at_ms for entry in history if entry.step == step), None)


def _end(work_type: WorkType, history: Sequence[HistoryEntry]) -> int | None:
    closing = {rule.name for rule in work_type.steps if rule.target in work_type.closed_states}
    return next((entry.at_ms for entry in history if entry.step in closing), None)
