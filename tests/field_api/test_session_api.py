"""Getting in and staying in: passwords, cookies, CSRF, tokens, throttling."""

import pytest

from field_api.http.operations import Answer, Operations
from tests.field_api.world import World

BODY = {"username": "dispatcher", "password": "dispatcher-demo"}
CALL = {"customer_id": "C1"}


def test_a_session_lives_from_login_to_logout(world: World) -> None:
    person = world.log_in("dispatcher")
    assert person.user["role"] == "dispatcher"
    assert person.get("/api/v1/session").get_json()["csrf_token"] == person.csrf_token
    assert person.send("DELETE", "/api/v1/session").status_code == 204
    assert person.get("/api/v1/session").status_code == 401


def test_the_cookie_is_out_of_scripts_reach(world: World) -> None:
    answer = world.app.test_client().post("/api/v1/session", json=BODY)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    secure = world.app.test_client().post("/api/v1/session", json=BODY, base_url="https://desk.example")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_a_cookie_alone_changes_nothing(world: World) -> None:
    person = world.log_in("dispatcher")
    for token in ({}, {"X-CSRF-Token": "guess"}, {"X-CSRF-Token": "é"}):
        answer = person.client.post("/api/v1/calls", json=CALL, headers=token)
        assert answer.status_code == 403
    assert person.send("POST", "/api/v1/calls", CALL).status_code == 201


def test_a_token_needs_no_csrf_and_ends(world: World) -> None:
    token = world.token("crew-01")
    header = {"Authorization": f"Bearer {token}"}
    client = world.app.test_client()
    assert client.post("/api/v1/calls", json=CALL, headers=header).status_code == 201
    world.clock.now_ms += 31 * 24 * 3_600_000
    assert client.get("/api/v1/session", headers=header).status_code == 401


def test_a_session_cookie_is_no_token_and_the_other_way_round(world: World) -> None:
    person = world.log_in("crew-01")
    cookie = person.client.get_cookie("gridcrew_session")
    assert cookie is not None
    header = {"Authorization": f"Bearer {cookie.value}"}
    assert world.app.test_client().get("/api/v1/session", headers=header).status_code == 401
    client = world.app.test_client()
    client.set_cookie("gridcrew_session", world.token("crew-01"))
    assert client.get("/api/v1/session").status_code == 401


def test_secrets_are_not_in_the_database(world: World) -> None:
    token = world.token("crew-01")
    person = world.log_in("dispatcher")
    stored = (world.home.data_dir / "desk.db").read_bytes()
    stored += (world.home.data_dir / "desk.db-wal").read_bytes()
    cookie = person.client.get_cookie("gridcrew_session")
    assert cookie is not None
    for secret in (token, cookie.value, "dispatcher-demo"):
        assert secret.encode() not in stored


def test_guessing_is_slowed_down_for_the_guesser_only(world: World) -> None:
    client = world.app.test_client()
    wrong = BODY | {"password": "wrong"}
    answers = [client.post("/api/v1/session", json=wrong).status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    refused = client.post("/api/v1/session", json=BODY)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    elsewhere = client.post("/api/v1/session", json=BODY, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert elsewhere.status_code == 200
    world.clock.now_ms += 301_000
    assert client.post("/api/v1/session", json=BODY).status_code == 200


def test_an_unknown_name_gets_the_same_answer_as_a_wrong_password(world: World) -> None:
    client = world.app.test_client()
    answers = [
        client.post("/api/v1/session", json={"username": name, "password": "x"}).data
        for name in ("dispatcher", "nobody")
    ]
    assert answers[0] == answers[1]


def test_a_new_password_ends_every_session(world: World) -> None:
    person = world.log_in("dispatcher")
    with world.services.desk.writing() as session:
        login = session.users.by_username("dispatcher")
        assert login is not None
        session.users.put(login.user, login.password_hash, world.clock())
    assert person.get("/api/v1/session").status_code == 401


def test_an_operation_must_say_who_may() -> None:
    with pytest.raises(ValueError, match="say either"):
        Operations().add("GET", "/x", "forgotten", answers={200: None})(lambda _call: Answer())


def test_every_answer_forbids_browsers_what_it_can(world: World) -> None:
    for path in ("/api/v1/session", "/", "/assets/none.js", "/healthz"):
        headers = world.app.test_client().get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "connect-src 'self' http://localhost:8441" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"


def test_a_strange_host_name_cannot_write_into_the_policy(world: World) -> None:
    answer = world.app.test_client().get("/healthz", headers={"Host": "x; script-src *:80"})
    assert "script-src *" not in answer.headers["Content-Security-Policy"]


def test_refusals_are_problems(world: World) -> None:
    person = world.log_in("dispatcher")
    refused = [
        person.get("/api/v1/orders/none"),
        person.get("/api/v1/orders?limit=0"),
        person.get("/api/v1/orders?limit=1&limit=2"),
        person.get("/api/v1/orders?colour=red"),
        person.get("/api/v1/nothing"),
        person.send("PATCH", "/api/v1/orders"),
        person.send("POST", "/api/v1/calls", {"customer_id": "C1\u0000"}),
        person.send("POST", "/api/v1/calls", {"customer_id": "C1", "colour": "red"}),
        person.client.post("/api/v1/session", data="{", content_type="application/json"),
        person.client.post("/api/v1/session", data="a=b"),
        person.client.post("/api/v1/session", data=b" " * 70_000, content_type="application/json"),
        world.app.test_client().get("/api/v1/orders"),
    ]
    statuses = [answer.status_code for answer in refused]
    assert statuses == [404, 422, 422, 422, 404, 405, 422, 422, 400, 415, 413, 401]
    for answer in refused:
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["status"] == answer.status_code
