"""Every place has one cell and every cell's work one crew (ORG-01, ORG-02)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.organisation.cells import Crew, CrewState, NoCrew, owning_cell, responsible_crew
from field_api.people.users import WHOLE_COMPANY, Scope

CELLS = ("G1", "G2", "G3")


def _crew(identifier: str, cell: str = "G1", lon: float = 0.0, state: CrewState = CrewState.FREE) -> Crew:
    return Crew(identifier, identifier, (cell,), state, lon, 0.0, 0)


def _responsible(cell: str, crews: list[Crew], loads: dict[str, int], lon: float = 0.0) -> Crew:
    """Of crews without rosters: always there, whatever the calendar says."""
    return responsible_crew(cell, crews, loads, lon, lon, (), 0, lambda _: False)


def test_the_causes_cell_owns_an_outage_across_cells() -> None:
    assert owning_cell("G2", {"G1": 100, "G2": 1}, CELLS) == "G2"


def test_without_it_the_cell_with_most_customers_does() -> None:
    assert owning_cell("", {"G1": 3, "G3": 5}, CELLS) == "G3"
    assert owning_cell("elsewhere", {"G1": 5, "G3": 5}, CELLS) == "G1"
    assert owning_cell("", {}, CELLS) == "G1"
    with pytest.raises(ValueError, match="no grid cell"):
        owning_cell("G1", {"G1": 1}, ())


def test_free_before_busy_then_least_loaded_then_nearest() -> None:
    crews = [_crew("busy", state=CrewState.WORKING), _crew("far", lon=2.0), _crew("near", lon=1.0)]
    assert _responsible("G1", crews, {}).id == "near"
    assert _responsible("G1", crews, {"near": 1}).id == "far"
    assert _responsible("G1", crews[:1], {}, math.nan).id == "busy"


def test_org_02_another_cells_crew_is_never_taken() -> None:
    with pytest.raises(NoCrew, match="G3"):
        _responsible("G3", [_crew("a", "G1"), _crew("b", "G2")], {})


@given(st.dictionaries(st.sampled_from(CELLS), st.integers(0, 9)), st.sampled_from((*CELLS, "", "X")))
@settings(max_examples=100, deadline=None)
def test_org_01_exactly_one_known_cell(customers: dict[str, int], cause: str) -> None:
    assert owning_cell(cause, customers, CELLS) in CELLS


def test_a_scope_sees_its_own_cells_only() -> None:
    mine = Scope(frozenset({"G1"}))
    assert mine.sees("G1")
    assert not mine.sees("G2")
    assert not Scope(frozenset()).sees("G1")
    assert WHOLE_COMPANY.sees("anything")
    assert not mine.sees_any(frozenset())
