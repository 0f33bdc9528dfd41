"""The whole gateway as a process on the embedded broker: what a terminal sees, and what dies."""

import subprocess
import time
from decimal import Decimal

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
    first.wait(60)
    assert first.stdout is not None
    first.stdout.close()
