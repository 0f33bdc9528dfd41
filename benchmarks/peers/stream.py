"""The stream that all contestants get: frames of 200 meters × 8 quantities."""

import json
import random
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.codecs.own import decode
from gateway.frames import Frame
from telemetry.adapters.influx_readings import LINES_PER_POST
from telemetry.adapters.line_protocol import LineWriter
from telemetry.adapters.line_runs import side_by_side

METERS: Final = 200
TERMINALS: Final = 50
QUANTITIES: Final = (
    "voltage_a_v",
    "voltage_b_v",
    "voltage_c_v",
    "current_a_a",
    "current_b_a",
    "current_c_a",
    "active_power_kw",
    "energy_import_kwh",
)
STEP_MS: Final = 5_000
_SHAPES: Final = 40


def meter_id(terminal: int, place: int) -> str:
    """As long as a meter's 22-digit asset number."""
    return f"3340001{terminal:05d}{place:010d}"


def columnar(count: int, terminals: int = TERMINALS) -> Iterator[tuple[str, bytes]]:
    """(topic, body) of ``count`` frames of our own contract, measured just now.

    No meter has two values at one instant.
    """
    begin_ms = time.time_ns() // 1_000_000 - count // terminals * STEP_MS
    tables = [json.dumps(_table(random.Random(seed))) for seed in range(_SHAPES)]
    names = json.dumps(QUANTITIES)
    meters = [json.dumps([meter_id(t, place) for place in range(METERS)]) for t in range(terminals)]
    for number in range(count):
        terminal, seq = number % terminals, number // terminals
        yield (
            f"gridcrew/v1/T{terminal:03d}/readings",
            f'{{"v":1,"boot":"b{terminal}","seq":{seq},"at":{begin_ms + seq * STEP_MS},'
            f'"meters":{meters[terminal]},"quantities":{names},'
            f'"values":{tables[number % _SHAPES]}}}'.encode(),
        )


def rows(count: int, terminals: int) -> Iterator[tuple[str, bytes]]:
    """Such readings as lists of objects, one per meter, for thingsboard-gateway's converter."""
    for number, (_, body) in enumerate(columnar(count, terminals)):
        frame = json.loads(body)
        listed = [
            {"m": meter, "ts": frame["at"], **dict(zip(QUANTITIES, values, strict=True))}
            for meter, values in zip(frame["meters"], frame["values"], strict=True)
        ]
        yield f"meters/{number % terminals}", json.dumps(listed).encode()


def posts(count: int, group: int = 1) -> Iterator[bytes]:
    """The same points in the very lines that our store writes, ready to be posted, 10,000 a body.

    ``group``: of so many frames at a time a meter's points stand together, as our store arranges a backlog.
    """
    writing = LineWriter()
    batches = ((batch, False) for frame in _received(count) for batch in decode(frame).batches)
    while some := list(islice(batches, group)):
        for run in side_by_side(some):
            writing.add(run)
            if writing.lines >= LINES_PER_POST:
                yield writing.take()
    if writing.lines:
        yield writing.take()


def _received(count: int) -> Iterator[Frame]:
    for topic, body in columnar(count):
        yield Frame(topic, body, json.loads(body)["at"] + 1_000)


def publish(port: int, frames: Iterator[tuple[str, bytes]]) -> None:
    """Publish all with QoS 1 and wait until the broker has them."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="publisher")
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for number, (topic, body) in enumerate(frames):
        last = client.publish(topic, body, qos=1)
        if number % 500 == 499:
            last.wait_for_publish(120)
    last.wait_for_publish(120)
    time.sleep(0.5)
    client.disconnect()
    client.loop_stop()


def remember_session(port: int, client_id: str, topic: str) -> None:
    """Let the broker keep what comes for this client from now on."""
    granted = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.on_subscribe = lambda *_: granted.set()
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    assert granted.wait(10)
    client.disconnect()
    client.loop_stop()


def _table(source: random.Random) -> list[list[float]]:
    return [
        [
            *(round(source.uniform(228, 234), 1) for _ in range(3)),
            *(round(source.uniform(0, 60), 3) for _ in range(3)),
            round(source.uniform(0, 12), 4),
            round(source.uniform(0, 90_000), 2),
        ]
        for _ in range(METERS)
    ]
