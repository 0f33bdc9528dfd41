"""Jobs of one incident in their turn: patrol, switching, damage point, restoration check."""

from dataclasses import replace

import numpy as np
import pytest

from field_api.adapters.data_files import shipped_work_types
from field_api.dispatch.kernels import times_of
from field_api.dispatch.problem import Problem, Running
from field_api.dispatch.reasons import Explained
from field_api.dispatch.restoration_times import simulate
from field_api.dispatch.search import Found, Search, cost_of, search
from field_api.dispatch.turns import settle
from geo.network import Float64
from tests.field_api.dispatching import NOWHERE_TO_GO, best_of_all, hand, job, lists, policy, problem

CHAIN = (("patrol", 60.0), ("switching", 30.0), ("repair", 90.0), ("check", 20.0))
NO_SKILL = frozenset[str]()


def _chain(crews: int, travel: bool = False) -> Problem:
    """The four jobs of an incident, each for one customer."""
    jobs = [
        job(name, minutes=minutes, after=tuple(before for before, _ in CHAIN[:turn]))
        for turn, (name, minutes) in enumerate(CHAIN)
    ]
    hands = [hand(f"h{number}") for number in range(crews)]
    return problem(jobs, hands, travel=NOWHERE_TO_GO) if not travel else problem(jobs, hands)


def _times(of: Problem, found: Found) -> Float64:
    return times_of(of.table, found.lists)


@pytest.mark.parametrize("crews", [1, 2, 4])
def test_however_many_crews_there_are_each_job_begins_when_the_one_before_has_ended(crews: int) -> None:
    of = _chain(crews)
    found = search(of)
    assert _times(of, found)[:, 0].tolist() == [0.0, 60.0, 90.0, 180.0]
    assert found.cost == 60 + 90 + 180 + 200


def test_who_has_nothing_else_to_do_drives_there_and_waits() -> None:
    """The check is next door to a free crew, the repair takes the other one an hour with its way."""
    repair = job("repair", lon=116.0 + 30 / 86.4, minutes=30.0)
    check = job("check", minutes=20.0, after=("repair",))
    of = problem([check, repair], [hand("here"), hand("there", lon=repair.lon)])
    found = search(of)
    assert lists(found, of) == {"here": ["check"], "there": ["repair"]}
    assert _times(of, found)[0].tolist() == [30.0, 50.0, 0.0]


def test_meanwhile_a_crew_does_what_need_not_wait() -> None:
    of = problem(
        [
            job("repair", minutes=60.0, skills=frozenset({"line"})),
            job("check", minutes=20.0, skills=frozenset({"meter"}), after=("repair",)),
            job("other", minutes=40.0),
        ],
        [hand("line", skills=frozenset({"line"})), hand("helper", skills=frozenset({"meter"}))],
        travel=NOWHERE_TO_GO,
    )
    found = search(of)
    assert lists(found, of) == {"line": ["repair"], "helper": ["other", "check"]}
    assert _times(of, found)[:, 0].tolist() == [0.0, 60.0, 0.0]


@pytest.mark.parametrize("seed", range(10))
def test_small_problems_with_turns_are_planned_as_well_as_any_plan_can_be(seed: int) -> None:
    of = _random(np.random.default_rng(seed), jobs=5, hands=2)
    assert search(of).cost == pytest.approx(best_of_all(of), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_every_plan_keeps_the_turns(seed: int) -> None:
    """Forty jobs in chains of up to four, six crews; the plan before is somebody's without any order."""
    of = _random(np.random.default_rng(seed), jobs=40, hands=6)
    shuffled = np.random.default_rng(seed).permutation([one.id for one in of.jobs])
    of = replace(of, lists={of.hands[crew].id: tuple(shuffled[crew::6].tolist()) for crew in range(6)})
    for steps in (0, 40_000):
        found = search(of, Search(steps=steps))
        times = _times(of, found)
        assert (found.lists.owner >= 0).all()
        for row, one in enumerate(of.jobs):
            for before in one.after:
                assert times[row, 0] >= times[of.job_row[before], 1] - 1e-9
        assert found.cost == pytest.approx(cost_of(of, found.lists))


def _random(dice: np.random.Generator, jobs: int, hands: int) -> Problem:
    """Jobs on a few square kilometres; four of them are an incident, and each waits for some of it."""
    made = []
    for number in range(jobs):
        earlier = [f"j{one}" for one in range(number - number % 4, number)]
        made.append(job(
            f"j{number}", lon=116.0 + float(dice.uniform(0, 0.1)), lat=39.0 + float(dice.uniform(0, 0.1)),
            minutes=float(dice.integers(10, 90)), customers_out=int(dice.integers(0, 50)) + 1,
            after=tuple(one for one in earlier if dice.random() < 0.6),
        ))  # fmt: skip
    return problem(made, [hand(f"h{number}") for number in range(hands)])


def test_crews_that_wait_for_each_other_do_not_wait_for_ever() -> None:
    """Each began its list with the check of what the other has at the end of its list."""
    jobs = [
        job("repair-1"),
        job("repair-2"),
        job("check-1", after=("repair-1",)),
        job("check-2", after=("repair-2",)),
    ]
    before = {"a": ("check-1", "repair-2"), "b": ("check-2", "repair-1")}
    of = problem(jobs, [hand("a"), hand("b")], travel=NOWHERE_TO_GO, lists=before)
    found = search(of, Search(steps=0))
    assert (found.lists.owner >= 0).all()
    assert _times(of, found)[2:, 0].tolist() == [30.0, 30.0]


def test_who_waits_for_what_nobody_can_do_is_left_and_told_why() -> None:
    of = problem(
        [job("repair", skills=frozenset({"divers"})), job("check", after=("repair",)),
         job("last", after=("check",)), job("paused", after=("elsewhere",))],
        [hand("a", skills=NO_SKILL)],
    )  # fmt: skip
    found = search(of)
    assert (found.lists.owner == -1).all()
    told = Explained(of, found.lists, _times(of, found))
    codes = [[one.code for one in told.of(row)][-1] for row in range(4)]
    assert codes == ["no_skill", "no_turn", "no_turn", "no_turn"]
    assert told.of(1)[-1].words("en") == "only after repair, whose end is not known"


def test_the_plan_says_whom_a_job_waits_for() -> None:
    of = _chain(2)
    found = search(of)
    told = Explained(of, found.lists, _times(of, found)).of(2)
    assert "须待patrol, switching完成后进行" in [one.words("zh") for one in told]


def test_what_is_under_way_goes_on_whatever_else_has_not_ended() -> None:
    of = problem(
        [job("repair"), job("check", after=("repair",), running=Running.ON_SITE, crew="a")],
        [hand("a"), hand("b")],
    )
    found = search(of)
    assert _times(of, found)[1, 0] == 0.0


def test_on_a_night_on_which_everything_takes_long_nobody_begins_before_their_turn() -> None:
    of = replace(_chain(4), policy=policy(work_sigma=0.5, runs=200))
    found = search(of, Search(steps=0))
    expected = simulate(of, found.lists)
    assert (np.diff(expected.usual) > 0).all()
    alone = problem([job("check", minutes=20.0)], [hand("a")], how=of.policy, travel=NOWHERE_TO_GO)
    doubt = simulate(alone, search(alone, Search(steps=0)).lists)
    assert expected.safe[3] - expected.usual[3] > doubt.safe[0] - doubt.usual[0], (
        "doubts add up along the turns"
    )


def test_settling_a_plan_twice_changes_nothing() -> None:
    of = _random(np.random.default_rng(3), jobs=20, hands=3)
    found = search(of, Search(steps=0))
    times = _times(of, found)
    settle(of.table, found.lists)
    assert np.array_equal(_times(of, found), times)


def test_the_shipped_kinds_of_work_stand_in_one_order() -> None:
    types = shipped_work_types()
    assert {name: set(one.comes_after) for name, one in types.items() if one.comes_after} == {
        "switching": {"patrol"},
        "repair": {"patrol", "switching"},
        "restoration_check": {"patrol", "switching", "repair"},
    }
    assert all(types[name].incident_job for one in types.values() for name in (one.name, *one.comes_after)
               if one.comes_after)  # fmt: skip
