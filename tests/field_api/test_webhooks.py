"""Webhooks: signed, once per key, tried again, apart from each other; and nowhere that they must not go."""

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from field_api.adapters.pinned_post import PinnedPost
from field_api.adapters.vault import Vault
from field_api.http.app import create_app
from field_api.partners.webhooks import (
    MAX_ATTEMPTS,
    MAX_FAILURES,
    BadTarget,
    NotTrusted,
    TargetRules,
    next_attempt_ms,
)
from field_api.usecases.deliver_webhooks import DeliverWebhooks
from field_api.usecases.manage_webhooks import ManageWebhooks
from tests.field_api.world import World

AUTHORITIES = "authorities.pem"
LOCAL = TargetRules(frozenset({"partner.test", "dead.test"}), private=True)


@dataclass
class Partner:
    """A receiver of our own; ``answers`` are the statuses that it gives, then 200 for ever."""

    scheme: str = "http"
    port: int = 0
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    redirects_to: str = ""

    @property
    def url(self) -> str:
        return f"{self.scheme}://partner.test:{self.port}/hook?x=1"


@contextmanager
def _running(tls: ssl.SSLContext | None = None) -> Iterator[Partner]:
    told = Partner("http" if tls is None else "https")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append((dict(self.headers), body))
            status = told.answers.pop(0) if told.answers else 200
            self.send_response(status)
            if status == 302:
                inside = f"http://127.0.0.1:{told.port}/inside"
                self.send_header("Location", told.redirects_to or inside)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def partner() -> Iterator[Partner]:
    with _running() as told:
        yield told


class AtOnce(Executor):
    """Runs in the caller's thread, so that a test can look afterwards."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@dataclass
class House:
    world: World
    manage: ManageWebhooks
    deliver: DeliverWebhooks

    def turn(self, ms: int = 0) -> None:
        self.world.clock.now_ms += ms
        self.deliver(self.world.clock())


def _post(folder: Path) -> PinnedPost:
    """By whoever's authorities stand in that folder; every name leads to ourselves."""
    rules = replace(LOCAL, authorities=str(folder / AUTHORITIES))
    return PinnedPost(rules, lambda host, port: ["127.0.0.1"], timeout_s=2)  # noqa: ARG005


@pytest.fixture
def house(world: World, tmp_path: Path) -> House:
    vault = Vault(tmp_path / "keys")
    post = _post(tmp_path)
    desk = world.services.desk
    return House(
        world, ManageWebhooks(desk, LOCAL, vault.seal), DeliverWebhooks(desk, post, vault.unseal, AtOnce())
    )


def _subscribe(house: House, url: str, *kinds: str, cells: frozenset[str] = frozenset()) -> tuple[str, str]:
    with house.world.services.desk.reading() as session:
        admin = session.users.by_username("admin")
    assert admin is not None
    hook, secret = house.manage.make(admin.user, url, frozenset(kinds), cells, house.world.clock())
    return hook.id, secret


def test_what_happens_is_told_signed_and_once(house: House, partner: Partner) -> None:
    _, secret = _subscribe(house, partner.url, "outage", "order")
    _subscribe(house, partner.url.replace("x=1", "x=2"), "outage", cells=frozenset({"G1"}))
    house.world.confirmed("out-1", cause="T2")  # of G2
    for _ in range(3):
        house.turn()
    told = [json.loads(body) for _, body in partner.got]
    assert {(one["event"], one["data"].get("id")) for one in told} >= {("outage", "out-1")}
    assert {one["event"] for one in told} == {"outage", "order"}, "the other cell's subscriber got nothing"
    keys = [headers["Gridcrew-Key"] for headers, _ in partner.got]
    assert len(keys) == len(set(keys))
    headers, body = partner.got[0]
    signed = f"{headers['Gridcrew-Timestamp']}.{headers['Gridcrew-Key']}.".encode() + body
    proof = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Gridcrew-Signature"] == f"v1={proof}"
    assert headers["Host"] == f"partner.test:{partner.port}"
    assert "13612345670" not in "".join(body.decode() for _, body in partner.got)


def test_a_failure_is_tried_again_under_the_same_key(house: House, partner: Partner) -> None:
    hook, _ = _subscribe(house, partner.url, "outage")
    partner.answers = [503, 503]
    house.world.confirmed("out-1")
    house.turn()
    first = len(partner.got)
    house.turn(1_000)
    assert len(partner.got) == first, "not before its wait is over"
    house.turn(10_000)
    house.turn(60_000)
    house.turn(60_000)
    keys = [headers["Gridcrew-Key"] for headers, _ in partner.got]
    assert keys[0] == keys[1]
    hooks, waiting = house.manage.listed()
    assert (hooks[0].failures, hooks[0].problem, waiting.get(hook, 0)) == (0, "", 0)


def test_a_dead_subscription_blocks_no_other_and_is_given_up_aloud(house: House, partner: Partner) -> None:
    dead, _ = _subscribe(house, "http://dead.test:9/", "outage", "order")
    _subscribe(house, partner.url, "outage")
    for number in range(4):
        house.world.confirmed(f"out-{number}", cause=("T1", "T2", "LN2", "CB1")[number])
        house.turn()
    assert partner.got
    for _ in range(MAX_FAILURES * 3):
        house.turn(3_600_000)
    hooks, _ = house.manage.listed()
    state = {hook.id: (hook.state.value, hook.failures) for hook in hooks}
    assert state[dead] == ("disabled", MAX_FAILURES)
    with house.world.services.desk.reading() as session:
        told = [one.event for one in session.feed.read(0, 1000) if one.event.name == "webhook"]
    assert [json.loads(one.data)["id"] for one in told] == [dead]
    assert told[0].grid_ids == frozenset(), "for people of the whole company"
    house.manage.enable(dead)
    assert {hook.state.value for hook in house.manage.listed()[0]} == {"active"}


def test_a_redirect_is_not_followed(house: House, partner: Partner) -> None:
    """Fault 30."""
    _subscribe(house, partner.url, "outage")
    partner.answers = [302] * 50
    house.world.confirmed("out-1")
    house.turn()
    assert not any("inside" in str(headers) for headers, _ in partner.got)
    assert "webhook.redirects" in house.manage.listed()[0][0].problem


def _certified(authority: trustme.CA, name: str = "partner.test") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_a_companys_own_authority_is_believed_and_no_other(house: House, tmp_path: Path) -> None:
    """A real handshake: told clearly and tried again until the right authority is put in place."""
    ours, theirs = trustme.CA(), trustme.CA()
    with _running(_certified(ours)) as partner:
        _subscribe(house, partner.url, "outage")
        house.world.confirmed("out-1")
        house.turn()
        assert "webhook.no_authorities" in house.manage.listed()[0][0].problem
        theirs.cert_pem.write_to_path(str(tmp_path / AUTHORITIES))
        house.turn(30_000)
        (hook,), waiting = house.manage.listed()
        assert json.loads(hook.problem)["code"] == "webhook.not_trusted"
        assert json.loads(hook.problem)["facts"]["host"] == "partner.test"
        assert (hook.failures, waiting[hook.id] > 0, partner.got) == (2, True, [])
        ours.cert_pem.write_to_path(str(tmp_path / AUTHORITIES))
        for _ in range(3):
            house.turn(3 * 60_000)
        (hook,), waiting = house.manage.listed()
        assert (hook.failures, hook.problem, waiting.get(hook.id, 0)) == (0, "", 0)
        keys = [headers["Gridcrew-Key"] for headers, _ in partner.got]
        assert keys
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("name", "why"), [("other.test", "Hostname mismatch"), ("partner.test", "")])
def test_the_certificate_must_be_the_hosts(tmp_path: Path, name: str, why: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / AUTHORITIES))
    post = _post(tmp_path)
    with _running(_certified(authority, name)) as partner:
        if not why:
            post(partner.url, b"{}", {})
            assert len(partner.got) == 1
            return
        with pytest.raises(NotTrusted, match=why):
            post(partner.url, b"{}", {})
        assert partner.got == []


def test_a_redirect_from_https_to_plain_http_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / AUTHORITIES))
    post = _post(tmp_path)
    with _running() as plain, _running(_certified(authority)) as secure:
        secure.answers, secure.redirects_to = [302], plain.url
        with pytest.raises(BadTarget, match=r"webhook\.redirects"):
            post(secure.url, b"{}", {})
        assert (len(secure.got), plain.got) == (1, [])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
     "::", "::ffff:127.0.0.1", "fe80::1", "fd00::1", "224.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_addresses_inside_are_refused(address: str) -> None:
    """Fault 30: however the name of an allowed host resolves."""
    rules = TargetRules(frozenset({"partner.test"}))
    post = PinnedPost(rules, lambda host, port: ["93.184.216.34", address])  # noqa: ARG005
    with pytest.raises(BadTarget, match=r"webhook\.(private|nobodys)_address"):
        post("https://partner.test/", b"{}", {})


def test_a_name_is_resolved_once(partner: Partner) -> None:
    """Fault 30: rebinding finds no second look-up to lie to."""
    asked: list[str] = []

    def lies_the_second_time(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    PinnedPost(LOCAL, lies_the_second_time)(partner.url, b"{}", {})
    assert (asked, len(partner.got)) == (["partner.test"], 1)


@pytest.mark.parametrize(
    "url",
    ["ftp://partner.test/", "https://other.test/", "https://partner.test@evil.test/", "https://u:p@partner.test/",
     "https://", "nonsense", "https://127.0.0.1/", "https://[::1]/", "https://partner.test:99999/",
     "https://xpartner.test/", "https://partner.test.evil.test/", "file:///etc/passwd"],
)  # fmt: skip
def test_only_allowed_hosts_may_be_named(url: str) -> None:
    with pytest.raises(BadTarget):
        LOCAL.check(url)
    assert TargetRules(frozenset({"*.test"})).check("https://a.partner.test./x")[1] == "a.partner.test"


def test_waits_grow_and_end() -> None:
    waits = [next_attempt_ms(attempt, 0, 0.0) for attempt in range(1, MAX_ATTEMPTS + 1)]
    assert waits[-1] is None
    known = [wait for wait in waits if wait is not None]
    assert known == sorted(known)
    assert (known[0], known[-1]) == (5_000, 3_600_000)


def test_only_an_administrator_subscribes_and_the_secret_is_told_once(house: House) -> None:
    world, body = house.world, {"url": "https://partner.test/x", "kinds": ["outage"]}
    assert world.log_in("dispatcher").send("POST", "/api/v1/webhooks", body).status_code == 403
    assert world.log_in("admin").send("POST", "/api/v1/webhooks", body).status_code == 409, (
        "no host is allowed"
    )
    services = world.services
    world.app = create_app(_with(services, house.manage))
    admin = world.log_in("admin")
    made = admin.send("POST", "/api/v1/webhooks", body)
    assert made.status_code == 201, made.text
    listed = admin.get("/api/v1/webhooks")
    assert made.get_json()["secret"] not in listed.text
    hook = listed.get_json()["items"][0]["id"]
    assert admin.send("POST", f"/api/v1/webhooks/{hook}/enable").status_code == 200
    assert admin.send("DELETE", f"/api/v1/webhooks/{hook}").status_code == 204
    assert admin.send("DELETE", f"/api/v1/webhooks/{hook}").status_code == 404


def _with(services: Any, manage: ManageWebhooks) -> Any:
    return replace(services, partners=replace(services.partners, manage_webhooks=manage))
