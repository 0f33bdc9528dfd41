"""Who goes where by when, as a problem in numbers: jobs, hands, and what a plan is judged by.

The objective is customer-minutes without supply, plus weighted minutes beyond due times. Hard: skills,
shifts, appointments, work under way, and which jobs of an incident come before others. Soft: grid cells, and
what a crew already has. Customers who depend on supply (key, vulnerable) weigh so much that they go first.
The figures are data (``dispatch.toml``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np

from field_api.dispatch.kernels import NOTHING, UNPLANNED, Lists, Table
from field_api.dispatch.policy import Policy
from field_api.instants import MINUTE_MS
from geo.network import Float64, Int32
from geo.travel import Stops, TravelModel, minutes_between

NEIGHBOURS: Final = 10
FAR_MINUTES: Final = 14 * 24 * 60.0
"""What is left undone counts as done after a fortnight."""
LEFT_COST: Final = 1e6
MAX_SHIFTS: Final = 14
ALWAYS: Final = ((-(2**53), 2**53),)


class Running(StrEnum):
    """How far the crew is that has taken the job."""

    NO = ""
    TAKEN = "taken"
    """Accepted, begun by nobody: the crew keeps it, its turn may change."""
    UNDER_WAY = "under_way"
    ON_SITE = "on_site"


@dataclass(frozen=True, slots=True)
class Job:
    """One visit that somebody must make. Instants in epoch milliseconds; None: no such limit."""

    id: str
    lon: float
    lat: float
    cell: str
    area: str
    minutes: float
    """Work on site that is left."""
    crew: str
    """Who has it now."""
    customers_out: int = 0
    priority: str = "normal"
    skills: frozenset[str] = frozenset()
    window_ms: tuple[int, int] | None = None
    """From and until when the customer expects the crew: the work must begin then."""
    due_begin_ms: int | None = None
    due_finish_ms: int | None = None
    running: Running = Running.NO
    barred: frozenset[str] = frozenset()
    """Crews that must not have it, whatever they can do."""
    estimate_ms: int | None = None
    """When the crew itself expects to be done."""
    after: tuple[str, ...] = ()
    """Jobs that must have ended before this one begins, unless somebody is at it or on the way; nobody knows
    when one ends that is not planned."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A crew as the plan sees it."""

    id: str
    lon: float
    lat: float
    cells: frozenset[str]
    area: str
    skills: frozenset[str] | None = None
    """None: everything."""
    shifts_ms: tuple[tuple[int, int], ...] = ALWAYS
    """From and until when it works, in order of time."""

    def can(self, skills: frozenset[str]) -> bool:
        """Has it all of these skills? (TRN-02)"""
        return self.skills is None or skills <= self.skills


@dataclass(frozen=True)
class Problem:
    """What is to be planned at one instant."""

    now_ms: int
    jobs: tuple[Job, ...]
    hands: tuple[Hand, ...]
    policy: Policy
    travel: TravelModel
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The plan before: crew → its jobs in order."""

    @cached_property
    def job_row(self) -> Mapping[str, int]:
        return {job.id: row for row, job in enumerate(self.jobs)}

    @cached_property
    def hand_row(self) -> Mapping[str, int]:
        return {hand.id: row for row, hand in enumerate(self.hands)}

    @cached_property
    def table(self) -> Table:
        """As the kernels want it."""
        travel = self._travel()
        numbers = np.array([self._numbers(job) for job in self.jobs], np.float64).reshape(-1, 7)
        after = self._after()
        far = FAR_MINUTES * (numbers[:, 1] + 2 * numbers[:, 6])
        return Table(
            numbers=numbers,
            travel=travel,
            extra=self._extra(),
            shifts=self._shifts(),
            ready=np.zeros(len(self.hands)),
            locked=np.array([len(jobs) for jobs in self.under_way], np.int32),
            left=LEFT_COST + far,
            after=after,
            then=_waiting(after),
            near=_nearest(travel[len(self.hands) :]),
            driven=float(self.policy.driven),
            overtime=float(self.policy.overtime_minutes),
        )

    @cached_property
    def turns(self) -> Int32:
        """By job: 0 where it need not wait for another, else one more than those that it waits for."""
        turns = np.zeros(len(self.jobs), np.int32)
        for _ in self.jobs:
            waits = (turns[rows[rows >= 0]] for rows in self.table.after)
            later = np.array([1 + max(others, default=-1) for others in waits], np.int32)
            if (later == turns).all():
                break
            turns = later
        return turns

    @cached_property
    def under_way(self) -> tuple[tuple[int, ...], ...]:
        """By crew the rows of what it does now: on site before on the road."""
        rank = (Running.ON_SITE, Running.UNDER_WAY)
        rows: list[list[int]] = [[] for _ in self.hands]
        for wanted in rank:
            for row, job in enumerate(self.jobs):
                if job.running is wanted and job.crew in self.hand_row:
                    rows[self.hand_row[job.crew]].append(row)
        return tuple(tuple(one) for one in rows)

    def empty(self) -> Lists:
        """A plan in which everybody only goes on with what is under way."""
        jobs, hands = len(self.jobs), len(self.hands)
        lists = Lists(
            np.zeros((hands, jobs), np.int32),
            np.zeros(hands, np.int32),
            np.full(jobs, -1, np.int32),
            np.full(jobs, -np.inf),
        )
        for crew, rows in enumerate(self.under_way):
            lists.routes[crew, : len(rows)] = rows
            lists.length[crew] = len(rows)
            lists.owner[list(rows)] = crew
        return lists

    def _numbers(self, job: Job) -> tuple[float, ...]:
        opens, closes = job.window_ms or (None, None)
        policy = self.policy
        weight = policy.waiting
        if job.customers_out:
            weight += job.customers_out + policy.importance.get(job.priority, 0.0)
        return (
            job.minutes, weight, self._minute(opens, -np.inf), self._minute(closes, np.inf),
            max(0.0, self._minute(job.due_begin_ms, np.inf)),
            max(0.0, self._minute(job.due_finish_ms, np.inf)),
            policy.late.get(job.priority, policy.late["normal"]),
        )  # fmt: skip

    def _minute(self, at_ms: int | None, unknown: float) -> float:
        return unknown if at_ms is None else (at_ms - self.now_ms) / MINUTE_MS

    def _travel(self) -> Float64:
        crews = _stops([(one.lon, one.lat, "", one.area) for one in self.hands])
        jobs = _stops([(one.lon, one.lat, one.cell, one.area) for one in self.jobs])
        starts = minutes_between(self.travel, crews, jobs)
        for crew, rows in enumerate(self.under_way):
            for row in rows:
                if self.jobs[row].running is Running.ON_SITE:
                    starts[crew, row] = 0.0
        return np.vstack([starts, minutes_between(self.travel, jobs, jobs)])

    def _extra(self) -> Float64:
        cost = np.zeros((len(self.jobs), len(self.hands)))
        for row, job in enumerate(self.jobs):
            for column, hand in enumerate(self.hands):
                cost[row, column] = self._price(job, hand)
        return cost

    def _price(self, job: Job, hand: Hand) -> float:
        if job.running and job.crew in self.hand_row:
            return 0.0 if hand.id == job.crew else np.inf
        if hand.id in job.barred or not hand.can(job.skills):
            return np.inf
        foreign = self.policy.other_cell if job.cell not in hand.cells else 0.0
        return foreign + (self.policy.change if job.crew not in {"", hand.id} else 0.0)

    def _after(self) -> Int32:
        begun = {Running.ON_SITE, Running.UNDER_WAY}
        return _padded([
            [] if job.running in begun else [self.job_row.get(one, UNPLANNED) for one in job.after]
            for job in self.jobs
        ])  # fmt: skip

    def _shifts(self) -> Float64:
        """A crew without any is never at work: its one shift is over before it begins."""
        longest = max([1, *(len(hand.shifts_ms) for hand in self.hands)])
        shifts = np.full((len(self.hands), min(longest, MAX_SHIFTS), 2), -1.0)
        shifts[:, :, 0] = 0.0
        for row, hand in enumerate(self.hands):
            for number, (begins, ends) in enumerate(hand.shifts_ms[:MAX_SHIFTS]):
                shifts[row, number] = self._minute(begins, 0.0), self._minute(ends, 0.0)
        return shifts


def _stops(rows: Sequence[tuple[float, float, str, str]]) -> Stops:
    return Stops(
        np.array([row[0] for row in rows], np.float64), np.array([row[1] for row in rows], np.float64),
        tuple(row[2] for row in rows), tuple(row[3] for row in rows),
    )  # fmt: skip


def _padded(rows: Sequence[Sequence[int]]) -> Int32:
    padded = np.full((len(rows), max(map(len, rows), default=0)), NOTHING, np.int32)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return padded


def _waiting(after: Int32) -> Int32:
    """For each job those that wait for it."""
    waiting: list[list[int]] = [[] for _ in after]
    for job, before in np.argwhere(after >= 0):
        waiting[after[job, before]].append(int(job))
    return _padded(waiting)


def _nearest(between: Float64) -> Int32:
    """J × N rows of each job's nearest others, either way."""
    jobs = len(between)
    way = np.minimum(between, between.T)
    np.fill_diagonal(way, np.inf)
    return np.argsort(way, axis=1, kind="stable")[:, : min(NEIGHBOURS, jobs - 1)].astype(np.int32)
