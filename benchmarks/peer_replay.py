"""Public bug reports of others, replayed against them and against us; what is lost is counted, not told."""

import tempfile
from pathlib import Path

from benchmarks.peers import scenario_bus, scenario_link, scenario_refusals
from benchmarks.record import record

NOTES = (
    "Link: packets to the destination stop without a word, as on a dead line (thingsboard-gateway#2157).",
    "503: influxdb-client-python#198; bad line: influxdb#17953, refused by a stand-in as InfluxDB 2.x does.",
    "Bus: ten meters on one RTU line behind TCP, 20 ms an answer, polled once a second.",
    "Dead meters: OpenEMS#6, home-assistant/core#51326; polling that goes on: thingsboard-gateway#2132.",
    "thingsboard-gateway has shorter waits than its defaults, which would make it wait for minutes.",
)


def run() -> dict[str, object]:
    """Replay all, print and write ``results/peer_replay``."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-replay-") as home:
        folder = Path(home)
        tables = {
            "the link to the destination is away": list(scenario_link.rows(folder)),
            "the database answers 503": list(scenario_refusals.unavailable(folder)),
            "one bad line among good ones": list(scenario_refusals.one_bad_line(folder)),
            "dead meters on the bus": list(scenario_bus.dead_meters(folder)),
            "polling while everything else fails": list(scenario_bus.polling_goes_on(folder)),
        }
    packages = ("paho-mqtt", "influxdb-client", "pymodbus")
    return record("peer_replay", "Others' bug reports, replayed", tables, NOTES, packages)


if __name__ == "__main__":
    run()
