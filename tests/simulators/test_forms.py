"""A crew's way through every shipped kind of work, and forms that their schemas take."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.data_files import shipped_work_types
from field_api.http.routes_work_types import work_type_resource
from field_api.orders.proofs import wrong_answers
from simulators.field import StepRule, WorkType
from simulators.field_work import asides, way
from simulators.forms import SiteSheet, answer, filled

SHIPPED = shipped_work_types()
KINDS = {
    name: msgspec.json.decode(work_type_resource(kind).model_dump_json(), type=WorkType)
    for name, kind in SHIPPED.items()
}
OFFICE_ENDS = {"call_back", "complaint", "training", "training_need"}


@pytest.mark.parametrize("name", sorted(KINDS))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_what_a_crew_enters_is_what_the_form_takes(name: str, seed: int) -> None:
    sheet, chance = SiteSheet("T1", "2026-11-22", {}), random.Random(seed)
    given_answers = {
        field: answer(field, schema, sheet, chance)
        for field, schema in KINDS[name].form.get("properties", {}).items()
    }
    assert wrong_answers(SHIPPED[name], given_answers) == ()


def test_a_crew_finds_its_way_to_the_end_of_what_it_may_end() -> None:
    ends = {name: [rule.name for rule in way(kind, "assigned")] for name, kind in KINDS.items()}
    assert {name for name, steps in ends.items() if not steps} == OFFICE_ENDS
    assert ends["inspection"] == ["accept", "arrive", "close"]
    assert ends["liaison_notice"] == ["accept", "close"]
    assert way(KINDS["inspection"], "waiting") == (), "whoever waits for somebody is left to people"
    assert way(KINDS["inspection"], "closed") == ()


def test_safety_comes_before_the_work_and_everybody_is_clear_after_it() -> None:
    patrol = KINDS["patrol"]
    assert [rule.name for rule in asides(patrol, "arrived", {})] == ["make_safe", "report_clear"]
    chance = random.Random(1)
    (safe, clear) = asides(patrol, "arrived", {})
    placed = filled(patrol, safe, SiteSheet("T1", "2026-11-22", {}), chance)
    assert [rule.name for rule in asides(patrol, "arrived", placed)] == ["report_clear"]
    removed = filled(patrol, clear, SiteSheet("T1", "2026-11-22", placed), chance)
    assert removed["earthing_removed"] >= placed["earthing_placed"]
    assert asides(patrol, "arrived", {**placed, **removed}) == ()


@given(seed=st.integers(0, 2**32))
def test_where_it_can_it_answers_so_that_nobody_else_must_sign(seed: int) -> None:
    survey = KINDS["site_survey"]
    close = next(rule for rule in survey.steps if rule.name == "close")
    given_answers = filled(survey, close, SiteSheet("C1", "2026-11-22", {}), random.Random(seed))
    again = filled(survey, close, SiteSheet("C1", "2026-11-22", {}), random.Random(seed))
    assert given_answers == again
    assert set(given_answers) == {"ready_for_meter", "works_needed", "surveyed_by"}


def test_what_was_suspected_is_what_is_found() -> None:
    sheet = SiteSheet("T1", "2026-11-22", {"transformer_expected": "T1", "transformer_suspected": "T7"})
    assert answer("transformer_found", {"type": "string"}, sheet, random.Random(1)) == "T7"


def test_a_step_that_only_others_can_prove_is_left_to_them() -> None:
    rule = StepRule("close", ("assigned",), "closed", ("crew",), ("other_person",))
    kind = WorkType("k", ("closed",), {}, (rule,), {})
    assert way(kind, "assigned") == ()
