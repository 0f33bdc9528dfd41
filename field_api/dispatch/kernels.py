"""Loops of the dispatcher, compiled: what a crew's list costs, and greedy insertion.

Plain arrays only; ``field_api.dispatch.problem`` gives them meaning. J jobs, C crews; minutes from the plan's
instant. A list is priced by itself: for whom its jobs wait is known (``field_api.dispatch.turns``).
"""

from typing import NamedTuple

import numba as nb
import numpy as np

from geo.network import Bool, Float64, Int32

DURATION, WEIGHT, OPENS, CLOSES, DUE_START, DUE_FINISH, URGENCY = range(7)
"""Columns of ``Table.numbers``."""
A, ONE, B, TWO, ENTERS, LEAVES = range(6)
"""Of ``Move.told``."""
NOTHING, UNPLANNED = -1, -2
"""In ``Table.after``: no further job, and one whose end nobody knows."""


class Table(NamedTuple):
    """What there is to do and who may do it."""

    numbers: Float64
    """J × 7: work on site, customers without supply, the hard window of the beginning, when beginning and
    finish are due, and what a minute late weighs."""
    travel: Float64
    """(C + J) × J: the way to job j from where crew c is (row c) or from job i (row C + i)."""
    extra: Float64
    """J × C: what giving the job to that crew costs besides; inf where it must not have it."""
    shifts: Float64
    """C × S × 2: from and until when the crew works, in order of time."""
    ready: Float64
    """C: when the crew is free to begin."""
    locked: Int32
    """C: so many jobs at the head of the crew's list stay, whatever the shifts say."""
    left: Float64
    """J: what it costs to leave the job undone."""
    after: Int32
    """J × P: rows of the jobs that must have ended before this one begins."""
    then: Int32
    """J × Q: the other way round, rows of the jobs that wait for this one."""
    near: Int32
    """J × N: each job's nearest others."""
    driven: float
    """Cost of a minute's drive."""
    overtime: float
    """Minutes by which the last job may overrun a shift."""


class Lists(NamedTuple):
    """A plan: the first ``length[c]`` jobs of ``routes[c]``; ``owner`` is −1 for who is left."""

    routes: Int32
    length: Int32
    owner: Int32
    release: Float64
    """J: when all that must end before the job have ended in this plan; −inf where nothing must."""


class Move(NamedTuple):
    """A change that is being considered: what the touched lists would be."""

    one: Int32
    two: Int32
    told: Int32
    """The first list and its new length, the second, who joins the plan and who falls
    out; −1 where there is none."""


def copied(lists: Lists) -> Lists:
    """One to change."""
    return Lists(lists.routes.copy(), lists.length.copy(), lists.owner.copy(), lists.release.copy())


@nb.njit(cache=True, nogil=True)
def begin_of(
    table: Table, crew: int, job: int, place: int, free_at: float, locked: bool, release: float
) -> float:
    """When the crew begins the job, coming from row ``place`` where it is free at ``free_at``; inf: never.

    It drives, begins and, but for the overtime, ends within one shift. What is locked goes on whatever the
    shift says.
    """
    numbers = table.numbers
    opens, way = max(numbers[job, OPENS], release), table.travel[place, job]
    if locked:
        return float(max(free_at + way, opens))
    for s in range(table.shifts.shape[1]):
        until = table.shifts[crew, s, 1]
        begin = max(max(free_at, table.shifts[crew, s, 0]) + way, opens)
        if begin > numbers[job, CLOSES]:
            return np.inf
        if begin <= until and begin + numbers[job, DURATION] <= until + table.overtime:
            return float(begin)
    return np.inf


@nb.njit(cache=True, nogil=True)
def list_cost(table: Table, crew: int, route: Int32, count: int, release: Float64, finish: Float64) -> float:
    """Customer-minutes until supply is back, lateness and the rest of one crew's list; inf: impossible.

    Writes into ``finish`` when its jobs end.
    """
    numbers, crews, in_turn = table.numbers, len(table.ready), table.after.shape[1] > 0
    now, place, cost = table.ready[crew], crew, 0.0
    for k in range(count):
        job = route[k]
        may = release[job] if in_turn else -np.inf
        begin = begin_of(table, crew, job, place, now, k < table.locked[crew], may)
        if begin == np.inf or table.extra[job, crew] == np.inf:
            return np.inf
        now = begin + numbers[job, DURATION]
        if in_turn:
            finish[job] = now
        late = max(0.0, begin - numbers[job, DUE_START]) + max(0.0, now - numbers[job, DUE_FINISH])
        cost += numbers[job, WEIGHT] * now + numbers[job, URGENCY] * late
        cost += table.extra[job, crew] + table.driven * table.travel[place, job]
        place = crews + job
    return cost


@nb.njit(cache=True, nogil=True)
def times_of(table: Table, lists: Lists) -> Float64:
    """Rows (begin, finish, minutes driven) per job; NaN for who is left."""
    crews = len(table.ready)
    times = np.full((len(lists.owner), 3), np.nan)
    for crew in range(crews):
        now, place = table.ready[crew], crew
        for k in range(lists.length[crew]):
            job = lists.routes[crew, k]
            begin = begin_of(table, crew, job, place, now, k < table.locked[crew], lists.release[job])
            now = begin + table.numbers[job, DURATION]
            times[job, 0], times[job, 1], times[job, 2] = begin, now, table.travel[place, job]
            place = crews + job
    return times


@nb.njit(cache=True, nogil=True)
def copy_run(source: Int32, begin: int, end: int, into: Int32, at: int) -> None:
    """``into[at:]`` = ``source[begin:end]``; a loop, because slices take long to compile."""
    for k in range(begin, end):
        into[at + k - begin] = source[k]


@nb.njit(cache=True, nogil=True)
def insert_greedily(table: Table, lists: Lists, order: Int32) -> None:
    """Put each job of ``order``, one after the other, where it costs least; changes the plan in place."""
    crews = len(table.ready)
    trial = np.empty(len(lists.owner) + 1, np.int32)
    standing, finish = np.empty(crews), np.empty(len(lists.owner))
    for crew in range(crews):
        standing[crew] = list_cost(table, crew, lists.routes[crew], lists.length[crew], lists.release, finish)
    for job in order:
        best, best_crew, best_at = np.inf, -1, -1
        for crew in range(crews):
            if table.extra[job, crew] < np.inf:
                more, at = _cheapest_place(table, lists, crew, job, standing[crew], trial, finish)
                if more < best:
                    best, best_crew, best_at = more, crew, at
        if best_crew >= 0:
            place_job(lists, best_crew, best_at, job)
            standing[best_crew] += best


@nb.njit(cache=True, nogil=True)
def _cheapest_place(
    table: Table, lists: Lists, crew: int, job: int, standing: float, trial: Int32, finish: Float64
) -> tuple[float, int]:
    """What the job adds to the crew's list at its best place, and that place; later places win ties."""
    count = lists.length[crew]
    copy_run(lists.routes[crew], 0, count, trial, 0)
    trial[count] = job
    best, best_at = np.inf, -1
    for at in range(count, table.locked[crew] - 1, -1):
        if at < count:
            trial[at], trial[at + 1] = job, trial[at]
        more = list_cost(table, crew, trial, count + 1, lists.release, finish) - standing
        if more < best:
            best, best_at = more, at
    return best, best_at


@nb.njit(cache=True, nogil=True)
def place_job(lists: Lists, crew: int, at: int, job: int) -> None:
    """Insert a job into a crew's list."""
    route, count = lists.routes[crew], lists.length[crew]
    for k in range(count, at, -1):
        route[k] = route[k - 1]
    route[at] = job
    lists.length[crew] = count + 1
    lists.owner[job] = crew


@nb.njit(cache=True, nogil=True)
def tried_elsewhere(table: Table, lists: Lists, job: int) -> Float64:
    """C × 3: what the job adds to each other crew's list at its best place, when it begins there, and whether
    other jobs come after it; inf: never. Whom it waits for ends as in the plan."""
    crews, release = len(table.ready), lists.release
    trial, finish = np.empty(len(lists.owner) + 1, np.int32), np.empty(len(lists.owner))
    told = np.full((crews, 3), np.inf)
    for crew in range(crews):
        if crew == lists.owner[job] or table.extra[job, crew] == np.inf:
            continue
        route, count = lists.routes[crew], lists.length[crew]
        standing = list_cost(table, crew, route, count, release, finish)
        more, at = _cheapest_place(table, lists, crew, job, standing, trial, finish)
        if at < 0:
            continue
        now, place = table.ready[crew], crew
        for k in range(at):
            begin = begin_of(table, crew, route[k], place, now, k < table.locked[crew], release[route[k]])
            now, place = begin + table.numbers[route[k], DURATION], crews + route[k]
        told[crew, 0], told[crew, 2] = more, 1.0 if at < count else 0.0
        told[crew, 1] = begin_of(table, crew, job, place, now, False, release[job])
    return told


@nb.njit(cache=True, nogil=True)
def feasible_crews(table: Table, job: int) -> Bool:
    """Which crews could do the job if they had nothing else to do and nobody to wait for."""
    crews = len(table.ready)
    able = np.zeros(crews, np.bool_)
    for crew in range(crews):
        if table.extra[job, crew] < np.inf:
            able[crew] = begin_of(table, crew, job, crew, table.ready[crew], False, -np.inf) < np.inf
    return able
