"""Pings: the rules, the senders, and the way wish → command → answer → evidence of a running gateway."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.mqtt.ping_senders import FilePings, MqttPings, NoPings
from gateway.codecs import pings as codec
from gateway.contract.payloads import Event, Events
from gateway.frames import Frame
from gateway.pings import Agenda, Limits
from geo.adapters.database import open_database
from gridcrew.broker import EmbeddedBroker, terminal_address
from gridcrew.migrations.runner import migrate
from telemetry.adapters.ping_wishes import SqlPingWishes
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.pings import MAX_DEVICES, LoggedWish, PingWish
from tests.conftest import DatabaseFactory
from tests.gateway.envelopes import EnvelopeTerminal, now_ms
from tests.gateway.running import Installation, await_true, installation


def wish(key: str, *devices: str, terminal: str = "T1", asked_ms: int = 0) -> PingWish:
    asked_ms = asked_ms or now_ms()
    return PingWish(key, terminal, devices or ("m1",), asked_ms, asked_ms + 60_000, "somebody")


def logged(number: int, terminal: str = "T1", asked_ms: int = 0) -> LoggedWish:
    return LoggedWish(number, wish(f"k{number}", terminal=terminal, asked_ms=asked_ms or 1))


def alive(device: str, received_ms: int, kind: EvidenceKind = EvidenceKind.ALIVE) -> Evidence:
    return Evidence(kind, received_ms, received_ms, "T1", (device,), f"{device}/{received_ms}")


def test_a_terminal_is_not_flooded() -> None:
    agenda = Agenda(Limits(at_once=2, per_minute=3, timeout_ms=1_000))
    agenda.add("desk", [logged(number) for number in range(1, 7)] + [logged(7, "T2")])
    first = agenda.next(10)
    assert [one.id for _, one in first] == [1, 2, 7]
    for source, one in first:
        agenda.asked(source, one, 10)
    assert agenda.next(20) == (), "two under way"
    agenda.hear([alive("m1", 30)])
    assert agenda.answered == 3
    assert [one.id for _, one in agenda.next(40)] == [3], "three in a minute"
    assert agenda.position("desk") == 3, "1, 2 and 7 are done, 4 to 6 wait; reading begins before 4"
    assert [one.id for _, one in agenda.next(60_020)] == [], "4 to 6 have expired"
    assert agenda.expired == 3
    assert agenda.position("desk") == 7


def test_only_what_arrives_after_the_question_is_an_answer() -> None:
    agenda = Agenda(Limits(timeout_ms=1_000))
    agenda.add("desk", [LoggedWish(1, wish("k", "m1", "m2"))])
    ((source, one),) = agenda.next(100)
    agenda.asked(source, one, 100)
    agenda.hear([alive("m1", 99), alive("m3", 200), alive("m2", 150, EvidenceKind.CALL)])
    assert agenda.open["k"].left == {"m1", "m2"}
    agenda.hear([alive("m1", 300)])
    assert agenda.overdue(1_099) == ()
    (late,) = agenda.overdue(1_100)
    assert late.left == {"m2"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["next", "answer", "overdue", "add"]), max_size=40))
def test_no_wish_is_passed_over(steps: list[str]) -> None:
    """However things go, the position never lies beyond a wish that is not done."""
    agenda, number, at_ms = Agenda(Limits(at_once=1, per_minute=100, timeout_ms=5)), 0, 1
    done: set[int] = set()
    for step in steps:
        at_ms += 1
        if step == "add":
            number += 1
            agenda.add("desk", [logged(number, asked_ms=at_ms)])
        elif step == "next":
            for source, one in agenda.next(at_ms):
                agenda.asked(source, one, at_ms)
        elif step == "answer":
            done |= {one.logged.id for one in agenda.open.values()}
            agenda.hear([alive("m1", at_ms)])
        else:
            for late in agenda.overdue(at_ms):
                done.add(late.logged.id)
                agenda.close(late.wish.key)
        assert set(range(1, agenda.position("desk") + 1)) <= done


def test_frames_of_the_door_say_who_was_silent() -> None:
    frame = codec.frame_of(codec.SILENT, "k1", ["m2", "m1"], 5_000)
    (fact,) = codec.decode(frame).evidence
    assert (fact.kind, fact.devices, fact.at_ms) == (EvidenceKind.SILENT, ("m1", "m2"), 5_000)
    assert codec.decode(codec.frame_of(codec.DUE, "k1", [], 5_000)).evidence == ()
    assert codec.decode(Frame("silent", b"{]", 0, codec.PING)).refusal


def test_the_senders(tmp_path: Path) -> None:
    said: list[tuple[str, bytes]] = []

    def say(topic: str, body: bytes) -> bool:
        said.append((topic, body))
        return True

    mqtt = MqttPings(say)
    assert mqtt.send(wish("k1", "m1"))
    assert mqtt.send(wish("k2", terminal="no/terminal"))
    ((topic, body),) = said
    assert topic == "gridcrew/v1/T1/command"
    assert json.loads(body) == {"v": 1, "id": "k1", "command": "ping", "devices": ["m1"]}
    assert FilePings(tmp_path / "outbox").send(wish("k3", "m1", "m2"))
    (file,) = (tmp_path / "outbox").iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["devices"] == ["m1", "m2"]
    (tmp_path / "taken").write_text("not a folder")
    assert not FilePings(tmp_path / "taken").send(wish("k4"))
    assert NoPings().send(wish("k5"))


def test_wishes_are_kept_once_in_order(database: DatabaseFactory) -> None:
    wishes = SqlPingWishes(database("desk"))
    assert wishes.read(0) == ()
    assert wishes.wish([wish("a", "m1"), wish("b", "m2", "米3")]) == 2
    assert wishes.wish([wish("b"), wish("c")]) == 1
    assert [(row.id, row.wish.key) for row in wishes.read(1)] == [(2, "b"), (3, "c")]
    assert wishes.read(1, 1)[0].wish.devices == ("m2", "米3")
    assert wishes.newest_id() == 3
    with pytest.raises(ValueError, match="expected 1 to"):
        wishes.wish([wish("d", *map(str, range(MAX_DEVICES + 1)))])


def test_before_the_desk_is_made_there_are_no_wishes(tmp_path: Path) -> None:
    assert SqlPingWishes(open_database(str(tmp_path), "desk")).read(0) == ()
    assert not (tmp_path / "desk.db").exists()


@pytest.fixture
def asking(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation with a desk, short times, and the kind of sender that the test asks for."""
    how = {"GRIDCREW_GATEWAY__PING": request.param, "GRIDCREW_GATEWAY__PING_TIMEOUT_S": "1"}
    with installation(tmp_path / "var", **how) as made:
        migrate(open_database(str(made.folder), "desk"), "desk")
        with EmbeddedBroker(made.settings):
            yield made


def facts(site: Installation, kind: EvidenceKind) -> list[Evidence]:
    return [row.evidence for row in site.evidence.read(0) if row.evidence.kind is kind]


def answer(terminal: EnvelopeTerminal, devices: list[str], seq: int) -> None:
    events = tuple(Event(now_ms(), device, "alive") for device in devices)
    body = msgspec.json.encode(Events(1, "b1", seq, events))
    terminal.publish(f"gridcrew/v1/{terminal.name}/events", body)


@pytest.mark.parametrize("asking", ["mqtt"], indirect=True)
def test_a_ping_and_its_answer(asking: Installation) -> None:
    """Wish → command → answer → evidence within two seconds; who does not answer is silent, once."""
    site = asking
    site.start()
    wishes = SqlPingWishes(open_database(str(site.folder), "desk"))
    terminal = EnvelopeTerminal(terminal_address(site.settings), "T1")
    began_s = time.monotonic()
    wishes.wish([wish("k1", "m1", "m2")])
    topic, body = terminal.hear()
    assert (topic, body["id"], body["devices"]) == ("gridcrew/v1/T1/command", "k1", ["m1", "m2"])
    answer(terminal, ["m1"], 1)
    await_true(lambda: bool(facts(site, EvidenceKind.ALIVE)), "the answer as evidence")
    took_s = time.monotonic() - began_s
    await_true(lambda: bool(facts(site, EvidenceKind.SILENT)), "the silence of the other")
    (silent,) = facts(site, EvidenceKind.SILENT)
    assert (silent.devices, silent.source, silent.key) == (("m2",), "ping", "ping/k1/silent")
    assert took_s < 2, "a crew stands before the meter"
    terminal.close()


@pytest.mark.parametrize("asking", ["mqtt"], indirect=True)
def test_the_command_line_asks_and_a_killed_gateway_asks_again(asking: Installation) -> None:
    site = asking
    terminal = EnvelopeTerminal(terminal_address(site.settings), "T1")
    site.start(GRIDCREW_GATEWAY__PING_TIMEOUT_S="60")
    arguments = ["device", "ping", "m7", "--terminal", "T1", "--json"]
    told = subprocess.run(
        [sys.executable, "-m", "gridcrew", *arguments],
        env=os.environ | site.environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (key,) = json.loads(told.stdout)["wishes"]
    assert terminal.hear()[1]["id"] == key
    site.end(signal.SIGKILL)
    site.start()
    assert terminal.hear()[1]["id"] == key, "asked again, since nothing was concluded"
    answer(terminal, ["m7"], 1)
    await_true(lambda: bool(facts(site, EvidenceKind.ALIVE)), "the answer")
    terminal.close()


@pytest.mark.parametrize("asking", ["file", "none"], indirect=True)
def test_without_a_way_to_ask_nobody_is_called_silent(asking: Installation) -> None:
    """A silence that nobody listened to proves nothing; answers are taken however they come."""
    site = asking
    site.start()
    SqlPingWishes(open_database(str(site.folder), "desk")).wish([wish("k1", "m1")])
    if site.environment["GRIDCREW_GATEWAY__PING"] == "file":
        outbox = site.folder / "outbox"
        await_true(lambda: any(outbox.glob("pings-*.jsonl")), "the request file")
        (file,) = outbox.iterdir()
        assert json.loads(file.read_text(encoding="utf-8"))["key"] == "k1"
    terminal = EnvelopeTerminal(terminal_address(site.settings), "T1")
    answer(terminal, ["m1"], 1)
    await_true(lambda: bool(facts(site, EvidenceKind.ALIVE)), "the answer")
    time.sleep(1.5)  # Longer than the time to answer.
    assert facts(site, EvidenceKind.SILENT) == []
    terminal.close()
