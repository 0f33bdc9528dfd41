"""Live events: a greeting, then what concerns my cells; resumed after a gap, or told to begin anew."""

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse

import pytest
from werkzeug.serving import make_server

from field_api.http.events_app import EventServices, create_events_app
from field_api.http.hub import Hub
from tests.field_api.world import World

PING_S = 0.3


@dataclass
class Listener:
    """Reads a stream event by event."""

    response: HTTPResponse
    connection: HTTPConnection

    def next(self) -> tuple[str, str, dict[str, object]]:
        """Name, id and data of the next event; a ping is one."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().rstrip("\n"):
            if line.startswith(":"):
                fields["event"] = line
            elif not line.startswith("retry"):
                name, _, value = line.partition(": ")
                fields[name] = value
        return fields.get("event", "end"), fields.get("id", ""), json.loads(fields.get("data", "{}"))

    def until(self, wanted: str) -> list[tuple[str, str, dict[str, object]]]:
        """All events up to the first of that name."""
        seen = [self.next()]
        while seen[-1][0] != wanted:
            assert len(seen) < 100, seen
            seen.append(self.next())
        return seen


@dataclass
class Door:
    world: World
    port: int
    hub: Hub

    def listen(self, username: str, last_id: str = "", query: str = "", **headers: str) -> Listener:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {"Authorization": f"Bearer {self.world.token(username)}"} if username else {}
        sent |= {"Last-Event-ID": last_id} if last_id else {}
        connection.request("GET", f"/api/v1/events{query}", headers=sent | headers)
        return Listener(connection.getresponse(), connection)


@pytest.fixture
def door(world: World) -> Iterator[Door]:
    hub = Hub(world.services.desk)
    config = replace(world.services.config, max_streams=3)
    services = EventServices(config, world.clock, world.services.logins, hub)
    hub.start()
    server = make_server("127.0.0.1", 0, create_events_app(services, PING_S), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Door(world, server.port, hub)
    hub.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_greeting_then_what_happens(door: Door) -> None:
    listener = door.listen("dispatcher")
    assert listener.response.getheader("Content-Type") == "text/event-stream"
    assert listener.next() == ("hello", "0", {"newest_id": 0})
    order = door.world.confirmed()
    seen = [event for event in listener.until("notice") if not event[0].startswith(":")]
    assert [(name, number) for name, number, _ in seen] == [("outage", "1"), ("order", "2"), ("notice", "3")]
    assert seen[1][2] == order | {"transitions": None}, "the list's JSON, but what I may do is not for all"
    assert seen[2][2]["count"] == 2


def test_silence_is_filled_with_pings(door: Door) -> None:
    listener = door.listen("viewer")
    listener.next()
    assert [listener.next()[0] for _ in range(2)] == [": ping", ": ping"]


def test_a_gap_is_made_up_for(door: Door) -> None:
    door.world.confirmed()
    for listener in (door.listen("dispatcher", last_id="1"), door.listen("dispatcher", query="?after=1")):
        assert listener.next()[:2] == ("hello", "1")
        assert [listener.next()[1] for _ in range(2)] == ["2", "3"]


def test_what_can_no_longer_be_resumed_is_told(door: Door) -> None:
    door.world.confirmed()
    with door.world.services.desk.writing() as session:
        session.feed.prune(keep=1)
    fresh = Hub(door.world.services.desk)
    fresh.start()
    fresh.close()
    listener = door.listen("dispatcher", last_id="99")
    assert listener.next()[0] == "hello"
    assert listener.next()[:2] == ("reset", "3")


def test_another_cells_events_are_not_heard(door: Door) -> None:
    listener = door.listen("crew-01", query="?after=0")
    door.world.confirmed("out-west", "T2")
    door.world.clock.now_ms += 1000
    door.world.confirmed("out-east", "T1")
    seen = [event for event in listener.until("notice") if event[0] in {"outage", "order", "notice"}]
    assert [event[2].get("id") for event in seen[:2]] == ["out-east", "ord-out-east-1"]
    assert "out-west" not in json.dumps(seen)


def test_who_is_logged_out_hears_no_more(door: Door) -> None:
    listener = door.listen("dispatcher")
    listener.next()
    door.world.clock.now_ms += 31 * 24 * 3_600_000
    assert listener.until("end")


def test_nobody_else_may_listen(door: Door) -> None:
    assert door.listen("").response.status == 401
    foreign = door.listen("dispatcher", Origin="http://evil.example")
    assert foreign.response.status == 403
    assert foreign.response.getheader("Access-Control-Allow-Origin") is None
    own = door.listen("dispatcher", Origin="http://127.0.0.1:8440")
    assert own.response.status == 200
    assert own.response.getheader("Access-Control-Allow-Origin") == "http://127.0.0.1:8440"


def test_places_are_limited_and_given_back(door: Door) -> None:
    listeners = [door.listen("viewer") for _ in range(3)]
    full = door.listen("viewer")
    assert (full.response.status, full.response.getheader("Retry-After")) == (503, "10")
    listeners[0].connection.close()
    listeners[0].response.close()
    deadline = time.monotonic() + 10
    while door.listen("viewer").response.status == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_closing_process_ends_its_streams(door: Door) -> None:
    listener = door.listen("viewer")
    listener.next()
    door.hub.close()
    assert listener.until("end")


def test_the_web_process_shows_the_way(world: World) -> None:
    answer = world.log_in("viewer").get("/api/v1/events?after=7")
    assert answer.status_code == 307
    assert re.fullmatch(r"http://localhost:8441/api/v1/events\?after=7", answer.headers["Location"])
