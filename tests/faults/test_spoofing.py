"""Fault 23: whoever speaks in another's name is refused and told, and the victim goes on. Fault 25."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.contract.topics import COMMAND, EVENTS, READINGS, STATUS, topic
from gateway.security import Threat
from gridcrew.authority import Authority, new_key, pem_of
from gridcrew.broker import EmbeddedBroker, gateway_sessions, terminal_address
from gridcrew.broker_flood import FloodWatch
from telemetry.evidence import EvidenceKind
from tests.faults.guarded import BROKERS, Gate, gate
from tests.faults.history import check_balance
from tests.gateway.certified import Certified, Papers
from tests.gateway.running import Publisher, await_true, installation, mosquitto, readings_body
from tests.gateway.test_access import Ear


@pytest.fixture(params=BROKERS, scope="module")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One for all tests of a broker; each has terminals of its own."""
    with gate(request.param, tmp_path_factory.mktemp("gate") / "g") as found:
        yield found


def forged(made: Certified, name: str) -> Papers:
    """A certificate of our own authority that our commands would never issue."""
    authority: Authority = made.authority
    signer = authority._generation(1)
    key = new_key()
    start = signer.certificate.not_valid_before_utc
    certificate = (
        x509.CertificateBuilder()
        .issuer_name(signer.certificate.subject)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(signer.certificate.not_valid_after_utc)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer.key, hashes.SHA256())
    )
    home = made.site.folder.parent
    papers = Papers(name, home / "forged.pem", home / "forged.key", authority.trusted_file)
    papers.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    papers.key.write_bytes(pem_of(key))
    return papers


def test_a_stolen_certificate_speaks_for_nobody_else(opened: Gate) -> None:
    made, site = opened.made, opened.made.site
    thief, victim = made.terminal("T1"), made.terminal("T2")
    ear = Ear(made, victim, topic("T2", COMMAND))
    events, bulk = gateway_sessions(made.settings)
    for name in (topic("T2", READINGS), topic("T2", EVENTS), "/v1/T2/service/data", "/v1/devices/T2/datas"):
        made.publish(thief, name, readings_body(1, ["stolen"]).decode())
    for client_id in ("T2", events.client_id, bulk.client_id):
        made.publish(thief, topic("T1", READINGS), readings_body(2, ["mine"]).decode(), client_id=client_id)
    ear.say(topic("T2", READINGS), readings_body(3, ["m2"]))
    await_true(lambda: site.readings.series("m2", 0, 2**52) != (), "the victim's frame")
    assert not ear.cut.is_set()
    assert (site.folder / "gateway.ready").exists()
    told = opened.await_event(Threat.FOREIGN_TOPIC, "T1")
    assert "T2" in told.finding
    if opened.kind == "nats":
        opened.await_event(Threat.CLIENT_ID, "T1")
    else:
        # Mosquitto gives the connection the certificate's name instead: it speaks as itself.
        await_true(lambda: site.readings.series("mine", 0, 2**52) != (), "spoken as itself")
    assert site.readings.series("stolen", 0, 2**52) == ()
    ear.close()
    check_balance(site)


def test_a_last_will_speaks_for_nobody_else(opened: Gate) -> None:
    """The broker itself publishes it, when the thief is long gone."""
    made, site = opened.made, opened.made.site
    papers = {name: made.terminal(name) for name in ("T9", "T10")}
    for seq, (name, target) in enumerate((("T9", "T10"), ("T10", "T10"))):
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False)
        client.tls_set_context(papers[name].context())
        client.will_set(topic(target, READINGS), readings_body(50 + seq, [f"will-{name}"]), qos=1)
        connected = threading.Event()
        client.on_connect = lambda *_, it=connected: it.set()
        client.connect("127.0.0.1", made.port)
        client.loop_start()
        connected.wait(5)
        closed = client.socket()
        assert isinstance(closed, socket.socket)
        closed.shutdown(socket.SHUT_RDWR)
        client.loop_stop()
    await_true(lambda: site.readings.series("will-T10", 0, 2**52) != (), "the honest will")
    assert site.readings.series("will-T9", 0, 2**52) == ()
    check_balance(site)


def test_a_payload_in_anothers_name_is_an_event(opened: Gate) -> None:
    made = opened.made
    thief, victim = made.terminal("T3"), made.terminal("T4")
    assert made.publish(victim, topic("T4", READINGS), readings_body(1, ["m4"]).decode())
    await_true(lambda: made.site.readings.series("m4", 0, 2**52) != (), "the victim's first contact")
    before = made.site.records.counters().dead
    body = {"mid": 1, "deviceId": "T4", "timestamp": 1_795_300_000_000, "expire": -1, "type": "EVENT_LINKUP",
            "param": {"dev": {"devSN": "x", "devType": "TTU"}}}  # fmt: skip
    assert made.publish(thief, "/v1/T3/device/request", json.dumps(body))
    assert "T4" in opened.await_event(Threat.SPOOFING, "T3").finding
    await_true(lambda: made.site.records.counters().dead == before + 1, "the dead letter")
    check_balance(made.site)


def test_a_certificate_whose_name_is_a_wildcard_opens_nothing(opened: Gate) -> None:
    """Though our own authority signed it: its key was stolen, say."""
    made = opened.made
    names = ("#", "+", "T6/events", "gridcrew.gateway")
    for name in names:
        papers = forged(made, name)
        for client_id in ("T6", name):
            body = readings_body(1, ["stolen"]).decode()
            made.publish(papers, topic("T6", READINGS), body, client_id=client_id)
        heard = made.run("mosquitto_sub", papers, name, "-t", "#", "-q", "1", "-W", "1")
        assert heard.stdout == ""
    if opened.kind == "nats":
        assert all(name in opened.await_event(Threat.CERTIFICATE, name).finding for name in names)
    assert made.site.readings.series("stolen", 0, 2**52) == ()


def test_who_floods_is_cut_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridcrew.broker_flood.COUNT_S", 0.5)
    monkeypatch.setattr("gridcrew.broker_access.FloodWatch", lambda _setting: FloodWatch(50.0))
    with gate("nats", tmp_path / "g") as opened:
        made = opened.made
        flooder, calm = made.terminal("T1"), made.terminal("T2")
        ears = [Ear(made, papers, topic(papers.name, COMMAND)) for papers in (flooder, calm)]
        deadline_s = time.monotonic() + 20
        while not ears[0].cut.is_set() and time.monotonic() < deadline_s:
            for _ in range(20):
                ears[0].say(topic("T1", STATUS), b"{}")
            time.sleep(0.05)
        assert ears[0].cut.is_set()
        assert "cut off" in opened.await_event(Threat.FLOOD, "T1").finding
        assert not made.publish(flooder, topic("T1", STATUS), "{}"), "it waits outside"
        assert not ears[1].cut.is_set()
        for ear in ears:
            ear.close()


ATTACKS = (
    "'; DROP TABLE evidence; --", "x' OR '1'='1", 'm",value=1 1\nother', "m1,tag=a value=1", "m1 value=1i 0",
    "$(reboot)", "../../etc/passwd", "<script>alert(1)</script>", "${jndi:ldap://x}", "m\\", "m=1",
    "; SHUTDOWN",    'from(bucket:"x")', "DROP SERIES FROM reading", "%s%n", "{{7*7}}", "\u202etxt", "电表'",
)  # fmt: skip


def test_injection_in_ids_is_stored_literally_or_refused(tmp_path: Path) -> None:
    """Fault 25: ids of meters and devices that are code elsewhere are letters here."""
    with installation(tmp_path / "var") as site, EmbeddedBroker(site.settings):
        site.start()
        address = terminal_address(site.settings)
        publisher = Publisher(address, "T1")
        for seq, attack in enumerate(ATTACKS):
            publisher.publish(2 * seq, topic("T1", READINGS), readings_body(2 * seq, [attack]))
            fact = {"at": 1_795_300_000_000 + seq, "device": attack, "kind": "power_off"}
            body = {"v": 1, "boot": "b1", "seq": 2 * seq + 1, "events": [fact]}
            publisher.publish(2 * seq + 1, topic("T1", EVENTS), json.dumps(body).encode())
        publisher.flush()
        publisher.close()
        for name in (
            "gridcrew/v1/T1';--/readings",
            "gridcrew/v1/T1 T2/readings",
            "gridcrew/v1/../T2/readings",
        ):
            mosquitto(
                "mosquitto_pub", address, "-q", "1", "-t", name, "-m", readings_body(99, ["spoofed"]).decode()
            )
        await_true(lambda: site.settled(2 * len(ATTACKS)), "every frame")
        dead = "".join(str(letter.body) for letter in site.dead_letters.listed())
        off = {
            device
            for logged in site.evidence.read(0, 10_000)
            if logged.evidence.kind is EvidenceKind.POWER_OFF
            for device in logged.evidence.devices
        }
        for seq, attack in enumerate(ATTACKS):
            stored = site.readings.series(attack, 0, 2**52)
            refused = f'"seq": {2 * seq},' in dead
            assert (len(stored) == 1) != refused, attack
            assert (
                attack in off
                or f'"seq": {2 * seq + 1},' in dead
                or "\n" in attack
                or attack.startswith("\u202e")
            )
        assert site.readings.series("spoofed", 0, 2**52) == ()
        check_balance(site)
