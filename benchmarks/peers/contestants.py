"""Each contestant between a terminal's broker and its own destination, with a link that can be taken away."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.peers.link import Link
from benchmarks.peers.node_red import node_red
from benchmarks.peers.numbered import listed, ours
from benchmarks.peers.ours import environment, our_gateway, prepare
from benchmarks.peers.platform_stand_in import Platform
from benchmarks.peers.servers import influxdb, mosquitto, query
from benchmarks.peers.stream import remember_session
from benchmarks.peers.thingsboard import STORAGES, json_mapping, thingsboard_gateway

ENERGY: Final = "energy_import_kwh"


@dataclass(frozen=True, slots=True)
class Contest:
    """What a scenario needs of a running contestant."""

    broker: int
    """Port of the broker on which the terminal speaks."""
    frame: Callable[[int], tuple[str, bytes]]
    """(topic, body) of a numbered reading, as this contestant takes it."""
    link: Link
    """Between the contestant and its destination."""
    arrived: Callable[[], set[int]]
    """Numbers that reached the destination."""


Start = Callable[[Path], AbstractContextManager[Contest]]


@contextmanager
def _our_gateway(home: Path) -> Iterator[Contest]:
    with influxdb(home) as database, mosquitto(home) as broker, Link(database) as link:
        prepare(home / "var", broker)
        with our_gateway(home / "var", environment(home / "var", broker, link.port)):
            yield Contest(broker, ours, link, partial(_in_influxdb, database))


@contextmanager
def _node_red(home: Path) -> Iterator[Contest]:
    with influxdb(home) as database, mosquitto(home) as broker, Link(database) as link:
        remember_session(broker, "node-red", "gridcrew/v1/+/readings")
        with node_red(home / "flow", broker, link.port):
            yield Contest(broker, ours, link, partial(_in_influxdb, database))


@contextmanager
def _thingsboard(storage: str, home: Path) -> Iterator[Contest]:
    with (
        mosquitto(home, "up") as up,
        mosquitto(home, "in") as broker,
        Platform(up) as platform,
        Link(up) as link,
    ):
        remember_session(broker, "tb-in", "meters/+")
        connectors = [("mqtt", "Meters", json_mapping(broker, (ENERGY,)))]
        with thingsboard_gateway(home / "tb", link.port, storage, connectors):
            yield Contest(broker, listed, link, lambda: {round(value) for *_, value in platform.arrived()})


CONTESTANTS: Final[dict[str, Start]] = {
    "our gateway (into InfluxDB)": _our_gateway,
    **{f"thingsboard-gateway, {name} storage": partial(_thingsboard, name) for name in STORAGES},
    "Node-RED with contrib-influxdb": _node_red,
}


def _in_influxdb(port: int) -> set[int]:
    told = json.loads(query(port, "SELECT energy_import_kwh FROM reading"))
    return {
        round(row[1])
        for result in told["results"]
        for series in result.get("series", ())
        for row in series["values"]
    }
