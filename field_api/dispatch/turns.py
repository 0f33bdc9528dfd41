"""Who waits for whom: jobs that must not begin before others have ended, whoever does these. Compiled.

``settle`` lets a whole plan run; ``priced_in_turn`` prices a move exactly, following what it delays
through the lists. What a list costs is said in ``field_api.dispatch.kernels``.
"""

from typing import NamedTuple

import numba as nb
import numpy as np

from field_api.dispatch.kernels import (
    DURATION,
    ENTERS,
    LEAVES,
    ONE,
    TWO,
    UNPLANNED,
    A,
    B,
    Lists,
    Move,
    Table,
    begin_of,
    list_cost,
)
from geo.network import Bool, Float64, Int32

MOST_VISITS = 64
"""Lists that are run for one move; one that needs more of them goes round in a circle."""


class Course(NamedTuple):
    """How a plan goes, or would go after a move."""

    cost: Float64
    """C: of each list."""
    release: Float64
    """J: as of ``Lists``."""
    finish: Float64
    """J: when each job ends; inf for who is left."""
    owner: Int32
    """J: whose each is; −1 for who is left."""
    stale: Bool
    """C: lists that must be run again."""


@nb.njit(cache=True, nogil=True)
def priced_in_turn(table: Table, lists: Lists, move: Move, now: Course, then: Course) -> float:
    """By how much the move makes the plan worse; inf where it is impossible, or somebody waits for ever.

    Fills in ``then``.
    """
    told, worse = move.told, 0.0
    copy_course(now, then)
    _hand_out(then, told[A], move.one, told[ONE])
    _hand_out(then, told[B], move.two, told[TWO])
    if told[ENTERS] >= 0:
        worse -= table.left[told[ENTERS]]
    if told[LEAVES] >= 0:
        worse += table.left[told[LEAVES]]
        then.owner[told[LEAVES]], then.finish[told[LEAVES]] = -1, np.inf
        _tell_waiting(table, then, told[LEAVES])
    for _ in range(MOST_VISITS):
        crew = _stale_one(then.stale)
        if crew < 0:
            return worse
        before = then.cost[crew]
        if not _run(table, lists, move, crew, then):
            return np.inf
        worse += then.cost[crew] - before
    return np.inf


@nb.njit(cache=True, nogil=True)
def _hand_out(then: Course, crew: int, route: Int32, count: int) -> None:
    if crew >= 0:
        then.stale[crew] = True
        for k in range(count):
            then.owner[route[k]] = crew


@nb.njit(cache=True, nogil=True)
def copy_course(source: Course, into: Course) -> None:
    """All but the marks, which are wiped."""
    for crew in range(len(source.cost)):
        into.cost[crew], into.stale[crew] = source.cost[crew], False
    for job in range(len(source.owner)):
        into.release[job], into.finish[job] = source.release[job], source.finish[job]
        into.owner[job] = source.owner[job]


@nb.njit(cache=True, nogil=True)
def _stale_one(stale: Bool) -> int:
    """A list that is to be run again; −1: none is."""
    for crew in range(len(stale)):
        if stale[crew]:
            return crew
    return -1


@nb.njit(cache=True, nogil=True)
def _run(table: Table, lists: Lists, move: Move, crew: int, then: Course) -> bool:
    """Run one list, and mark those whose jobs wait for it; False where it is impossible."""
    then.stale[crew] = False
    route, count = lists.routes[crew], lists.length[crew]
    if crew == move.told[A]:
        route, count = move.one, move.told[ONE]
    elif crew == move.told[B]:
        route, count = move.two, move.told[TWO]
    then.cost[crew] = list_cost(table, crew, route, count, then.release, then.finish)
    if then.cost[crew] == np.inf:
        return False
    for k in range(count):
        _tell_waiting(table, then, route[k])
    return True


@nb.njit(cache=True, nogil=True)
def _tell_waiting(table: Table, then: Course, job: int) -> None:
    """Note when those who wait for the job may begin; whose list that changes must be run again."""
    for waiting in table.then[job]:
        if waiting >= 0:
            crew = then.owner[waiting]
            release = released(table, waiting, then.finish)
            if release != then.release[waiting]:
                then.release[waiting] = release
                if crew >= 0:
                    then.stale[crew] = True


@nb.njit(cache=True, nogil=True)
def released(table: Table, job: int, finish: Float64) -> float:
    """When all that must end before the job have ended; NaN: not yet known, inf: never."""
    latest, unknown = -np.inf, False
    for before in table.after[job]:
        if before == UNPLANNED or (before >= 0 and finish[before] == np.inf):
            return np.inf
        if before >= 0:
            unknown = unknown or np.isnan(finish[before])
            latest = max(latest, finish[before])
    return np.nan if unknown else float(latest)


@nb.njit(cache=True, nogil=True)
def settle(table: Table, lists: Lists) -> None:
    """Let all lists run side by side, each job waiting for those that must end before it; changes the plan.

    Notes in ``release`` when each may begin. Where lists wait for each other in a circle, each crew brings
    its first job forward that need not wait. Who would wait for ever, or for a job that is left, is left.
    """
    crews, jobs = len(table.ready), len(lists.owner)
    done, free_at, finish = np.zeros(crews, np.int32), table.ready.copy(), np.empty(jobs)
    for job in range(jobs):
        finish[job] = np.nan if lists.owner[job] >= 0 else np.inf
    going = True
    while going:
        going = False
        for crew in range(crews):
            while _advance(table, lists, crew, done, free_at, finish):
                going = True
        if not going:
            for crew in range(crews):
                going |= _bring_forward(table, lists, crew, done, finish)
    for crew in range(crews):
        while done[crew] < lists.length[crew]:
            _leave(lists, crew, done[crew], finish)
    for job in range(jobs):
        lists.release[job] = released(table, job, finish)


@nb.njit(cache=True, nogil=True)
def _advance(table: Table, lists: Lists, crew: int, done: Int32, free_at: Float64, finish: Float64) -> bool:
    """Does the crew's next job, or leaves it where it is impossible; False: it waits, or has no more."""
    at = done[crew]
    if at == lists.length[crew]:
        return False
    job = lists.routes[crew, at]
    release = released(table, job, finish)
    if np.isnan(release):
        return False
    place = crew if at == 0 else len(table.ready) + lists.routes[crew, at - 1]
    begin = begin_of(table, crew, job, place, free_at[crew], at < table.locked[crew], release)
    if begin == np.inf:
        _leave(lists, crew, at, finish)
    else:
        free_at[crew] = begin + table.numbers[job, DURATION]
        finish[job], done[crew] = free_at[crew], at + 1
    return True


@nb.njit(cache=True, nogil=True)
def _leave(lists: Lists, crew: int, at: int, finish: Float64) -> None:
    route = lists.routes[crew]
    lists.owner[route[at]], finish[route[at]] = -1, np.inf
    lists.length[crew] -= 1
    for k in range(at, lists.length[crew]):
        route[k] = route[k + 1]


@nb.njit(cache=True, nogil=True)
def _bring_forward(table: Table, lists: Lists, crew: int, done: Int32, finish: Float64) -> bool:
    """The first job behind the one that waits, which need not wait itself, goes before it; was there one?"""
    route = lists.routes[crew]
    for k in range(done[crew] + 1, lists.length[crew]):
        job = route[k]
        if not np.isnan(released(table, job, finish)):
            for back in range(k, done[crew], -1):
                route[back] = route[back - 1]
            route[done[crew]] = job
            return True
    return False
