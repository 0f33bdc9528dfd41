"""Into one InfluxDB 1.6, in one run: ready-made posts from two writers, our store, influxdb-client's Point.

Every contestant writes the same points into a database of its own on the same server, taking turns.
Then one device's day and the last value of 10,000 devices, read from InfluxDB and from the embedded store.
"""

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS

from benchmarks.record import Cell, record
from gateway.adapters.delivery.drain_lane import GROUP_FRAMES
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.influx_readings import LINES_PER_POST, InfluxReadingStore
from telemetry.adapters.influx_server import InfluxAddress, InfluxServer
from telemetry.adapters.line_protocol import LineWriter, prepare
from telemetry.adapters.line_runs import side_by_side
from telemetry.downsampling import HOUR_MS
from telemetry.ports import ReadingStore, ReadingWrite
from telemetry.quantities import CATALOGUE
from telemetry.readings import ReadingBatch
from tests.influx import Influxd, influxd, v2_front

FRAMES = 2_000
ROUNDS = 3
METERS = 200
TERMINALS = 100
WRITERS = 2
GROUPS_ON_THEIR_WAY = 3
POINT_FRAMES = 100
DEVICES = 10_000
TICKS = 288
TICK_MS = 300_000
BASE_MS = 1_793_491_200_000
QUANTITIES = (
    "voltage_a_v", "voltage_b_v", "voltage_c_v", "current_a_a", "current_b_a", "current_c_a",
    "active_power_kw", "energy_import_kwh",
)  # fmt: skip
_DECIMALS = tuple(CATALOGUE[quantity].decimals for quantity in QUANTITIES)
_HIGHEST = (2_400, 2_400, 2_400, 60_000, 60_000, 60_000, 400_000, 99_999_999)
_METHOD = (
    f"A reading is one meter with 8 fields; a batch is 200 meters of one of {TERMINALS} terminals. The "
    "server stores with its defaults. Two writers, posts of 10,000 lines; 'ready-made' posts were formatted "
    "before the clock started, frame by frame or, of a group of frames, each meter's points together; 'our "
    f"store' starts from ReadingBatches in groups of {GROUP_FRAMES} frames, three on their way, as the drain "
    "hands them over. Contestants take turns; all on the same cores as the server. Processor time does "
    "not tell of who else is busy on the machine."
)


def batches(frames: int, terminals: int = TERMINALS, step_ms: int = 60_000) -> Iterator[ReadingBatch]:
    """Frames of terminals in turn, no instant of a meter twice."""
    chance = np.random.default_rng(1)
    tables = [
        np.stack([chance.integers(high // 2, high, METERS) for high in _HIGHEST], axis=1) for _ in range(40)
    ]
    rosters = [tuple(f"3340001{t:05d}{place:010d}" for place in range(METERS)) for t in range(terminals)]
    for number in range(frames):
        terminal, seq = number % terminals, number // terminals
        at_ms = BASE_MS + seq * step_ms
        yield ReadingBatch(
            f"T{terminal:03d}", "b1", seq, at_ms, at_ms + 500, rosters[terminal], QUANTITIES, _DECIMALS,
            tables[number % 40],
        )  # fmt: skip


def ready_made(made: Sequence[ReadingBatch], group: int = 1) -> list[bytes]:
    """The same points as posts, ready to be sent; of ``group`` frames at a time a meter's points together."""
    writer, posts, rest = LineWriter(), [], iter(made)
    while some := list(islice(rest, group)):
        for run in side_by_side((batch, False) for batch in some):
            writer.add(run)
            if writer.lines >= LINES_PER_POST:
                posts.append(writer.take())
    last = writer.take()
    return [*posts, last] if last else posts


def run(frames: int = FRAMES) -> dict[str, object]:
    """Measure, print and write ``results/influx_ingest``."""
    prepare()
    made = list(batches(frames))
    with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home, influxd(Path(home) / "i") as server:
        with v2_front(Path(home) / "n", server) as front:
            ingest = _ingest(server, front, made)
        reading = _reading(Path(home), server)
    return record(
        "influx_ingest",
        "Into and out of InfluxDB",
        {"Ingest": ingest, "Formatting alone, one thread": _formatting(made), "Reading": reading},
        [_METHOD],
        ("numpy", "influxdb-client", "numba"),
    )


def _ingest(server: Influxd, front: str, made: list[ReadingBatch]) -> list[dict[str, Cell]]:
    posts, arranged, readings = ready_made(made), ready_made(made, GROUP_FRAMES), len(made) * METERS
    few = made[:POINT_FRAMES]
    v1, v2 = partial(InfluxAddress, server.url, api="v1"), partial(InfluxAddress, front, api="v2")
    contestants: dict[str, tuple[int, Callable[[str], float]]] = {
        "ready-made posts, two writers": (readings, lambda name: _ready(v1(name), posts)),
        "ready-made posts, each meter's points together": (
            readings,
            lambda name: _ready(v1(name), arranged),
        ),
        "our store, 1.x endpoints": (readings, lambda name: _ours(v1(name), made)),
        "our store, v2 write API through nginx": (readings, lambda name: _ours(v2(name), made)),
        "influxdb-client Point, one thread, through nginx": (
            len(few) * METERS,
            lambda name: _points(v2(name), few),
        ),
    }
    taken: dict[str, list[_Taken]] = {name: [] for name in contestants}
    for turn in range(ROUNDS):
        # Whoever begins this round ends the next one: a machine that grows busier favours nobody.
        order = list(contestants)[:: 1 if turn % 2 == 0 else -1]
        for place, name in enumerate(order):
            database = f"r{turn}c{place}"
            server.query(f'CREATE DATABASE "{database}"')
            taken[name].append(_taken(server, partial(contestants[name][1], database)))
            server.query(f'DROP DATABASE "{database}"')
    best = {name: contestants[name][0] / min(one.wall_s for one in taken[name]) for name in contestants}
    middle = {
        name: contestants[name][0] / statistics.median(one.wall_s for one in taken[name])
        for name in contestants
    }
    reference = "ready-made posts, two writers"
    return [
        {
            "who": name,
            "readings/s, best": round(best[name]),
            "of ready-made": best[name] / best[reference],
            "of ready-made, median": middle[name] / middle[reference],
            "our processor, µs a reading": 1e6
            * min(one.ours_s for one in taken[name])
            / contestants[name][0],
            "the server's": 1e6 * min(one.server_s for one in taken[name]) / contestants[name][0],
        }
        for name in contestants
    ]


@dataclass(frozen=True, slots=True)
class _Taken:
    """One contest: time on the wall, and processor time of this process and of the server."""

    wall_s: float
    ours_s: float
    server_s: float


def _taken(server: Influxd, contest: Callable[[], float]) -> _Taken:
    ours_s, server_s = time.process_time(), processor_s(server)
    wall_s = contest()
    return _Taken(wall_s, time.process_time() - ours_s, processor_s(server) - server_s)


def processor_s(server: Influxd) -> float:
    """What the server has used so far."""
    spent = psutil.Process(server.pid).cpu_times()
    return float(spent.user + spent.system)


def _ready(address: InfluxAddress, posts: Sequence[bytes]) -> float:
    server = InfluxServer(address, WRITERS)
    begun_s = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(server.write, posts))
    taken_s = time.perf_counter() - begun_s
    server.close()
    return taken_s


def _ours(address: InfluxAddress, made: Sequence[ReadingBatch]) -> float:
    store = InfluxReadingStore(address, WRITERS)
    taken_s = _store(store, made)
    store.close()
    return taken_s


def _store(store: ReadingStore, made: Sequence[ReadingBatch]) -> float:
    begun_s = time.perf_counter()
    underway: deque[ReadingWrite] = deque()
    rest = iter(made)
    while group := list(islice(rest, GROUP_FRAMES)):
        underway.append(store.begin(group))
        if len(underway) >= GROUPS_ON_THEIR_WAY:
            underway.popleft().result()
    for write in underway:
        write.result()
    return time.perf_counter() - begun_s


def _points(address: InfluxAddress, made: Sequence[ReadingBatch]) -> float:
    with InfluxDBClient(url=address.url, token="", org="-") as client:
        writer = client.write_api(write_options=SYNCHRONOUS)
        begun_s = time.perf_counter()
        for batch in made:
            writer.write(address.database, record=_as_points(batch), write_precision="ms")
        return time.perf_counter() - begun_s


def _as_points(batch: ReadingBatch) -> list[Any]:
    values = batch.scaled / np.power(10.0, batch.decimals)
    made: Callable[[str], Any] = Point
    points = []
    for meter, row in zip(batch.meters, values.tolist(), strict=True):
        point = made("reading").tag("meter", meter).tag("terminal", batch.terminal)
        for quantity, value in zip(batch.quantities, row, strict=True):
            point.field(quantity, value)
        points.append(point.field("received_ms", batch.received_ms).time(batch.at_ms, "ms"))
    return points


def _formatting(made: Sequence[ReadingBatch]) -> list[dict[str, Cell]]:
    few = made[:POINT_FRAMES]
    ways: list[tuple[str, Sequence[ReadingBatch], Callable[[Sequence[ReadingBatch]], object]]] = [
        ("our formatter, as the drain hands frames over", made, lambda some: ready_made(some, GROUP_FRAMES)),
        ("our formatter, frame by frame", made, ready_made),
        ("msgspec encode, replace, translate", few, _msgspec_lines),
        ("f-strings", few, _f_strings),
        ("influxdb-client Point", few, _point_lines),
    ]
    rates: dict[str, float] = {}
    for name, some, way in ways:
        seconds = []
        for _ in range(ROUNDS):
            begun_s = time.perf_counter()
            way(some)
            seconds.append(time.perf_counter() - begun_s)
        rates[name] = len(some) * METERS / min(seconds)
    reference = rates["influxdb-client Point"]
    return [
        {"way": name, "readings/s": round(rate), "times Point": rate / reference}
        for name, rate in rates.items()
    ]


def _msgspec_lines(made: Sequence[ReadingBatch]) -> int:
    """Floats by msgspec, then text replacements: the quickest way without compiled code that we know of."""
    size = 0
    gone = bytes.maketrans(b"", b"")
    for batch in made:
        rows = (batch.scaled / np.power(10.0, batch.decimals)).tolist()
        named = [dict(zip(batch.quantities, row, strict=True)) for row in rows]
        text = msgspec.json.encode(named).replace(b'":', b"=").replace(b',"', b",").translate(gone, b'[]"{')
        head = f",terminal={batch.terminal} received_ms={batch.received_ms}i,".encode()
        tail = b" %d\n" % batch.at_ms
        size += len(
            b"".join(
                b"reading,meter=" + meter.encode() + head + fields + tail
                for meter, fields in zip(batch.meters, text.split(b"}")[:-1], strict=True)
            )
        )
    return size


def _f_strings(made: Sequence[ReadingBatch]) -> int:
    size = 0
    for batch in made:
        rows = (batch.scaled / np.power(10.0, batch.decimals)).tolist()
        for meter, row in zip(batch.meters, rows, strict=True):
            fields = ",".join([f"{name}={value}" for name, value in zip(batch.quantities, row, strict=True)])
            head = f"reading,meter={meter},terminal={batch.terminal} received_ms={batch.received_ms}i,"
            size += len(f"{head}{fields} {batch.at_ms}\n".encode())
    return size


def _point_lines(made: Sequence[ReadingBatch]) -> int:
    return sum(len(point.to_line_protocol()) for batch in made for point in _as_points(batch))


def _reading(home: Path, server: Influxd) -> list[dict[str, Cell]]:
    terminals = DEVICES // METERS
    made = list(batches(terminals * TICKS, terminals, TICK_MS))
    stores: dict[str, ReadingStore] = {
        "embedded": EmbeddedReadingStore(home / "embedded"),
        "InfluxDB 1.6": InfluxReadingStore(InfluxAddress(server.url, "read", "v1", timeout_s=60), WRITERS),
    }
    return [_read_from(name, store, made, terminals) for name, store in stores.items()]


def _read_from(
    name: str, store: ReadingStore, made: Sequence[ReadingBatch], terminals: int
) -> dict[str, Cell]:
    loaded_s = _store(store, made)
    meters = [meter for batch in made[:terminals] for meter in batch.meters]
    end_ms = BASE_MS + TICKS * TICK_MS
    row: dict[str, Cell] = {
        "store": name,
        "readings/s while loading": round(len(made) * METERS / loaded_s),
        "a device's day, 288 ticks, ms": _median_ms(lambda: store.series(meters[4321], BASE_MS, end_ms)),
        "the same by hours, ms": _median_ms(lambda: store.aggregated(meters[77], BASE_MS, end_ms, HOUR_MS)),
        "last value of 10,000 devices, ms": _median_ms(lambda: store.latest(meters)),
    }
    store.close()
    return row


def _median_ms(ask: Callable[[], object], times: int = 7) -> float:
    taken = []
    for _ in range(times):
        begun_s = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begun_s) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    run()
