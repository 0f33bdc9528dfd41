"""The database is away, or one line of a batch is bad (influxdb#17953, influxdb-client-python#198).

The stand-in refuses as InfluxDB 2.x does: 503 while it is away, and a whole batch for one bad line. The bad
line stands for any that a server refuses (a type conflict, say): it alone may be missing afterwards.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.peers.influx_stand_in import InfluxStandIn
from benchmarks.peers.node_red import node_red
from benchmarks.peers.numbered import BASE_MS, METER, NumberedTerminal, await_true, ours
from benchmarks.peers.ours import environment, our_gateway, prepare
from benchmarks.peers.servers import mosquitto
from benchmarks.peers.stream import remember_session
from benchmarks.record import Cell

START_S: Final = 40.0
BEFORE_S: Final = 3.0
AWAY_S: Final = 15.0
AFTER_S: Final = 3.0
CATCH_UP_S: Final = 45.0
MEANWHILE_S: Final = 10.0
BAD_FRAME_EACH: Final = 40
POISON: Final = "poisoned"
_NUMBER: Final = re.compile(rb"energy_import_kwh=([0-9.]+)")

T = TypeVar("T")
Start = Callable[[Path, InfluxStandIn, int], AbstractContextManager[None]]


@contextmanager
def _our_gateway(home: Path, server: InfluxStandIn, broker: int) -> Iterator[None]:
    prepare(home / "var", broker)
    told = environment(home / "var", broker, server.port) | {
        "GRIDCREW_INFLUX__API": "v2", "GRIDCREW_INFLUX__ORG": "peer", "GRIDCREW_INFLUX__TOKEN": "peer",
    }  # fmt: skip
    with our_gateway(home / "var", told):
        yield


@contextmanager
def _node_red(home: Path, server: InfluxStandIn, broker: int) -> Iterator[None]:
    remember_session(broker, "node-red", "gridcrew/v1/+/readings")
    with node_red(home / "flow", broker, server.port, version="2.0"):
        yield


@contextmanager
def _batching_client(home: Path, server: InfluxStandIn, broker: int) -> Iterator[None]:  # noqa: ARG001 (one shape)
    """The batching WriteApi as its documentation shows it, fed from MQTT."""
    with InfluxDBClient(url=f"http://127.0.0.1:{server.port}", token="peer", org="peer") as database:  # noqa: S106
        writing = database.write_api(write_options=WriteOptions(batch_size=500, flush_interval=1_000))
        client = Client(CallbackAPIVersion.VERSION2, client_id="batching", clean_session=False)

        def on_message(_client: Client, _user: object, message: MQTTMessage) -> None:
            frame = json.loads(message.payload)
            for meter, values in zip(frame["meters"], frame["values"], strict=True):
                told = {"measurement": "reading", "tags": {"meter": meter}, "time": frame["at"] * 1_000_000}
                fields = {"energy_import_kwh": values[0]}
                writing.write("gridcrew", "peer", Point.from_dict(told | {"fields": fields}))

        client.on_message = on_message
        client.connect("127.0.0.1", broker)
        client.subscribe("gridcrew/v1/+/readings", qos=1)
        client.loop_start()
        try:
            yield
        finally:
            client.disconnect()
            client.loop_stop()
            writing.close()


CONTESTANTS: Final[dict[str, Start]] = {
    "our gateway": _our_gateway,
    "Node-RED with contrib-influxdb": _node_red,
    "influxdb-client, batching WriteApi": _batching_client,
}


def unavailable(home: Path) -> Iterator[dict[str, Cell]]:
    """503 for a while."""
    for place, (name, start) in enumerate(CONTESTANTS.items()):
        folder = home / f"away{place}"
        folder.mkdir(parents=True)
        with InfluxStandIn() as server, mosquitto(folder) as broker, start(folder, server, broker):
            with NumberedTerminal(broker, ours) as terminal:
                _await_begin(server)
                server.unavailable.set()
                time.sleep(AWAY_S)
                server.unavailable.clear()
                time.sleep(AFTER_S)
                terminal.end()
                said = terminal.said
            await_true(partial(_all_in, said, partial(_arrived, server)), CATCH_UP_S)
            lost = said - _arrived(server)
        yield {"contestant": name, "unavailable_s": AWAY_S, "said": len(said), "lost": len(lost)}


def one_bad_line(home: Path) -> Iterator[dict[str, Cell]]:
    """Frames of 100 meters; in one frame of forty one meter is bad."""
    for place, (name, start) in enumerate(CONTESTANTS.items()):
        folder = home / f"bad{place}"
        folder.mkdir(parents=True)
        with InfluxStandIn(POISON) as server, mosquitto(folder) as broker, start(folder, server, broker):
            with NumberedTerminal(broker, _hundred) as terminal:
                await_true(partial(_some_in, server), START_S)
                time.sleep(MEANWHILE_S)
                terminal.end()
                said = terminal.said
            good = {(number, place) for number in said for place in range(100) if not _bad(number, place)}
            await_true(partial(_all_in, good, partial(_of_hundred, server)), CATCH_UP_S)
            lost = good - _of_hundred(server)
        yield {"contestant": name, "good_lines_said": len(good), "good_lines_lost": len(lost)}


def _await_begin(server: InfluxStandIn) -> None:
    if not await_true(partial(_some_in, server), START_S):
        raise RuntimeError("nothing arrived before the database was taken away")
    time.sleep(BEFORE_S)


def _arrived(server: InfluxStandIn) -> set[int]:
    return {round(float(found[1])) for line in set(server.lines) if (found := _NUMBER.search(line))}


def _some_in(server: InfluxStandIn) -> bool:
    return len(server.lines) > 5


def _all_in(wanted: set[T], arrived: Callable[[], set[T]]) -> bool:
    return wanted <= arrived()


def _bad(number: int, place: int) -> bool:
    return number % BAD_FRAME_EACH == 3 and place == 50


def _hundred(number: int) -> tuple[str, bytes]:
    meters = [f"{POISON}{number}" if _bad(number, place) else f"{METER}{place}" for place in range(100)]
    body = {
        "v": 1, "boot": "peer", "seq": number, "at": BASE_MS + 1000 * number, "meters": meters,
        "quantities": ["energy_import_kwh"], "values": [[100.0 * number + place] for place in range(100)],
    }  # fmt: skip
    return "gridcrew/v1/PEER/readings", json.dumps(body).encode()


def _of_hundred(server: InfluxStandIn) -> set[tuple[int, int]]:
    return {divmod(value, 100) for value in _arrived(server)}
