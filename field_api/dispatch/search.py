"""Finds a good plan: what was planned before as far as it still holds, greedy insertion, then annealing.

The plan before is where the search begins and is left only for one that is better by more than a trifle, so
that what was announced stays. For a given number of rounds and seed the plan is always the same; a caller
with a deadline may end the search between rounds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from field_api.dispatch.annealing import anneal
from field_api.dispatch.kernels import (
    DURATION,
    NOTHING,
    URGENCY,
    WEIGHT,
    Lists,
    copied,
    insert_greedily,
    list_cost,
    place_job,
    times_of,
    tried_elsewhere,
)
from field_api.dispatch.policy import Policy
from field_api.dispatch.problem import Hand, Job, Problem
from field_api.dispatch.turns import settle
from geo.network import Float64, Int32
from geo.travel import TravelModel

ROUND: Final = 20_000
"""Steps of the annealer between two questions whether there is time."""
STEPS_PER_JOB: Final = 4_000
MAX_STEPS: Final = 600_000
IN_TURN_COSTS: Final = 6.0
"""A step takes so many times longer again where every job waits for others or others for it (measured)."""
_HOT: Final = 1.0
_COLD: Final = 0.003
"""Temperatures as shares of what moving a usual job by its own time on site costs."""


@dataclass(frozen=True, slots=True)
class Search:
    """How long to look. ``steps`` None: by the number of jobs; 0: greedy only."""

    steps: int | None = None
    seed: int = 1
    hot: float | None = None
    """Beginning temperature in units of cost; None: by the problem."""
    cold: float | None = None

    def steps_for(self, problem: Problem) -> int:
        """How many steps of the annealer: fewer where many jobs wait for others, for it takes longer."""
        if self.steps is not None:
            return self.steps
        table = problem.table
        in_turn = (table.after != NOTHING).any(axis=1) | (table.then != NOTHING).any(axis=1)
        return int(min(MAX_STEPS, STEPS_PER_JOB * len(in_turn)) / (1 + IN_TURN_COSTS * in_turn.mean()))


@dataclass(frozen=True, slots=True)
class Found:
    """A plan as the kernels hold it, with its cost in customer-minutes."""

    lists: Lists
    cost: float
    kept: bool = False
    """The plan before stayed, with what is new put into it."""


def never() -> bool:
    """There is always time."""
    return False


def search(problem: Problem, how: Search = Search(), enough: Callable[[], bool] = never) -> Found:
    """The best plan found within the steps, or until ``enough`` says so."""
    if not problem.jobs or not problem.hands:
        empty = problem.empty()
        return Found(empty, cost_of(problem, empty))
    kept = _begun(problem)
    _fill(problem, kept)
    before = Found(kept, cost_of(problem, kept), kept=True)
    steps = how.steps_for(problem)
    if not steps:
        return before
    better = _annealed(problem, kept, how, steps, enough)
    margin = problem.policy.worthwhile if problem.lists else 0.0
    return better if better.cost < before.cost * (1 - margin) else before


def cost_of(problem: Problem, lists: Lists) -> float:
    """Of the whole plan, with who is left."""
    table = problem.table
    finish = np.empty(len(problem.jobs))
    done = sum(
        list_cost(table, crew, lists.routes[crew], lists.length[crew], lists.release, finish)
        for crew in range(len(table.ready))
    )
    return float(done + table.left[lists.owner < 0].sum())


def _annealed(problem: Problem, start: Lists, how: Search, steps: int, enough: Callable[[], bool]) -> Found:
    """In rounds, so that one may end in time; the temperature falls over all of them."""
    lists = copied(start)
    usual = _usual_cost(problem)
    hot = _HOT * usual if how.hot is None else how.hot
    cold = _COLD * usual if how.cold is None else how.cold
    rounds = -(-steps // ROUND)
    falls = (cold / hot) ** (1 / rounds)
    cost = np.inf
    for number in range(rounds):
        if enough():
            break
        heat = hot * falls**number
        count = min(ROUND, steps - number * ROUND)
        cost = anneal(problem.table, lists, how.seed + number, count, heat, heat * falls)
    return Found(lists, float(cost))


def _usual_cost(problem: Problem) -> float:
    numbers = problem.table.numbers
    usual = np.mean((numbers[:, WEIGHT] + numbers[:, URGENCY]) * np.maximum(1.0, numbers[:, DURATION]))
    return max(1e-6, float(usual))


def _begun(problem: Problem) -> Lists:
    """What is under way, then the plan before as far as it can still be kept."""
    lists, table, finish = problem.empty(), problem.table, np.empty(len(problem.jobs))
    for crew_id, job_ids in problem.lists.items():
        crew = problem.hand_row.get(crew_id)
        if crew is None:
            continue
        for job_id in job_ids:
            job = problem.job_row.get(job_id)
            if job is None or lists.owner[job] >= 0:
                continue
            trial = np.append(lists.routes[crew, : lists.length[crew]], np.int32(job)).astype(np.int32)
            if list_cost(table, crew, trial, len(trial), lists.release, finish) < np.inf:
                place_job(lists, crew, int(lists.length[crew]), job)
    return lists


def _fill(problem: Problem, lists: Lists) -> None:
    """Who has no place yet gets one, those that others wait for before these; changes the plan in place."""
    settle(problem.table, lists)
    order = _urgent_first(problem, lists)
    for turn in range(int(problem.turns.max()) + 1):
        insert_greedily(problem.table, lists, order[problem.turns[order] == turn])
        settle(problem.table, lists)


def _urgent_first(problem: Problem, lists: Lists) -> Int32:
    """Rows of who has no place yet: appointments, then who gains most per minute of work (Smith's rule)."""
    numbers: Float64 = problem.table.numbers
    worth = (numbers[:, WEIGHT] + numbers[:, URGENCY] / 10) / np.maximum(1.0, numbers[:, DURATION])
    bound = np.array([job.window_ms is not None for job in problem.jobs], np.bool_)
    order = np.lexsort((np.arange(len(worth)), -worth, ~bound))
    return order[lists.owner[order] < 0].astype(np.int32)


def warm_up(policy: Policy, travel: TravelModel) -> None:
    """Compile the loops, or load them, so that no order waits for that."""
    jobs = tuple(Job(f"{number}", number * 1e-3, 0.0, "", "", 1.0, "", 1) for number in range(3))
    hands = (Hand("a", 0.0, 0.0, frozenset(), ""), Hand("b", 1e-3, 0.0, frozenset(), ""))
    problem = Problem(0, jobs, hands, policy, travel)
    lists = search(problem, Search(steps=ROUND)).lists
    times_of(problem.table, lists)
    tried_elsewhere(problem.table, lists, 0)
