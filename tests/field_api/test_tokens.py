"""Tokens of phones renew themselves, once each (fault 28); those of machines are limited and end."""

import threading
from typing import Any

import pytest

from field_api.usecases.login import hashed
from field_api.usecases.renew_tokens import ACCESS_MS, GRACE_MS, REFRESH_MS
from tests.field_api.people import acts
from tests.field_api.world import World

LOGIN = {"username": "crew-01", "password": "crew-demo"}


def _begin(world: World) -> dict[str, Any]:
    answer = world.app.test_client().post("/api/v1/tokens", json=LOGIN)
    assert answer.status_code == 201
    pair: dict[str, Any] = answer.get_json()
    return pair


def _renew(world: World, pair: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = world.app.test_client().post(
        "/api/v1/tokens/renew", json={"refresh_token": pair["refresh_token"]}
    )
    return answer.status_code, answer.get_json()


def _works(world: World, pair: dict[str, Any]) -> bool:
    header = {"Authorization": f"Bearer {pair['token']}"}
    return world.app.test_client().get("/api/v1/session", headers=header).status_code == 200


def test_a_phone_goes_on_with_renewed_tokens(world: World) -> None:
    pair = _begin(world)
    assert _works(world, pair)
    world.clock.now_ms += ACCESS_MS
    assert not _works(world, pair)
    status, following = _renew(world, pair)
    assert status == 200
    assert _works(world, following)
    assert following["refresh_token"] != pair["refresh_token"]


def test_a_lost_answer_may_be_asked_for_again(world: World) -> None:
    first = _begin(world)
    _, second = _renew(world, first)
    world.clock.now_ms += GRACE_MS
    assert _renew(world, first) == (200, second)
    assert _works(world, second)
    assert _renew(world, second)[0] == 200


def test_reuse_outside_grace_ends_the_whole_family(world: World) -> None:
    first, other = _begin(world), _begin(world)
    _, second = _renew(world, first)
    world.clock.now_ms += GRACE_MS + 1
    assert _renew(world, first)[0] == 401
    assert not _works(world, second)
    assert _renew(world, second)[0] == 401
    assert _works(world, other), "another login of the same person goes on"
    assert [action for action, _, _ in acts(world)].count("token.reused") == 1


def test_tokens_end_with_time_logout_password_and_disabling(world: World) -> None:
    old = _begin(world)
    world.clock.now_ms += REFRESH_MS
    assert _renew(world, old)[0] == 401
    left = _begin(world)
    header = {"Authorization": f"Bearer {left['token']}"}
    assert world.app.test_client().delete("/api/v1/session", headers=header).status_code == 204
    assert _renew(world, left)[0] == 401
    changed = _begin(world)
    with world.services.desk.writing() as session:
        login = session.users.by_username("crew-01")
        assert login is not None
        session.users.put(login.user, login.password_hash, world.clock())
    assert _renew(world, changed)[0] == 401
    assert not _works(world, changed)


def test_no_token_is_in_the_database(world: World) -> None:
    first = _begin(world)
    _, second = _renew(world, first)
    stored = (world.home.data_dir / "desk.db").read_bytes()
    stored += (world.home.data_dir / "desk.db-wal").read_bytes()
    for pair in (first, second):
        assert pair["token"].encode() not in stored
        assert pair["refresh_token"].encode() not in stored


def test_a_machine_has_a_name_cells_and_an_end(world: World) -> None:
    admin = world.log_in("admin")
    body = {"name": "gis", "grid_ids": ["G1"], "days": 2}
    made = admin.send("POST", "/api/v1/machine-tokens", body)
    assert made.status_code == 201
    assert admin.send("POST", "/api/v1/machine-tokens", body).status_code == 409
    header = {"Authorization": f"Bearer {made.get_json()['token']}"}
    client = world.app.test_client()
    shown = client.get("/api/v1/session", headers=header).get_json()["user"]
    assert (shown["role"], shown["grid_ids"], shown["name"]) == ("machine", ["G1"], "gis")
    assert client.get("/api/v1/outages", headers=header).status_code == 200
    assert client.post("/api/v1/calls", json={"customer_id": "C3"}, headers=header).status_code == 404
    assert client.post("/api/v1/calls", json={"customer_id": "C1"}, headers=header).status_code == 201
    assert client.get("/api/v1/crews", headers=header).status_code == 403, "where people are"
    listed = admin.get("/api/v1/machine-tokens").get_json()["items"]
    assert [(one["name"], one["grid_ids"]) for one in listed] == [("gis", ["G1"])]
    assert "token" not in listed[0]
    world.clock.now_ms += 2 * 24 * 3_600_000
    assert client.get("/api/v1/outages", headers=header).status_code == 401


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_revoked_machine_is_out_at_once(world: World, by: str) -> None:
    admin = world.log_in("admin")
    made = admin.send("POST", "/api/v1/machine-tokens", {"name": "crm"}).get_json()
    header = {"Authorization": f"Bearer {made['token']}"}
    client = world.app.test_client()
    assert client.get("/api/v1/outages", headers=header).status_code == 200
    assert admin.send("DELETE", f"/api/v1/machine-tokens/{made[by]}").status_code == 204
    assert client.get("/api/v1/outages", headers=header).status_code == 401
    assert admin.send("DELETE", f"/api/v1/machine-tokens/{made[by]}").status_code == 404
    assert {("token.add", "crm", "admin"), ("token.revoke", "crm", "admin")} <= set(acts(world))


def test_a_machine_cannot_be_logged_in_as(world: World) -> None:
    world.log_in("admin").send("POST", "/api/v1/machine-tokens", {"name": "gis"})
    body = {"username": "machine:gis", "password": "-"}
    assert world.app.test_client().post("/api/v1/tokens", json=body).status_code == 401


def test_only_administrators_make_tokens(world: World) -> None:
    for name in ("dispatcher", "viewer", "crew-01"):
        assert world.log_in(name).send("POST", "/api/v1/machine-tokens", {"name": "x"}).status_code == 403


def test_used_tokens_are_forgotten_after_a_week(world: World) -> None:
    first = _begin(world)
    _, second = _renew(world, first)
    world.clock.now_ms += 7 * 24 * 3_600_000 + 1
    world.worker.tidied_ms = 0
    world.worker.turn(threading.Event())
    with world.services.desk.reading() as session:
        assert session.refresh_tokens.get(hashed(first["refresh_token"])) is None
        assert session.refresh_tokens.get(hashed(second["refresh_token"])) is not None
    assert _renew(world, second)[0] == 200
