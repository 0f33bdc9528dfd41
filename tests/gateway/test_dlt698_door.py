"""The 698 door: terminals dial in, log in and report; they are answered once what they said is spooled."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from dlt698.codec import decode_apdu, decode_frame
from dlt698.protocol import LinkResponse, ReportResponse

from gateway.adapters.dlt645.dlt698_door import Dlt698Door
from gateway.adapters.missing_door import MissingDoor
from gateway.codecs.dlt698 import find_frames
from gateway.frames import Lane
from tests.gateway import golden
from tests.gateway.modbus_site import Taken, wait_for


def body(case: str) -> bytes:
    return golden.golden_frame("dlt698", case).body


class Site:
    def __init__(self, folder: Path) -> None:
        self.taken = Taken()
        (folder / "head-end.toml").write_text('kind = "dlt698_listen"\nport = 0\nmax_connections = 5\n')
        self.door = Dlt698Door(folder, self.taken)
        self.door.start()
        wait_for(lambda: self.door.ready, "the port")

    def dial(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.door.ports()["head-end"]), 5)
        connection.settimeout(5)
        return connection


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.door.stop(5)
    assert not made.door.alive


def test_log_in_and_reports_are_spooled_by_urgency_and_answered(site: Site) -> None:
    with site.dial() as terminal:
        stream = b"\x00noise" + body("login") + body("minute_curve") + body("meters_lost_supply")
        terminal.sendall(stream[:40])
        terminal.sendall(stream[40:])
        heard = b""
        while len(find_frames(heard)[0]) < 3:
            heard += terminal.recv(4096)
    answers = [decode_apdu(decode_frame(raw).payload) for raw in find_frames(heard)[0]]
    assert sorted(type(answer).__name__ for answer in answers) == [
        "LinkResponse", "ReportResponse", "ReportResponse"
    ]  # fmt: skip
    assert isinstance(answers[0], LinkResponse)
    lanes = [(lane, frame.body) for lane, frame in site.taken.frames]
    assert sorted(lanes) == sorted([
        (Lane.EVENTS, body("login")), (Lane.EVENTS, body("meters_lost_supply")),
        (Lane.BULK, body("minute_curve")),
    ])  # fmt: skip
    assert {frame.topic for _, frame in site.taken.frames} == {"000123456789"}
    assert {frame.door for _, frame in site.taken.frames} == {"dlt698:head-end"}


def test_nothing_is_answered_that_was_not_spooled(site: Site) -> None:
    site.taken.broken = True
    with site.dial() as terminal:
        terminal.sendall(body("meters_lost_supply"))
        assert terminal.recv(100) == b""  # Hung up: it will dial and say it again.
    site.taken.broken = False
    with site.dial() as terminal:
        terminal.sendall(body("meters_lost_supply"))
        assert isinstance(decode_apdu(decode_frame(terminal.recv(4096)).payload), ReportResponse)
    assert len(site.taken.frames) == 1


def test_limits_hold_and_others_are_served(site: Site) -> None:
    good = site.dial()
    wait_for(lambda: site.door.counters().get("terminals") == 1, "the good one connected")
    others = [site.dial() for _ in range(12)]
    wait_for(lambda: site.door.counters().get("over_limit", 0) >= 8, "the limit")
    with good:
        for other in others[:4]:
            try:
                other.sendall(b"\x68" * 200_000)
            except OSError:
                continue
        good.sendall(body("login"))
        assert find_frames(good.recv(4096))[0]
    for other in others:
        other.close()
    wait_for(lambda: site.door.counters()["terminals"] == 0, "all gone")
    assert [lane for lane, _ in site.taken.frames] == [Lane.EVENTS]


def test_a_port_that_is_taken_and_a_wrong_file_are_told(site: Site, tmp_path: Path) -> None:
    port = site.door.ports()["head-end"]
    (tmp_path / "second.toml").write_text(f'kind = "dlt698_listen"\nport = {port}\n')
    (tmp_path / "third.toml").write_text('kind = "dlt698_listen"\nport = 70000\n')
    (tmp_path / "modbus.toml").write_text('kind = "tcp"\nhost = "h"\nport = 502\n')
    wait_for(lambda: "third.toml: port: expected 0 to 65535, found 70000" in site.door.trouble, "the refusal")
    wait_for(lambda: f"127.0.0.1:{port}:" in site.door.trouble, "the port in use")
    assert site.door.ready
    assert "modbus" not in site.door.trouble


def test_without_the_extra_the_door_says_what_is_missing(tmp_path: Path) -> None:
    door = MissingDoor("dlt698", tmp_path, "dlt698_listen", "pip install 'gridcrew[dlt698]'")
    door.start()
    assert door.trouble == ""
    (tmp_path / "head-end.toml").write_text('port = 0\nkind = "dlt698_listen"\n')
    wait_for(lambda: "head-end.toml: this door is not installed: pip install" in door.trouble, "the message")
    assert not door.ready
    door.stop(5)
    assert not door.alive
