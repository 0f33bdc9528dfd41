"""One grid manager for each cell at any instant, whatever times people enter; successions without holes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.organisation.coverage import coverage
from field_api.organisation.duties import (
    Assignment,
    BadDuty,
    Duty,
    check_assignment,
    handed_over,
    manager_at,
    two_at_once,
)
from field_api.organisation.establishment import Establishment, problems
from field_api.organisation.staffing import Person, Unit, UnitKind
from field_api.projection import Site
from field_api.validity import holding, holds
from tests.field_api.world import write_network

INSTANTS = st.integers(0, 40)
ENDS = st.one_of(st.none(), st.integers(1, 40))


@st.composite
def assignments(draw: st.DrawFn) -> Assignment:
    begins = draw(INSTANTS)
    length = draw(st.one_of(st.none(), st.integers(1, 20)))
    cell, person = draw(st.sampled_from(["G1", "G2"])), draw(st.sampled_from("abcd"))
    return Assignment(cell, person, from_ms=begins, until_ms=None if length is None else begins + length)


@settings(max_examples=200, deadline=None)
@given(st.lists(assignments(), max_size=12), st.booleans())
def test_org_01_one_manager_at_any_instant(entered: list[Assignment], from_the_start: bool) -> None:
    """ORG-01: after any hand-overs, every instant of a manned cell has exactly one manager in one person."""
    held: dict[str, tuple[Assignment, ...]] = {"G1": (), "G2": ()}
    if from_the_start:
        held = {cell: (Assignment(cell, "first"),) for cell in held}
    for one in entered:
        held[one.grid_id] = handed_over(held[one.grid_id], one)
    everything = [one for cell in held.values() for one in cell]
    assert not two_at_once(everything)
    for at_ms in range(62):
        for cell, own in held.items():
            active = holding(own, at_ms)
            assert len(active) <= 1
            assert not from_the_start or len(active) == 1
            manager = manager_at(everything, cell, at_ms)
            assert manager == (active[0].person_id if active else None)
            assert manager_at(everything, cell, at_ms, Duty.SERVICE) == manager
            assert manager_at(everything, cell, at_ms, Duty.ASSET) == manager


@settings(max_examples=100, deadline=None)
@given(st.lists(assignments(), max_size=8), assignments())
def test_the_newest_word_holds_for_its_time(before: list[Assignment], new: Assignment) -> None:
    """Whoever is entered last holds the cell for all of their own time."""
    held: tuple[Assignment, ...] = ()
    for one in before:
        if one.grid_id == new.grid_id:
            held = handed_over(held, one)
    after = handed_over(held, new)
    last = 60 if new.until_ms is None else new.until_ms
    next_ms = min((one.from_ms for one in held if one.from_ms > new.from_ms), default=last)
    for at_ms in range(new.from_ms, last if new.until_ms is not None else min(last, next_ms)):
        assert manager_at(after, new.grid_id, at_ms) == new.person_id
    for at_ms in range(new.from_ms):
        assert manager_at(after, new.grid_id, at_ms) == manager_at(held, new.grid_id, at_ms)


@settings(max_examples=200, deadline=None)
@given(st.lists(assignments(), max_size=6))
def test_two_at_once_are_found_among_any_times(entered: list[Assignment]) -> None:
    """As a brute look at every instant finds them."""
    twice = any(
        len([one for one in entered if one.grid_id == cell and holds(one, at_ms)]) > 1
        for cell in ("G1", "G2")
        for at_ms in range(62)
    )
    assert bool(two_at_once(entered)) is twice


def test_a_succession_reads_as_people_wrote_it() -> None:
    first = Assignment("G1", "anna")
    after = handed_over((first,), Assignment("G1", "bert", from_ms=10))
    assert [(one.person_id, one.from_ms, one.until_ms) for one in after] == [
        ("anna", 0, 10),
        ("bert", 10, None),
    ]
    holiday = handed_over(after, Assignment("G1", "carl", from_ms=20, until_ms=30))
    assert [one.person_id for one in holiday] == ["anna", "bert", "carl", "bert"]
    assert all(earlier.until_ms == later.from_ms for earlier, later in pairwise(holiday))


@pytest.mark.parametrize("split", [{"service": False}, {"asset": False}])
def test_org_01_a_split_duty_is_refused(split: dict[str, bool]) -> None:
    """ORG-01: customer manager and asset owner are one person."""
    with pytest.raises(BadDuty, match="duty_split"):
        check_assignment(Assignment("G1", "anna", **split))
    with pytest.raises(BadDuty, match="duty_ends_first"):
        handed_over((), Assignment("G1", "anna", from_ms=5, until_ms=5))


def test_what_contradicts_itself_is_told_by_record_and_field() -> None:
    whole = Establishment(
        units=(Unit("c", UnitKind.COMPANY, "", "公司"), Unit("t", UnitKind.TEAM, "c", "班")),
        people=(Person("anna", "安", "nowhere"),),
        assignments=(Assignment("G1", "anna"), Assignment("G1", "anna", from_ms=5), Assignment("G9", "bert")),
    )
    found = {(one.kind, one.key, one.field) for one in problems(whole, {"G1"}, set())}
    assert found == {
        ("units", ("t",), "parent_id"),
        ("units", ("t",), "team_kind"),
        ("people", ("anna",), "unit_id"),
        ("assignments", ("G9", 0), "person_id"),
        ("assignments", ("G9", 0), "grid_id"),
        ("assignments", ("G1", 5), "from_ms"),
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(write_network(tmp_path_factory.mktemp("duties")))


@settings(max_examples=60, deadline=None)
@given(st.lists(assignments(), max_size=8), st.integers(0, 60))
def test_org_01_every_customer_and_asset_has_one_manager(
    site: Site, entered: list[Assignment], at_ms: int
) -> None:
    """ORG-01, ORG-08: at any instant, through its one cell; the report agrees with a look at each of them."""
    held: dict[str, tuple[Assignment, ...]] = {cell: (Assignment(cell, "first"),) for cell in ("G1", "G2")}
    for one in entered:
        held[one.grid_id] = handed_over(held[one.grid_id], one)
    everything = [one for cell in held.values() for one in cell]
    network = site.network
    for identifier in (*network.customers.ids, *network.edges.ids, *network.nodes.ids):
        cell = site.cell_of_element(site.find(identifier))
        assert len([one for one in everything if one.grid_id == cell and holds(one, at_ms)]) == 1
    report = coverage(site, ("G1", "G2"), everything, (), (), at_ms)
    assert (report.customers.part, report.assets.part, report.gaps) == (1.0, 1.0, ())
    without = [one for one in everything if one.grid_id == "G1"]
    gap = coverage(site, ("G1", "G2"), without, (), (), at_ms)
    assert [(one.grid_id, one.customers, one.known) for one in gap.gaps] == [("G2", 2, True)]
