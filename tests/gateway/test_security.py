"""What a security finding is: lines of brokers' logs, limits, one row per hour, threat and source."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from gateway.adapters.ledger.ledger import SqlLedger
from gateway.adapters.ledger.security_log import KEEP_MS, MAX_ROWS_PER_HOUR, SqlSecurityLog, forget
from gateway.adapters.mqtt.security_log_door import SecurityLogDoor, Source, read_own_line
from gateway.backpressure import Pressure
from gateway.codecs import security
from gateway.frames import MAX_BODY_BYTES, Decoded, Frame, Lane, SpooledFrame
from gateway.ingest import Entry
from gateway.ports import SpoolUnavailable
from gateway.security import (
    MANY,
    MAX_SOURCES,
    MAX_TEXT,
    Finding,
    Tally,
    Threat,
    finding,
    read_mosquitto_line,
    read_nats_line,
)
from geo.adapters.database import writing
from gridcrew.broker_flood import PAGE, Flood, FloodWatch
from telemetry.adapters.gateway_tables import security_events
from tests.conftest import DatabaseFactory
from tests.gateway.running import await_true

HEAD = "[15699] 2026/11/22 03:46:28.964155 [ERR] 127.0.0.1:47862 - mid:31 - "


@pytest.mark.parametrize(
    ("line", "threat", "source"),
    [
        ('"T1" - Publish Violation - Subject "gridcrew.v1.T2.readings"', Threat.FOREIGN_TOPIC, "T1"),
        (
            '"T1" - Subscription Violation - Subject "gridcrew.v1.T2.command", SID gridcrew.v1.T2.command',
            Threat.FOREIGN_TOPIC,
            "T1",
        ),
        ('"gwe123" - authentication error - User "gateway"', Threat.PASSWORD, "127.0.0.1"),
        (
            "TLS handshake error: tls: client didn't provide a certificate",
            Threat.CERTIFICATE,
            "127.0.0.1",
        ),
        (
            "TLS handshake error: tls: failed to verify certificate: x509: certificate has expired",
            Threat.CERTIFICATE,
            "127.0.0.1",
        ),
    ],
)
def test_lines_of_nats_server(line: str, threat: Threat, source: str) -> None:
    """As nats-server 2.15.1 wrote them when each was tried."""
    found = read_nats_line(HEAD + line + "\n")
    assert found is not None
    assert (found.threat, found.source) == (threat, source)


@pytest.mark.parametrize(
    "line",
    [
        "[15699] 2026/11/22 03:46:02.747294 [INF] Server is ready",
        HEAD + "TLS handshake error: EOF",
        HEAD + '"T2" - unable to connect: authentication error',
        "",
    ],
)
def test_lines_of_nats_server_that_say_nothing_new(line: str) -> None:
    """A port probe, and the echo of what the doorkeeper told already."""
    assert read_nats_line(line) is None


@pytest.mark.parametrize(
    ("line", "threat", "source"),
    [
        (
            "1795319467: Denied PUBLISH from T1 (d0, q1, r0, m1, 'gridcrew/v1/T2/readings', ... (5 bytes))",
            Threat.FOREIGN_TOPIC,
            "T1",
        ),
        ("1795319469: Client <unknown> disconnected, not authorised.", Threat.PASSWORD, "<unknown>"),
        (
            "1795319469: OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed",
            Threat.CERTIFICATE,
            "(before its name)",
        ),
    ],
)
def test_lines_of_mosquitto(line: str, threat: Threat, source: str) -> None:
    """As Mosquitto 2.0.11 wrote them when each was tried."""
    found = read_mosquitto_line(line)
    assert found is not None
    assert (found.threat, found.source) == (threat, source)


def test_lines_of_mosquitto_that_say_nothing() -> None:
    assert (
        read_mosquitto_line("1795319467: Received PUBLISH from T1 (d0, q1, r0, m1, 'x', ... (3 bytes))")
        is None
    )


@given(st.text(max_size=600), st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_words_of_strangers_stay_one_short_printable_line(text: str, source: str) -> None:
    found = finding(Threat.SPOOFING, source, text)
    assert len(found.text) <= MAX_TEXT
    assert found.source
    assert (found.text + found.source).isprintable()
    (frame,) = security.frames_of([found], "log", 1)
    assert security.decode(frame).findings == (found,)


def test_a_thousand_sources_are_counted_and_bounded() -> None:
    tally = Tally()
    for number in range(2 * MAX_SOURCES):
        for _ in range(3):
            tally.add(finding(Threat.CERTIFICATE, f"10.0.0.{number}", "x"))
    taken = tally.take()
    assert len(taken) == MAX_SOURCES + 1
    assert sum(found.count for found in taken) == 6 * MAX_SOURCES
    assert taken[-1].source == MANY
    assert tally.take() == ()
    frames = security.frames_of([finding(Threat.CERTIFICATE, "😀" * 99, "😀" * 999)] * 500, "log", 1)
    assert max(len(frame.body) for frame in frames) <= MAX_BODY_BYTES


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_a_damaged_frame_of_findings_is_refused(body: bytes) -> None:
    assert security.decode(Frame("log", body, 1, security.SECURITY)).refusal


def entry(decoded: Decoded, received_ms: int = 7_200_000, position: int = 1) -> Entry:
    return Entry(SpooledFrame(position, Frame("gridcrew/v1/T1/events", b"x", received_ms)), decoded)


def test_a_frame_in_anothers_name_is_recorded_even_when_refused(database: DatabaseFactory) -> None:
    """Decoders fill ``security``; the ledger counts it in the transaction that buries the frame."""
    engine = database("gateway")
    ledger = SqlLedger(engine, "test")
    spoofed = [
        entry(Decoded(f"k{n}", refusal="terminal", security=("payload names T2",)), position=n)
        for n in range(3)
    ]
    ledger.commit(Lane.EVENTS, spoofed, 3, 0)
    (event,) = SqlSecurityLog(engine).newest()
    assert (event.threat, event.source, event.count) == (Threat.SPOOFING, "T1", 3)
    assert event.finding == "payload names T2"
    ledger.commit(Lane.EVENTS, spoofed, 3, 0)
    assert SqlSecurityLog(engine).newest()[0].count == 3, "a repeated frame counts once"


def test_an_attack_cannot_flood_its_own_record(sqlite_database: DatabaseFactory) -> None:
    engine = sqlite_database("gateway")
    ledger = SqlLedger(engine, "test")
    with writing(engine).begin() as connection:
        rows = [
            {"id": n, "hour": 2, "threat": "password", "source": f"s{n}", "door": "d", "finding": "f",
             "times": 1, "first_ms": 7_200_000, "last_ms": 7_200_000}
            for n in range(1, MAX_ROWS_PER_HOUR + 1)
        ]  # fmt: skip
        connection.execute(insert(security_events), rows)
    more = tuple(Finding(Threat.PASSWORD, f"new{n}", "x") for n in range(50))
    ledger.commit(Lane.EVENTS, [entry(Decoded("k", findings=more))], 1, 0)
    events = SqlSecurityLog(engine).newest(MAX_ROWS_PER_HOUR + 100)
    assert len(events) == MAX_ROWS_PER_HOUR + 1
    assert [event.count for event in events if event.source == MANY] == [50]
    with writing(engine).begin() as connection:
        assert forget(connection, KEEP_MS + 4 * 3_600_000) == MAX_ROWS_PER_HOUR + 1


class Sink:
    """An intake that keeps what it is given, or refuses."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.full = False

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        assert lane is Lane.EVENTS
        if self.full:
            raise SpoolUnavailable("full")
        self.frames += frames

    def pressure(self) -> Pressure:
        return Pressure.FREE

    def found(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for frame in self.frames:
            for each in security.decode(frame).findings:
                counts[each.source] = counts.get(each.source, 0) + each.count
        return counts


def page(total: int, counts: dict[int, int]) -> bytes:
    """An answer of nats-server to CONNZ, as far as it is read."""
    listed = [{"cid": cid, "in_msgs": count} for cid, count in counts.items()]
    return json.dumps({"data": {"total": total, "connections": listed}}).encode()


def test_floods_are_found_on_every_page() -> None:
    watch = FloodWatch(max_frames_per_s=10.0)
    busy = dict.fromkeys(range(PAGE), 1000000)
    for now_s, last in ((100.0, 50), (120.0, 500)):
        assert watch.due(now_s) == 0
        assert watch.note(page(PAGE + 2, busy), now_s) == ()
        assert watch.due(now_s + 1) == PAGE
        found = watch.note(page(PAGE + 2, {9_001: 7, 9_002: last}), now_s + 1)
        assert watch.due(now_s + 2) is None
    assert found == (Flood(9_002, 450, 20.0),)
    assert watch.note(b"nonsense", 140.0) == ()


def test_the_log_is_followed_through_rotation_and_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.adapters.mqtt.security_log_door.POLL_S", 0.02)
    monkeypatch.setattr("gateway.adapters.mqtt.security_log_door.REPORT_S", 0.02)
    file, places, sink = tmp_path / "log", tmp_path / "places", Sink()

    def write(source: str, end: str = "\n") -> None:
        with file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(["password", source, "x", 1]) + end)

    def opened() -> SecurityLogDoor:
        door = SecurityLogDoor((Source(file, read_own_line),), places, sink)
        door.start()
        return door

    first = opened()
    write("a")
    await_true(lambda: sink.found() == {"a": 1}, "the first line")
    write("half", end="")
    file.rename(tmp_path / "log.1")
    write("b")
    await_true(lambda: sink.found().get("b") == 1, "the new file")
    sink.full = True
    write("c")
    await_true(lambda: "full" in first.trouble, "the full spool")
    first.stop(5)
    sink.full = False
    write("d")
    second = opened()
    await_true(lambda: sink.found() == {"a": 1, "b": 1, "c": 1, "d": 1}, "each once after the restart")
    assert second.counters()["findings"] == 2
    second.stop(5)
