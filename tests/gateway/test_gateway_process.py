"""The whole gateway as a process on the embedded broker: what a terminal sees, and what dies."""

import random
import signal
import subprocess
import time
from decimal import Decimal

import pytest

from gateway.contract.topics import topic
from gridcrew.broker import EmbeddedBroker, terminal_address
from telemetry.evidence import EvidenceKind
from tests.gateway.running import Installation, Publisher, await_true, mosquitto, readings_body

METERS = ["m1", "m2"]
EVENT = '{"v":1,"boot":"b1","seq":%d,"events":[{"at":%d,"device":"m1","kind":"power_off"}]}'


def test_a_frame_from_mosquitto_pub_becomes_reading_and_evidence(
    site: Installation, broker: EmbeddedBroker
) -> None:
    """SHAPE-01: and a frame that nobody understands goes to the dead letters without blocking the next."""
    site.start()
    address = terminal_address(site.settings)
    published_s = time.monotonic()
    for channel, body in (
        ("readings", "no json"),
        ("readings", '{"v":2,"boot":"b1","seq":1}'),
        ("events", EVENT % (2, 1_795_300_000_000)),
        ("readings", readings_body(3, METERS).decode()),
    ):
        done = mosquitto("mosquitto_pub", address, "-q", "1", "-t", topic("T1", channel), "-m", body)
        assert done.returncode == 0, done.stderr
    await_true(lambda: site.settled(4), "four frames")
    assert time.monotonic() - published_s < 5
    kinds = [row.evidence.kind for row in site.evidence.read(0)]
    assert sorted(kinds) == sorted([EvidenceKind.POWER_OFF, EvidenceKind.ALIVE])
    assert site.readings.latest(METERS)["m2"].values["voltage_a_v"] == Decimal("230.1")
    assert [letter.body for letter in site.dead_letters.listed()] == [
        b"no json",
        b'{"v":2,"boot":"b1","seq":1}',
    ]
    assert site.records.counters().received == 4
    assert [state.device for state in site.records.terminals()] == ["T1"]


def test_sigterm_ends_in_time_and_loses_nothing(site: Installation, broker: EmbeddedBroker) -> None:
    site.start()
    publisher = Publisher(terminal_address(site.settings), "T1")
    for seq in range(500):
        publisher.publish(seq, topic("T1", "readings"), readings_body(seq, METERS))
    asked_s = time.monotonic()
    assert site.end(signal.SIGTERM) == 0
    assert time.monotonic() - asked_s < 5
    assert not (site.folder / "gateway.ready").exists()
    publisher.flush()
    site.start()
    assert (site.folder / "gateway.ready").exists()
    await_true(lambda: site.settled(500), "all frames")
    assert len(site.readings.series("m1", 0, 2**52)) == 500
    publisher.close()


@pytest.mark.parametrize("place", ["before_commit", "before_puback", "after_readings", "after_ledger"])
def test_death_at_the_worst_moments(site: Installation, broker: EmbeddedBroker, place: str) -> None:
    """Fault 2: the process dies around the commit; the frame comes again and counts once."""
    process = site.start(GRIDCREW_FAULT=f"{place}:2")
    publisher = Publisher(terminal_address(site.settings), "T1")
    for seq in range(20):
        publisher.publish(seq, topic("T1", "readings"), readings_body(seq, METERS))
        time.sleep(0.01)
    publisher.flush()
    assert process.wait(10) != 0, "the fault did not happen"
    site.end(signal.SIGKILL)
    site.start()
    await_true(lambda: site.settled(20), "all frames after the death")
    assert len(site.readings.series("m1", 0, 2**52)) == 20
    assert len(site.evidence.read(0)) == 20
    publisher.close()


def test_acknowledged_is_stored_through_ten_kills_under_load(
    site: Installation, broker: EmbeddedBroker
) -> None:
    """Fault 1: kill -9 at random moments; acknowledged = stored + dead, and nothing counts twice."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    publisher = Publisher(terminal_address(site.settings), "T1")
    sent = 0

    def load(seconds: float) -> None:
        nonlocal sent
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            damaged = sent % 50 == 49
            body = b"{broken %d" % sent if damaged else readings_body(sent, METERS)
            publisher.publish(sent, topic("T1", "readings"), body)
            sent += 1
            time.sleep(0.002)

    for _ in range(10):
        early = chance.random() < 0.3
        site.start(ready=not early)
        load(chance.uniform(0.3, 1.5) if early else chance.uniform(0.0, 0.4))
        site.end(signal.SIGKILL)
    publisher.flush()
    publisher.close()
    site.start()
    await_true(lambda: site.settled(sent), f"{sent} frames, seed {seed}")
    _check_history(site, sent, publisher.acknowledged)


def _check_history(site: Installation, sent: int, acknowledged: set[int]) -> None:
    whole = {seq for seq in range(sent) if seq % 50 != 49}
    stored = [
        int(reading.values["energy_import_kwh"] * 100) for reading in site.readings.series("m1", 0, 2**52)
    ]
    dead = [int(letter.body.split()[1]) for letter in site.dead_letters.listed(limit=10_000)]
    assert len(acknowledged) == sent
    assert sorted(stored) == sorted(whole), "every frame once"
    assert sorted(dead) == sorted(set(range(sent)) - whole)
    rows = site.evidence.read(0, 10_000)
    assert [row.id for row in rows] == list(range(1, len(whole) + 1))
    counters = site.records.counters()
    assert counters.received == counters.stored + counters.dead + counters.duplicate + counters.pending
    assert (counters.stored, counters.dead) == (len(whole), sent - len(whole))


def test_the_broker_is_killed_under_load(site: Installation, broker: EmbeddedBroker) -> None:
    """Fault 3: what the broker acknowledged before its death arrives after it."""
    broker.stop()
    port = broker.port
    fixed = site.settings.model_copy(update={"mqtt": site.settings.mqtt.model_copy(update={"port": port})})
    again = EmbeddedBroker(fixed)
    again.start()
    site.start(GRIDCREW_MQTT__PORT=str(port))
    publisher = Publisher(terminal_address(fixed), "T1")
    sent = 0
    for _ in range(2):
        for _ in range(300):
            publisher.publish(sent, topic("T1", "readings"), readings_body(sent, METERS))
            sent += 1
        assert again.pid is not None
        subprocess.run(["kill", "-9", str(again.pid)], check=True)
        await_true(lambda: not again.alive(), "the broker's death")
        again.start()
    publisher.flush()
    acknowledged = set(publisher.acknowledged)
    publisher.close()
    await_true(lambda: site.settled(len(acknowledged)), "acknowledged frames")
    stored = [
        int(reading.values["energy_import_kwh"] * 100) for reading in site.readings.series("m1", 0, 2**52)
    ]
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))
    again.stop()


def test_a_silent_terminal_is_reported_once(site: Installation, broker: EmbeddedBroker) -> None:
    site.start(GRIDCREW_GATEWAY__HEARTBEAT_OVERDUE_S="1")
    body = '{"v":1,"boot":"b1","seq":1,"state":"online","at":1795300000000}'
    mosquitto(
        "mosquitto_pub", terminal_address(site.settings), "-q", "1", "-t", topic("T1", "status"), "-m", body
    )
    await_true(lambda: site.evidence.newest_id() == 2, "alive, then silent")
    alive, silent = (row.evidence for row in site.evidence.read(0))
    assert (alive.kind, alive.devices, silent.kind, silent.devices) == (
        EvidenceKind.ALIVE, ("T1",), EvidenceKind.SILENT, ("T1",),
    )  # fmt: skip
    assert not site.records.terminals()[0].online
    time.sleep(2.2)
    assert site.evidence.newest_id() == 2


def test_a_second_gateway_on_the_same_folder_is_refused(site: Installation, broker: EmbeddedBroker) -> None:
    first = site.start()
    second = site.start(ready=False)
    assert second.wait(20) == 1
    assert "another gateway works on this folder" in site.log()
    assert first.poll() is None
    first.terminate()
    first.wait(10)
    assert first.stdout is not None
    first.stdout.close()
