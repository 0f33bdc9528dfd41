"""Observed brokers: files, live changes, and the promise that nothing is ever published there."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from sqlalchemy import insert

from gateway.adapters.ledger.devices import DeviceLedger
from gateway.adapters.mqtt.connection import Connection, ConnectionLost
from gateway.adapters.mqtt.observer_doors import address_of, session_of
from gateway.adapters.mqtt.observer_files import ObserverBook
from gateway.adapters.mqtt.signal_files import SignalFiles
from gateway.codecs.foreign import no_terminal
from gateway.codecs.mqtt_frames import MqttDecoder
from gateway.frames import MAX_BODY_BYTES, OVERSIZED, Frame, Lane
from gateway.observers import matches, read_observer
from gateway.site_toml import SiteFileRefused
from gridcrew.broker import EmbeddedBroker, terminal_address
from telemetry.adapters.gateway_tables import devices, door_states
from telemetry.evidence import EvidenceKind
from tests.conftest import DatabaseFactory
from tests.gateway.envelopes import EnvelopeTerminal, now_ms
from tests.gateway.mosquitto import OBSERVER, PASSWORD, Mosquitto, running_mosquitto
from tests.gateway.running import WAIT_S, Installation, await_true, installation, mosquitto, readings_body
from tests.ports import free_port

CLIENT_ID = "gridcrew-observer-1"
FILE = """
format = "state_grid"
{more}
[broker]
url = "{url}"
client_id = "{client_id}"
username = "observer"
password_file = "secret"
[[topics]]
filter = "/v1/+/service/event"
lane = "events"
[[topics]]
filter = "/v1/+/service/data"
"""


def text(more: str = "", url: str = "mqtt://127.0.0.1:1883", client_id: str = CLIENT_ID) -> str:
    return FILE.format(more=more, url=url, client_id=client_id)


def test_a_file_says_all() -> None:
    observer = read_observer("city", text('zone = "UTC"\nsystem = "platform"'))
    assert (observer.name, observer.format, observer.system, str(observer.zone)) == (
        "city", "state_grid", "platform", "UTC",
    )  # fmt: skip
    assert observer.lane_of("/v1/T1/service/event") is Lane.EVENTS
    assert observer.lane_of("/v1/T1/service/data") is Lane.BULK
    session = session_of(observer)
    assert (session.door, session.mute, session.client_id) == ("mqtt:city", True, CLIENT_ID)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (text("format = 7"), "not TOML"),
        (text().replace("state_grid", "telepathy"), "format: invalid enum value 'telepathy'"),
        (text("speed = 1"), "object contains unknown field `speed`"),
        (text(url="http://x"), "broker.url: expected mqtt://host:port"),
        (text(url="mqtt://u:p@x"), "broker.url: expected without user and password"),
        (text(client_id=""), "broker.client_id: expected 1 to 128 bytes"),
        (text('zone = "Mars/Olympus"'), "zone: expected a name such as Asia/Shanghai, found 'Mars/Olympus'"),
        (text('terminal_pattern = "("'), "terminal_pattern: expected a regular expression"),
        (text('terminal_pattern = "x"'), "terminal_pattern: expected a group named terminal or topic"),
        (
            text().replace("/v1/+/service/data", "/v1/#/x"),
            r"topics\[1\].filter: expected an MQTT topic filter",
        ),
        (text().replace('"state_grid"', '"app_bus"'), "terminal: expected with format app_bus"),
        (text().replace('"events"', '"express"'), r"topics\[0\].lane: invalid enum value 'express'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_field(wrong: str, told: str) -> None:
    with pytest.raises(SiteFileRefused, match=told):
        read_observer("city", wrong)


@pytest.mark.parametrize("name", ["events", "bulk", "a b", ""])
def test_names_of_our_own_sessions_are_refused(name: str) -> None:
    with pytest.raises(SiteFileRefused, match="name: expected"):
        read_observer(name, text())


def test_filters() -> None:
    for name, topic, does in (
        ("/v1/+/a", "/v1/x/a", True), ("/v1/+/a", "/v1/x/b", False), ("#", "x/y", True), ("a/#", "a", True),
        ("a/+", "a", False), ("a", "a/b", False), ("+/+", "/a", True),
    ):  # fmt: skip
        assert matches(name, topic) is does, (name, topic)


def test_bridged_topics_and_devices_are_found(tmp_path: Path) -> None:
    """A terminal's own bus, bridged under its id: the topic says who, the pattern what of it is a device."""
    folder = tmp_path / "observers"
    folder.mkdir()
    more = (
        "terminal_pattern = '^site/(?P<terminal>[^/]+)/(?P<topic>.+)$'\ndevice_pattern = 'no-(?P<device>.+)'"
    )
    (folder / "bus.toml").write_text(text(more).replace("state_grid", "app_bus"))
    (folder / "own.toml").write_text(text(more).replace("state_grid", "own"))
    book = ObserverBook(tmp_path, lambda _: str, no_terminal)
    decode = MqttDecoder(book.own, book.find)
    body = {"timestamp": "2026-11-22T08:00:00+08:00", "body": [
        {"dev": "ADC_no-m1", "body": [{"name": "PhV_phsA", "val": "220.5", "quality": "1"}]}]}  # fmt: skip
    frame = Frame("site/T7/App/notify/event/database/ADC/ADC_m1", json.dumps(body).encode(), 1, "mqtt:bus")
    (batch,) = decode(frame).batches
    assert (batch.terminal, batch.meters) == ("T7", ("m1",))
    own = Frame("site/T7/gridcrew/v1/T7/readings", readings_body(3, ["m1"]), 1_795_300_003_000, "mqtt:own")
    assert decode(own).key == "T7/b1/3"
    assert "expected a file nobody.toml" in decode(Frame("x", b"", 1, "mqtt:nobody")).refusal


def test_a_site_lays_its_signals_over_ours(tmp_path: Path) -> None:
    signals = SignalFiles(tmp_path)
    assert signals.table("default").quantities["Ua"].quantity == "voltage_a_v"
    (tmp_path / "maker.toml").write_text(
        '[quantities]\nTotW = {quantity = "active_power_kw", factor = 0.001}\n'
        '[alarms]\nImbVAlm = "power_off"\n'
    )
    signals = SignalFiles(tmp_path)
    table = signals.table("maker")
    assert str(table.quantities["TotW"].factor) == "0.001"
    assert table.quantities["Ua"].quantity == "voltage_a_v"
    assert "ImbVAlm" not in table.named
    with pytest.raises(SiteFileRefused, match="signals: expected one of default, maker"):
        signals.table("other")
    (tmp_path / "bad.toml").write_text('[quantities]\nX = "watts"\n')
    signals = SignalFiles(tmp_path)
    with pytest.raises(SiteFileRefused, match="signals: expected one of"):
        signals.table("bad")
    assert "quantities.X: expected a quantity of the catalogue, found 'watts'" in signals.refused["bad"]


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that belongs to somebody else."""
    with running_mosquitto(tmp_path / "foreign") as broker:
        yield broker


@pytest.fixture
def observing(tmp_path: Path, foreign: Mosquitto) -> Iterator[Installation]:
    """An installation on its own broker, with a file about the foreign one."""
    with installation(tmp_path / "var") as made, EmbeddedBroker(made.settings):
        folder = made.folder / "site" / "observers"
        folder.mkdir(parents=True)
        (made.folder / "site" / "secret").write_text(PASSWORD + "\n")
        (folder / "city.toml").write_text(text(url=f"mqtt://127.0.0.1:{foreign.port}"))
        yield made


def off(device: str, at_ms: int) -> str:
    param = {"deviceId": device, "data": {"PwrOffAlm": 1}}
    return json.dumps({"mid": 1, "type": "EVENT_DATA_ALARM", "timestamp": at_ms, "param": param})


def speak(broker: Mosquitto, topic: str, body: str) -> None:
    mosquitto("mosquitto_pub", broker.address(), "-q", "1", "-t", topic, "-m", body)


def out(site: Installation) -> set[str]:
    rows = site.evidence.read(0)
    return {row.evidence.devices[0] for row in rows if row.evidence.kind is EvidenceKind.POWER_OFF}


def observed(foreign: Mosquitto) -> bool:
    return f"Sending SUBACK to {CLIENT_ID}" in foreign.log()


def test_observing_keeps_everything_and_says_nothing(observing: Installation, foreign: Mosquitto) -> None:
    site, at_ms = observing, now_ms()
    site.start()
    await_true(lambda: observed(foreign), "the subscription")
    speak(foreign, "/v1/TTU9/service/event", off("m1", at_ms))
    # A request of the envelope is not ours to answer there.
    speak(foreign, "/v1/TTU9/service/data", json.dumps(
        {"mid": 2, "type": "CMD_REPORTDATA", "timestamp": at_ms,
         "param": {"deviceId": "m1", "data": {"Ua": "0.5"}}}))  # fmt: skip
    await_true(lambda: site.settled(2), "two frames")
    assert [letter.problem for letter in site.dead_letters.listed()] == []
    assert out(site) == {"m1"}
    (reading,) = site.readings.series("m1", 0, 2**52)
    assert reading.terminal == "TTU9"
    site.end()
    # While the gateway is away the durable session keeps what comes.
    speak(foreign, "/v1/TTU9/service/event", off("m2", at_ms))
    site.start()
    await_true(lambda: out(site) == {"m1", "m2"}, "what came meanwhile")
    site.end()
    said = [line for line in foreign.log().splitlines() if CLIENT_ID in line]
    assert not [line for line in said if "Received PUBLISH" in line or "Denied" in line]
    assert [line for line in said if "Received PUBACK" in line]
    assert [line for line in said if f"as {CLIENT_ID} (p2, c0, k20, u'{OBSERVER}')" in line], (
        "durable, one account"
    )
    assert not [line for line in said if "Will message" in line and "No will message" not in line]


def test_a_mute_session_cannot_speak(observing: Installation, foreign: Mosquitto) -> None:
    observer = read_observer("city", text(url=f"mqtt://127.0.0.1:{foreign.port}"))
    address = address_of(observer, observing.folder / "site", 20)
    connection = Connection(address, session_of(observer))
    connection.open()
    with pytest.raises(PermissionError, match="city only listens"):
        connection.say("/v1/T1/device/response", b"{}")
    connection.close()


def heard(connection: Connection, frames: int = 1) -> list[Frame]:
    """The first frames that come."""
    deadline_s = time.monotonic() + WAIT_S
    while len(connection.inbox) < frames:
        assert time.monotonic() < deadline_s
        connection.receive(0.1)
    return [frame for _, _, frame in connection.inbox]


def test_what_a_foreign_broker_sends_too_large_is_named(tmp_path: Path) -> None:
    """Its limits are not ours: the frame is refused with its size, and what follows it is taken."""
    with running_mosquitto(tmp_path / "foreign", deployed=False) as broker:
        session = session_of(read_observer("city", text()))
        connection = Connection(broker.address(OBSERVER), session)
        connection.open()
        while not connection.granted:
            connection.receive(0.1)
        (tmp_path / "large").write_bytes(b"x" * (MAX_BODY_BYTES + 1))
        for extra in (["-f", str(tmp_path / "large")], ["-m", "after"]):
            mosquitto("mosquitto_pub", broker.address(), "-q", "1", "-t", "/v1/T1/service/data", *extra)
        large, after = heard(connection, 2)
        assert large.body.startswith(OVERSIZED + b"65537 bytes; it began: xxx")
        assert len(large.body) < 2_000
        assert after.body == b"after"
        connection.close()


# paho leaves the socket of a handshake that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_platform_with_certificates_is_observed(tmp_path: Path) -> None:
    """TLS by files named in the observer's file; a broker of another authority is refused."""
    authority, other = trustme.CA(), trustme.CA()
    ours = authority.issue_cert("gridcrew-observer", common_name="observer")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    for made, name in ((authority, "ca.pem"), (other, "other.pem")):
        made.cert_pem.write_to_path(tmp_path / name)
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    port = free_port()
    listener = (
        f"listener {port} 127.0.0.1\ncafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\n"
        f"keyfile {tmp_path}/server.pem\nrequire_certificate true\nuse_identity_as_username true\n"
    )
    with running_mosquitto(tmp_path / "foreign", beside=listener) as broker:
        files = 'cert_file = "client.pem"\nkey_file = "client.pem"\nca_file = "{}"\n'
        plain = text(url=f"mqtts://localhost:{port}").replace('password_file = "secret"\n', files)
        observer = read_observer("city", plain.replace("{}", "ca.pem"))
        connection = Connection(address_of(observer, tmp_path, 20), session_of(observer))
        connection.open()
        while not connection.granted:
            connection.receive(0.1)
        speak(broker, "/v1/T1/service/event", "{}")
        assert [frame.door for frame in heard(connection)] == ["mqtt:city"]
        connection.close()
        stranger = read_observer("city", plain.replace("{}", "other.pem"))
        with pytest.raises(ConnectionLost, match="CERTIFICATE_VERIFY_FAILED"):
            Connection(address_of(stranger, tmp_path, 20), session_of(stranger)).open()


def test_files_are_followed_while_the_gateway_runs(observing: Installation, foreign: Mosquitto) -> None:
    """Added, refused, changed, disabled and removed live; our own doors never notice."""
    site, folder = observing, observing.folder / "site" / "observers"
    (folder / "city.toml").rename(site.folder / "city.toml")
    site.start()
    file = folder / "city.toml"
    file.write_text(text("speed = 9"))
    await_true(lambda: "city.toml: object contains unknown field `speed`" in site.log(), "the refusal")
    file.write_text((site.folder / "city.toml").read_text())
    await_true(lambda: observed(foreign), "the subscription")
    at_ms = now_ms()
    speak(foreign, "/v1/TTU9/service/event", off("m1", at_ms))
    await_true(lambda: out(site) == {"m1"}, "its event")
    file.write_text(text("enabled = false", url=f"mqtt://127.0.0.1:{foreign.port}"))
    await_true(lambda: "no longer observing city" in site.log(), "the end of it")
    speak(foreign, "/v1/TTU9/service/event", off("m2", at_ms))
    own = EnvelopeTerminal(terminal_address(site.settings), "TTU1")
    own.send("service/event", "EVENT_DATA_ALARM", {"deviceId": "m3", "data": {"PwrOffAlm": 1}})
    await_true(lambda: out(site) == {"m1", "m3"}, "our own broker's event")
    own.close()


def test_the_same_event_on_two_paths_is_one(observing: Installation, foreign: Mosquitto) -> None:
    """Fault 14: a terminal that speaks to both platforms; evidence and readings meet, the balance holds."""
    site, at_ms = observing, now_ms()
    site.start()
    await_true(lambda: observed(foreign), "the subscription")
    own = EnvelopeTerminal(terminal_address(site.settings), "TTU1")
    data = json.dumps({"mid": 2, "type": "CMD_REPORTDATA", "timestamp": at_ms,
                       "param": {"deviceId": "m1", "data": {"Ua": "219.5"}}})  # fmt: skip
    for _ in range(3):
        for topic, body in (("service/event", off("m1", at_ms)), ("service/data", data)):
            own.publish(f"/v1/TTU1/{topic}", body.encode())
            speak(foreign, f"/v1/TTU1/{topic}", body)
    await_true(lambda: site.records.counters().received >= 12, "all frames")
    await_true(lambda: site.settled(2), "their taking up")
    counters = site.records.counters()
    assert counters.received == counters.duplicate + counters.stored + counters.dead
    assert (counters.stored, counters.dead) == (2, 0)
    kinds = [row.evidence.kind for row in site.evidence.read(0)]
    assert sorted(kinds) == [EvidenceKind.ALIVE, EvidenceKind.POWER_OFF]
    assert len(site.readings.series("m1", 0, 2**52)) == 1
    own.close()


def test_behind_a_broker_that_is_away_nobody_is_silent(sqlite_database: DatabaseFactory) -> None:
    """Silence is unknown: only where we listen is a terminal's silence its own."""
    engine = sqlite_database("gateway")
    names = {
        "own": "mqtt",
        "heard": "mqtt:city",
        "away": "mqtt:town",
        "gone": "mqtt:removed",
        "bus": "modbus:l1",
    }
    counters = json.dumps({"observers": 2, "city.ready": 1, "town.ready": 0, "town.frames": 7})
    with engine.begin() as connection:
        row = {"name": "mqtt:observers", "ready": False, "trouble": "", "at_ms": 1}
        connection.execute(insert(door_states), {**row, "counters": counters})
        for device, door in names.items():
            connection.execute(insert(devices), {**BLANK, "device": device, "door": door})
        lost = DeviceLedger().lose(connection, tuple(names))
    assert [name for name, _ in lost] == ["bus", "heard", "own"]


WORDS = (
    "parent", "lost_by", "model", "maker", "firmware", "foreign_id",
    "certificate_state", "certificate_serial",
)  # fmt: skip
BLANK = dict.fromkeys(WORDS, "") | {
    "kind": "terminal", "approval": "approved", "decided_by": "rule: all", "online": True,
    "first_seen_ms": 1, "last_seen_ms": 1,
}  # fmt: skip
