"""Public bug reports of others, replayed against them and against us; what is lost is counted, not told."""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.peers import scenario_bus, scenario_link, scenario_refusals
from benchmarks.record import record

_PACKAGES: Final = ("paho-mqtt", "influxdb-client", "pymodbus")


def run() -> None:
    """Replay all, print and write ``results/peer_{link,refusals,bus}``."""
    link()
    refusals()
    bus()


def link() -> dict[str, object]:
    """Packets to the destination stop without a word."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-replay-") as home:
        tables = {"the link to the destination is away": list(scenario_link.rows(Path(home)))}
    note = "Packets stop as on a dead line, and nobody is told (thingsboard-gateway#2157)."
    return record("peer_link", "A link that goes away, beside others", tables, (note,), _PACKAGES)


def refusals() -> dict[str, object]:
    """The database says no, to everything for a while or to one line for ever."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-replay-") as home:
        folder = Path(home)
        tables = {
            "the database answers 503": list(scenario_refusals.unavailable(folder)),
            "one bad line among good ones": list(scenario_refusals.one_bad_line(folder)),
        }
    note = "A stand-in refuses as InfluxDB 2.x does (influxdb#17953, influxdb-client-python#198)."
    return record("peer_refusals", "A database that refuses, beside others", tables, (note,), _PACKAGES)


def bus() -> dict[str, object]:
    """Dead meters, and everything else failing while meters are polled."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-replay-") as home:
        folder = Path(home)
        tables = {
            "dead meters on the bus": list(scenario_bus.dead_meters(folder)),
            "polling while everything else fails": list(scenario_bus.polling_goes_on(folder)),
        }
    notes = (
        "Ten meters on one RTU line behind TCP, 20 ms an answer, polled once a second.",
        "Dead meters: OpenEMS#6, home-assistant/core#51326; polling that goes on: thingsboard-gateway#2132.",
        "thingsboard-gateway has shorter waits than its defaults, which would make it wait for minutes.",
    )
    return record("peer_bus", "A bus of Modbus meters, beside others", tables, notes, _PACKAGES)


if __name__ == "__main__":
    run()
