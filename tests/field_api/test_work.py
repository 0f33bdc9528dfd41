"""Orders: only legal steps, an append-only history, the state its fold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.adapters.data_files import load_work_type
from field_api.orders.work import HistoryEntry, IllegalStep, apply, is_open, legal_steps, state_of

REPAIR = load_work_type("repair")
STEPS = [rule.name for rule in REPAIR.steps] + sorted(REPAIR.facts)


def _history(*steps: str) -> list[HistoryEntry]:
    return [HistoryEntry(n, n, step, n, "system", "system") for n, step in enumerate(steps, start=1)]


def test_the_ordinary_life_of_an_order() -> None:
    states = ["assigned", "accepted", "arrived", "repaired", "closed"]
    life = ["assign", "accept", "arrive", "repair", "close"]
    assert [state_of(REPAIR, _history(*life[: n + 1])) for n in range(5)] == states
    assert not is_open(REPAIR, "closed")


@pytest.mark.parametrize("state", ["assigned", "accepted", "arrived", "repaired", "closed", "cancelled"])
def test_facts_never_move_an_order(state: str) -> None:
    assert apply(REPAIR, state, "supply_returned") == state


def test_an_order_begins_with_its_opening_step_only() -> None:
    with pytest.raises(IllegalStep):
        apply(REPAIR, None, "accept")
    with pytest.raises(IllegalStep):
        state_of(REPAIR, [])
    with pytest.raises(IllegalStep, match=r"order\.no_such_step"):
        apply(REPAIR, "assigned", "fly")


def test_people_are_offered_only_what_people_may_do() -> None:
    offered = ("accept", "appoint", "transfer", "remark", "escalate", "cancel")
    assert legal_steps(REPAIR, "assigned") == offered, "assigning is the system's"
    assert legal_steps(REPAIR, "closed") == ()


@given(st.lists(st.sampled_from(STEPS), max_size=12))
@settings(max_examples=200, deadline=None)
def test_whatever_is_tried_a_closed_order_stays_closed(tried: list[str]) -> None:
    state = apply(REPAIR, None, REPAIR.opening)
    closed_as = ""
    for step in tried:
        try:
            state = apply(REPAIR, state, step)
        except IllegalStep:
            continue
        if closed_as:
            assert state == closed_as
        elif not is_open(REPAIR, state):
            closed_as = state
