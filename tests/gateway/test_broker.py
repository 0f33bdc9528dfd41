"""The embedded broker: nothing is lost before the gateway runs, and nobody takes its sessions over."""

import os
import stat
import time
from pathlib import Path

import pytest

from gateway.adapters.mqtt.door import BrokerAddress, Connection, ConnectionLost, Session
from gateway.contract.topics import COMMAND, EVENTS, MAX_FRAME_BYTES, READINGS, topic
from gateway.frames import Lane
from gridcrew.broker import (
    BrokerFailed,
    BrokerSecrets,
    EmbeddedBroker,
    broker_address,
    broker_folder,
    gateway_sessions,
    terminal_address,
)
from gridcrew.settings import Settings
from tests.gateway.running import Installation, Publisher, await_true, mosquitto, readings_body
from tests.ports import free_port

DENIED = "denied"


def received(settings: Settings, session: Session, wait_s: float = 2.0) -> list[bytes]:
    """What the gateway's session holds, acknowledged."""
    connection = Connection(broker_address(settings), session)
    connection.open()
    assert connection.session_present
    found: list[bytes] = []
    deadline_s = time.monotonic() + wait_s
    while time.monotonic() < deadline_s and not (found and not connection.inbox):
        connection.receive(0.1)
        found.extend(frame.body for _, _, frame in connection.inbox)
        if connection.inbox:
            connection.acknowledge()
            connection.receive(0.2)
    connection.close()
    return found


def test_frames_before_the_first_gateway_are_kept(site: Installation) -> None:
    """Rule 2: at the very first start the sessions exist before the port opens to terminals."""
    with EmbeddedBroker(site.settings):
        publisher = Publisher(terminal_address(site.settings), "T1")
        for seq in range(50):
            publisher.publish(seq, topic("T1", READINGS), readings_body(seq, ["m1"]))
        publisher.publish(50, topic("T1", EVENTS), b"event")
        publisher.flush()
        publisher.close()
        assert len(publisher.acknowledged) == 51
    with EmbeddedBroker(site.settings):
        events, bulk = gateway_sessions(site.settings)
        assert received(site.settings, events) == [b"event"]
        assert len(received(site.settings, bulk)) == 50


def test_secrets_are_the_owners_alone_and_stay(site: Installation, broker: EmbeddedBroker) -> None:
    folder = broker_folder(site.settings)
    for name in ("secrets.json", "server.conf"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert BrokerSecrets.of(folder) == BrokerSecrets.of(folder)
    ids = [session.client_id for session in gateway_sessions(site.settings)]
    assert len(set(ids)) == 2
    assert all(len(name) == 23 for name in ids), "what every broker must accept"
    assert "client_id" not in repr(gateway_sessions(site.settings)[0])
    assert BrokerSecrets.of(folder).gateway_password not in repr(broker_address(site.settings))


@pytest.mark.parametrize(
    "name", ["#", "+/+/+/+", "gridcrew/v1/+/readings", "$MQTT/#", "$SYS/#", "$JS/#", "gridcrew/v1/>"]
)
def test_terminals_cannot_listen_to_each_other(site: Installation, broker: EmbeddedBroker, name: str) -> None:
    """Fault 23."""
    for quality in "01":
        told = mosquitto(
            "mosquitto_sub", terminal_address(site.settings), "-t", name, "-q", quality, "-W", "2"
        )
        assert DENIED in told.stderr


def test_terminals_cannot_command_or_speak_elsewhere(site: Installation, broker: EmbeddedBroker) -> None:
    address = terminal_address(site.settings)
    listener = Connection(address, Session("ears", "T9", (topic("T9", COMMAND),), Lane.BULK))
    listener.open()
    while not listener.granted:
        listener.receive(0.1)
    for name in (topic("T9", COMMAND), "gridcrew/v2/T9/events", "$JS/API/STREAM/DELETE/$MQTT_msgs"):
        mosquitto("mosquitto_pub", address, "-q", "1", "-t", name, "-m", "x")
    mosquitto("mosquitto_pub", address, "-q", "1", "-t", topic("T1", EVENTS), "-m", "after")
    listener.receive(0.5)
    assert listener.inbox == []
    assert received(site.settings, gateway_sessions(site.settings)[0]) == [b"after"], (
        "the streams still stand"
    )
    listener.close()


def test_a_guessed_client_id_takes_nothing_over(site: Installation, broker: EmbeddedBroker) -> None:
    """Fault 23: the ids are secret; the gateway stays connected and gets its frames."""
    site.start()
    address = terminal_address(site.settings)
    for guess in ("gwe", "gwe" + "0" * 20):
        mosquitto(
            "mosquitto_sub", address, "-i", guess, "-c", "-q", "1", "-t", topic("+", COMMAND), "-W", "1"
        )
    mosquitto(
        "mosquitto_pub",
        address,
        "-q",
        "1",
        "-t",
        topic("T1", READINGS),
        "-m",
        readings_body(1, ["m1"]).decode(),
    )
    await_true(lambda: site.settled(1), "the frame")
    assert (site.folder / "gateway.ready").exists()
    assert "connection" not in site.log().replace("connected", "")


def test_the_gateways_name_needs_its_password(site: Installation, broker: EmbeddedBroker) -> None:
    session = Session("thief", "thief", (topic("+", READINGS),), Lane.BULK)
    for password in ("", "wrong", BrokerSecrets.of(broker_folder(site.settings)).terminal_password):
        known = broker_address(site.settings)
        thief = Connection(BrokerAddress(known.host, known.port, "gateway", password), session)
        with pytest.raises(ConnectionLost, match=r"[Nn]ot authori[sz]ed|refused"):
            thief.open()
        thief.close()


def test_a_frame_above_the_limit_is_not_acknowledged(site: Installation, broker: EmbeddedBroker) -> None:
    publisher = Publisher(terminal_address(site.settings), "T1")
    publisher.publish(1, topic("T1", READINGS), b"x" * MAX_FRAME_BYTES)
    publisher.flush()
    assert publisher.acknowledged == {1}
    publisher.publish(2, topic("T1", READINGS), b"x" * (MAX_FRAME_BYTES + 2_000))
    time.sleep(0.3)
    publisher._collect()
    assert publisher.acknowledged == {1}
    publisher.close()


def test_beyond_loopback_terminals_need_the_password(tmp_path: Path) -> None:
    mqtt = {"host": "0.0.0.0", "port": 0}  # noqa: S104
    with pytest.raises(BrokerFailed, match=r"mqtt.tls = mutual"):
        EmbeddedBroker(Settings.model_validate({"data_dir": tmp_path / "var", "mqtt": mqtt})).start()
    plain = {**mqtt, "allow_plain": True}
    settings = Settings.model_validate({"data_dir": tmp_path / "var", "mqtt": plain})
    with EmbeddedBroker(settings) as broker:
        address = terminal_address(settings)
        assert address.username == "terminal"
        arguments = ("-q", "1", "-t", topic("T1", EVENTS), "-m", "x")
        assert mosquitto("mosquitto_pub", BrokerAddress("127.0.0.1", broker.port), *arguments).returncode != 0
        assert mosquitto("mosquitto_pub", address, *arguments).returncode == 0
        assert received(settings, gateway_sessions(settings)[0]) == [b"x"]


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    port = free_port()
    one, two = (
        EmbeddedBroker(Settings.model_validate({"data_dir": tmp_path / name, "mqtt": {"port": port}}))
        for name in ("one", "two")
    )
    with one, pytest.raises(BrokerFailed, match=f"port {port} on 127.0.0.1 is in use"):
        two.start()


def test_a_broker_that_outlived_its_supervisor_is_replaced(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "mqtt": {"port": free_port()}})
    orphan = EmbeddedBroker(settings)
    orphan.start()
    assert orphan.pid is not None
    with EmbeddedBroker(settings) as successor:
        assert successor.alive()
        await_true(lambda: not orphan.alive(), "the orphan's end")
        assert successor.pid != orphan.pid
        assert os.path.exists(f"/proc/{successor.pid}")  # noqa: PTH110
