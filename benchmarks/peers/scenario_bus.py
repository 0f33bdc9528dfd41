"""A bus with dead meters (OpenEMS#6, home-assistant/core#51326), and polling that must go on.

Ten meters on one RTU line behind a TCP converter, polled once a second; an answer takes 20 ms. First with
three of them dead; then all alive while the link to the destination goes away and the converter restarts
three times (thingsboard-gateway#2132): how many of the polls due in the last seconds were answered?
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.bus import Bus
from benchmarks.peers.link import Link
from benchmarks.peers.numbered import await_true
from benchmarks.peers.ours import environment, our_gateway, prepare
from benchmarks.peers.platform_stand_in import Platform
from benchmarks.peers.servers import influxdb, mosquitto
from benchmarks.peers.thingsboard import thingsboard_gateway
from benchmarks.record import Cell

UNITS: Final = range(1, 11)
DEAD: Final = frozenset({3, 6, 9})
TIMEOUT_S: Final = 1.0
SETTLE_S: Final = 10.0
WATCH_S: Final = 20.0
AWAY_S: Final = 20.0
CUTS: Final = 3
START_S: Final = 40.0

Start = Callable[[Path, int], AbstractContextManager[Link]]


@contextmanager
def _our_gateway(home: Path, port: int) -> Iterator[Link]:
    site = home / "var" / "site"
    for name in ("connections", "devices"):
        (site / name).mkdir(parents=True)
    (site / "devices" / "peer.toml").write_text(
        'source = "peer measurement"\n[defaults]\ntable = "holding"\ntype = "u16"\n'
        '[[quantity]]\nname = "voltage_a_v"\naddress = 0\nscale = "0.1"\n',
        encoding="utf-8",
    )
    devices = "".join(
        f'[[device]]\nid = "unit{unit}"\nunit = {unit}\nmodel = "peer"\nevery_s = 1.0\n' for unit in UNITS
    )
    (site / "connections" / "bus.toml").write_text(
        f'kind = "rtu_over_tcp"\nhost = "127.0.0.1"\nport = {port}\ntimeout_s = {TIMEOUT_S}\n{devices}',
        encoding="utf-8",
    )
    with influxdb(home) as database, mosquitto(home) as broker, Link(database) as link:
        prepare(home / "var", broker)
        with our_gateway(home / "var", environment(home / "var", broker, link.port)):
            yield link


@contextmanager
def _thingsboard(home: Path, port: int) -> Iterator[Link]:
    slaves = [_slave(unit, port) for unit in UNITS]
    with mosquitto(home, "up") as up, Platform(up), Link(up) as link:
        connectors = [("modbus", "Bus", {"master": {"slaves": slaves}})]
        with thingsboard_gateway(home / "tb", link.port, "file", connectors):
            yield link


def _slave(unit: int, port: int) -> dict[str, Any]:
    """As its documentation has it, with shorter waits: the defaults (35 s, 5 min pauses) would be unfair."""
    series = {"tag": "voltage", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": 0}
    return {
        "host": "127.0.0.1",
        "port": port,
        "type": "tcp",
        "method": "rtu",
        "unitId": unit,
        "deviceName": f"unit{unit}",
        "deviceType": "meter",
        "timeout": TIMEOUT_S,
        "byteOrder": "BIG",
        "wordOrder": "BIG",
        "retries": False,
        "retryOnEmpty": False,
        "retryOnInvalid": False,
        "pollPeriod": 1000,
        "connectAttemptTimeMs": 1000,
        "connectAttemptCount": 5,
        "waitAfterFailedAttemptsMs": 5000,
        "attributes": [],
        "attributeUpdates": [],
        "rpc": [],
        "timeseries": [series],
    }


CONTESTANTS: Final[dict[str, Start]] = {"our gateway": _our_gateway, "thingsboard-gateway": _thingsboard}


def dead_meters(home: Path) -> Iterator[dict[str, Cell]]:
    """Three of ten do not answer: what do the other seven get?"""
    for name, start in CONTESTANTS.items():
        folder = _folder(home, f"dead-{name}")
        with Bus(DEAD) as bus, start(folder, bus.port):
            _await_polls(bus)
            time.sleep(SETTLE_S)
            row = _answered(bus, len(UNITS) - len(DEAD))
        yield {"contestant": name, "meters": len(UNITS), "dead": len(DEAD), **row}


def polling_goes_on(home: Path) -> Iterator[dict[str, Cell]]:
    """The destination is away and the converter restarts; afterwards the polls are counted."""
    for name, start in CONTESTANTS.items():
        folder = _folder(home, f"freeze-{name}")
        with Bus(frozenset()) as bus, start(folder, bus.port) as link:
            _await_polls(bus)
            time.sleep(SETTLE_S)
            link.away.set()
            for _ in range(CUTS):
                time.sleep(AWAY_S / CUTS)
                bus.cut()
            meanwhile = _answered(bus, len(UNITS))
            link.away.clear()
            time.sleep(SETTLE_S)
            afterwards = _answered(bus, len(UNITS))
        yield {
            "contestant": name,
            "polls_while_away": meanwhile["share_of_due"],
            "polls_afterwards": afterwards["share_of_due"],
        }


def _folder(home: Path, name: str) -> Path:
    folder = home / name.replace(" ", "-")
    folder.mkdir(parents=True)
    return folder


def _await_polls(bus: Bus) -> None:
    if not await_true(partial(_polled, bus), START_S):
        raise RuntimeError("nothing was polled")


def _polled(bus: Bus) -> bool:
    return bus.answers.total() > 20


def _answered(bus: Bus, alive: int) -> dict[str, Cell]:
    before = Counter(bus.answers)
    time.sleep(WATCH_S)
    polled = bus.answers.total() - before.total()
    due = alive * WATCH_S
    return {"due": due, "answered": polled, "share_of_due": round(polled / due, 3)}
