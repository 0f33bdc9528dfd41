"""One backlog, one InfluxDB, one machine: our gateway, Node-RED, thingsboard-gateway, ready-made posts.

Every contestant has a durable session of one Mosquitto and finds the backlog there; its time runs from the
first point stored to the last. thingsboard-gateway cannot write to InfluxDB: it delivers to an MQTT stand-in
for its platform, and gets a shorter stream.
"""

import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.peers.node_red import node_red
from benchmarks.peers.ours import environment, our_gateway, prepare
from benchmarks.peers.platform_stand_in import Platform
from benchmarks.peers.servers import influxdb, mosquitto
from benchmarks.peers.stream import METERS, QUANTITIES, columnar, posts, publish, remember_session, rows
from benchmarks.peers.thingsboard import json_mapping, thingsboard_gateway
from benchmarks.record import Cell, record
from gateway.adapters.delivery.drain_lane import GROUP_FRAMES

FRAMES: Final = 4_000
FRAMES_FOR_THINGSBOARD: Final = 400
TERMINALS_FOR_THINGSBOARD: Final = 2
"""It spends much on each new device; with few of them its steady rate is seen."""
WRITERS: Final = 2
OURS: Final = "our gateway, one process"
QUIET_S: Final = 60.0
"""After that nothing more is expected."""
_SAMPLE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Drained:
    """From the first point stored to the last."""

    frames: int
    seconds: float
    cpu_s: float
    server_cpu_s: float
    """Of InfluxDB meanwhile."""
    lost: int = 0
    """Readings that never arrived."""

    @property
    def frames_per_s(self) -> float:
        return self.frames / self.seconds

    def row(self, contestant: str) -> dict[str, Cell]:
        return {
            "contestant": contestant,
            "frames": self.frames,
            "frames_per_s": round(self.frames_per_s, 1),
            "readings_lost": self.lost,
            "readings_per_s": round(self.frames_per_s * METERS),
            "cpu_ms_per_frame": round(1000 * self.cpu_s / self.frames, 2),
            "influxdb_cpu_ms_per_frame": round(1000 * self.server_cpu_s / self.frames, 2),
        }


def run(frames: int = FRAMES) -> dict[str, object]:
    """Measure, print and write ``results/peer_throughput``."""
    few = min(frames, FRAMES_FOR_THINGSBOARD)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="gridcrew-peers-") as home:
        measured = {
            "the same points ready-made, two writers": _ready_made(Path(home) / "ready", frames, 1),
            "the same, arranged as our store does": _ready_made(Path(home) / "runs", frames, GROUP_FRAMES),
            OURS: _ours(Path(home) / "ours", frames, 1),
            "Node-RED with contrib-influxdb": _node_red(Path(home) / "nr", frames),
            "our gateway, two processes, half of the terminals each": _ours(Path(home) / "two", frames, 2),
            "thingsboard-gateway (to its platform's stand-in)": _thingsboard(Path(home) / "tb", few),
        }
    table = [drained.row(name) for name, drained in measured.items()]
    for row, drained in zip(table, measured.values(), strict=True):
        row["ours_is_times"] = round(measured[OURS].frames_per_s / drained.frames_per_s, 2)
    notes = [
        f"A frame is {METERS} meters × {len(QUANTITIES)} quantities.",
        "CPU is the contestant's processes alone, the database's stands beside it; all share the cores.",
        f"Ready-made: frame by frame, or of {GROUP_FRAMES} frames at a time each meter's points together.",
        f"The machine's load before: {load:.1f} processes wanted a core.",
        "Our gateway syncs frames to its spool before it acknowledges them; others acknowledge first.",
    ]
    return record(
        "peer_throughput",
        "Into InfluxDB, beside others",
        {"one run": table},
        notes,
        ("paho-mqtt", "influxdb-client"),
    )


def _ready_made(home: Path, frames: int, group: int) -> Drained:
    home.mkdir()
    bodies = list(posts(frames, group))
    with influxdb(home) as port:
        began_s, spent_s = time.monotonic(), _cpu_s(_servers())
        writers = [threading.Thread(target=_post, args=(port, bodies[n::WRITERS])) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        return Drained(frames, time.monotonic() - began_s, 0.0, _cpu_s(_servers()) - spent_s)


def _post(port: int, bodies: list[bytes]) -> None:
    for body in bodies:
        address = f"http://127.0.0.1:{port}/write?db=gridcrew&precision=ms"
        with urllib.request.urlopen(address, body, timeout=60) as answer:
            assert answer.status == 204


def _ours(home: Path, frames: int, processes: int) -> Drained:
    home.mkdir()
    with ExitStack() as stack:
        database = stack.enter_context(influxdb(home))
        brokers = [stack.enter_context(mosquitto(home, f"broker{n}")) for n in range(processes)]
        folders = [home / f"var{n}" for n in range(processes)]
        for number, (folder, broker) in enumerate(zip(folders, brokers, strict=True)):
            prepare(folder, broker)
            publish(broker, (frame for n, frame in enumerate(columnar(frames)) if n % processes == number))
        contestants = [
            stack.enter_context(our_gateway(folder, environment(folder, broker, database)))
            for folder, broker in zip(folders, brokers, strict=True)
        ]
        return _drained(frames, [process.pid for process in contestants], lambda: _points(database))


def _node_red(home: Path, frames: int) -> Drained:
    home.mkdir()
    with influxdb(home) as database, mosquitto(home) as broker:
        remember_session(broker, "node-red", "gridcrew/v1/+/readings")
        publish(broker, columnar(frames))
        with node_red(home / "flow", broker, database) as contestant:
            return _drained(frames, [contestant.pid], lambda: _points(database))


def _thingsboard(home: Path, frames: int) -> Drained:
    home.mkdir()
    with mosquitto(home, "up") as up, mosquitto(home, "in") as broker, Platform(up) as platform:
        remember_session(broker, "tb-in", "meters/+")
        publish(broker, rows(frames, TERMINALS_FOR_THINGSBOARD))
        connectors = [("mqtt", "Meters", json_mapping(broker, QUANTITIES))]
        with thingsboard_gateway(home / "tb", up, "memory", connectors) as contestant:
            return _drained(frames, [contestant.pid], lambda: platform.count() // len(QUANTITIES))


@dataclass(frozen=True, slots=True)
class _Moment:
    """What was stored at a moment, and what it had cost."""

    readings: int
    at_s: float
    cpu_s: float
    server_cpu_s: float


def _drained(frames: int, pids: list[int], stored: Callable[[], int]) -> Drained:
    """Watch until all readings are stored or no more come; the clock runs from the first to the last."""
    first = last = _Moment(0, time.monotonic(), 0.0, 0.0)
    while last.readings < frames * METERS and time.monotonic() - last.at_s < QUIET_S:
        count = stored()
        if count > last.readings:
            last = _Moment(count, time.monotonic(), _cpu_s(pids), _cpu_s(_servers()))
            first = first if first.readings else last
        time.sleep(_SAMPLE_S)
    assert last.readings > first.readings, "nothing arrived"
    return Drained(
        (last.readings - first.readings) // METERS,
        last.at_s - first.at_s,
        last.cpu_s - first.cpu_s,
        last.server_cpu_s - first.server_cpu_s,
        frames * METERS - last.readings,
    )


def _servers() -> list[int]:
    """The InfluxDB that we started."""
    return [child.pid for child in psutil.Process().children() if child.name() == "influxd"]


def _cpu_s(pids: list[int]) -> float:
    spent = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            times = member.cpu_times()
            spent += times.user + times.system
    return spent


def _points(port: int) -> int:
    """How many points the server says it has written since it started."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/vars", timeout=10) as answer:
        told = json.load(answer)
    servers = [part for key, part in told.items() if key.startswith("httpd")]
    return sum(int(part["values"]["pointsWrittenOK"]) for part in servers)


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES)
