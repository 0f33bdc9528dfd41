"""Any MQTT broker by its address: here a real Mosquitto on ``deploy/mosquitto.conf``."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.adapters.mqtt.door import BrokerAddress, MqttDoor, create_sessions, sessions
from gateway.backpressure import Pressure
from gateway.contract.topics import READINGS, topic
from gateway.frames import Frame, Lane
from gridcrew.broker import broker_address, gateway_sessions, terminal_address
from gridcrew.doors import session_memory
from tests.gateway.envelopes import envelope_is_answered, now_ms
from tests.gateway.mosquitto import running_mosquitto
from tests.gateway.running import Installation, Publisher, await_true, installation, mosquitto, readings_body


@pytest.fixture
def beside_mosquitto(tmp_path: Path) -> Iterator[Installation]:
    with (
        running_mosquitto(tmp_path / "mosquitto") as broker,
        installation(tmp_path / "var", GRIDCREW_MQTT__URL=broker.url()) as made,
    ):
        yield made


def test_a_backlog_of_a_site_broker_is_drained(beside_mosquitto: Installation) -> None:
    """More frames wait than fit one group: they come before the broker answers the subscription."""
    site = beside_mosquitto
    create_sessions(broker_address(site.settings), gateway_sessions(site.settings))
    publisher = Publisher(terminal_address(site.settings), "T1")
    for seq in range(1_500):
        publisher.publish(seq, topic("T1", READINGS), readings_body(seq, ["m1"]))
    publisher.flush()
    assert len(publisher.acknowledged) == 1_500
    site.start()
    await_true(lambda: site.settled(1_500), "the backlog")
    publisher.publish(9_999, topic("T1", READINGS), readings_body(9_999, ["m1"]))
    await_true(lambda: site.settled(1_501), "a frame after it")
    assert len(site.readings.series("m1", 0, 2**52)) == 1_501
    assert "may be missing" not in site.log()
    publisher.close()


def test_a_missing_session_is_told(beside_mosquitto: Installation) -> None:
    """Fault 4: a site's broker that does not know us may have dropped frames; say so, and go on."""
    site = beside_mosquitto
    site.start()
    assert "the broker did not know our session (mqtt:events, mqtt:bulk): frames may be missing" in site.log()
    assert '"session_was_missing": ["mqtt:events", "mqtt:bulk"]' in (site.folder / "gateway.ready").read_text(
        encoding="utf-8"
    )


def gridcrew(site: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gridcrew", *arguments],
        env=os.environ | site.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_session_that_was_lost_stays_reported(beside_mosquitto: Installation) -> None:
    """Fault 4: made before devices connect, lost by the broker, reported until somebody takes note."""
    site = beside_mosquitto
    told = gridcrew(site, "gateway", "--create-sessions")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("stands at") == 2
    site.start()
    assert "may be missing" not in site.log()
    site.end()
    events, _ = gateway_sessions(site.settings)
    # Whoever holds the secret id can end the session: a clean one in its place.
    mosquitto("mosquitto_sub", broker_address(site.settings), "-i", events.client_id, "-t", "x", "-W", "1")
    memory = session_memory(site.settings)
    assert memory.alarm("events", now_ms()) == ""
    site.start()
    assert "had lost our session" in memory.alarm("events", now_ms())
    site.end()
    assert (memory.losses("events"), memory.losses("bulk")) == (1, 0)
    assert memory.alarm("events", now_ms() + 73 * 3_600_000) == ""
    assert "events" in gridcrew(site, "gateway", "--acknowledge-sessions").stdout
    assert memory.alarm("events", now_ms()) == ""
    assert memory.losses("events") == 1


def test_without_a_broker_no_session_is_claimed(tmp_path: Path) -> None:
    with installation(tmp_path / "var", GRIDCREW_MQTT__URL="mqtt://127.0.0.1:1") as site:
        told = gridcrew(site, "gateway", "--create-sessions")
        assert told.returncode != 0
        assert "session events: 127.0.0.1:1" in told.stderr


def test_the_envelope_on_mosquitto_is_answered(beside_mosquitto: Installation) -> None:
    """The same on both kinds of broker: a request is on disk, then its sender is told so."""
    envelope_is_answered(beside_mosquitto, terminal_address(beside_mosquitto.settings))


class NearlyFull:
    """An intake whose disk is nearly full until it is not."""

    def __init__(self) -> None:
        self.now = Pressure.HOLD_BULK
        self.taken: list[Frame] = []

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:  # noqa: ARG002
        self.taken.extend(frames)

    def pressure(self) -> Pressure:
        return self.now


def test_readings_wait_at_the_broker_while_the_disk_is_short(tmp_path: Path) -> None:
    """Rule 8: the bulk session is left, the events' is not; nothing is lost meanwhile."""
    with running_mosquitto(tmp_path / "broker") as broker:
        address, intake = broker.address(), NearlyFull()
        events, bulk = sessions("0" * 20)
        create_sessions(address, (events, bulk))
        doors = [MqttDoor(lambda: address, session, intake) for session in (events, bulk)]
        for door in doors:
            door.start()
        for name in ("events", "readings"):
            mosquitto("mosquitto_pub", address, "-q", "1", "-t", topic("T1", name), "-m", name)
        await_true(lambda: [frame.body for frame in intake.taken] == [b"events"], "the event alone")
        assert doors[0].ready
        assert not doors[1].ready
        assert "readings wait at the broker" in doors[1].trouble
        intake.now = Pressure.FREE
        await_true(lambda: len(intake.taken) == 2, "the reading")
        for door in doors:
            door.stop(5)


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "host:1883"])
def test_a_wrong_address_is_named(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected mqtt://user:password@host:port"):
        BrokerAddress.from_url(url)


def test_addresses() -> None:
    assert BrokerAddress.from_url("mqtt://u:p%40@h:99") == BrokerAddress("h", 99, "u", "p@")
    assert BrokerAddress.from_url("mqtt://h") == BrokerAddress("h", 1883)
    assert BrokerAddress.from_url("mqtts://h") == BrokerAddress("h", 8883, tls=True)
