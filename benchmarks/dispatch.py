"""Crews sent by greedy insertion, by our annealer and by OR-Tools' routing solver, on the same bad nights.

All plans are judged by the same exact evaluator (customer-minutes without supply, weighted lateness, soft
costs). OR-Tools stands in ``.peers/routing`` (``make peers``) and is left out by name where it is not.
"""

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.record import Cell, record
from field_api.adapters.dispatch_files import dispatch_policy
from field_api.dispatch.kernels import DUE_START, DURATION, URGENCY, WEIGHT, Lists, times_of
from field_api.dispatch.problem import Hand, Job, Problem
from field_api.dispatch.restoration_times import simulate
from field_api.dispatch.search import MAX_STEPS, Search, cost_of, search
from field_api.instants import MINUTE_MS
from geo.network import Float64
from geo.travel import usual_travel

ROUTING: Final = Path(__file__).parent.parent / ".peers" / "routing"
NOW_MS: Final = 1_795_300_000_000
SIZES: Final = ((80, 12), (200, 30))
REPLANS: Final = ((80, 12, 0.0), (200, 30, 0.0), (200, 30, 0.2), (200, 30, 1.0), (300, 30, 0.0))
"""Jobs, crews, and the share of jobs that stand in an order among each other."""
STEPS: Final = (100_000, MAX_STEPS, 3_000_000)
SOLVER_S: Final = 15
SEEDS: Final = (1, 101, 201)
_COST: Final = (
    "Cost: customer-minutes without supply (key and vulnerable customers count as in dispatch.toml), "
    "weighted lateness and soft costs; the same exact evaluator judges every plan."
)
_TERMS: Final = (
    "No appointments, no shifts: the solver would need slack for them. The annealer runs on one thread, "
    "median of three seeds; the solver's limit is wall time."
)
_TENTHS: Final = 10
"""The solver knows whole numbers: tenths of a minute."""
_HORIZON: Final = 14 * 24 * 60 * _TENTHS


def night(jobs: int, crews: int, seed: int = 1) -> Problem:
    """Outages over 50 × 45 km: many with few customers, few with thousands; eight grid cells, two skills."""
    dice = np.random.default_rng(seed)
    cells = [f"G{number}" for number in range(8)]
    west, south = 116.0, 39.0
    made = []
    for number in range(jobs):
        customers = 1 + int(min(3_000, dice.lognormal(3.0, 1.8)))
        made.append(Job(
            id=f"j{number}", lon=west + dice.random() * 0.58, lat=south + dice.random() * 0.4,
            cell=cells[int(dice.integers(8))], area=str(dice.choice(["urban", "rural"])),
            minutes=float(dice.choice([30, 45, 60, 90, 120])), crew="", customers_out=customers,
            priority=str(dice.choice(["normal", "vulnerable", "key"], p=[0.9, 0.06, 0.04])),
            skills=frozenset({"line_repair"} if dice.random() < 0.7 else {"cable"}),
            due_begin_ms=NOW_MS + int(dice.integers(30, 120)) * MINUTE_MS,
        ))  # fmt: skip
    hands = [
        Hand(
            id=f"c{number}", lon=west + dice.random() * 0.58, lat=south + dice.random() * 0.4,
            cells=frozenset({cells[number % 8]}), area="urban",
            skills=frozenset({"line_repair"} if number % 3 else {"line_repair", "cable"}),
        )
        for number in range(crews)
    ]  # fmt: skip
    return Problem(NOW_MS, tuple(made), tuple(hands), dispatch_policy(), usual_travel())


@dataclass(frozen=True)
class Way:
    """How the solver is asked."""

    name: str
    metaheuristic: str
    from_greedy: bool = False


WAYS: Final = (
    Way("its cheapest insertion, guided local search", "GUIDED_LOCAL_SEARCH"),
    Way("its cheapest insertion, tabu search", "GENERIC_TABU_SEARCH"),
    Way("from our greedy plan, simulated annealing", "SIMULATED_ANNEALING", from_greedy=True),
)


@dataclass(frozen=True)
class Tried:
    lists: Lists
    cpu_s: float


def timed(work: Callable[[], Lists]) -> Tried:
    """Processor time, because others may use the machine."""
    began = time.process_time()
    lists = work()
    return Tried(lists, time.process_time() - began)


def row(who: str, of: Problem, tried: Tried) -> dict[str, Cell]:
    """What the plan comes to."""
    times = times_of(of.table, tried.lists)
    out = np.array([job.customers_out for job in of.jobs])
    late = np.maximum(0.0, times[:, 0] - of.table.numbers[:, DUE_START])
    return {
        "who": who,
        "cost": round(cost_of(of, tried.lists)),
        "customer-minutes": round(float(np.nansum(out * times[:, 1]))),
        "minutes late": round(float(np.nansum(late))),
        "left": int((tried.lists.owner < 0).sum()),
        "CPU s": round(tried.cpu_s, 3),
    }


def compared(jobs: int, crews: int) -> list[dict[str, Cell]]:
    """All contestants on one night; the annealer's figures are the median of several seeds."""
    of = night(jobs, crews)
    rows = [row("greedy insertion", of, timed(lambda: search(of, Search(steps=0)).lists))]
    for steps in STEPS:
        tried = [timed(partial(_annealed, of, Search(steps, seed))) for seed in SEEDS]
        tried.sort(key=lambda one: cost_of(of, one.lists))
        rows.append(row(f"annealer, {steps:,} steps", of, tried[len(tried) // 2]))
    for way in WAYS:
        solved = timed_solver(of, way)
        name = f"OR-Tools routing, {way.name}, {SOLVER_S} s"
        rows.append(
            {"who": f"{name}: not installed (make peers)"} if solved is None else row(name, of, solved)
        )
    return rows


def _annealed(of: Problem, how: Search) -> Lists:
    return search(of, how).lists


def timed_solver(of: Problem, way: Way) -> Tried | None:
    """None where the solver is not installed."""
    if str(ROUTING) not in sys.path:
        sys.path.append(str(ROUTING))
    try:
        solver = importlib.import_module("ortools.constraint_solver.pywrapcp")
        enums = importlib.import_module("ortools.constraint_solver.routing_enums_pb2")
    except ImportError:
        return None
    return timed(lambda: Solver(of, solver, enums).lists(way))


class Solver:
    """The same problem in OR-Tools' words: depots are the crews' places, completion times are soft bounds.

    Two equal dimensions of time carry the two costs of a job: its customers wait from minute 0, its lateness
    counts from its due time.
    """

    def __init__(self, of: Problem, solver: Any, enums: Any) -> None:  # noqa: ANN401
        self._of, self._solver, self._enums = of, solver, enums
        crews, jobs = len(of.hands), len(of.jobs)
        starts, end = list(range(crews)), crews + jobs
        self._manager = solver.RoutingIndexManager(end + 1, crews, starts, [end] * crews)
        self._model = solver.RoutingModel(self._manager)
        self._add_costs(crews)
        self._add_times(crews)

    def _job(self, index: int) -> int:
        """The job at that index of the solver, −1 for depots."""
        node = int(self._manager.IndexToNode(index))
        crews = len(self._of.hands)
        return node - crews if crews <= node < crews + len(self._of.jobs) else -1

    def _matrix(self, between: Float64) -> list[list[int]]:
        """Rows and columns of the solver's nodes: crews' places, jobs, the end, where nothing is asked."""
        nodes = self._manager.GetNumberOfNodes()
        crews = len(self._of.hands)
        whole = np.zeros((nodes, nodes), np.int64)
        whole[: nodes - 1, crews : nodes - 1] = np.rint(between * _TENTHS)
        rows: list[list[int]] = whole.tolist()
        return rows

    def _add_costs(self, crews: int) -> None:
        """Of drives and of cells; who must not have a job is told by the vehicles allowed."""
        table = self._of.table
        price = np.where(np.isfinite(table.extra), table.extra, 0.0)
        for crew in range(crews):
            matrix = self._matrix(table.driven * table.travel + price[None, :, crew])
            evaluator = self._model.RegisterTransitMatrix(matrix)
            self._model.SetArcCostEvaluatorOfVehicle(evaluator, crew)
        for job in range(len(self._of.jobs)):
            able = [crew for crew in range(crews) if table.extra[job, crew] < np.inf]
            self._model.VehicleVar(self._manager.NodeToIndex(crews + job)).SetValues(able)

    def _add_times(self, crews: int) -> None:
        numbers = self._of.table.numbers
        work = np.concatenate([np.zeros(crews), numbers[:, DURATION]])
        way = self._model.RegisterTransitMatrix(self._matrix(self._of.table.travel + work[:, None]))
        for name in ("waiting", "lateness"):
            self._model.AddDimension(way, 0, _HORIZON, True, name)
        waiting = self._model.GetDimensionOrDie("waiting")
        lateness = self._model.GetDimensionOrDie("lateness")
        for job in range(len(self._of.jobs)):
            index = self._manager.NodeToIndex(crews + job)
            waiting.SetCumulVarSoftUpperBound(index, 0, round(numbers[job, WEIGHT]))
            due = round(numbers[job, DUE_START] * _TENTHS)
            lateness.SetCumulVarSoftUpperBound(index, due, round(numbers[job, URGENCY]))

    def lists(self, way: Way) -> Lists:
        """The best plan of ``SOLVER_S`` seconds."""
        how = self._solver.DefaultRoutingSearchParameters()
        how.first_solution_strategy = self._enums.FirstSolutionStrategy.LOCAL_CHEAPEST_COST_INSERTION
        how.local_search_metaheuristic = getattr(self._enums.LocalSearchMetaheuristic, way.metaheuristic)
        how.time_limit.seconds = SOLVER_S
        if way.from_greedy:
            self._model.CloseModelWithParameters(how)
            begun = self._model.ReadAssignmentFromRoutes(self._greedy(), True)
            found = self._model.SolveFromAssignmentWithParameters(begun, how)
        else:
            found = self._model.SolveWithParameters(how)
        return self._read(found)

    def _greedy(self) -> list[list[int]]:
        lists, crews = search(self._of, Search(steps=0)).lists, len(self._of.hands)
        return [(lists.routes[crew, : lists.length[crew]] + crews).tolist() for crew in range(crews)]

    def _read(self, found: Any) -> Lists:  # noqa: ANN401
        made = self._of.empty()
        for crew in range(len(self._of.hands) if found else 0):
            index = found.Value(self._model.NextVar(self._model.Start(crew)))
            while not self._model.IsEnd(index):
                job = self._job(index)
                made.routes[crew, made.length[crew]] = job
                made.length[crew] += 1
                made.owner[job] = crew
                index = found.Value(self._model.NextVar(index))
        return made


def in_turn(of: Problem, share: float) -> Problem:
    """The same night where that share of the jobs are of incidents of four, one after the other."""
    jobs = list(of.jobs)
    for first in range(0, round(share * len(jobs)), 4):
        for row in range(first + 1, first + 4):
            jobs[row] = replace(jobs[row], after=tuple(job.id for job in jobs[first:row]))
    return replace(of, jobs=tuple(jobs))


def replanned() -> list[dict[str, Cell]]:
    """A whole re-plan as the worker makes it: the problem in numbers, the search, simulated restoration."""
    rows: list[dict[str, Cell]] = []
    for jobs, crews, share in REPLANS:
        made = in_turn(night(jobs, crews), share)
        began = time.process_time()
        of = replace(made)
        of.table  # noqa: B018
        numbers = time.process_time()
        found = search(of)
        searched = time.process_time()
        simulate(of, found.lists)
        ended = time.process_time()
        rows.append({
            "jobs": jobs, "crews": crews, "in incidents of four": f"{share:.0%}",
            "numbers, s": round(numbers - began, 3), "search, s": round(searched - numbers, 3),
            "restoration, s": round(ended - searched, 3), "whole, s": round(ended - began, 3),
        })  # fmt: skip
    return rows


def run() -> None:
    """Compare, and write the result."""
    small = night(20, 4)
    for share in (0.0, 1.0):
        simulate(small, search(in_turn(small, share)).lists)  # compiles
    tables = {f"{jobs} jobs, {crews} crews": compared(jobs, crews) for jobs, crews in SIZES}
    record(
        "dispatch",
        "Dispatch: who goes where by when",
        {**tables, "One re-plan, CPU": replanned()},
        notes=(_COST, _TERMS),
        packages=("numpy", "numba"),
    )


if __name__ == "__main__":
    run()
