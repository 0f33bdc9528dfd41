"""``make bench``: every measurement, one after the other; name some to run only those."""

import importlib
import sys

NAMES = (
    "network_scale",
    "inference_scale",
    "backlog_drain",
    "events_under_load",
    "influx_ingest",
    "peer_throughput",
    "peer_replay",
    "file_drop",
    "gateway_soak",
    "scope_accuracy",
    "live_latency",
    "reliability_scale",
    "access_scale",
    "modbus_polling",
)


def main(chosen: list[str]) -> None:
    unknown = set(chosen) - set(NAMES)
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in chosen or NAMES:
        importlib.import_module(f"benchmarks.{name}").run()


if __name__ == "__main__":
    main(sys.argv[1:])
