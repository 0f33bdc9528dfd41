"""What polling costs, and what dead units cost their bus: the Modbus door and meters in another process."""

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec
import psutil

from benchmarks.record import Cell, record
from gateway.adapters.modbus.door import ModbusDoor
from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.backpressure import Pressure
from gateway.codecs.modbus import Poll, make_decode
from gateway.frames import Frame, Lane

SECONDS = 30
SETTLE_S = 5
DEVICES = 50
PER_LINE = 5
DEAD = (2, 5, 9)


class _Kept:
    """An intake in memory: what is measured is the door."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def take(self, lane: Lane, frames: Sequence[Frame]) -> None:  # noqa: ARG002 (both lanes count)
        self.frames += frames

    def pressure(self) -> Pressure:
        return Pressure.FREE


@contextmanager
def _meters(count: int, *options: str) -> Iterator[int]:
    """Simulated meters in a process of their own; their port."""
    command = [
        sys.executable,
        "-m",
        "gridcrew",
        "sim",
        "modbus",
        "--port",
        "0",
        "--meters",
        str(count),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().split()[2].partition(":")[2].rstrip(":"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def _connection(
    folder: Path, name: str, port: int, units: Sequence[int], model: str, timeout_s: float
) -> None:
    rows = ['kind = "tcp"', 'host = "127.0.0.1"', f"port = {port}", f"timeout_s = {timeout_s}"]
    for unit in units:
        rows += ["[[device]]", f'id = "M{unit}"', f"unit = {unit}", f'model = "{model}"', "every_s = 1"]
    file = folder / "connections" / f"{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(rows), encoding="utf-8")


def _cost(lines: int) -> dict[str, Cell]:
    with tempfile.TemporaryDirectory() as name, _meters(DEVICES, "--map", "chint-dtsu666") as port:
        folder, kept = Path(name), _Kept()
        for line in range(lines):
            units = range(1 + line, DEVICES + 1, lines)
            _connection(folder, f"line-{line}", port, units, "chint-dtsu666", 1.0)
        door = ModbusDoor(folder, kept)
        door.start()
        time.sleep(SETTLE_S)
        process, before = psutil.Process(), len(kept.frames)
        used, began_s = process.cpu_times(), time.monotonic()
        time.sleep(SECONDS)
        spent, elapsed_s = process.cpu_times(), time.monotonic() - began_s
        polls = len(kept.frames) - before
        door.stop(5)
        decode = make_decode(ModelShelf(folder).find)
        started_s = time.perf_counter()
        refused = sum(bool(decode(frame).refusal) for frame in kept.frames)
        decode_us = (time.perf_counter() - started_s) / len(kept.frames) * 1e6
    busy_s = spent.user + spent.system - used.user - used.system
    return {
        "lines": lines,
        "devices": DEVICES,
        "polls/s": round(polls / elapsed_s, 1),
        "requests/s": round(4 * polls / elapsed_s, 1),
        "CPU share of one core": round(busy_s / elapsed_s, 3),
        "decode µs/poll": round(decode_us),
        "refused": refused,
    }


def _dead() -> list[dict[str, Cell]]:
    faults = [option for unit in DEAD for option in ("--fault", f"{unit}:dead")]
    rows: list[dict[str, Cell]] = []
    for label, options in (("all live", []), ("3 of 10 dead", faults)):
        with tempfile.TemporaryDirectory() as name, _meters(10, "--map", "acrel-adw300", *options) as port:
            folder, kept = Path(name), _Kept()
            _connection(folder, "line", port, range(1, 11), "acrel-adw300", 0.3)
            door = ModbusDoor(folder, kept)
            door.start()
            time.sleep(SECONDS)
            door.stop(5)
            counters = door.counters()
        polls = [poll for frame in kept.frames if (poll := msgspec.json.decode(frame.body, type=Poll)).blocks]
        count = Counter(poll.device for poll in polls)
        live = sorted(count)
        gaps = [
            later - earlier
            for device in live
            for earlier, later in pairwise(poll.at for poll in polls if poll.device == device)
        ]
        rows.append(
            {
                "bus of 10 each second": label,
                "seconds": SECONDS,
                "live": len(live),
                "least polls of a live one": min(count.values()),
                "longest gap ms": max(gaps),
                "timeouts": counters.get("timeouts", 0),
            }
        )
    return rows


def run() -> None:
    record(
        "modbus_polling",
        "Modbus polling: what it costs, and what dead units cost",
        {
            "50 devices each second, 38 registers in 4 requests each": [_cost(10), _cost(1)],
            "Dead units on a bus, timeout 0.3 s, from the very start": _dead(),
        },
        notes=[
            "Meters play in another process; the share is that of the door's: pymodbus, planning, frames.",
            "The spool is memory here; decoding is the drain's work and is given beside it.",
        ],
        packages=("pymodbus", "msgspec"),
    )


if __name__ == "__main__":
    run()
