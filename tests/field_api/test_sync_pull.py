"""A phone asks for what changed: everything at first, then that alone, all again where that is lost."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.ports import PageAfter
from field_api.sync_cursor import Basis, Place, place_of, where_to_go_on
from telemetry.outages import OutageState
from tests.field_api.world import Person, World

AT = "2026-11-22T08:00:00Z"


def _pull(who: Person, cursor: str | None = None, limit: int = 30) -> dict[str, Any]:
    path = f"/api/v1/sync/pull?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
    answer = who.get(path)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.get_json()
    return page


def _orders(page: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["id"], one["removed"]) for one in page["items"] if one["kind"] == "order"]


def _step(who: Person, order: dict[str, Any], step: str, **more: object) -> dict[str, Any]:
    body = {"operation_id": f"op-{step}-{order['revision']}", "step": step, "at": AT,
            "revision": order["revision"], **more}  # fmt: skip
    answer = who.send("POST", f"/api/v1/orders/{order['id']}/steps", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def test_everything_a_phone_needs_comes_at_first(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    page = _pull(crew)
    assert (page["reset"], page["more"]) == (True, False)
    assert {one["id"] for one in page["items"] if one["kind"] == "work_type"} == set(
        world.services.company.work_types
    )
    (item,) = [one for one in page["items"] if one["kind"] == "order"]
    assert item["order"]["history"][0]["step"] == "assign"
    sketch = item["sketch"]
    assert [one["id"] for one in sketch["path"]] == ["S1", "CB1", "LN2", "T2"]
    assert [(one["id"], one["node_id"]) for one in sketch["meters"]] == [("M3", "L2"), ("M4", "L2")]
    assert item["dead_meters"] == ["M3", "M4"]
    assert item["contacts"] is None, "nobody's phone before the order is accepted"
    assert order["id"] == item["id"]


def test_an_accepted_order_brings_its_contacts(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    cursor = _pull(crew)["next_cursor"]
    order = _step(crew, order, "accept")
    (item,) = _pull(crew, cursor)["items"]
    assert {one["phone"] for one in item["contacts"]["items"]} == {"13612345670", "13712345671"}
    assert all(one["contacts"] is None for one in _pull(world.log_in("dispatcher"))["items"])


def test_only_changes_come_afterwards(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    first = _pull(crew)
    again = _pull(crew, first["next_cursor"])
    assert (again["items"], again["reset"], again["more"]) == ([], False, False)
    _step(crew, order, "accept")
    changed = _pull(crew, again["next_cursor"])
    assert _orders(changed) == [(order["id"], "")]
    assert changed["items"][0]["order"]["state"] == "accepted"
    assert _pull(crew, again["next_cursor"])["items"] == changed["items"], "the answer was lost"
    assert _pull(crew, changed["next_cursor"])["items"] == []


def test_an_order_that_has_left_is_told_by_its_id(world: World) -> None:
    order, crew, dispatcher = world.confirmed(), world.log_in("crew-02"), world.log_in("dispatcher")
    cursor = _pull(crew)["next_cursor"]
    _step(dispatcher, order, "transfer", to_crew="crew-01", note="nearer")
    assert _orders(_pull(crew, cursor)) == [(order["id"], "elsewhere")]
    other = world.confirmed("out-2", cause="T1")
    first = world.log_in("crew-01")
    cursor = _pull(first)["next_cursor"]
    _step(dispatcher, other, "cancel", note="a mistake")
    assert _orders(_pull(first, cursor)) == [(other["id"], "closed")]


def test_a_crew_works_on_what_it_took_over_from_another_cell(world: World) -> None:
    order, helper, dispatcher = world.confirmed(), world.log_in("crew-01"), world.log_in("dispatcher")
    cursor = _pull(helper)["next_cursor"]
    assert _seen(helper, order) == {404}
    order = _step(dispatcher, order, "transfer", to_crew="crew-01", note="nearer")
    page = _pull(helper, cursor)
    assert _orders(page) == [(order["id"], "")]
    assert _seen(helper, order) == {200}, "what it is about too"
    order = _step(helper, order, "accept")
    assert helper.get(f"/api/v1/orders/{order['id']}/contacts").get_json()["items"]
    _step(dispatcher, order, "transfer", to_crew="crew-02", note="back again, the way is blocked")
    assert _orders(_pull(helper, page["next_cursor"])) == [(order["id"], "elsewhere")]
    assert _seen(helper, order) == {404}


def _seen(person: Person, order: dict[str, Any]) -> set[int]:
    """How the order and its outage are answered."""
    paths = (f"orders/{order['id']}", f"outages/{order['outage_id']}")
    return {person.get(f"/api/v1/{path}").status_code for path in paths}


def test_what_an_outage_says_anew_comes_with_its_order(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    _step(crew, order, "accept")
    cursor = _pull(crew)["next_cursor"]
    world.publish("out-1", OutageState.RESTORED)
    world.work()
    page = _pull(crew, cursor)
    assert _orders(page) == [(order["id"], "")]
    assert page["items"][0]["dead_meters"] == []


def test_a_sketch_comes_once_and_again_with_another_place(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    world.clock.now_ms += 3_600_000
    cursor = _pull(crew)["next_cursor"]
    world.clock.now_ms += 1000
    order = _step(crew, order, "accept")
    page = _pull(crew, cursor)
    assert page["items"][0]["sketch"] is None, "as it was sent before"
    assert page["items"][0]["dead_meters"] == ["M3", "M4"]
    world.publish("out-1", OutageState.CONFIRMED, "LN2", cut=("LN2",))
    world.work()
    page = _pull(crew, page["next_cursor"])
    assert page["items"][0]["order"]["element"] == "LN2"
    assert page["items"][0]["sketch"]["path"][-1]["id"] == "LN2"


def test_only_meters_of_ones_own_cells_are_told(world: World) -> None:
    """An outage over two cells: each crew hears of its own doors."""
    world.publish("out-1", OutageState.CONFIRMED, "CB1", cut=("CB1",))
    world.work()
    for name, mine in (("crew-01", {"M1", "M2"}), ("crew-02", {"M3", "M4"})):
        for item in _pull(world.log_in(name))["items"]:
            if item["kind"] == "order":
                assert set(item["dead_meters"]) == mine
                assert {one["id"] for one in item["sketch"]["meters"]} == mine


def test_what_is_sent_is_compressed_for_who_can_read_that(world: World) -> None:
    world.confirmed()
    crew = world.log_in("crew-02")
    plain = crew.get("/api/v1/sync/pull")
    packed = crew.client.get("/api/v1/sync/pull", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) * 4 < len(plain.data)
    assert json.loads(gzip.decompress(packed.data))["items"] == plain.get_json()["items"]


def test_a_cursor_whose_events_are_gone_begins_anew(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    cursor = _pull(crew)["next_cursor"]
    for _ in range(3):
        order = _step(crew, order, "remark", note="a word")
    with world.services.desk.writing() as session:
        session.feed.prune(1)
    page = _pull(crew, cursor)
    assert page["reset"]
    assert (order["id"], "") in _orders(page)


def test_everything_comes_in_pages_and_nothing_is_missed_between_them(world: World) -> None:
    crew, dispatcher = world.log_in("crew-02"), world.log_in("dispatcher")
    made = []
    for number in range(5):
        body = {"operation_id": f"op-open-{number}", "type": "repair", "subject_id": "T2"}
        made.append(dispatcher.send("POST", "/api/v1/orders", body).get_json())
        world.clock.now_ms += 1000
    page = _pull(crew, limit=2)
    held = dict(_orders(page))
    _step(dispatcher, made[4], "cancel", note="was sent already, and goes while pages are fetched")
    while page["more"]:
        page = _pull(crew, page["next_cursor"], limit=2)
        assert not page["reset"]
        held |= dict(_orders(page))
    held |= dict(_orders(_pull(crew, page["next_cursor"], limit=2)))
    assert held == {one["id"]: "closed" if one is made[4] else "" for one in made}


def test_another_persons_cursor_begins_anew(world: World) -> None:
    world.confirmed()
    cursor = _pull(world.log_in("crew-02"))["next_cursor"]
    page = _pull(world.log_in("crew-01"), cursor)
    assert page["reset"]
    assert _orders(page) == []


@pytest.mark.parametrize("cursor", ["x", "AAAA", "eyJhIjoxfQ", "W10", "WzEsWyIiLCIiLCIiXSwtMSxudWxsLHRydWVd"])
def test_a_cursor_that_is_not_ours_begins_anew(cursor: str, busy_world: World) -> None:
    assert _pull(busy_world.log_in("crew-02"), cursor)["reset"]


_TEXT = st.text(max_size=30)
_BASES = st.builds(Basis, _TEXT, _TEXT, _TEXT)
_PAGES = st.none() | st.builds(PageAfter, st.integers(0, 2**50), _TEXT)


@given(place=st.builds(Place, _BASES, st.integers(0, 2**50), _PAGES, st.integers(0, 2**50), st.booleans()))
@settings(max_examples=100, deadline=None)
def test_a_cursor_is_read_as_it_was_written(place: Place) -> None:
    assert place_of(place.text) == place


@given(feed=st.integers(0, 20), oldest=st.integers(1, 20), length=st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_no_event_is_skipped(feed: int, oldest: int, length: int) -> None:
    """Either the phone goes on where it stopped and every later event is still there, or it begins anew."""
    basis, newest = Basis("a", "b", "c"), oldest + length
    place, reset = where_to_go_on(Place(basis, feed, whole=False), basis, oldest, newest)
    kept = feed + 1 >= oldest and feed <= newest
    assert reset is not kept
    assert place.feed == (feed if kept else newest)


def test_another_network_is_sent_beside_what_is_held() -> None:
    old, new = Basis("a", "n1", "c"), Basis("a", "n2", "c")
    place, reset = where_to_go_on(Place(old, 7, whole=False), new, 1, 9)
    assert (reset, place) == (False, Place(new, 7, whole=True))
