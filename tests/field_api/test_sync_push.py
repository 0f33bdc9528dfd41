"""What a phone did without a signal, told later: answered one by one, once, in any pieces (fault 28)."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from field_api.http.app import create_app
from field_api.http.throttle import Throttle
from field_api.usecases.step_order import StepRequest
from field_api.usecases.sync_push import Told, chained, in_turn
from tests.field_api.pictures import announcement, picture
from tests.field_api.world import START_MS, Person, World, make_world

AT = "2026-11-22T08:00:00Z"


def _step(number: int, order: dict[str, Any], step: str, revision: int, **body: object) -> dict[str, Any]:
    return {
        "operation_id": f"op-{order['id']}-{number:04d}", "kind": "step", "at": AT, "order_id": order["id"],
        "body": {"step": step, "revision": revision, **body},
    }  # fmt: skip


def _remark(number: int, order: dict[str, Any], note: str) -> dict[str, Any]:
    return {
        "operation_id": f"op-{order['id']}-{number:04d}", "kind": "remark", "at": AT,
        "order_id": order["id"], "body": {"note": note},
    }  # fmt: skip


def _push(who: Person, *operations: dict[str, Any], **more: object) -> list[dict[str, Any]]:
    answer = who.send("POST", "/api/v1/sync/push", {"operations": operations, **more})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


def test_a_days_work_at_once(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    data = picture()
    photo = announcement(1, order["id"], data)
    del photo["order_id"]
    items = _push(
        crew,
        _step(1, order, "accept", 1),
        _step(2, order, "arrive", 2),
        {"operation_id": "op-photo-1", "kind": "photo", "at": AT, "order_id": order["id"], "body": photo},
        _step(3, order, "repair", 3, photos=[photo["id"]], finding={"element": "T2", "cause": "tree"}),
        _remark(4, order, "钥匙在邻居处"),
    )
    assert [one["status"] for one in items] == [200] * 5
    assert items[3]["document"]["state"] == "repaired"
    detail = crew.get(f"/api/v1/orders/{order['id']}").get_json()
    assert [one["step"] for one in detail["history"]] == ["assign", "accept", "arrive", "repair", "remark"]
    assert detail["photos_missing"] == [photo["id"]]


def test_one_bad_operation_blocks_nothing(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    bad: list[dict[str, Any]] = [
        {},
        {"operation_id": 7},
        {"operation_id": "a\x00b" * 4, "kind": "step", "at": AT, "body": {}},
        {"operation_id": "op-00000001", "kind": "drop_tables", "at": AT, "body": {}},
        {"operation_id": "op-00000002", "kind": "step", "at": "yesterday", "order_id": "x", "body": {}},
        {"operation_id": "op-00000003", "kind": "step", "at": AT, "body": {"step": "accept", "revision": 1}},
        _step(1, order, "accept", 1, colour="red"),
        _step(2, {"id": "ord-none"}, "accept", 1),
        _step(3, order, "close", 1),
        {"operation_id": "op-00000004", "kind": "position", "at": AT, "body": {"positions": []}},
    ]
    items = _push(crew, *bad, _step(9, order, "accept", 1))
    assert [one["status"] for one in items] == [422] * 7 + [404, 422, 422, 200]
    assert not any(one["retry"] for one in items)
    assert items[6]["problem"]["errors"][0]["field"] == "colour"


def test_an_error_of_ours_is_to_be_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    with monkeypatch.context() as broken:
        broken.setattr(type(world.services.step_order), "__call__", _broken)
        items = _push(crew, _step(1, order, "accept", 1))
        assert [(one["status"], one["retry"]) for one in items] == [(500, True)]
    assert [one["status"] for one in _push(crew, _step(1, order, "accept", 1))] == [200]


def _broken(*_: object) -> str:
    raise RuntimeError("a disk, a lock, anything")


def test_a_refusal_stays_a_refusal_when_it_is_repeated(world: World) -> None:
    """The person was told so; what they do next is another operation."""
    order, crew = world.confirmed(), world.log_in("crew-02")
    early = _step(1, order, "arrive", 2)
    first = _push(crew, early)
    assert first[0]["status"] == 409
    _push(crew, _step(2, order, "accept", 1))
    assert _push(crew, early) == first
    assert _push(crew, _step(3, order, "arrive", 2))[0]["status"] == 200


def test_the_same_id_for_something_else_is_refused_and_harms_nothing(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    accept = _step(1, order, "accept", 1)
    done = _push(crew, accept)
    other = accept | {"body": {"step": "accept", "revision": 1, "note": "another thing"}}
    assert _push(crew, other)[0]["status"] == 409
    assert _push(crew, accept) == done


def test_a_conflict_is_told_field_by_field(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    dispatcher = world.log_in("dispatcher")
    _push(dispatcher, _step(1, order, "accept", 1))
    (item,) = _push(crew, _step(2, order, "accept", 1))
    problem = item["problem"]
    assert (item["status"], item["retry"]) == (409, False)
    assert problem["current"]["revision"] == 2
    (told,) = problem["conflicts"]
    assert (told["field"], told["had"], told["wanted"], told["current"]) == (
        "state", "assigned", "accepted", "accepted",
    )  # fmt: skip
    assert (told["by"], told["step"]) == (dispatcher.user["id"], "accept")


def test_what_contradicts_nothing_is_let_pass(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    _push(world.log_in("dispatcher"), _remark(1, order, "call the village head first"))
    accept, arrive = _step(2, order, "accept", 1), _step(3, order, "arrive", 2)
    assert [one["status"] for one in _push(crew, accept, arrive)] == [200, 200]
    direct = {"operation_id": "op-direct-1", "step": "repair", "at": AT, "revision": 3}
    answer = crew.send("POST", f"/api/v1/orders/{order['id']}/steps", direct)
    assert answer.status_code == 409, "who is online looks again"
    rest = [_step(4, order, "repair", 1), _step(5, order, "report_clear", 1, answers={"earthing_removed": 0})]
    assert [one["status"] for one in _push(crew, *rest)] == [200, 200], "one's own steps are no conflict"


def test_clocks_that_are_wrong_are_set_right(world: World) -> None:
    """The phone is an hour ahead; it worked half an hour ago by our clock."""
    order, crew = world.confirmed(), world.log_in("crew-02")
    world.clock.now_ms += 3_600_000
    now = datetime.fromtimestamp(world.clock.now_ms / 1000, UTC)
    at = (now + timedelta(minutes=30)).isoformat()
    sent_at = (now + timedelta(minutes=60)).isoformat()
    _push(crew, _step(1, order, "accept", 1) | {"at": at}, sent_at=sent_at)
    entry = crew.get(f"/api/v1/orders/{order['id']}").get_json()["history"][-1]
    assert entry["time_source"] == "device"
    happened = datetime.fromisoformat(entry["happened_at"])
    assert happened == now - timedelta(minutes=30)


def test_positions_come_in_batches_and_the_newest_wins(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    _push(crew, _step(1, order, "accept", 1))
    start = datetime.fromtimestamp(START_MS / 1000, UTC)
    told = [
        {"lon": 116.0 + n / 100, "lat": 39.0, "state": "travelling",
         "at": (start + timedelta(milliseconds=n)).isoformat()}
        for n in (1, 3, 2)
    ]  # fmt: skip
    body = {"crew_id": "crew-02", "positions": told}
    world.clock.now_ms += 1000
    operation = {"operation_id": "op-position", "kind": "position", "at": AT, "body": body}
    (item,) = _push(crew, operation)
    assert (item["status"], item["document"]) == (200, None)
    mine = next(one for one in crew.get("/api/v1/crews").get_json()["items"] if one["id"] == "crew-02")
    assert mine["lon"] == 116.03
    assert _push(crew, operation | {"body": body | {"crew_id": "crew-01"}})[0]["status"] == 404


def test_an_order_may_be_opened_without_a_signal(world: World) -> None:
    crew = world.log_in("crew-02")
    operation = {
        "operation_id": "op-defect-1", "kind": "open", "at": AT,
        "body": {
            "type": "defect", "subject_id": "T2", "note": "油渍",
            "answers": {"severity": "general", "description": "油渍"},
        },
    }  # fmt: skip
    (first,) = _push(crew, operation)
    assert first["status"] == 200, first
    assert _push(crew, operation) == [first]


def test_the_same_push_at_the_same_time_happens_once(world: World) -> None:
    """A phone that waited too long sends again while the first is still being worked on."""
    order = world.confirmed()
    phones = [world.log_in("crew-02") for _ in range(4)]
    told = [_step(1, order, "accept", 1), _remark(2, order, "on the way"), _step(3, order, "close", 2)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda phone: _push(phone, *told), phones))
    assert [one["status"] for one in answers[0]] == [200, 200, 422]
    assert all(one == answers[0] for one in answers)
    history = phones[0].get(f"/api/v1/orders/{order['id']}").get_json()["history"]
    assert [one["step"] for one in history] == ["assign", "accept", "remark"]


def test_a_long_push_is_taken(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    items = _push(crew, *(_remark(n, order, "字" * 500) for n in range(100)))
    assert {one["status"] for one in items} == {200}


def test_a_push_has_its_limit(world: World) -> None:
    crew = world.log_in("crew-02")
    answer = crew.send("POST", "/api/v1/sync/push", {"operations": [{}] * 201})
    assert answer.status_code == 422


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Orders for many phones: each example takes a fresh pair."""
    made = make_world(tmp_path_factory.mktemp("twin"))
    made.app = create_app(replace(made.services, throttle=Throttle(1e9)))
    return made


def _pair(world: World) -> list[dict[str, Any]]:
    dispatcher = world.log_in("dispatcher")
    made = []
    for _ in range(2):
        body = {"operation_id": uuid.uuid4().hex, "type": "repair", "subject_id": "T2"}
        answer = dispatcher.send("POST", "/api/v1/orders", body)
        assert answer.status_code == 201, answer.text
        made.append(answer.get_json())
    return made


STORIES = ("accept", "arrive", "close", "repair", "remark")
"""The third is out of turn: refused, whenever it is sent again."""


def _story(order: dict[str, Any]) -> list[dict[str, Any]]:
    revision, told = 1, []
    for number, step in enumerate(STORIES):
        if step == "remark":
            told.append(_remark(number, order, "done"))
            continue
        told.append(_step(number, order, step, revision))
        revision += step != "close"
    return told


PIECES = st.lists(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(1, 3)), max_size=5), max_size=6
)
"""Pushes: of one of two orders, from some operation on, so many."""


@given(pieces=PIECES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_pieces_of_pushes_end_the_same(pieces: list[list[tuple[bool, int, int]]], twin: World) -> None:
    """Cut anywhere, sent again, mixed between orders; each order's own operations keep their order."""
    orders = _pair(twin)
    crew = twin.log_in(orders[0]["crew_id"])
    stories = [_story(order) for order in orders]
    done = [0, 0]
    answers: dict[str, dict[str, Any]] = {}
    for piece in [*pieces, [(False, 0, 9), (True, 0, 9)]]:
        pushed = []
        for which, begin, length in piece:
            first = min(begin, done[which])
            pushed += stories[which][first : first + length]
            done[which] = max(done[which], min(first + length, len(STORIES)))
        for operation, item in zip(pushed, _push(crew, *pushed), strict=True):
            before = answers.setdefault(operation["operation_id"], item)
            assert before == item, "the same operation, the same answer"
    for order in orders:
        detail = crew.get(f"/api/v1/orders/{order['id']}").get_json()
        assert [one["step"] for one in detail["history"]] == [
            "assign",
            "accept",
            "arrive",
            "repair",
            "remark",
        ]
        assert detail["state"] == "repaired"


def _told_apart(order: dict[str, Any]) -> list[dict[str, Any]]:
    """A day whose operations each say what they come after: two estimates, a refusal, a picture."""
    data = picture()
    photo = announcement(1, order["id"], data) | {"id": f"01JDA{uuid.uuid4().hex[:21].upper()}"}
    del photo["order_id"]
    told: list[dict[str, Any]] = [
        _step(0, order, "accept", 1),
        _step(1, order, "estimate", 1, estimate_at="2026-11-22T10:00:00Z"),
        _step(2, order, "arrive", 1),
        _step(3, order, "close", 1),
        _step(4, order, "estimate", 1, estimate_at="2026-11-22T11:00:00Z"),
        {"operation_id": f"op-{order['id']}-photo", "kind": "photo", "at": AT, "order_id": order["id"],
         "body": photo},
        _step(6, order, "repair", 1, photos=[photo["id"]], note="done"),
        _remark(7, order, "gone"),
    ]  # fmt: skip
    return [
        one | {"after": [told[place - 1]["operation_id"]] if place else []} for place, one in enumerate(told)
    ]


SHUFFLED = st.lists(st.lists(st.integers(0, 7), max_size=10), max_size=5)


@given(pieces=SHUFFLED, rest=st.permutations(range(8)))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_order_and_repetition_of_what_a_phone_did_ends_the_same(
    pieces: list[list[int]], rest: list[int], twin: World
) -> None:
    """Fault 28: in whatever order it comes, as often as it comes; each has one last word, of its turn."""
    order = _pair(twin)[0]
    crew = twin.log_in(order["crew_id"])
    story = _told_apart(order)
    last_words: dict[str, list[int]] = {}
    for piece in [*pieces, rest, *([place] for place in rest)]:
        pushed = [story[place] for place in piece]
        for place, item in zip(piece, _push(crew, *pushed), strict=True):
            assert item["retry"] == (item["status"] == 425) == bool(item["waits_for"])
            assert item["waits_for"] in ([], story[place]["after"])
            if not item["retry"]:
                last_words.setdefault(item["operation_id"], []).append(item["status"])
    assert [set(last_words[one["operation_id"]]) for one in story] == [
        {200}, {200}, {200}, {422}, {200}, {200}, {200}, {200},
    ]  # fmt: skip
    detail = crew.get(f"/api/v1/orders/{order['id']}").get_json()
    walked = ["assign", "accept", "estimate", "arrive", "estimate", "repair", "remark"]
    assert [one["step"] for one in detail["history"]] == walked
    assert (detail["state"], detail["estimate_at"]) == ("repaired", "2026-11-22T11:00:00.000Z")


def test_a_step_waits_for_the_one_before_it_that_failed_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the phone does not say what comes after what: it is not refused for our failure."""
    order, crew = world.confirmed(), world.log_in("crew-02")
    other = world.confirmed("out-2", cause="T1")
    told = [_step(1, order, "accept", 1), _step(2, order, "arrive", 1), _remark(3, other, "seen from here")]
    with monkeypatch.context() as broken:
        does = type(world.services.step_order).__call__
        broken.setattr(type(world.services.step_order), "__call__", _broken_for(does, "accept"))
        items = _push(crew, *told)
    assert [(one["status"], one["retry"]) for one in items] == [(500, True), (425, True), (404, False)]
    assert items[1]["waits_for"] == [told[0]["operation_id"]]
    assert [one["status"] for one in _push(crew, *told)] == [200, 200, 404]


def _broken_for(does: Callable[..., str], step: str) -> Callable[..., str]:
    def doing(itself: object, user: object, order_id: str, request: StepRequest, now_ms: int) -> str:
        if request.step == step:
            raise RuntimeError("a disk, a lock, anything")
        return does(itself, user, order_id, request, now_ms)

    return doing


def test_nothing_waits_for_what_nobody_remembers(world: World) -> None:
    """Answers are kept for thirty days: a step of before then is judged as it comes."""
    order, crew = world.confirmed(), world.log_in("crew-02")
    lost = _step(1, order, "accept", 1) | {"after": ["op-never-sent"]}
    assert [one["status"] for one in _push(crew, lost)] == [425]
    old = lost | {"at": "2026-10-01T08:00:00Z", "operation_id": "op-of-october"}
    assert [one["status"] for one in _push(crew, old)] == [200]


LANES = st.sampled_from(["", "a", "b"])
NAMES = st.sampled_from(["", *"pqrstu"])
TOLD = st.lists(
    st.builds(Told, NAMES, st.just(""), LANES, st.none() | st.lists(NAMES, max_size=3).map(tuple)), max_size=8
)


@given(told=TOLD)
def test_a_turn_is_found_for_each_and_what_comes_before_is_before(told: list[Told]) -> None:
    turns = chained(told)
    places = in_turn(turns)
    assert sorted(places) == list(range(len(told)))
    if all(one.after is None for one in told):
        assert list(places) == list(range(len(told))), "where the phone says nothing, as it stands"
    first = {one.id: place for place, one in reversed(list(enumerate(turns)))}
    for place, one in enumerate(turns):
        for before in one.after or ():
            circle = one.id in _all_before(turns, first, before)
            early = before in first and places.index(first[before]) > places.index(place)
            assert circle or not early


def _all_before(turns: Sequence[Told], first: dict[str, int], name: str) -> set[str]:
    """The name and all that it comes after, near and far."""
    found, ahead = set[str](), [name]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += [two for place in turns if place.id == one for two in place.after or ()]
    return found


def test_an_appointment_ends_after_it_begins(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    agreed = {"begins_at": "2026-11-23T03:00:00Z", "ends_at": "2026-11-23T03:00:00Z"}
    (item,) = _push(crew, _step(1, order, "accept", 1, appointment=agreed))
    assert item["status"] == 422
    missing = item["problem"]["facts"]["missing"]
    assert [one["code"] for one in missing] == ["proof.appointment_window"]
