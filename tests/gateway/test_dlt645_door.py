"""The 645 door reads meters of ``dlt645`` behind a DTU; the client of ``dlt645`` reads our meters."""

import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from dlt645 import MeterClientService

from gateway.codecs.dlt645_frames import build, find_frames
from gateway.frames import Lane
from simulators.adapters.dlt645_dtu import SimulatedDtu
from simulators.dlt645 import USUAL_VALUES
from telemetry.evidence import EvidenceKind
from tests.gateway.dlt645_site import Lines, meter_time, meters
from tests.gateway.modbus_site import wait_for

M1, M2, M3, M4 = (f"{number:012d}" for number in range(1, 5))
EXPECTED = [2205, 2215, 2225, 1234, -2500, 3000, 15000, 5000, 5000, 5000, -2500, 987, 12345678, 100]


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lines:
    monkeypatch.setattr("gateway.adapters.dlt645.door.POLL_S", 0.2)
    return Lines(tmp_path)


def test_meters_of_the_foreign_server_are_read_exactly(lines: Lines) -> None:
    """Blocks, blocks refused (as the library itself does), blocks in two frames: the same values."""
    fleet = meters(3)
    fleet[1].blocks, fleet[2].split = False, True
    with SimulatedDtu(fleet) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1, M2, M3])
        wait_for(lambda: len(lines.frames(Lane.BULK, M3)) >= 2, "two polls of every meter")
        for address in (M1, M2, M3):
            decoded = lines.decoded(Lane.BULK, address)[1]
            assert decoded.problems == ()
            assert decoded.batches[0].scaled.tolist() == [EXPECTED]
            assert [fact.kind for fact in decoded.evidence] == [EvidenceKind.ALIVE]
        # What was refused once is not asked again: three blocks of one meter.
        assert door.counters()["refused"] == 3
        assert door.ready
        assert door.trouble == ""


def test_the_foreign_client_reads_our_simulated_meters() -> None:
    with SimulatedDtu(meters(1)) as dtu:
        client = MeterClientService.new_tcp_client("127.0.0.1", dtu.port, 5)
        client.set_address(bytes.fromhex(M1)[::-1].hex())  # As on the wire: low byte first.
        assert client.connect()
        try:
            assert client.read_02(0x02010100).value == 220.5
            assert client.read_02(0x02020200).value == -2.5
            assert client.read_00(0x00010000).value == 123456.78
        finally:
            client.disconnect()


def test_a_dead_meter_is_reported_once_and_does_not_slow_its_bus(lines: Lines) -> None:
    fleet = meters(4)
    fleet[0].powered = fleet[1].powered = False
    with SimulatedDtu(fleet) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1, M2, M3, M4])
        wait_for(lambda: len(lines.frames(Lane.BULK, M4)) >= 5, "five polls of the living")
        counters = door.counters()
        # Two dead of four: each was tried at once and then left for ten seconds.
        assert counters["unanswered"] <= 4


def test_silence_is_told_at_the_second_failure_and_life_by_the_answer(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.dlt645.BACKOFF_S", (0.2, 0.5))
    fleet = meters(2)
    with SimulatedDtu(fleet) as dtu, lines.door():
        lines.dial("dtu-1", dtu.port, [M1, M2])
        wait_for(lambda: lines.frames(Lane.BULK, M1), "a first poll")
        fleet[0].powered = False
        wait_for(lambda: lines.frames(Lane.EVENTS, M1), "silence told")
        [silent] = lines.decoded(Lane.EVENTS, M1)
        assert [(fact.kind, fact.devices) for fact in silent.evidence] == [(EvidenceKind.SILENT, (M1,))]
        polled = len(lines.frames(Lane.BULK, M1))
        fleet[0].powered = True
        wait_for(lambda: len(lines.frames(Lane.BULK, M1)) > polled, "life again")
        assert len(lines.frames(Lane.EVENTS, M1)) == 1


def test_a_grown_count_brings_the_newest_loss_records(lines: Lines) -> None:
    [meter] = meters(1)
    meter.losses = [(meter_time(60 * 24 * 9), meter_time(60 * 24 * 9 - 5))]
    with SimulatedDtu([meter]) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1])
        wait_for(lambda: len(lines.frames(Lane.BULK, M1)) >= 2, "polls")
        assert not lines.frames(Lane.EVENTS)  # Nine days ago: history when we first met.
        meter.losses = [(meter_time(20), meter_time(15)), (meter_time(50), meter_time(45)), *meter.losses]
        wait_for(lambda: lines.frames(Lane.EVENTS, M1), "loss records")
        [told] = lines.decoded(Lane.EVENTS, M1)
        kinds = [fact.kind for fact in told.evidence]
        assert kinds == [EvidenceKind.ALIVE, *[EvidenceKind.POWER_OFF, EvidenceKind.POWER_ON] * 2]
        for fact, minutes in zip(told.evidence[1:], (20, 15, 50, 45), strict=True):
            assert abs(fact.at_ms - (time.time() - 60 * minutes) * 1000) < 10_000
            assert fact.key == f"dlt645/{fact.kind}/{M1}/{fact.at_ms}"
        wait_for(lambda: door.counters()["polls"] >= 5, "more polls")
        assert len(lines.frames(Lane.EVENTS)) == 1


def test_loss_records_count_as_read_only_once_they_are_spooled(lines: Lines) -> None:
    [meter] = meters(1)
    with SimulatedDtu([meter]) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1])
        wait_for(lambda: lines.frames(Lane.BULK, M1), "a first poll")
        lines.taken.broken = True
        meter.losses = [(meter_time(20), meter_time(15))]
        wait_for(lambda: "disk is full" in door.trouble, "the trouble told")
        lines.taken.broken = False
        wait_for(lambda: lines.frames(Lane.EVENTS, M1), "the record after all")
        wait_for(lambda: door.trouble == "", "the trouble over")


def test_an_active_report_does_not_wait_for_a_dead_meter(lines: Lines) -> None:
    """Pushed amid the question to a meter that will never answer; its own meter is then asked for records."""
    fleet = meters(2)
    fleet[0].powered = False
    with SimulatedDtu(fleet) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1, M2], more="tries = 5")
        wait_for(lambda: lines.frames(Lane.BULK, M2), "a first poll")
        fleet[1].losses = [(meter_time(3), meter_time(2))]
        began_s = time.monotonic()
        dtu.push(fleet[1].report())
        wait_for(
            lambda: [frame for frame in lines.frames(Lane.EVENTS) if frame.topic == "dtu-1/"], "the report"
        )
        assert time.monotonic() - began_s < 2
        report = lines.decoded(Lane.EVENTS)[0]
        assert [(fact.kind, fact.devices) for fact in report.evidence] == [(EvidenceKind.POWER_OFF, (M2,))]
        wait_for(lambda: lines.frames(Lane.EVENTS, M2), "the records behind it")
        assert door.counters()["reports"] == 1


def test_files_change_live_and_a_wrong_one_harms_nothing(lines: Lines) -> None:
    with SimulatedDtu(meters(3)) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1])
        wait_for(lambda: lines.frames(Lane.BULK, M1), "a first poll")
        lines.dial("dtu-1", dtu.port, [M1, M2])
        wait_for(lambda: lines.frames(Lane.BULK, M2), "the added meter")
        lines.dial("dtu-1", dtu.port, [M1, "12"])
        wait_for(lambda: "meters[1].address: expected 12 digits, found '12'" in door.trouble, "the refusal")
        assert "dtu-1.toml" in door.trouble
        polled = len(lines.frames(Lane.BULK, M2))
        wait_for(lambda: len(lines.frames(Lane.BULK, M2)) > polled, "the last good version at work")
        # All that on one connection: nobody was cut off.
        assert door.counters()["connections"] == 1
        (lines.folder / "dtu-1.toml").unlink()
        wait_for(lambda: not dtu.connections, "the line hung up")


def test_dtus_dial_in_by_registration_or_by_their_meters(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.adapters.dlt645.dialled.NAMING_S", 1.0)
    first, second, third = meters(3)
    lines.listen("port", {"DTU1": ("REG0001", [M1]), "DTU2": ("hex:01ff02", [M2]), "DTU3": ("", [M3])})
    with (
        SimulatedDtu([first]) as one, SimulatedDtu([second]) as two, SimulatedDtu([third]) as three,
        lines.door() as door,
    ):  # fmt: skip
        wait_for(lambda: door.ports().get("port"), "the port")
        port = door.ports()["port"]
        one.dial("127.0.0.1", port, b"+HELLO REG0001\r\n")
        two.dial("127.0.0.1", port, b"\x01\xff\x02")
        three.dial("127.0.0.1", port)
        for address in (M1, M2, M3):
            wait_for(partial(lines.frames, Lane.BULK, address), f"a poll of {address}")
        assert {frame.topic for frame in lines.frames(Lane.BULK)} == {
            f"DTU1/{M1}", f"DTU2/{M2}", f"DTU3/{M3}"
        }  # fmt: skip
        # It dials again without hanging up, as after a loss of its mobile network: the newest counts.
        one.dial("127.0.0.1", port, b"REG0001")
        polled = len(lines.frames(Lane.BULK, M1))
        wait_for(lambda: len(lines.frames(Lane.BULK, M1)) > polled + 1, "polls on the new connection")


def test_strangers_and_floods_at_the_port_are_turned_away(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.adapters.dlt645.dialled.NAMING_S", 1.0)
    [meter] = meters(1)
    lines.listen("port", {"DTU1": ("REG0001", [M1])})
    with SimulatedDtu([meter]) as dtu, lines.door() as door:
        wait_for(lambda: door.ports().get("port"), "the port")
        port = door.ports()["port"]
        with socket.create_connection(("127.0.0.1", port), 5) as stranger:
            stranger.sendall(b"REG00011 GET / HTTP/1.0\r\n\r\n")
            assert stranger.recv(10) == b""
        idle = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(30)]
        wait_for(lambda: door.counters()["over_limit"] >= 20, "the limit per peer")
        wait_for(lambda: door.counters()["unknown"] >= 9, "the idle closed")
        dtu.dial("127.0.0.1", port, b"REG0001")
        wait_for(lambda: lines.frames(Lane.BULK, M1), "the known DTU served")
        for connection in idle:
            connection.close()


def test_late_foreign_and_broken_answers_are_never_attributed(lines: Lines) -> None:
    """A bus that answers each question with the answer to the one before it, and with another meter's."""
    answers: list[bytes] = []

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        connection.settimeout(0.2)
        while not over.is_set():
            try:
                asked = find_frames(connection.recv(4096)).frames
            except TimeoutError:
                continue
            for frame in asked:
                late, told = answers[-1:], build(M1, 0x91, frame.data + b"\x05\x22")
                answers.append(told)
                connection.sendall(b"".join(late) + build(M2, 0x91, frame.data + b"\x11\x11") + told[:9])
        connection.close()

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        with lines.door() as door:
            more = 'reads = ["frequency", "power_factor", "voltage"]\ntries = 1'
            lines.dial("dtu-1", server.getsockname()[1], [M1], more)
            wait_for(lambda: door.counters()["unanswered"] >= 1, "a poll without an answer")
            over.set()
            thread.join(5)
    assert not lines.frames(Lane.BULK)


def test_a_line_that_breaks_is_made_again(lines: Lines) -> None:
    with SimulatedDtu(meters(1)) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1])
        wait_for(lambda: lines.frames(Lane.BULK, M1), "a first poll")
        dtu.hang_up()
        wait_for(lambda: door.counters()["connections"] == 2, "a second connection")
        polled = len(lines.frames(Lane.BULK, M1))
        wait_for(lambda: len(lines.frames(Lane.BULK, M1)) > polled, "polls again")


def test_nothing_but_reading_is_ever_sent(lines: Lines) -> None:
    """Invariant 9: blocks refused, dead, with losses, in two frames, pushing: 11h and 12h, nothing else."""
    fleet = meters(4)
    fleet[0].blocks, fleet[1].powered, fleet[2].split = False, False, True
    fleet[3].losses = [(meter_time(20), meter_time(15))]
    with SimulatedDtu(fleet) as dtu, lines.door() as door:
        lines.dial("dtu-1", dtu.port, [M1, M2, M3, M4])
        wait_for(lambda: lines.frames(Lane.EVENTS, M4), "loss records")
        dtu.push(fleet[3].report())
        wait_for(lambda: door.counters()["reports"] and door.counters()["polls"] >= 8, "a report and polls")
    assert set().union(*(meter.asked for meter in fleet)) == {0x11, 0x12}


def test_the_table_of_values_covers_what_is_usually_read() -> None:
    assert len(EXPECTED) == len(USUAL_VALUES)


def test_the_command_plays_meters_that_lose_supply_by_turns(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``gridcrew sim dlt645`` as its own process: a report, then a record of a loss that is over."""
    monkeypatch.setattr("gateway.dlt645.BACKOFF_S", (0.2, 0.5))
    playing = subprocess.Popen(
        [sys.executable, "-m", "gridcrew", "sim", "dlt645", "--port", "0", "--meters", "1", "--lose", "4"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert playing.stdout
        told = playing.stdout.readline()
        assert told.startswith("1 meters behind a DTU on 127.0.0.1:")
        with lines.door() as door:
            lines.dial("practice", int(told.rsplit(":", 1)[1]), [M1])
            wait_for(lambda: lines.frames(Lane.BULK, M1), "a poll")
            wait_for(lambda: door.counters()["records"], "a loss record", 25)
        kinds = {fact.kind for told in lines.decoded(Lane.EVENTS) for fact in told.evidence}
        assert {EvidenceKind.POWER_OFF, EvidenceKind.POWER_ON} <= kinds
    finally:
        playing.terminate()
        assert playing.wait(10) == 0
        if playing.stdout is not None:
            playing.stdout.close()
