"""Why somebody is sent, or left: every reason in both languages, each where it is true."""

from dataclasses import replace

import pytest

from field_api.dispatch.kernels import times_of
from field_api.dispatch.problem import Hand, Job, Problem, Running
from field_api.dispatch.reasons import WORDS, Explained, Reason
from field_api.dispatch.runners_up import runners_up
from field_api.dispatch.search import search
from tests.field_api.dispatching import MINUTE_MS, NOW_MS, hand, job, policy, problem


def codes(of: Problem, row: int = 0) -> list[str]:
    return [one.code for one in reasons(of, row)]


def reasons(of: Problem, row: int = 0) -> tuple[Reason, ...]:
    found = search(of)
    return Explained(of, found.lists, times_of(of.table, found.lists)).of(row)


def one(job_: Job, *hands: Hand) -> Problem:
    return problem([job_], hands or (hand("c"), hand("d", lon=116.5)), policy())


def test_the_nearest_crew_with_the_skill_goes() -> None:
    repair = job("j", lon=116.05, skills=frozenset({"line_repair"}))
    unskilled = hand("beside", lon=116.05, skills=frozenset({"metering"}))
    of = one(repair, unskilled, hand("c"), hand("d", lon=116.5))
    assert codes(of) == ["customers", "nearest"]
    assert reasons(of)[1].words("en") == "the nearest crew with the skill: 4 min"
    assert reasons(of)[1].words("zh") == "具备技能的最近班组：4分钟"


def test_who_depends_on_supply_is_named_first() -> None:
    assert codes(one(job("j", priority="key"))) == ["key", "customers", "nearest"]
    assert codes(one(job("j", priority="vulnerable")))[0] == "vulnerable"


@pytest.mark.parametrize(("due", "code"), [(2, "clock_late"), (10, "clock_at_risk")])
def test_a_clock_that_runs_out_is_told(due: int, code: str) -> None:
    of = one(job("j", lon=116.06, due_begin_ms=NOW_MS + due * MINUTE_MS))
    assert code in codes(of)


def test_a_clock_with_time_to_spare_is_not() -> None:
    assert not {"clock_late", "clock_at_risk"} & set(codes(one(job("j", due_begin_ms=NOW_MS + 10**8))))


def test_an_only_crew_and_another_cells_crew_say_so() -> None:
    assert "only_crew" in codes(one(job("j"), hand("c")))
    assert "other_cell" in codes(one(job("j"), hand("c", cells=frozenset({"G9"}))))


def test_an_order_that_changes_hands_says_from_whom() -> None:
    far = hand("d", lon=116.9)
    taken = reasons(one(job("j", crew="d", customers_out=500), hand("c"), far))
    assert taken[-1] == Reason("handed_over", {"crew": "d"})


@pytest.mark.parametrize("running", [Running.ON_SITE, Running.UNDER_WAY])
def test_what_is_under_way_needs_no_other_reason(running: Running) -> None:
    assert codes(one(job("j", crew="d", running=running))) == [running.value]


def test_what_a_crew_accepted_is_its_own() -> None:
    assert codes(one(job("j", crew="d", running=Running.TAKEN))) == ["customers", "taken"]


def test_a_later_stop_follows_from_the_one_before() -> None:
    first, second = job("a", lon=116.2, customers_out=50), job("b", lon=116.21)
    of = problem([first, second], [hand("c"), hand("d", lon=114.0)], policy())
    assert "after" in codes(of, 1)


def _runners_up(of: Problem, row: int) -> dict[str, list[str]]:
    found = search(of)
    times = times_of(of.table, found.lists)
    return {
        of.hands[second.crew].id: [reason.code for reason in second.reasons]
        for second in runners_up(of, found.lists, times, row)
    }


def test_the_next_best_crews_say_what_would_be_worse() -> None:
    near, far, foreign = hand("c"), hand("d", lon=116.3), hand("e", lon=116.1, cells=frozenset({"G9"}))
    unable = hand("f", skills=frozenset())
    of = one(job("j", skills=frozenset({"line_repair"})), near, far, foreign, unable)
    assert _runners_up(of, 0) == {"e": ["later", "other_cell"], "d": ["later"]}
    alone = one(job("j"), hand("c"))
    assert _runners_up(alone, 0) == {}


def test_a_crew_whose_other_jobs_would_wait_says_so() -> None:
    """Its own job is of less weight, so the one tried goes before it."""
    small, large = job("a", lon=116.31, customers_out=1), job("b", lon=116.01, customers_out=500)
    of = problem([small, large], [hand("c"), hand("d", lon=116.3)], policy())
    assert _runners_up(of, 1) == {"d": ["later", "others_wait"]}


def test_who_is_left_is_told_why() -> None:
    tower = job("j", skills=frozenset({"tower"}))
    unable = hand("c", skills=frozenset())
    assert codes(one(tower, unable)) == ["customers", "no_skill"]
    barred = job("j", barred=frozenset({"c"}))
    assert codes(one(barred, hand("c"))) == ["customers", "no_crew"]
    asleep = hand("c", shifts_ms=((NOW_MS - 2, NOW_MS - 1),))
    assert codes(one(job("j"), asleep)) == ["customers", "no_shift"]
    window = (NOW_MS, NOW_MS + MINUTE_MS)
    late = job("j", lon=116.5, window_ms=window)
    assert codes(one(late, hand("c"))) == ["customers", "appointment", "appointment_missed"]
    day = hand("c", shifts_ms=((NOW_MS, NOW_MS + 60 * MINUTE_MS),))
    long = [job(f"j{n}", minutes=100.0) for n in range(2)]
    of = problem(long, [day], policy())
    assert sorted([codes(of, 0)[-1], codes(of, 1)[-1]]) == ["no_room", "only_crew"]


def test_every_reason_has_words_in_both_languages() -> None:
    figures: dict[str, str | int] = {
        "minutes": 5, "customers": 3, "begins": "11-22 09:00", "ends": "11-22 10:00", "crew": "一班",
        "skills": "x", "orders": "R-1",
    }  # fmt: skip
    for code in WORDS:
        told = replace(Reason(code), figures=figures)
        assert told.words("zh") != told.words("en")
        assert "{" not in told.words("zh") + told.words("en")
