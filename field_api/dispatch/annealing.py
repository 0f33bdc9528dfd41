"""Simulated annealing of crews' lists, compiled: moves that touch one list or two, each priced exactly.

A run of one to three jobs is moved, two jobs or the tails of two lists are exchanged, a stretch of a list is
turned round, and a job that is left takes a place, or another's. The same arguments give the same plan.
"""

import numba as nb
import numpy as np

from field_api.dispatch.kernels import (
    ENTERS,
    LEAVES,
    ONE,
    TWO,
    A,
    B,
    Lists,
    Move,
    Table,
    copy_run,
    list_cost,
)
from field_api.dispatch.turns import Course, copy_course, priced_in_turn, settle
from geo.network import Bool, Float64, Int32

_ANYWHERE = 0.2
"""Share of moves that go to any place of any crew, not beside a near job."""
_TAILS, _SWAP, _TURN = 0.10, 0.30, 0.45
"""Cumulated shares of the kinds of move; the rest moves a run."""
_BACKWARDS = 0.3
_LONGEST_RUN = 3


@nb.njit(cache=True, nogil=True)
def anneal(table: Table, lists: Lists, seed: int, iterations: int, hot: float, cold: float) -> float:
    """Improve a plan in place; answers the cost of the best plan met, which is the one left behind.

    The temperature falls geometrically from ``hot`` to ``cold``, both in units of cost.
    """
    np.random.seed(seed)
    crews, jobs, in_turn = len(table.ready), len(lists.owner), table.after.shape[1] > 0
    move = Move(np.empty(jobs + 4, np.int32), np.empty(jobs + 4, np.int32), np.empty(6, np.int32))
    now, then, changed = _course(crews, jobs), _course(crews, jobs), np.ones(crews, np.bool_)
    best_routes, best_length = np.empty((crews, jobs), np.int32), np.empty(crews, np.int32)
    total = _total(table, lists, now)
    best = total
    _keep(lists, best_routes, best_length, changed)
    heat, cooling = hot, (cold / hot) ** (1.0 / max(1, iterations))
    for _ in range(iterations):
        heat *= cooling
        if not _propose(table, lists, move):
            continue
        if in_turn:
            worse = priced_in_turn(table, lists, move, now, then)
        else:
            worse = _priced(table, lists, move, now.cost, then.cost)
        if worse > 0 and (worse == np.inf or np.random.random() >= np.exp(-worse / heat)):
            continue
        total += worse
        _take(lists, move, now.cost, then.cost, changed)
        if in_turn:
            copy_course(then, now)
        if total < best - 1e-9 * abs(best):
            best = total
            _keep(lists, best_routes, best_length, changed)
    _restore(lists, best_routes, best_length)
    settle(table, lists)
    return float(best)


@nb.njit(cache=True, nogil=True)
def _course(crews: int, jobs: int) -> Course:
    return Course(
        np.empty(crews), np.empty(jobs), np.empty(jobs), np.empty(jobs, np.int32), np.zeros(crews, np.bool_)
    )


@nb.njit(cache=True, nogil=True)
def _total(table: Table, lists: Lists, now: Course) -> float:
    """What a settled plan costs; fills in how it goes."""
    total = 0.0
    for crew in range(len(now.cost)):
        now.cost[crew] = list_cost(
            table, crew, lists.routes[crew], lists.length[crew], lists.release, now.finish
        )
        total += now.cost[crew]
    for job in range(len(lists.owner)):
        now.owner[job], now.release[job] = lists.owner[job], lists.release[job]
        if lists.owner[job] < 0:
            total += table.left[job]
            now.finish[job] = np.inf
    return total


@nb.njit(cache=True, nogil=True)
def _keep(lists: Lists, routes: Int32, length: Int32, changed: Bool) -> None:
    """Copy the lists that changed since the last time."""
    for crew in range(len(length)):
        if changed[crew]:
            copy_run(lists.routes[crew], 0, lists.length[crew], routes[crew], 0)
            length[crew] = lists.length[crew]
            changed[crew] = False


@nb.njit(cache=True, nogil=True)
def _restore(lists: Lists, routes: Int32, length: Int32) -> None:
    for job in range(len(lists.owner)):
        lists.owner[job] = -1
    for crew in range(len(length)):
        lists.length[crew] = length[crew]
        for k in range(length[crew]):
            lists.routes[crew, k] = routes[crew, k]
            lists.owner[routes[crew, k]] = crew


@nb.njit(cache=True, nogil=True)
def _priced(table: Table, lists: Lists, move: Move, cost: Float64, then: Float64) -> float:
    """By how much the move makes the plan worse; inf where impossible. ``then``: its lists' new costs."""
    told = move.told
    worse = 0.0
    if told[A] >= 0:
        then[told[A]] = list_cost(table, told[A], move.one, told[ONE], lists.release, lists.release)
        worse += then[told[A]] - cost[told[A]]
    if told[B] >= 0 and worse < np.inf:
        then[told[B]] = list_cost(table, told[B], move.two, told[TWO], lists.release, lists.release)
        worse += then[told[B]] - cost[told[B]]
    if told[ENTERS] >= 0:
        worse -= table.left[told[ENTERS]]
    if told[LEAVES] >= 0:
        worse += table.left[told[LEAVES]]
    return worse


@nb.njit(cache=True, nogil=True)
def _take(lists: Lists, move: Move, cost: Float64, then: Float64, changed: Bool) -> None:
    told = move.told
    if told[LEAVES] >= 0:
        lists.owner[told[LEAVES]] = -1
    if told[A] >= 0:
        cost[told[A]] = then[told[A]]
        _write(lists, told[A], move.one, told[ONE], changed)
    if told[B] >= 0:
        cost[told[B]] = then[told[B]]
        _write(lists, told[B], move.two, told[TWO], changed)


@nb.njit(cache=True, nogil=True)
def _write(lists: Lists, crew: int, jobs: Int32, count: int, changed: Bool) -> None:
    copy_run(jobs, 0, count, lists.routes[crew], 0)
    lists.length[crew] = count
    changed[crew] = True
    for k in range(count):
        lists.owner[jobs[k]] = crew


@nb.njit(cache=True, nogil=True)
def _propose(table: Table, lists: Lists, move: Move) -> bool:
    """Fill ``move`` with a random change of the plan; False where the dice made none."""
    for field in range(len(move.told)):
        move.told[field] = -1
    job = np.random.randint(len(lists.owner))
    a, at = lists.owner[job], -1
    if a >= 0:
        at = _position(lists, a, job)
        if at < table.locked[a]:
            return False
    b, to = _somewhere(table, lists, job)
    if b < 0 or to < table.locked[b] or table.extra[job, b] == np.inf:
        return False
    if a < 0:
        return _enter(lists, move, job, b, to)
    return _rearrange(table, lists, move, a, at, b, to)


@nb.njit(cache=True, nogil=True)
def _rearrange(table: Table, lists: Lists, move: Move, a: int, at: int, b: int, to: int) -> bool:
    """Something between place ``at`` of list ``a`` and place ``to`` of list ``b``."""
    kind = np.random.random()
    if kind < _TAILS and a != b:
        return _exchange_tails(lists, move, a, at, b, to)
    if kind < _SWAP:
        return _swap(table, lists, move, a, at, b, to)
    if kind < _TURN and a == b:
        return _turn(lists, move, a, at, to)
    return _move_run(lists, move, a, at, b, to)


@nb.njit(cache=True, nogil=True)
def _position(lists: Lists, crew: int, job: int) -> int:
    for k in range(lists.length[crew]):
        if lists.routes[crew, k] == job:
            return k
    return -1


@nb.njit(cache=True, nogil=True)
def _somewhere(table: Table, lists: Lists, job: int) -> tuple[int, int]:
    """A list and a place in it: before or behind a job nearby, else anywhere."""
    neighbours = table.near.shape[1]
    if neighbours > 0 and np.random.random() >= _ANYWHERE:
        other = table.near[job, np.random.randint(neighbours)]
        crew = lists.owner[other]
        if crew < 0:
            return -1, 0
        return crew, _position(lists, crew, other) + np.random.randint(2)
    crew = np.random.randint(len(table.ready))
    first = table.locked[crew]
    return crew, first + np.random.randint(lists.length[crew] - first + 1)


@nb.njit(cache=True, nogil=True)
def _copy(lists: Lists, crew: int, into: Int32) -> int:
    count = int(lists.length[crew])
    copy_run(lists.routes[crew], 0, count, into, 0)
    return count


@nb.njit(cache=True, nogil=True)
def _enter(lists: Lists, move: Move, job: int, b: int, to: int) -> bool:
    """A job that is left takes a place, one time in two that of another."""
    told, count = move.told, _copy(lists, b, move.two)
    told[B], told[ENTERS] = b, job
    if to < count and np.random.random() < 0.5:
        told[LEAVES], told[TWO] = move.two[to], count
    else:
        for k in range(count, to, -1):
            move.two[k] = move.two[k - 1]
        told[TWO] = count + 1
    move.two[to] = job
    return True


@nb.njit(cache=True, nogil=True)
def _exchange_tails(lists: Lists, move: Move, a: int, at: int, b: int, to: int) -> bool:
    count_a, count_b = lists.length[a], lists.length[b]
    copy_run(lists.routes[a], 0, at, move.one, 0)
    copy_run(lists.routes[b], to, count_b, move.one, at)
    copy_run(lists.routes[b], 0, to, move.two, 0)
    copy_run(lists.routes[a], at, count_a, move.two, to)
    move.told[A], move.told[ONE] = a, at + count_b - to
    move.told[B], move.told[TWO] = b, to + count_a - at
    return True


@nb.njit(cache=True, nogil=True)
def _swap(table: Table, lists: Lists, move: Move, a: int, at: int, b: int, to: int) -> bool:
    if to >= lists.length[b] or (a == b and to == at):
        return False
    job, other = lists.routes[a, at], lists.routes[b, to]
    if table.extra[other, a] == np.inf:
        return False
    move.told[A], move.told[ONE] = a, _copy(lists, a, move.one)
    move.one[at] = other
    if a == b:
        move.one[to] = job
    else:
        move.told[B], move.told[TWO] = b, _copy(lists, b, move.two)
        move.two[to] = job
    return True


@nb.njit(cache=True, nogil=True)
def _turn(lists: Lists, move: Move, a: int, at: int, to: int) -> bool:
    count = _copy(lists, a, move.one)
    low, high = min(at, to), min(max(at, to), count - 1)
    if low == high:
        return False
    for k in range(low, high + 1):
        move.one[k] = lists.routes[a, low + high - k]
    move.told[A], move.told[ONE] = a, count
    return True


@nb.njit(cache=True, nogil=True)
def _move_run(lists: Lists, move: Move, a: int, at: int, b: int, to: int) -> bool:
    """One to three jobs in a row, sometimes turned round."""
    count = lists.length[a]
    many = min(1 + np.random.randint(_LONGEST_RUN), count - at)
    if a == b and at <= to <= at + many:
        return False
    backwards = np.random.random() < _BACKWARDS
    copy_run(lists.routes[a], 0, at, move.one, 0)
    copy_run(lists.routes[a], at + many, count, move.one, at)
    move.told[A], move.told[ONE] = a, count - many
    if a == b:
        target, held, to = move.one, count - many, to - many if to > at else to
        move.told[ONE] = count
    else:
        target, held = move.two, _copy(lists, b, move.two)
        move.told[B], move.told[TWO] = b, held + many
    for k in range(held - 1, to - 1, -1):
        target[k + many] = target[k]
    for k in range(many):
        target[to + k] = lists.routes[a, at + many - 1 - k if backwards else at + k]
    return True
