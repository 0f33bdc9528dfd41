"""How long an event takes from its publisher to the evidence log while readings saturate the gateway.

A backlog of readings waits in Mosquitto when the gateway starts; while it is drained, a terminal publishes an
event every 25 ms, and a reader looks for its row in the evidence log every few milliseconds.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.backlog_drain import METERS, await_true, mosquitto, publish_backlog
from benchmarks.record import record
from gateway.adapters.mqtt.door import BrokerAddress, create_sessions
from gateway.contract.topics import EVENTS, topic
from geo.adapters.database import open_database
from gridcrew.broker import gateway_sessions
from gridcrew.migrations.runner import migrate_all
from gridcrew.settings import Settings
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_records import SqlGatewayRecords
from telemetry.evidence import EvidenceKind

FRAMES = 30_000
EVERY_S = 0.025
LOOK_S = 0.003


def run(frames: int = FRAMES) -> dict[str, object]:
    """Measure, print and write ``results/events_under_load``."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home, mosquitto(Path(home)) as address:
        folder = Path(home) / "var"
        folder.mkdir()
        mqtt = {"url": f"mqtt://127.0.0.1:{address.port}"}
        settings = Settings.model_validate({"data_dir": folder, "mqtt": mqtt})
        create_sessions(address, gateway_sessions(settings))
        migrate_all(settings.database_location)
        publish_backlog(address, frames)
        environment = {"GRIDCREW_DATA_DIR": str(folder), "GRIDCREW_MQTT__URL": settings.mqtt.url}
        with subprocess.Popen(
            [sys.executable, "-m", "gridcrew", "gateway"],
            env=os.environ | environment, stdout=subprocess.DEVNULL,
        ) as gateway:  # fmt: skip
            try:
                waits_ms, seconds = _measure(settings, address, frames)
            finally:
                gateway.terminate()
    row: dict[str, str | int | float | None] = {
        "events": len(waits_ms),
        **{f"p{share}_ms": round(float(np.percentile(waits_ms, share)), 1) for share in (50, 95, 99)},
        "slowest_ms": round(max(waits_ms), 1),
        "readings frames_per_s beside": round(frames / seconds),
    }
    note = f"{frames} frames of {METERS} meters are drained meanwhile; the log is read every {LOOK_S} s."
    title = "Events while readings saturate the gateway"
    return record("events_under_load", title, {"Publisher to evidence log": [row]}, (note,), ("paho-mqtt",))


def _measure(settings: Settings, address: BrokerAddress, frames: int) -> tuple[list[float], float]:
    engine = open_database(settings.database_location, "gateway")
    records, log = SqlGatewayRecords(engine), SqlEvidenceLog(engine)
    await_true(lambda: records.counters().stored > 0, "the first frames")
    began_s = time.monotonic()
    sent_s: dict[int, float] = {}
    stop = threading.Event()
    talker = threading.Thread(target=_talk, args=(address, sent_s, stop))
    talker.start()
    seen_s: dict[int, float] = {}
    look = _looker(log, seen_s)
    while records.counters().stored - len(seen_s) < frames:
        look()
    seconds = time.monotonic() - began_s
    stop.set()
    talker.join()
    deadline_s = time.monotonic() + 30
    while len(seen_s) < len(sent_s):
        look()
        assert time.monotonic() < deadline_s, "an event did not arrive"
    return [1000 * (seen_s[number] - sent_s[number]) for number in sent_s], seconds


def _looker(log: SqlEvidenceLog, seen_s: dict[int, float]) -> Callable[[], None]:
    after = 0

    def look() -> None:
        nonlocal after
        time.sleep(LOOK_S)
        for row in log.read(after):
            after = row.id
            if row.evidence.kind is EvidenceKind.POWER_OFF:
                seen_s[int(row.evidence.key.split("/")[2])] = time.monotonic()

    return look


def _talk(address: BrokerAddress, sent_s: dict[int, float], stop: threading.Event) -> None:
    client = Client(CallbackAPIVersion.VERSION2, client_id="talker")
    client.connect(address.host, address.port)
    client.loop_start()
    number = 0
    while not stop.wait(EVERY_S):
        at_ms = int(time.time() * 1000)
        body = '{"v":1,"boot":"e","seq":%d,"events":[{"at":%d,"device":"m%d","kind":"power_off"}]}'
        sent_s[number] = time.monotonic()
        client.publish(topic("EV1", EVENTS), body % (number, at_ms, number), qos=1)
        number += 1
    time.sleep(0.5)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES)
