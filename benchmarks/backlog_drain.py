"""Draining a backlog of QoS 1 frames from Mosquitto: the whole gateway against bare receivers.

Each receiver has its own durable session of one Mosquitto, subscribed before the frames are published, so all
drain the same backlog in one run, one after the other.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.record import Cell, record
from gateway.adapters.delivery.service import spool_folder
from gateway.adapters.delivery.spool import SegmentSpool
from gateway.adapters.mqtt.door import BULK_FILTERS, BrokerAddress, Session, create_sessions
from gateway.contract.topics import READINGS, topic
from gateway.frames import Lane
from geo.adapters.database import open_database
from gridcrew.broker import gateway_sessions
from gridcrew.migrations.runner import migrate_all
from gridcrew.settings import Settings
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.gateway_records import SqlGatewayRecords

FRAMES = 20_000
METERS = 200
TERMINALS = 100
WAIT_S = 300.0
QUANTITIES = (
    "voltage_a_v", "voltage_b_v", "voltage_c_v", "current_a_a", "current_b_a", "current_c_a",
    "active_power_kw", "reactive_power_kvar", "power_factor", "energy_import_kwh", "energy_export_kwh",
)  # fmt: skip
_METHOD = (
    "The gateway is the real process with its child: receiver and drain run at the same time on the same "
    "cores, stored frames are counted in the ledger; time runs from the first frame received. Spool, ledger "
    "and store sync to disk."
)
BASE_MS = 1_793_491_200_000


def run(frames: int = FRAMES) -> dict[str, object]:
    """Measure, print and write ``results/backlog_drain``."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home, mosquitto(Path(home)) as address:
        folder = Path(home) / "var"
        settings = Settings.model_validate(
            {"data_dir": folder, "mqtt": {"url": f"mqtt://127.0.0.1:{address.port}"}}
        )
        folder.mkdir()
        sessions = (
            *gateway_sessions(settings),
            *(Session(n, n, BULK_FILTERS, Lane.BULK) for n in ("sub", "paho", "ack")),
        )
        create_sessions(address, sessions)
        size, publish_s = publish_backlog(address, frames)
        rows = [
            _row("mosquitto_sub -q 1, output discarded", frames, _mosquitto_sub(address, frames)),
            _row(
                "bare paho-mqtt callback, automatic acknowledgement",
                frames,
                _paho(address, "paho", frames, False),
            ),
            _row(
                "bare paho-mqtt callback, manual acknowledgement", frames, _paho(address, "ack", frames, True)
            ),
        ]
        spooled_s, stored_s = _gateway(folder, settings, frames)
        rows.append(_row("gateway: until spooled (fsync) and acknowledged", frames, spooled_s))
        rows.append(_row("gateway: until decoded and stored (readings, evidence)", frames, stored_s))
        _check(folder, settings, frames)
        bytes_per_reading = _bytes_per_reading(folder, frames)
        for row in rows:
            row["of mosquitto_sub"] = round(
                float(row["frames_per_s"] or 0) / float(rows[0]["frames_per_s"] or 1), 3
            )
    frame = f"{frames} frames of {METERS} meters × {len(QUANTITIES)} quantities, {size} bytes each"
    tables: dict[str, list[dict[str, Cell]]] = {
        "Frames drained": rows,
        "Kept": [{"what": "embedded store, bytes per meter reading", "value": bytes_per_reading}],
    }
    notes = (
        f"{frame}, published in {publish_s:.1f} s; max_queued_messages 0, max_inflight_messages 1000.",
        _METHOD,
    )
    return record(
        "backlog_drain",
        "Draining a backlog of QoS 1 frames",
        tables,
        notes,
        packages=("paho-mqtt", "msgspec", "numpy", "pysqlite3", "sqlalchemy"),
    )


def _row(receiver: str, frames: int, seconds: float) -> dict[str, Cell]:
    return {
        "receiver": receiver,
        "seconds": round(seconds, 2),
        "frames_per_s": round(frames / seconds),
        "readings_per_s": round(frames * METERS / seconds),
    }


@contextmanager
def mosquitto(home: Path) -> Iterator[BrokerAddress]:
    port = _free_port()
    config = home / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
        "max_queued_bytes 0\nmax_inflight_messages 1000\nset_tcp_nodelay true\n",
        encoding="utf-8",
    )
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: _listens(port), "mosquitto")
            yield BrokerAddress("127.0.0.1", port)
        finally:
            server.terminate()


def publish_backlog(address: BrokerAddress, frames: int) -> tuple[int, float]:
    heads, tails = _frame_parts(np.random.default_rng(1))
    client = Client(CallbackAPIVersion.VERSION2, client_id="publisher")
    client.max_inflight_messages_set(1000)
    client.connect(address.host, address.port)
    client.loop_start()
    began_s, size = time.monotonic(), 0
    for number in range(frames):
        terminal, seq = number % TERMINALS, number // TERMINALS
        at_ms = BASE_MS + seq * 900_000
        body = b"%s%d,%s" % (
            heads[terminal] % seq,
            at_ms,
            tails[number % len(tails)] % terminal_meters(terminal),
        )
        size = len(body)
        last = client.publish(topic(f"T{terminal:03d}", READINGS), body, qos=1)
        if number % 1000 == 999:
            last.wait_for_publish(WAIT_S)
    await_true(lambda: not client.want_write() and last.is_published(), "the publisher")
    time.sleep(1)
    client.disconnect()
    client.loop_stop()
    return size, time.monotonic() - began_s - 1


def meter_id(terminal: int, place: int) -> str:
    """As long as a meter's 22-digit asset number."""
    return f"3340001{terminal:05d}{place:010d}"


def terminal_meters(terminal: int) -> bytes:
    """The meter ids of a terminal, as JSON."""
    return json.dumps([meter_id(terminal, place) for place in range(METERS)]).encode()


def _frame_parts(random: np.random.Generator) -> tuple[list[bytes], list[bytes]]:
    heads = [b'{"v":1,"boot":"bench-%d","seq":%%d,"at":' % terminal for terminal in range(TERMINALS)]
    tails = []
    for _ in range(4 * TERMINALS + 1):
        columns = (
            *random.uniform(228, 234, (3, METERS)).round(1), *random.uniform(0, 60, (3, METERS)).round(3),
            random.uniform(0, 12, METERS).round(4), random.uniform(-2, 2, METERS).round(4),
            random.uniform(0.85, 1, METERS).round(3), *random.uniform(0, 90_000, (2, METERS)).round(2),
        )  # fmt: skip
        values = json.dumps(np.stack(columns, axis=1).tolist()).encode()
        names = json.dumps(QUANTITIES).encode()
        tails.append(b'"meters":%%s,"quantities":%s,"values":%s}' % (names, values))
    return heads, tails


def _mosquitto_sub(address: BrokerAddress, frames: int) -> float:
    began_s = time.monotonic()
    command = ["mosquitto_sub", "-h", address.host, "-p", str(address.port), "-q", "1", "-c", "-i", "sub"]
    subprocess.run(
        [*command, "-t", BULK_FILTERS[0], "-C", str(frames)],
        stdout=subprocess.DEVNULL, check=True, timeout=WAIT_S,
    )  # fmt: skip
    return time.monotonic() - began_s


def _paho(address: BrokerAddress, name: str, frames: int, manual: bool) -> float:
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, manual_ack=manual)
    count, first_s = 0, 0.0

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        nonlocal count, first_s
        first_s = first_s or time.monotonic()
        if manual:
            client.ack(message.mid, message.qos)
        count += 1
        if count == frames:
            client.disconnect()

    client.on_message = on_message
    client.connect(address.host, address.port)
    client.loop_forever()
    return time.monotonic() - first_s


def _gateway(folder: Path, settings: Settings, frames: int) -> tuple[float, float]:
    """Seconds from the first frame received until all were spooled, and until all were stored."""
    migrate_all(settings.database_location)
    records = SqlGatewayRecords(open_database(str(folder), "gateway"))
    environment = {"GRIDCREW_DATA_DIR": str(folder), "GRIDCREW_MQTT__URL": settings.mqtt.url}
    with subprocess.Popen(
        [sys.executable, "-m", "gridcrew", "gateway"],
        env=os.environ | environment, stdout=subprocess.DEVNULL,
    ) as gateway:  # fmt: skip
        try:
            await_true(lambda: any(spool_folder(folder, Lane.BULK).glob("*.frames")), "the first frame")
            began_s = time.monotonic()
            spool = SegmentSpool(spool_folder(folder, Lane.BULK))
            await_true(lambda: spool.pending(0) >= frames, "all frames spooled")
            spooled_s = time.monotonic() - began_s
            await_true(lambda: records.counters().stored >= frames, "all frames stored")
            return spooled_s, time.monotonic() - began_s
        finally:
            gateway.terminate()


def _check(folder: Path, settings: Settings, frames: int) -> None:
    counters = SqlGatewayRecords(open_database(settings.database_location, "gateway")).counters()
    assert (counters.stored, counters.dead, counters.pending) == (frames, 0, 0), counters
    store = EmbeddedReadingStore(folder / "readings")
    assert len(store.series(meter_id(7, METERS - 1), 0, 2**52)) == len(range(7, frames, TERMINALS))
    store.close()


def _bytes_per_reading(folder: Path, frames: int) -> float:
    size = sum(file.stat().st_size for file in (folder / "readings").glob("readings.db*"))
    return round(size / (frames * METERS), 1)


def await_true(done: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline_s, f"waited {WAIT_S:.0f} s for {what}"
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES)
