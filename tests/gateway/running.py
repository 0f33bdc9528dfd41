"""A real installation for tests: its data folder, broker, gateway process, and a terminal that publishes."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from gateway.adapters.mqtt.door import BrokerAddress
from geo.adapters.database import open_database
from gridcrew.migrations.runner import migrate
from gridcrew.settings import Settings
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_records import SqlDeadLetters, SqlGatewayRecords

WAIT_S = 60.0
"""As long as something may take on a machine with much else to do; what works does not wait for it."""
START_S = 180.0
"""A gateway is ready after two seconds of computing; a machine with much else to do takes longer."""


class Installation:
    """One data folder with what is needed to run and to look at a gateway on it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            "GRIDCREW_DATA_DIR": str(folder),
            "GRIDCREW_MQTT__PORT": "0",
            "GRIDCREW_CONFIG": str(folder / "none"),
        } | environment
        mqtt = {"port": 0, "url": environment.get("GRIDCREW_MQTT__URL", "")}
        self.settings = Settings.model_validate({"data_dir": folder, "mqtt": mqtt})
        self.engine = open_database(str(folder), "gateway")
        migrate(self.engine, "gateway")
        self.evidence = SqlEvidenceLog(self.engine)
        self.records = SqlGatewayRecords(self.engine)
        self.dead_letters = SqlDeadLetters(self.engine)
        self.readings = EmbeddedReadingStore(folder / "readings")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True, **environment: str) -> subprocess.Popen[bytes]:
        """Start ``gridcrew gateway``; waits for its ready line unless told not to."""
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gridcrew", "gateway"],
                env=os.environ | self.environment | environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        if ready:
            assert self._line() == b"gateway ready\n", self.log()
        return self.process

    def _line(self) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        answered = select.select([self.process.stdout], [], [], START_S)[0]
        return self.process.stdout.readline() if answered else b""

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(encoding="utf-8")

    def settled(self, frames: int) -> bool:
        """At least so many frames were taken up (duplicates apart) and nothing waits."""
        counters = self.records.counters()
        return counters.pending == 0 and counters.stored + counters.dead >= frames

    def close(self) -> None:
        if self.process is not None:
            self.end(signal.SIGKILL)
        self.readings.close()
        self.engine.dispose()


@contextmanager
def installation(folder: Path, **environment: str) -> Iterator[Installation]:
    made = Installation(folder, **environment)
    try:
        yield made
    finally:
        made.close()


def await_true(condition: Callable[[], bool], what: str | Callable[[], str], wait_s: float = WAIT_S) -> None:
    """Wait until it is so; ``what`` may be asked for when it did not come."""
    deadline_s = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() >= deadline_s:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {wait_s:.0f} s for: {told}")
        time.sleep(0.02)


def mosquitto(program: str, address: BrokerAddress, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run mosquitto_pub or mosquitto_sub against the broker."""
    user = ["-u", address.username, "-P", address.password] if address.username else []
    return subprocess.run(
        [program, "-h", address.host, "-p", str(address.port), *user, *arguments],
        capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip


def readings_body(seq: int, meters: list[str], boot: str = "b1", at_ms: int = 0) -> bytes:
    """A readings frame whose values tell its sequence number."""
    body = {
        "v": 1, "boot": boot, "seq": seq, "at": at_ms or 1_795_300_000_000 + 1000 * seq, "meters": meters,
        "quantities": ["voltage_a_v", "energy_import_kwh"], "values": [[230.1, seq / 100] for _ in meters],
    }  # fmt: skip
    return json.dumps(body).encode()


class Publisher:
    """A terminal with a socket: knows which frames the broker acknowledged to it."""

    def __init__(self, address: BrokerAddress, name: str) -> None:
        self.acknowledged: set[int] = set()
        self._sent: list[tuple[int, MQTTMessageInfo]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        self._client.max_inflight_messages_set(100)
        if address.username:
            self._client.username_pw_set(address.username, address.password)
        self._client.reconnect_delay_set(1, 1)
        connected = threading.Event()
        self._client.on_connect = lambda *_: connected.set()
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert connected.wait(WAIT_S)

    def publish(self, number: int, topic: str, body: bytes) -> None:
        self._sent.append((number, self._client.publish(topic, body, qos=1)))
        self._collect()

    def _collect(self) -> None:
        waiting = [(number, info) for number, info in self._sent if not info.is_published()]
        self.acknowledged |= {number for number, _ in self._sent} - {number for number, _ in waiting}
        self._sent = waiting

    def flush(self) -> None:
        """Wait until the broker has acknowledged everything."""
        deadline_s = time.monotonic() + WAIT_S
        while self._sent and time.monotonic() < deadline_s:
            time.sleep(0.01)
            self._collect()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
