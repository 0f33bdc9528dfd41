"""Who may speak to the embedded broker: certificates, client ids, topics, revocation while connected."""

import contextlib
import gc
import json
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.adapters.mqtt.door import BrokerAddress, Connection, ConnectionLost, sessions
from gateway.contract.topics import COMMAND, EVENTS, READINGS, topic
from gateway.security import Threat, read_nats_line
from gridcrew.broker import (
    EmbeddedBroker,
    broker_address,
    broker_folder,
    findings_file,
    gateway_sessions,
)
from gridcrew.health import CHECKS
from tests.gateway.certified import Certified, Papers, certified_broker, now_ms
from tests.gateway.running import WAIT_S, await_true

Pair = tuple[Certified, EmbeddedBroker]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Certified]:
    with certified_broker(tmp_path) as (made, _):
        yield made


def findings(made: Certified) -> set[tuple[str, str]]:
    """(threat, source) of what the doorkeeper refused."""
    file = findings_file(made.settings)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {(row[0], row[1]) for row in map(json.loads, lines)}


class Ear:
    """A connected terminal, or the gateway's session, that notes what it hears and whether it was cut."""

    def __init__(self, made: Certified, papers: Papers, name: str, *, clean: bool = True) -> None:
        self.heard: list[bytes] = []
        self.cut = threading.Event()
        self.present = False
        self._connected = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=papers.name,
            clean_session=clean,
            reconnect_on_failure=False,
        )
        self._client.tls_set_context(papers.context())
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self.cut.set()
        self._client.on_message = lambda _c, _u, message: self.heard.append(bytes(message.payload))
        self._client.connect("127.0.0.1", made.port)
        self._client.loop_start()
        assert self._connected.wait(WAIT_S)
        self._client.subscribe(name, 1)

    def _on_connect(self, _client: Client, _data: object, flags: object, *_more: object) -> None:
        self.present = bool(getattr(flags, "session_present", False))
        self._connected.set()

    def say(self, name: str, body: bytes) -> None:
        self._client.publish(name, body, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def gateway_hears(made: Certified, frames: int) -> list[bytes]:
    """What the gateway's sessions hold, once they have so many, acknowledged."""
    found: list[bytes] = []
    for session in gateway_sessions(made.settings):
        connection = Connection(broker_address(made.settings), session)
        connection.open()
        assert connection.session_present
        while not connection.granted:
            connection.receive(0.1)
        for _ in range(10):
            connection.receive(0.05)
            found += [frame.body for _, _, frame in connection.inbox]
            connection.acknowledge()
        connection.close()
    assert len(found) >= frames
    return found


def test_a_terminal_speaks_below_its_own_id_only(guarded: Certified) -> None:
    one = guarded.terminal("T1")
    assert guarded.publish(one, topic("T1", READINGS), "own")
    assert guarded.publish(one, "/v1/T1/service/data", "envelope")
    for foreign in (
        topic("T2", READINGS),
        "/v1/T2/service/data",
        "/v1/devices/T2/datas",
        topic("T1", COMMAND),
    ):
        guarded.publish(one, foreign, "spoofed")
    assert sorted(gateway_hears(guarded, 2)) == [b"envelope", b"own"]


def test_nobody_takes_a_session_over(guarded: Certified) -> None:
    """Fault 23: neither another terminal's session nor the gateway's, however valid the certificate."""
    thief, victim = guarded.terminal("T1"), guarded.terminal("T2")
    ear = Ear(guarded, victim, topic("T2", COMMAND))
    events, _ = gateway_sessions(guarded.settings)
    gateway = Connection(broker_address(guarded.settings), events)
    gateway.open()
    for stolen in ("T2", events.client_id, "T3"):
        assert not guarded.publish(thief, topic("T1", EVENTS), "thief", client_id=stolen)
    assert guarded.publish(thief, topic("T1", EVENTS), "honest")
    while not gateway.inbox:
        gateway.receive(0.2)
    assert [frame.body for _, _, frame in gateway.inbox] == [b"honest"]
    assert not ear.cut.is_set()
    await_true(lambda: ("client-id", "T1") in findings(guarded), "the finding")
    ear.close()
    gateway.close()


def test_the_gateways_name_needs_its_password_too(guarded: Certified) -> None:
    thief = guarded.terminal("T1")
    told = guarded.run(
        "mosquitto_pub",
        thief,
        "x",
        "-u",
        "gateway",
        "-P",
        "guess",
        "-q",
        "1",
        "-t",
        topic("T2", EVENTS),
        "-m",
        "x",
    )
    assert told.returncode != 0
    line = (broker_folder(guarded.settings) / "server.log").read_text(encoding="utf-8").splitlines()
    assert any(found.threat is Threat.PASSWORD for found in map(read_nats_line, line) if found)


def test_revoking_cuts_the_connection_and_keeps_it_out(guarded: Certified) -> None:
    """Fault 24: one terminal is revoked, nobody else notices."""
    bad, good = guarded.terminal("T1"), guarded.terminal("T2")
    ears = [Ear(guarded, papers, topic(papers.name, COMMAND)) for papers in (bad, good)]
    guarded.desk.revoke("T1", "stolen", now_ms())
    assert ears[0].cut.wait(WAIT_S)
    assert not guarded.publish(bad, topic("T1", EVENTS), "revoked")
    assert not ears[1].cut.is_set()
    ears[1].say(topic("T2", EVENTS), b"good")
    assert gateway_hears(guarded, 1) == [b"good"]
    await_true(lambda: ("certificate", "T1") in findings(guarded), "the finding")
    for ear in ears:
        ear.close()


def test_a_rotated_certificate_overlaps_and_the_session_stays(guarded: Certified) -> None:
    old = guarded.terminal("T1")
    ear = Ear(guarded, old, topic("T1", COMMAND), clean=False)
    new = guarded.papers(guarded.desk.rotate("T1", None, 7.0, now_ms()), "renewed")
    ear.close()
    again = Ear(guarded, new, topic("T1", COMMAND), clean=False)
    assert again.present
    again.close()
    assert guarded.publish(old, topic("T1", EVENTS), "old, within the overlap")
    newer = guarded.papers(guarded.desk.rotate("T1", None, 0.0, now_ms()), "newer")
    assert not guarded.publish(old, topic("T1", EVENTS), "old")
    assert not guarded.publish(new, topic("T1", EVENTS), "new")
    assert guarded.publish(newer, topic("T1", EVENTS), "newer")


def test_terminals_cannot_listen_to_each_other(guarded: Certified) -> None:
    thief = guarded.terminal("T1")
    for name in (
        "#",
        topic("T2", COMMAND),
        topic("+", COMMAND),
        "$MQTT/#",
        "$SYS/#",
        "/v1/T2/device/response",
    ):
        told = guarded.run("mosquitto_sub", thief, "T1", "-t", name, "-q", "1", "-W", "2")
        assert "denied" in told.stderr, name


def test_keys_and_secrets_are_the_owners_alone(guarded: Certified) -> None:
    folders = (guarded.authority.folder, broker_folder(guarded.settings))
    secret = [
        file for folder in folders for file in folder.glob("*") if file.suffix in {".key", ".json", ".conf"}
    ]
    assert len(secret) >= 6
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in secret)
    log = (broker_folder(guarded.settings) / "server.log").read_text(encoding="utf-8")
    assert "PRIVATE KEY" not in log
    for name in ("doorkeeper.json", "secrets.json"):
        for word in json.loads((broker_folder(guarded.settings) / name).read_text(encoding="utf-8")).values():
            assert word not in log


@contextmanager
def tls_server(authority: trustme.CA, name: str) -> Iterator[int]:
    """A port that shakes hands under that name and says nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with (
                contextlib.suppress(OSError),
                listener.accept()[0] as raw,
                context.wrap_socket(raw, server_side=True) as secured,
            ):
                secured.recv(100)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


# paho leaves a socket whose handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("name", "trusted", "why"),
    [
        ("elsewhere.example", True, "mismatch|not valid for"),
        ("127.0.0.1", False, "certificate verify failed"),
    ],
)
def test_the_gateway_checks_the_brokers_certificate_and_name(
    tmp_path: Path, name: str, trusted: bool, why: str
) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    file = tmp_path / "trusted.pem"
    ours.cert_pem.write_to_path(str(file))
    events = sessions("0" * 20)[0]
    with tls_server(ours if trusted else theirs, name) as port:
        connection = Connection(BrokerAddress("127.0.0.1", port, tls=True, ca_file=str(file)), events)
        with pytest.raises(ConnectionLost, match=why):
            connection.open()
        del connection
        gc.collect()
    missing = BrokerAddress("127.0.0.1", 1, tls=True, ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConnectionLost):
        Connection(missing, events).open()


def test_the_health_check_knows_certificates(guarded: Certified) -> None:
    guarded.terminal("T1")
    fine, says = CHECKS["certificates"](guarded.settings)
    assert fine
    assert "0 of terminals end soon" in says
