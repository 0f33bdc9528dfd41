"""CUS-01: whom a customer may pick: the best liked first, nobody who carries too much."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.service.manager_cards import ManagerCard, offered
from tests.field_api.world import World


def _card(person: str, open_orders: int = 0, ratings: tuple[float, ...] = ()) -> ManagerCard:
    return ManagerCard(person, person, 10, open_orders, ratings)


def test_cus_01_one_good_word_does_not_beat_many() -> None:
    cards = [
        _card("one", 0, (5.0,)),
        _card("many", 3, (4.5,) * 40),
        _card("none"),
        _card("bad", 0, (1.0,) * 9),
    ]
    assert [one.person_id for one in offered(cards)] == ["many", "one", "none", "bad"]


def test_cus_01_nobody_beyond_the_cap_is_offered() -> None:
    cards = [_card("full", 15, (5.0,) * 50), _card("free", 14)]
    assert [one.person_id for one in offered(cards)] == ["free"]


@given(
    st.lists(
        st.builds(
            _card,
            st.uuids().map(str),
            st.integers(0, 30),
            st.lists(st.floats(1, 5), max_size=8).map(tuple),
        ),
        max_size=12,
    ),
    st.integers(0, 20),
)
@settings(max_examples=80, deadline=None)
def test_cus_01_the_order_is_by_standing_and_the_cap_holds(cards: list[ManagerCard], cap: int) -> None:
    shown = offered(cards, cap)
    assert all(one.open < cap for one in shown)
    assert len(shown) == sum(one.open < cap for one in cards)
    assert all(a.standing >= b.standing for a, b in pairwise(shown))


def test_cus_01_cards_count_the_orders_that_a_manager_answers_for(world: World) -> None:
    order = world.confirmed(cause="T2")
    shown = world.log_in("dispatcher").get("/api/v1/manager-cards?grid_id=G2").get_json()["items"]
    card = next(one for one in shown if one["person_id"] == order["owner_id"])
    assert (card["open"], card["closed"], card["satisfaction"], card["ratings"]) == (1, 0, None, 0)
    assert world.log_in("crew-01").get("/api/v1/manager-cards?grid_id=G2").status_code == 404


def _public(world: World, path: str, body: dict[str, Any]) -> Any:
    return world.app.test_client().post(f"/api/v1/public/{path}", json=body)


def _open_case(world: World, number: int) -> dict[str, Any]:
    wanted = {"operation_id": f"op-case-{number:04d}", "type": "home_service", "subject_id": "C3"}
    answer = world.log_in("dispatcher").send("POST", "/api/v1/orders", wanted)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_cus_01_the_customers_pick_binds_their_cases_now_and_later(world: World) -> None:
    case = _open_case(world, 1)
    items = _public(world, "manager-cards", {"number": "C3"}).get_json()["items"]
    assert len(items) >= 2
    assert all(set(one) == {"card", "name", "closed", "open", "satisfaction", "ratings"} for one in items)
    assert all(one["name"].endswith("*") for one in items), "nothing of a person but what a card shows"
    owned = {
        one["card"]: one for one in _public(world, "manager-cards", {"number": case["number"]}).json["items"]
    }
    assert len(owned) == len(items)
    assert not {one["card"] for one in items} & set(owned), "a card is named for one number alone"
    other = next(one for one in items if one["open"] == 0)
    answer = _public(world, "manager-choice", {"number": "C3", "card": other["card"]}).get_json()
    assert (answer["bound"], answer["cases"]) == (True, [case["number"]])
    shown = world.log_in("dispatcher").get(f"/api/v1/orders/{case['id']}").get_json()
    assert shown["owner_id"] != case["owner_id"]
    assert shown["history"][-1]["step"] == "manager_chosen"
    assert _open_case(world, 2)["owner_id"] == shown["owner_id"]
    assert world.confirmed(cause="T2")["owner_id"] == case["owner_id"], "an outage stays with its cell"


def test_cus_01_a_manager_who_carries_enough_is_told_with_the_next_best(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = _open_case(world, 1)
    items = _public(world, "manager-cards", {"number": "C3"}).get_json()["items"]
    busy = next(one for one in items if one["open"] == 0)
    monkeypatch.setattr("field_api.usecases.choose_manager.MAX_OPEN", 0)
    answer = _public(world, "manager-choice", {"number": "C3", "card": busy["card"]}).get_json()
    assert (answer["bound"], answer["cases"]) == (False, [])
    assert answer["instead"]
    assert busy["card"] not in {one["card"] for one in answer["instead"]}
    assert set(answer["told"]) == {"zh", "en"}
    kept = world.log_in("dispatcher").get(f"/api/v1/orders/{case['id']}").get_json()
    assert kept["owner_id"] == case["owner_id"]


def test_cus_01_numbers_that_are_nobodys_have_no_cards(world: World) -> None:
    assert _public(world, "manager-cards", {"number": "nobody"}).get_json() == {"items": []}
    assert _public(world, "manager-choice", {"number": "nobody", "card": "x"}).status_code == 404
