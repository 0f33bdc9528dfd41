"""Real connections to real brokers: readiness, last wills, acknowledgements, a broker that goes away."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.contract.payloads import Command
from gateway.contract.topics import COMMAND, EVENTS, READINGS, STATUS, topic
from gridcrew.broker import EmbeddedBroker, broker_address, terminal_address
from gridcrew.settings import MqttSettings, Settings
from simulators.adapters.mqtt_fleet import Broker, MqttFleet
from simulators.adapters.truth_file import TruthFile, intervals
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from simulators.terminals import Habits
from tests.ports import free_port
from tests.simulators.networks import village

QUICK = Habits(
    reading_interval_ms=500, heartbeat_ms=1_000, lost_last_gasps=0, lost_power_ons=0, own_gasp_arrives=1,
    gasp_delay_ms=100, power_on_delay_ms=100, backup_ms=(2_500, 2_600), start_up_ms=(200, 300),
)  # fmt: skip


class Mosquitto:
    """A broker that tests may stop and start; it keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 5
        probe = Client(CallbackAPIVersion.VERSION2)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                probe.connect("127.0.0.1", self.port)
                probe.disconnect()
                return
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    broker = Mosquitto()
    broker.start()
    yield broker
    broker.stop()


class Ear:
    """Listens to everything the terminals say."""

    def __init__(self, broker: Broker) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.client = Client(CallbackAPIVersion.VERSION2)
        if broker.username:
            self.client.username_pw_set(broker.username, broker.password)
        self.client.on_message = self._note
        self.client.on_connect = lambda client, *_: client.subscribe(
            [(topic("+", channel), 1) for channel in (READINGS, EVENTS, STATUS)]
        )
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def _note(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def on(self, name: str) -> list[dict[str, object]]:
        return [msgspec.json.decode(body) for where, body in self.heard if where == name]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Ear]:
    listening = Ear(Broker("127.0.0.1", mosquitto.port))
    yield listening
    listening.close()


@contextlib.contextmanager
def playing(grid: PracticeGrid, locate: Callable[[], Broker], folder: Path) -> Iterator[MqttFleet]:
    fleet, stop = MqttFleet(grid, locate, TruthFile(folder / "truth.jsonl")), threading.Event()
    thread = threading.Thread(target=fleet.run, args=(stop,))
    thread.start()
    yield fleet
    began = time.monotonic()
    stop.set()
    thread.join()
    assert time.monotonic() - began < 2


def _grid(areas: int = 3) -> PracticeGrid:
    chances = Chances(wrong_meters=0, habits=QUICK)
    return PracticeGrid(village(areas), synthetic_profiles(), chances, _now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _until(true: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_the_way_of_a_fault_over_a_real_broker(mosquitto: Mosquitto, ear: Ear, tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").touch()
    grid = _grid()
    with playing(grid, lambda: Broker("127.0.0.1", mosquitto.port), tmp_path) as fleet:
        assert fleet.ready.wait(10)
        assert fleet.connected == 3
        _until(lambda: ear.on(topic("TTU1", READINGS)))
        grid.trip("T1", _now_ms())
        _until(lambda: _devices(ear, "TTU1", "power_off") == {"TTU1", *_meters(1)})
        _until(lambda: any(one["state"] == "offline" for one in ear.on(topic("TTU1", STATUS))))
        _until(lambda: fleet.connected == 2)
        grid.restore("T1", _now_ms())
        _until(lambda: _devices(ear, "TTU1", "power_on") == {"TTU1", *_meters(1)})
    boots = {str(one["boot"]) for one in ear.on(topic("TTU1", STATUS))}
    assert len(boots) == 2
    # Nobody died at the end: no last will of the others.
    assert {str(one["state"]) for one in ear.on(topic("TTU0", STATUS))} == {"online"}
    assert fleet.tally.acknowledged == fleet.tally.published
    assert {found.meter for found in intervals(tmp_path / "truth.jsonl")} == set(_meters(1))


def test_frames_wait_for_a_broker_that_goes_away(mosquitto: Mosquitto, tmp_path: Path) -> None:
    grid = _grid()
    with playing(grid, lambda: Broker("127.0.0.1", mosquitto.port), tmp_path) as fleet:
        assert fleet.ready.wait(10)
        mosquitto.stop()
        _until(lambda: fleet.connected == 0)
        grid.trip("L0.0", _now_ms())
        time.sleep(1)
        mosquitto.start()
        ear = Ear(Broker("127.0.0.1", mosquitto.port))
        _until(lambda: fleet.connected == 3)
        _until(lambda: _devices(ear, "TTU0", "power_off") == set(_meters(0)))
        ear.close()


def test_a_fleet_may_start_before_its_broker(tmp_path: Path) -> None:
    broker = Mosquitto()
    with playing(_grid(), lambda: Broker("127.0.0.1", broker.port), tmp_path) as fleet:
        time.sleep(0.3)
        assert not fleet.ready.is_set()
        broker.start()
        assert fleet.ready.wait(10)
    broker.stop()


def test_a_ping_over_the_broker_is_answered(mosquitto: Mosquitto, ear: Ear, tmp_path: Path) -> None:
    with playing(_grid(), lambda: Broker("127.0.0.1", mosquitto.port), tmp_path) as fleet:
        assert fleet.ready.wait(10)
        ping = Command(v=1, id="1", command="ping", devices=("M2.0.0", "nobody"))
        ear.client.publish(topic("TTU2", COMMAND), msgspec.json.encode(ping))
        _until(lambda: _devices(ear, "TTU2", "alive") == {"M2.0.0"})
        assert _devices(ear, "TTU2", "silent") == {"nobody"}


def test_the_embedded_broker_takes_the_fleet(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, mqtt=MqttSettings(port=0))
    with EmbeddedBroker(settings):
        found, listener = terminal_address(settings), broker_address(settings)
        ear = Ear(Broker(listener.host, listener.port, listener.username, listener.password))
        here = Broker(found.host, found.port, found.username, found.password)
        with playing(_grid(), lambda: here, tmp_path) as fleet:
            assert fleet.ready.wait(10)
            _until(lambda: all(ear.on(topic(f"TTU{area}", READINGS)) for area in range(3)))
            _until(lambda: fleet.tally.acknowledged > 10)
        ear.close()


def _meters(area: int) -> list[str]:
    return [f"M{area}.{pole}.{number}" for pole in range(3) for number in range(5)]


def _devices(ear: Ear, terminal: str, kind: str) -> set[str]:
    return {
        event["device"]
        for frame in ear.on(topic(terminal, EVENTS))
        for event in frame["events"]  # type: ignore[attr-defined]
        if event["kind"] == kind
    }
