"""Entity tags: nothing known is sent again, nothing changed unseen (RFC 9110 13)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.http.app import all_operations
from field_api.http.etags import NO_REVISION, entity_tag, is_known, seen_revision
from tests.field_api.world import Person, World

AT = "2026-11-22T08:00:00Z"


def _get(who: Person, path: str, tag: str = "") -> Any:
    return who.client.get(path, headers={"If-None-Match": tag} if tag else {})


def _step(
    who: Person, order_id: str, if_match: str, operation: str, step: str = "accept", **more: object
) -> Any:
    body = {"operation_id": operation, "step": step, "at": AT, **more}
    headers = {"X-CSRF-Token": who.csrf_token, "If-Match": if_match}
    return who.client.post(f"/api/v1/orders/{order_id}/steps", json=body, headers=headers)


CONDITIONAL = (
    "/api/v1/orders/ord-out-west-1", "/api/v1/outages/out-west", "/api/v1/outages/out-west/scope",
    "/api/v1/crews", "/api/v1/work-types", "/api/v1/incidents/inc-out-west",
)  # fmt: skip


@pytest.mark.parametrize("path", CONDITIONAL)
def test_what_is_held_already_is_not_sent_again(path: str, busy_world: World) -> None:
    who = busy_world.log_in("dispatcher")
    first = _get(who, path)
    tag = first.headers["ETag"]
    assert first.status_code == 200
    assert not tag.startswith("W/")
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = _get(who, path, known)
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert _get(who, path, '"other"').data == first.data


def test_every_conditional_operation_is_documented(busy_world: World) -> None:
    document = busy_world.app.test_client().get("/api/openapi.json").get_json()
    for operation in all_operations(demo=True):
        told = document["paths"][operation.documented_path][operation.method.lower()]
        names = {one["name"] for one in told.get("parameters", ()) if one["in"] == "header"}
        assert ("If-None-Match" in names) is operation.conditional
        assert ("If-Match" in names) is operation.if_match
        assert ("304" in told["responses"]) is operation.conditional
        assert ("412" in told["responses"]) is operation.if_match


def test_a_tag_is_as_good_as_a_revision(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    path = f"/api/v1/orders/{order['id']}"
    tag = _get(crew, path).headers["ETag"]
    first = _step(crew, order["id"], tag, "op-accept-1")
    assert first.status_code == 200
    assert _step(crew, order["id"], tag, "op-accept-1").data == first.data, "the answer was lost"
    stale = _step(crew, order["id"], tag, "op-arrive-1", "arrive")
    assert stale.status_code == 412
    assert stale.get_json()["current"]["revision"] == 2
    assert _get(crew, path).headers["ETag"] != tag
    assert _step(crew, order["id"], "*", "op-arrive-2", "arrive").status_code == 200


@pytest.mark.parametrize("tag", ["1", '"0"', '"x-1"', '""', '"1", "2"', 'W/"1-a"'])
def test_a_condition_that_names_no_revision_never_holds(tag: str, world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    assert _step(crew, order["id"], tag, "op-accept-1").status_code == 412


def test_a_step_that_names_no_revision_at_all_is_asked_for_one(world: World) -> None:
    order, crew = world.confirmed(), world.log_in("crew-02")
    body = {"operation_id": "op-accept-1", "step": "accept", "at": AT}
    assert crew.send("POST", f"/api/v1/orders/{order['id']}/steps", body).status_code == 428
    assert crew.send("POST", "/api/v1/orders/none/steps", body).status_code == 404


@given(text=st.binary(max_size=40), other=st.binary(max_size=40), revision=st.integers(1, 9_999_999))
@settings(max_examples=100, deadline=None)
def test_tags_tell_texts_apart(text: bytes, other: bytes, revision: int) -> None:
    tag = entity_tag(text, revision)
    assert is_known(tag, entity_tag(other, revision)) is (text == other)
    assert seen_revision(tag) == revision


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_header_is_read_without_an_error(header: str) -> None:
    assert is_known(header, entity_tag(b"", 1)) in {True, False}
    assert seen_revision(header) >= NO_REVISION
