"""When supply will be back, by playing the plan many times with work that takes shorter or longer than usual.

Each simulated night multiplies every job's time on site and every drive by a lognormal factor of median one
and lets each crew do its list in order. What is answered is the minute by which a given share of the nights
was done: a promise made of it is kept about so often. It never goes before what a crew said itself.
"""

from dataclasses import dataclass

import numpy as np

from field_api.dispatch.kernels import DURATION, OPENS, Lists, times_of
from field_api.dispatch.problem import Problem
from field_api.instants import MINUTE_MS
from geo.network import Float64


@dataclass(frozen=True, slots=True)
class Expected:
    """Per job row, minutes from the plan's instant; NaN for who is left."""

    usual: Float64
    """Half of the nights are done earlier."""
    safe: Float64
    """As many as ``Policy.quantile`` says."""


def simulate(problem: Problem, lists: Lists, seed: int = 1) -> Expected:
    """Play the plan ``Policy.runs`` times; the same seed gives the same answer."""
    policy, table = problem.policy, problem.table
    planned = times_of(table, lists)
    dice = np.random.default_rng(seed)
    shape = (len(problem.jobs), policy.runs)
    work = np.exp(policy.work_sigma * dice.standard_normal(shape))
    drive = np.exp(policy.drive_sigma * dice.standard_normal(shape))
    finish = np.full(shape, np.nan)
    now = np.repeat(table.ready[:, None], policy.runs, axis=1)
    free_at = table.ready.copy()
    for job in _in_time(lists, planned):
        crew, begins, way = lists.owner[job], planned[job, 0], planned[job, 2]
        released = lists.release[job]
        # Whoever waits longer than for other jobs waits for an appointment or for the next shift.
        earliest = begins if begins > max(free_at[crew] + way, released) + 1e-9 else table.numbers[job, OPENS]
        before = [row for row in table.after[job] if row >= 0 and released > -np.inf]
        begin = np.maximum(now[crew] + way * drive[job], earliest)
        begin = np.maximum(begin, finish[before].max(axis=0, initial=-np.inf))
        now[crew] = finish[job] = begin + table.numbers[job, DURATION] * work[job]
        free_at[crew] = planned[job, 1]
    return Expected(*(np.quantile(finish, share, axis=1) for share in (0.5, policy.quantile)))


def _in_time(lists: Lists, planned: Float64) -> list[int]:
    """Rows of the planned jobs as they begin: after their crew's earlier ones, and after whom they wait."""
    routes = zip(lists.routes, lists.length, strict=True)
    rows = [int(job) for route, count in routes for job in route[:count]]
    return sorted(rows, key=lambda job: float(planned[job, 0]))


def rounded_up_ms(at_ms: float, step_minutes: int) -> int:
    """The next full step of the clock, so that nobody is told a time that pretends to be exact."""
    step_ms = step_minutes * MINUTE_MS
    return -int(-at_ms // step_ms) * step_ms


def is_storm(problem: Problem) -> bool:
    """Do more orders with customers out wait than the crews on shift can be told of one by one?"""
    waiting = sum(1 for job in problem.jobs if job.customers_out and not job.running)
    on_shift = sum(
        any(begins <= problem.now_ms < ends for begins, ends in hand.shifts_ms) for hand in problem.hands
    )
    return waiting > problem.policy.storm_orders_per_crew * max(1, on_shift)
