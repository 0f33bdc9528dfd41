"""Any MQTT broker by its address: here a real Mosquitto with settings that lose nothing."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.adapters.mqtt import BrokerAddress, create_sessions
from gateway.contract.topics import READINGS, topic
from gridcrew.broker import broker_address, gateway_sessions, terminal_address
from tests.gateway.running import Installation, Publisher, await_true, installation, readings_body
from tests.ports import free_port

LOSSLESS = """
allow_anonymous false
persistence true
autosave_on_changes true
autosave_interval 200
max_queued_messages 0
max_inflight_messages 1000
"""


@contextmanager
def running_mosquitto(home: Path) -> Iterator[str]:
    """URL of a Mosquitto with one user."""
    home.mkdir()
    port = free_port()
    passwords = home / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-c", "-b", str(passwords), "site", "se:cret@"], check=True, capture_output=True
    )
    # As root it would otherwise change to an account that cannot read this folder.
    account = "user root\n" if os.geteuid() == 0 else ""
    config = home / "mosquitto.conf"
    config.write_text(
        f"{account}listener {port} 127.0.0.1\npersistence_location {home}/\n"
        f"password_file {passwords}\n{LOSSLESS}",
        encoding="utf-8",
    )
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: _listens(port), "mosquitto")
            yield f"mqtt://site:se%3Acret%40@127.0.0.1:{port}"
        finally:
            server.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def beside_mosquitto(tmp_path: Path) -> Iterator[Installation]:
    with (
        running_mosquitto(tmp_path / "mosquitto") as url,
        installation(tmp_path / "var", GRIDCREW_MQTT__URL=url) as made,
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


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "host:1883"])
def test_a_wrong_address_is_named(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected mqtt://user:password@host:port"):
        BrokerAddress.from_url(url)


def test_addresses() -> None:
    assert BrokerAddress.from_url("mqtt://u:p%40@h:99") == BrokerAddress("h", 99, "u", "p@")
    assert BrokerAddress.from_url("mqtt://h") == BrokerAddress("h", 1883)
    assert BrokerAddress.from_url("mqtts://h") == BrokerAddress("h", 8883, tls=True)
