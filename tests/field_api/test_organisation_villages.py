"""Villages, their liaisons, and introducing them: who may be one, one each, pilot before everybody."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.organisation.establishment import Establishment, problems
from field_api.organisation.rollout import IllegalPlanStep, PlanEntry, PlanState, PlanStep, possible, state_of
from field_api.organisation.staffing import Person, TeamKind, Unit, UnitKind
from field_api.organisation.villages import (
    BadLiaison,
    Liaison,
    Village,
    candidates,
    liaison_at,
    taken_over,
    two_at_once,
)

UNITS = {
    unit.id: unit
    for unit in (
        Unit("c", UnitKind.COMPANY, "", "公司"),
        Unit("z", UnitKind.CENTRE, "c", "中心"),
        Unit("s", UnitKind.STATION, "z", "所", lon=116.0, lat=39.0),
        Unit("s1", UnitKind.TEAM, "s", "供电服务班", team_kind=TeamKind.SERVICE),
        Unit("s2", UnitKind.TEAM, "s", "营业班", team_kind=TeamKind.BUSINESS),
        Unit("s3", UnitKind.TEAM, "s", "综合班", team_kind=TeamKind.GENERAL),
        Unit("x", UnitKind.CONTRACTOR, "s", "外协"),
    )
}
VILLAGE = Village("v", "西山村", "G1", lon=116.2, lat=39.0)
PEOPLE = {unit: Person(unit, "人", unit) for unit in UNITS}


def test_org_16_a_liaison_is_of_one_of_the_three_teams() -> None:
    """ORG-16: nobody of the office, the station's head or a contractor."""
    assert {one.person.id for one in candidates(VILLAGE, PEOPLE.values(), UNITS, 5)} == {"s1", "s2", "s3"}
    for unit in ("c", "z", "s", "x"):
        with pytest.raises(BadLiaison, match=r"village\.person_in_no_team"):
            taken_over((), Liaison("v", unit), PEOPLE, UNITS)
    with pytest.raises(BadLiaison, match=r"village\.person_not_here"):
        taken_over((), Liaison("v", "nobody"), PEOPLE, UNITS)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 30)), max_size=10))
def test_org_17_one_liaison_at_a_time(entered: list[tuple[str, int]]) -> None:
    """ORG-17: whatever is entered, a village has one from the first one on."""
    held: tuple[Liaison, ...] = ()
    for person, from_ms in entered:
        held = taken_over(held, Liaison("v", person, from_ms), PEOPLE, UNITS)
        assert liaison_at(held, "v", from_ms) == person
    assert not two_at_once(held)
    first = min((from_ms for _, from_ms in entered), default=99)
    assert all(liaison_at(held, "v", at_ms) for at_ms in range(first, 40))


def test_org_17_a_second_active_liaison_is_a_problem() -> None:
    """ORG-17: in an imported file."""
    whole = Establishment(
        units=tuple(UNITS.values()), people=tuple(PEOPLE.values()), villages=(VILLAGE,),
        liaisons=(Liaison("v", "s1"), Liaison("v", "s2", 7)),
    )  # fmt: skip
    (problem,) = problems(whole, {"G1"}, set())
    assert (problem.kind, problem.field) == ("liaisons", "from_ms")
    assert "ORG-17" in problem.told


def test_org_18_the_nearer_goes_first_at_equal_rating() -> None:
    """ORG-18; a much better rating outweighs the way; who has no place comes last."""
    near = Person("near", "人", "s1", rating=4.0, lon=116.19, lat=39.0)
    far = Person("far", "人", "s1", rating=4.0, lon=116.0, lat=39.0)
    found = candidates(VILLAGE, [far, near], UNITS, 5)
    assert [one.person.id for one in found] == ["near", "far"]
    assert found[1].distance_km == pytest.approx(17.28, abs=0.05)
    better = [replace(near, rating=2.0), far]
    assert [one.person.id for one in candidates(VILLAGE, better, UNITS, 5)] == ["far", "near"]
    nowhere = {**UNITS, "s": replace(UNITS["s"], lon=None, lat=None)}
    lost = Person("lost", "人", "s1", rating=5.0)
    assert [one.person.id for one in candidates(VILLAGE, [lost, far], nowhere, 5)] == ["far", "lost"]
    assert candidates(VILLAGE, [lost], UNITS, 5)[0].distance_km == pytest.approx(17.28, abs=0.05)


def _plan(*steps: PlanStep, pilot: int = 2, note: str = "好") -> PlanState:
    entries = [
        PlanEntry(
            "p", number + 1, step, number, "u", "人", note, tuple(f"v{n}" for n in range(pilot)), "东河县"
        )
        for number, step in enumerate(steps)
    ]
    return state_of(entries)


APPROVED = (PlanStep.PROPOSE, PlanStep.APPROVE)
PILOTED = (*APPROVED, PlanStep.START_PILOT)


def test_org_19_no_wide_roll_out_before_the_pilots_review() -> None:
    """ORG-19: approved by the county, piloted in two or three villages, reviewed, then wide."""
    assert _plan(*PILOTED, PlanStep.PASS_REVIEW, PlanStep.WIDEN) is PlanState.WIDE
    for too_early in ((PlanStep.PROPOSE,), APPROVED, PILOTED, (*PILOTED, PlanStep.FAIL_REVIEW)):
        with pytest.raises(IllegalPlanStep, match=r"rollout\.step_not_now.*widen"):
            _plan(*too_early, PlanStep.WIDEN)
    with pytest.raises(IllegalPlanStep, match=r"possible=\['approve'"):
        _plan(PlanStep.PROPOSE, PlanStep.START_PILOT)


@pytest.mark.parametrize(("villages", "fits"), [(1, False), (2, True), (3, True), (4, False)])
def test_org_19_a_pilot_has_two_or_three_villages(villages: int, fits: bool) -> None:
    """ORG-19."""
    if fits:
        assert _plan(*PILOTED, pilot=villages) is PlanState.PILOT
    else:
        with pytest.raises(IllegalPlanStep, match=r"rollout\.pilot_size.*fewest=2, most=3"):
            _plan(*PILOTED, pilot=villages)


def test_a_review_says_what_was_found_and_a_failed_pilot_may_be_done_again() -> None:
    with pytest.raises(IllegalPlanStep, match=r"rollout\.empty_review"):
        _plan(*PILOTED, PlanStep.PASS_REVIEW, note=" ")
    again = (*PILOTED, PlanStep.FAIL_REVIEW, PlanStep.START_PILOT, PlanStep.PASS_REVIEW)
    assert _plan(*again) is PlanState.REVIEWED
    assert set(possible(PlanState.REVIEWED)) == {PlanStep.WIDEN, PlanStep.WITHDRAW}
    assert not possible(PlanState.WIDE)
    with pytest.raises(IllegalPlanStep, match=r"rollout\.begins_with_proposal"):
        state_of([])
