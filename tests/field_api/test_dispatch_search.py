"""Plans against exact answers: Smith's rule, every plan of small problems, known optima of the literature."""

import os
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.dispatch.annealing import anneal
from field_api.dispatch.kernels import (
    CLOSES,
    DURATION,
    OPENS,
    WEIGHT,
    Lists,
    Table,
    copied,
    insert_greedily,
    times_of,
)
from field_api.dispatch.problem import Hand, Job, Problem, Running
from field_api.dispatch.search import Search, cost_of, search
from tests.field_api.dispatching import (
    MINUTE_MS,
    NOW_MS,
    NOWHERE_TO_GO,
    PLAIN,
    STRAIGHT,
    best_of_all,
    hand,
    job,
    lists,
    policy,
    problem,
    read_tsplib,
)

OPTIMA = {"eil51": 10178, "berlin52": 143721, "st70": 20557, "kroA100": 983128}
"""Minimum latency with the way back (Abeledo et al., The time dependent traveling salesman problem, 2013)."""
TSPLIB = "TSPLIB_DIR"


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(5, 240)), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_one_crew_without_ways_serves_by_customers_per_minute_of_work(work: list[tuple[int, int]]) -> None:
    """Smith's rule (1956): the weighted sum of completion times is least in that order."""
    jobs = [job(f"j{n}", customers_out=out, minutes=float(long)) for n, (out, long) in enumerate(work)]
    of = problem(jobs, [hand("c")], travel=NOWHERE_TO_GO)
    found = search(of, Search(steps=20_000))
    now, least = 0, 0
    for out, long in sorted(work, key=lambda one: -one[0] / one[1]):
        now += long
        least += out * now
    assert found.cost == pytest.approx(least)


def _small(seed: int) -> Problem:
    """Up to six jobs and three crews with all that a plan must mind."""
    dice = np.random.default_rng(seed)
    hands = [_some_hand(dice, number) for number in range(int(dice.integers(1, 4)))]
    count = 6 if len(hands) < 3 else 5
    jobs = [_some_job(dice, number, hands) for number in range(count)]
    return problem(jobs, hands, policy())


def _some_hand(dice: np.random.Generator, number: int) -> Hand:
    until = int(dice.integers(120, 600)) * MINUTE_MS
    skills = None if dice.random() < 0.5 else frozenset({"line_repair"})
    return hand(
        f"c{number}", lon=116 + dice.random() * 0.5, lat=39 + dice.random() * 0.3, skills=skills,
        cells=frozenset({f"G{number}"}),
        shifts_ms=((NOW_MS - MINUTE_MS, NOW_MS + until), (NOW_MS + until * 2, NOW_MS + until * 3)),
    )  # fmt: skip


def _some_job(dice: np.random.Generator, number: int, hands: list[Hand]) -> Job:
    opens = int(dice.integers(0, 300)) * MINUTE_MS
    bound = (NOW_MS + opens, NOW_MS + opens + 60 * MINUTE_MS) if dice.random() < 0.3 else None
    return job(
        f"j{number}", lon=116 + dice.random() * 0.5, lat=39 + dice.random() * 0.3, window_ms=bound,
        customers_out=int(dice.integers(0, 200)), minutes=float(dice.integers(10, 120)),
        cell=f"G{dice.integers(3)}", crew=f"c{dice.integers(len(hands))}",
        priority=str(dice.choice(["normal", "key"], p=[0.8, 0.2])),
        due_begin_ms=NOW_MS + int(dice.integers(0, 200)) * MINUTE_MS,
        skills=frozenset({str(dice.choice(["line_repair", "metering"]))}),
        running=Running.ON_SITE if number == 0 and dice.random() < 0.5 else Running.NO,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_small_problems_are_planned_as_well_as_any_plan_can_be(seed: int) -> None:
    of = _small(seed)
    assert search(of, Search(steps=40_000)).cost == pytest.approx(best_of_all(of))


def _minimum_latency(minutes: np.ndarray[Any, Any]) -> float:
    """Least sum of arrivals from place 0 at all others, by dynamic programming over sets (exact)."""
    places = range(1, len(minutes))
    known = {(1 << place, place): (minutes[0, place] * len(places)) for place in places}
    for size in range(2, len(minutes)):
        for group in combinations(places, size):
            members = sum(1 << place for place in group)
            for last in group:
                before = members ^ (1 << last)
                known[members, last] = min(
                    known[before, place] + minutes[place, last] * (len(places) - size + 1)
                    for place in group
                    if place != last
                )
    everybody = sum(1 << place for place in places)
    return float(min(known[everybody, place] for place in places))


@pytest.mark.parametrize("seed", range(5))
def test_one_crew_without_work_on_site_finds_the_minimum_latency(seed: int) -> None:
    dice = np.random.default_rng(seed)
    jobs = [job(f"j{n}", lon=116 + dice.random(), lat=39 + dice.random(), minutes=0.0) for n in range(9)]
    of = problem(jobs, [hand("c")], travel=STRAIGHT)
    ways = of.table.travel
    square = np.hstack([np.vstack([[0.0], ways[0][:, None]]), ways])
    assert search(of, Search(steps=60_000)).cost == pytest.approx(_minimum_latency(square))


@pytest.mark.parametrize("name", OPTIMA)
def test_known_minimum_latencies_of_tsplib_are_reached(name: str) -> None:
    """With the instances in a folder of the environment; their coordinates are no part of this project."""
    folder = Path(os.environ.get(TSPLIB, "/nowhere"))
    if not (folder / f"{name}.tsp").is_file():
        pytest.skip(f"{TSPLIB} names no folder with {name}.tsp")
    table, start, way_back = _tour(read_tsplib(folder / f"{name}.tsp"))
    usual = OPTIMA[name] / len(start.owner)
    steps, hot, cold = (1_000_000, 3.0, 0.01) if len(start.owner) < 100 else (3_000_000, 1.0, 0.003)
    best = np.inf
    for seed in range(6):
        made = copied(start)
        found = anneal(table, made, seed, steps, hot * usual, cold * usual) - way_back
        best = min(best, round(found))
        if best <= OPTIMA[name]:
            break
    assert best == OPTIMA[name]


def _tour(xy: np.ndarray[Any, Any]) -> tuple[Table, Lists, float]:
    """Place 1 is the depot; coming back to it is a job that takes so long that it must be the last."""
    way_back, n = 1e7, len(xy)
    metres = np.floor(np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) + 0.5)
    numbers = np.tile([0.0, 1.0, -np.inf, np.inf, np.inf, np.inf, 0.0], (n, 1))
    assert (DURATION, WEIGHT, OPENS, CLOSES) == (0, 1, 2, 3)
    numbers[-1, DURATION] = way_back
    rows = [*range(1, n), 0]
    between = metres[np.ix_(rows, rows)]
    apart = between + np.diag(np.full(n, np.inf))
    table = Table(
        numbers=numbers, travel=np.vstack([metres[0, rows], between]), extra=np.zeros((n, 1)),
        shifts=np.array([[[0.0, 1e12]]]), ready=np.zeros(1), locked=np.zeros(1, np.int32),
        left=np.full(n, 1e9), near=np.argsort(apart, axis=1)[:, :10].astype(np.int32),
        after=np.empty((n, 0), np.int32), then=np.empty((n, 0), np.int32), driven=0.0, overtime=0.0,
    )  # fmt: skip
    start = Lists(
        np.zeros((1, n), np.int32), np.zeros(1, np.int32), np.full(n, -1, np.int32), np.full(n, -np.inf)
    )
    insert_greedily(table, start, np.arange(n).astype(np.int32))
    return table, start, way_back


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_every_plan_keeps_what_is_hard(seed: int) -> None:
    of = _small(seed)
    found = search(of, Search(steps=2_000, seed=seed))
    planned = sorted(one for jobs in lists(found, of).values() for one in jobs)
    left = [of.jobs[row].id for row in np.flatnonzero(found.lists.owner < 0)]
    assert sorted([*planned, *left]) == [one.id for one in of.jobs]
    times = times_of(of.table, found.lists)
    for crew, rows in enumerate(found.lists.routes):
        now = 0.0
        for row in rows[: found.lists.length[crew]]:
            one, (begin, finish, way) = of.jobs[row], times[row]
            assert begin >= now + way - 1e-6
            now = finish
            if one.running:
                assert of.hands[crew].id == one.crew
                continue
            assert of.hands[crew].can(one.skills)
            _in_time(of, crew, one, begin, finish)


def _in_time(of: Problem, crew: int, one: Job, begin: float, finish: float) -> None:
    at_ms = NOW_MS + begin * MINUTE_MS
    if one.window_ms is not None:
        assert one.window_ms[0] - 1 <= at_ms <= one.window_ms[1] + 1
    done_ms = NOW_MS + (finish - of.policy.overtime_minutes) * MINUTE_MS
    assert any(
        begins - 1 <= at_ms <= ends + 1 and done_ms <= ends + 1 for begins, ends in of.hands[crew].shifts_ms
    )


def test_the_same_search_finds_the_same_plan() -> None:
    of = _small(3)
    first, second = search(of, Search(steps=30_000, seed=5)), search(of, Search(steps=30_000, seed=5))
    assert lists(first, of) == lists(second, of)
    assert first.cost == second.cost


def test_customers_who_depend_on_supply_come_first() -> None:
    many, key = job("many", customers_out=300), job("key", customers_out=1, priority="key")
    vulnerable = job("vulnerable", customers_out=1, priority="vulnerable")
    of = problem([many, vulnerable, key], [hand("c")], policy(), NOWHERE_TO_GO)
    assert lists(search(of), of) == {"c": ["key", "vulnerable", "many"]}


def test_an_order_whose_clock_runs_out_goes_before_one_that_has_time() -> None:
    later = job("later", customers_out=0, due_begin_ms=NOW_MS + 600 * MINUTE_MS)
    soon = job("soon", customers_out=0, due_begin_ms=NOW_MS + 10 * MINUTE_MS)
    of = problem([later, soon], [hand("c")], policy(), NOWHERE_TO_GO)
    assert lists(search(of), of) == {"c": ["soon", "later"]}


def test_skills_gate_the_assignment() -> None:
    """TRN-02: however near a crew is, without the skill it gets no such job."""
    meter = job("meter", skills=frozenset({"metering"}))
    near, far = hand("near", skills=frozenset({"line_repair"})), hand("far", lon=117.0)
    of = problem([meter], [near, far])
    assert lists(search(of), of) == {"near": [], "far": ["meter"]}
    alone = problem([meter], [near])
    assert search(alone).lists.owner.tolist() == [-1]


def test_a_repair_is_put_before_an_appointment_that_still_can_be_kept() -> None:
    """Installation and repair share crews and calendars."""
    window = (NOW_MS + 60 * MINUTE_MS, NOW_MS + 120 * MINUTE_MS)
    visit = job("visit", customers_out=0, window_ms=window)
    repairs = [job(f"r{n}", customers_out=10, minutes=50.0) for n in range(3)]
    of = problem([*repairs, visit], [hand("c")], policy(), NOWHERE_TO_GO)
    found = search(of)
    order = lists(found, of)["c"]
    assert order.index("visit") in {1, 2}
    begins = times_of(of.table, found.lists)[3, 0]
    assert 60 <= begins <= 120


def test_the_other_cells_crew_helps_only_where_that_is_worth_it() -> None:
    own, other = hand("own", lon=116.2), hand("other", cells=frozenset({"G2"}))
    few, many = job("few", customers_out=1), job("many", customers_out=500)
    assert lists(search(of := problem([few], [own, other], policy())), of)["own"] == ["few"]
    assert lists(search(of := problem([many], [own, other], policy())), of)["other"] == ["many"]


def test_what_was_planned_stays_for_a_trifle() -> None:
    """Two crews stand alike; the plan before decides, whatever the seed."""
    jobs = [job(f"j{n}", lon=116 + n * 0.01) for n in range(8)]
    hands = [hand("c1"), hand("c2")]
    first = problem(jobs, hands, policy())
    before = lists(search(first), first)
    for seed in range(1, 200, 40):
        again = problem(jobs, hands, policy(), lists=before)
        found = search(again, Search(seed=seed))
        assert lists(found, again) == before
        assert found.kept


def test_a_new_order_is_put_into_the_plan_and_a_finished_one_falls_out() -> None:
    jobs = [job(f"j{n}", lon=116 + n * 0.05) for n in range(5)]
    first = problem(jobs, [hand("c1"), hand("c2", lon=116.2)], policy())
    before = lists(search(first), first)
    changed = problem([*jobs[1:], job("new", lon=116.1)], first.hands, policy(), lists=before)
    after = lists(search(changed), changed)
    assert sorted(one for jobs in after.values() for one in jobs) == ["j1", "j2", "j3", "j4", "new"]


def test_a_search_that_must_end_keeps_the_greedy_plan() -> None:
    of = _small(1)
    greedy = search(of, Search(steps=0))
    assert search(of, Search(steps=500_000), enough=lambda: True).cost == greedy.cost
    assert search(of, Search(steps=40_000)).cost <= greedy.cost


def test_without_jobs_or_crews_there_is_an_empty_plan() -> None:
    assert search(problem([], [hand("c")])).cost == 0
    nobody = search(problem([job("j")], []))
    assert nobody.lists.owner.tolist() == [-1]


def test_nobody_is_sent_where_the_place_is_unknown_as_if_it_were_near() -> None:
    unknown = replace(job("unknown"), lon=float("nan"), lat=float("nan"))
    of = problem([unknown], [hand("c")])
    assert times_of(of.table, search(of).lists)[0, 2] == STRAIGHT.unknown_minutes
    assert cost_of(of, of.empty()) > cost_of(of, search(of).lists)
    assert PLAIN.waiting == 0
