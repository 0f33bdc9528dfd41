"""CUS-01: whom a customer may pick: the best liked first, nobody who carries too much."""

from itertools import pairwise

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
