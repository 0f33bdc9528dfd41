"""When supply will be back: simulated nights, and a crew's own word before them."""

from dataclasses import replace

import numpy as np
import pytest

from field_api.dispatch.kernels import times_of
from field_api.dispatch.problem import Running
from field_api.dispatch.restoration_times import is_storm, rounded_up_ms, simulate
from field_api.dispatch.search import Search, search
from tests.field_api.dispatching import MINUTE_MS, NOW_MS, NOWHERE_TO_GO, PLAIN, hand, job, policy, problem

CERTAIN = replace(PLAIN, work_sigma=0.0, drive_sigma=0.0)


def test_without_doubt_the_simulation_is_the_plan() -> None:
    jobs = [job(f"j{n}", lon=116 + n * 0.03, customers_out=9 - n) for n in range(6)]
    window = (NOW_MS + 200 * MINUTE_MS, NOW_MS + 400 * MINUTE_MS)
    later = job("later", window_ms=window, customers_out=0)
    night = (NOW_MS + 500 * MINUTE_MS, NOW_MS + 900 * MINUTE_MS)
    off = hand("off", shifts_ms=(night,), skills=frozenset({"tower"}))
    jobs = [*jobs, later, job("tower", skills=frozenset({"tower"}))]
    only_lines = frozenset({"line"})
    of = problem(
        jobs, [hand("c1", skills=only_lines), hand("c2", lon=116.1, skills=only_lines), off], CERTAIN
    )
    found = search(of, Search(steps=20_000))
    planned = times_of(of.table, found.lists)
    expected = simulate(of, found.lists)
    np.testing.assert_allclose(expected.safe, planned[:, 1])
    np.testing.assert_allclose(expected.usual, planned[:, 1])


def test_a_promise_is_kept_as_often_as_the_company_wants() -> None:
    """One job of half an hour, lognormal: the quantile is known."""
    of = problem([job("j")], [hand("c")], policy(runs=10_000, quantile=0.8), NOWHERE_TO_GO)
    expected = simulate(of, search(of).lists)
    assert expected.usual[0] == pytest.approx(30.0, rel=0.03)
    assert expected.safe[0] == pytest.approx(30.0 * np.exp(0.5 * 0.8416), rel=0.03)


def test_doubt_grows_with_every_job_before() -> None:
    jobs = [job(f"j{n}", customers_out=10 - n) for n in range(6)]
    of = problem(jobs, [hand("c")], policy(), NOWHERE_TO_GO)
    found = search(of)
    expected = simulate(of, found.lists)
    spread = (expected.safe - expected.usual)[found.lists.routes[0, :6]]
    assert (np.diff(spread) > 0).all()


def test_who_is_left_has_no_time() -> None:
    of = problem([job("j", skills=frozenset({"tower"}))], [hand("c", skills=frozenset())])
    expected = simulate(of, search(of).lists)
    assert np.isnan(expected.safe[0])


def test_times_are_told_in_steps_of_the_clock() -> None:
    assert rounded_up_ms(NOW_MS + 1, 5) % (5 * MINUTE_MS) == 0
    assert rounded_up_ms(10 * MINUTE_MS, 5) == 10 * MINUTE_MS
    assert rounded_up_ms(10 * MINUTE_MS + 1, 5) == 15 * MINUTE_MS


def test_a_storm_is_more_waiting_outages_than_crews_on_shift_can_count() -> None:
    waiting = [job(f"j{n}") for n in range(4)]
    assert is_storm(problem(waiting, [hand("c")], policy()))
    assert not is_storm(problem(waiting, [hand("c"), hand("d")], policy()))
    asleep = hand("d", shifts_ms=((NOW_MS + 1, NOW_MS + 2),))
    assert is_storm(problem(waiting, [hand("c"), asleep], policy()))
    begun = [replace(one, running=Running.ON_SITE, crew="c") for one in waiting]
    assert not is_storm(problem(begun, [hand("c")], policy()))
