"""The gateway for half an hour under load: is its memory flat, and how long does an event take meanwhile?

First a minute with bulk saturated (the publisher is held back only by the broker's window), then the rest of
the time at a steady rate. An event's way is timed from its publishing to its row in the evidence log.
"""

import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.peers.ours import environment, our_gateway, prepare
from benchmarks.peers.servers import mosquitto
from benchmarks.peers.stream import METERS, columnar
from benchmarks.record import Cell, record
from geo.adapters.database import open_database
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.gateway_records import SqlGatewayRecords

MINUTES: Final = 30.0
SATURATED_S: Final = 60.0
STEADY_FRAMES_PER_S: Final = 300.0
EVENT_EACH_S: Final = 0.1
SAMPLE_S: Final = 5.0
WINDOW: Final = 200
_POLL_S: Final = 0.005
_SHAPES: Final = 2_000


def run(minutes: float = MINUTES) -> dict[str, object]:
    """Measure, print and write ``results/gateway_soak``."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-soak-") as home, mosquitto(Path(home)) as broker:
        folder = Path(home) / "var"
        prepare(folder, broker)
        # Stored segments go soon, so that the disk is not the limit of a long run.
        told = environment(folder, broker, None) | {"GRIDCREW_GATEWAY__SPOOL_KEEP_DAYS": "0.001"}
        with our_gateway(folder, told) as gateway:
            events = _Events(broker, folder)
            _await(lambda: bool(events.ways_ms))
            bulk, memory = _Bulk(broker), _Memory(gateway.pid)
            _await(lambda: bulk.sent > WINDOW)
            saturated = _phase(SATURATED_S, bulk, events, 0.0)
            steady = _phase(minutes * 60 - SATURATED_S, bulk, events, STEADY_FRAMES_PER_S)
            bulk.end()
            events.end()
            memory.end()
            balance = _balance(folder, bulk.sent)
    tables = {
        "events while bulk flows": [
            {"bulk": "saturated", **saturated},
            {"bulk": f"{STEADY_FRAMES_PER_S:.0f} frames/s", **steady},
        ],
        "memory of the gateway's processes": memory.rows(),
        "conservation": [balance],
    }
    notes = [
        f"{minutes:.0f} minutes; a frame has {METERS} meters × 8 quantities; embedded store, all synced."
    ]
    return record(
        "gateway_soak", "The gateway under load", tables, notes, ("paho-mqtt", "pysqlite3", "numpy")
    )


class _Bulk:
    """Publishes readings from a process of its own, as fast as the broker takes them, or at a rate."""

    def __init__(self, port: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._sent, self._rate, self._stop = context.Value("q", 0), context.Value("d", 0.0), context.Event()
        shared = (port, self._sent, self._rate, self._stop)
        self._process = context.Process(target=_publish_bulk, args=shared, daemon=True)
        self._process.start()

    @property
    def sent(self) -> int:
        """Frames published so far."""
        return int(self._sent.value)

    def hold(self, frames_per_s: float) -> None:
        """From now on at this rate; 0 is as fast as it goes."""
        self._rate.value = frames_per_s

    def end(self) -> None:
        """Stop and wait until the broker has all."""
        self._stop.set()
        self._process.join()


def _publish_bulk(port: int, sent: Any, rate: Any, stop: Any) -> None:  # noqa: ANN401 (shared values)
    client, frames, due_s = _client(port, "bulk"), _endless(), time.monotonic()
    while not stop.is_set():
        for topic, body in islice(frames, WINDOW):
            last = client.publish(topic, body, qos=1)
            sent.value += 1
            if rate.value:
                due_s = max(due_s + 1 / rate.value, time.monotonic() - 1)
                stop.wait(max(0.0, due_s - time.monotonic()))
        last.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


class _Events:
    """Publishes a last gasp each tenth of a second and waits for its row."""

    def __init__(self, port: int, folder: Path) -> None:
        self.ways_ms: list[float] = []
        self._client = _client(port, "events")
        self._log = SqlEvidenceLog(open_database(str(folder), "gateway"))
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._speak, self._watch)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop both threads."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _speak(self) -> None:
        number = 0
        while not self._stop.wait(EVENT_EACH_S):
            number += 1
            event = {"at": time.time_ns() // 1_000_000, "device": "meter", "kind": "power_off"}
            body = {"v": 1, "boot": "soak", "seq": number, "events": [event]}
            self._client.publish("gridcrew/v1/SOAK/events", json.dumps(body), qos=1)

    def _watch(self) -> None:
        position = 0
        while not self._stop.wait(_POLL_S):
            rows = self._log.read(position)
            now_ms = time.time_ns() / 1e6
            for row in rows:
                if row.evidence.source == "SOAK":
                    self.ways_ms.append(now_ms - row.evidence.at_ms)
            position = rows[-1].id if rows else position


class _Memory:
    """Resident memory of the gateway and its child, now and then."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._began_s = time.monotonic()
        self._samples: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def rows(self) -> list[dict[str, Cell]]:
        """The mean of each tenth of the time."""
        parts = np.array_split(np.array(self._samples), min(10, len(self._samples)))
        return [
            {"until_s": round(part[-1, 0]), "resident_mib": round(part[:, 1].mean(), 1)} for part in parts
        ]

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            members = (self._process, *self._process.children(recursive=True))
            resident = sum(member.memory_info().rss for member in members)
            self._samples.append((time.monotonic() - self._began_s, resident / 2**20))


def _phase(seconds: float, bulk: _Bulk, events: _Events, rate: float) -> dict[str, Cell]:
    bulk.hold(rate)
    first, sent, began_s = len(events.ways_ms), bulk.sent, time.monotonic()
    time.sleep(max(0.0, seconds))
    ways = np.array(events.ways_ms[first:] or [np.nan])
    return {
        "seconds": round(seconds),
        "published_frames_per_s": round((bulk.sent - sent) / (time.monotonic() - began_s)),
        "events": len(ways),
        "median_ms": round(float(np.median(ways)), 1),
        "p99_ms": round(float(np.percentile(ways, 99)), 1),
        "worst_ms": round(float(ways.max()), 1),
    }


def _balance(folder: Path, sent: int) -> dict[str, Cell]:
    records = SqlGatewayRecords(open_database(str(folder), "gateway"))
    _await(lambda: records.counters().pending == 0)
    told = records.counters()
    return {
        "bulk_frames_published": sent,
        "received": told.received,
        "duplicate": told.duplicate,
        "stored": told.stored,
        "dead": told.dead,
        "pending": told.pending,
    }


def _await(done: Callable[[], bool], wait_s: float = 300.0) -> None:
    deadline_s, quiet = time.monotonic() + wait_s, 0
    while quiet < 10 and time.monotonic() < deadline_s:
        quiet = quiet + 1 if done() else 0
        time.sleep(0.3)


def _endless() -> Iterator[tuple[str, bytes]]:
    """The same bodies again and again, each time as frames of a new start of their terminals."""
    frames = list(columnar(_SHAPES))
    for round_number in cycle(range(1, 10**9)):
        for topic, body in frames:
            yield topic, body.replace(b'"boot":"b', b'"boot":"r%d-' % round_number, 1)


def _client(port: int, name: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"soak-{name}")
    client.max_inflight_messages_set(WINDOW)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
