"""Guessing gets slower with every failure, also across restarts; passwords have rules."""

import itertools
import tempfile
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from field_api.http.app import create_app
from field_api.http.measures import Measures
from field_api.http.shared import Shared
from field_api.http.throttle import GROUPS, PER_GROUP, Throttle
from field_api.people.lockout import FORGOTTEN_MS, PATIENCE, Failures
from field_api.people.password_rules import password_problem
from field_api.usecases.lock_out import LockOut
from tests.field_api.people import PASSWORD
from tests.field_api.world import World

RIGHT = {"username": "dispatcher", "password": "dispatcher-demo"}
WRONG = RIGHT | {"password": "wrong"}


def _try(client: FlaskClient, body: dict[str, str], address: str = "10.0.0.1") -> tuple[int, int]:
    answer = client.post("/api/v1/session", json=body, environ_base={"REMOTE_ADDR": address})
    return answer.status_code, int(answer.headers.get("Retry-After", 0))


@given(st.sampled_from(sorted(PATIENCE)), st.integers(0, 500))
def test_each_failure_waits_at_least_as_long(kind: str, failures: int) -> None:
    patience = PATIENCE[kind]
    assert patience.wait_ms(failures) <= patience.wait_ms(failures + 1) <= patience.most_ms
    assert (patience.wait_ms(failures) == 0) == (failures < patience.free)


def test_failures_of_yesterday_are_forgotten() -> None:
    failures = Failures(7, 1_000)
    assert failures.after(1_000 + FORGOTTEN_MS).count == 8
    assert failures.after(1_001 + FORGOTTEN_MS).count == 1


def test_the_wait_grows_and_a_restart_forgives_nobody(world: World) -> None:
    client = world.app.test_client()
    for _ in range(5):
        assert _try(client, WRONG)[0] == 401
    assert _try(client, RIGHT) == (429, 60)
    restarted = create_app(world.services).test_client()
    assert _try(restarted, RIGHT) == (429, 60)
    world.clock.now_ms += 60_000
    assert _try(restarted, WRONG)[0] == 401
    assert _try(restarted, RIGHT) == (429, 120)
    world.clock.now_ms += 120_000
    assert _try(restarted, RIGHT)[0] == 200
    assert _try(restarted, WRONG)[0] == 401, "the account begins anew"


def test_guesses_from_many_addresses_close_the_account_for_a_while(world: World) -> None:
    lock_out = world.services.people.lock_out
    for number in range(PATIENCE["account"].free):
        lock_out.failed("dispatcher", f"10.1.0.{number}", world.clock())
    assert lock_out.wait_s("dispatcher", "10.2.0.1", world.clock()) == 60
    assert lock_out.wait_s("admin", "10.2.0.1", world.clock()) == 0
    LockOut(world.services.desk).forgive("dispatcher")
    assert lock_out.wait_s("dispatcher", "10.2.0.1", world.clock()) == 0


def test_an_address_that_guesses_names_waits_for_all_of_them(world: World) -> None:
    lock_out = world.services.people.lock_out
    for number in range(PATIENCE["address"].free):
        lock_out.failed(f"name {number}", "10.3.0.1", world.clock())
    assert lock_out.wait_s("admin", "10.3.0.1", world.clock()) == 60
    assert lock_out.wait_s("admin", "10.3.0.2", world.clock()) == 0


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("short", "password.length"),
        ("x" * 201, "password.length"),
        ("Password123", "password.common"),
        ("annaanna", "password.is_user_name"),
        ("abababab", "password.few_characters"),
    ],
)
def test_passwords_that_will_not_do(password: str, told: str) -> None:
    problem = password_problem(password, "annaanna")
    assert problem is not None and problem.code == told


def test_people_change_their_own_password(world: World) -> None:
    person = world.log_in("dispatcher")
    change = "/api/v1/session/password"
    body = {"old": RIGHT["password"], "new": PASSWORD}
    assert person.send("PUT", change, body | {"old": "wrong"}).status_code == 403
    assert person.send("PUT", change, body | {"new": "short"}).status_code == 422
    assert person.send("PUT", change, body | {"new": RIGHT["password"]}).status_code == 422
    assert person.send("PUT", change, body).status_code == 204
    assert person.get("/api/v1/session").status_code == 401
    world.log_in("dispatcher", PASSWORD)


def test_whoever_asks_too_often_waits() -> None:
    now_s = [0.0]
    throttle = Throttle(2, burst=3, clock_s=lambda: now_s[0])
    assert [throttle.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert throttle.wait_s("b") == 0
    now_s[0] = 0.5
    assert [throttle.wait_s("a") for _ in range(2)] == [0, 0.5]


def test_processes_that_share_memory_limit_and_count_together() -> None:
    with tempfile.TemporaryFile() as file:
        both = [Shared(file.fileno()) for _ in range(2)]
        one, other = (Throttle(2, burst=3, clock_s=lambda: 1.0, shared=shared) for shared in both)
        assert [asked.wait_s("a") for asked in (one, other, one, other)] == [0, 0, 0, 0.5]
        counts = [Measures(["look", "write"], shared) for shared in both]
        for measures, status in zip(counts, (200, 429), strict=True):
            measures.count("write", status)
        assert counts[0].answers() == counts[1].answers() == {("write", 200): 1, ("write", 429): 1}


def test_many_keys_are_forgotten_oldest_first() -> None:
    now_s = itertools.count(1.0, 1e-6)
    throttle = Throttle(1e-9, burst=1, clock_s=lambda: next(now_s))
    keys = [str(number) for number in range(GROUPS * PER_GROUP * 2)]
    assert not any(map(throttle.wait_s, keys))
    assert all(map(throttle.wait_s, keys[-100:])), "who asked last is known"


def test_every_operation_is_limited(world: World) -> None:
    throttle = Throttle(4, burst=1, clock_s=lambda: 9.0)
    strict = create_app(replace(world.services, throttle=throttle)).test_client()
    token = strict.post("/api/v1/tokens", json=RIGHT).get_json()["token"]
    for status in (200, 429):
        answer = strict.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
    assert answer.headers["Retry-After"] == "1", "a quarter of a second, told in whole ones"
    document = world.app.test_client().get("/api/openapi.json").get_json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert "429" in operation["responses"], path
