"""``make bench``: every measurement, one after the other; name some to run only those.

Options after a single name are that measurement's own: ``python -m benchmarks scope_accuracy --help``.
"""

import importlib
import sys
from itertools import takewhile

NAMES = (
    "network_scale",
    "network_import",
    "inference_scale",
    "backlog_drain",
    "events_under_load",
    "influx_ingest",
    "influx_posts",
    "peer_throughput",
    "peer_replay",
    "file_drop",
    "gateway_soak",
    "scope_accuracy",
    "phase_accuracy",
    "live_latency",
    "burst",
    "fault_cycle",
    "reliability_scale",
    "scope_call",
    "access_scale",
    "modbus_polling",
    "desk_scale",
    "desk_load",
    "dispatch",
    "storm_night",
)


def main(arguments: list[str]) -> None:
    chosen = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    options = arguments[len(chosen) :]
    unknown = set(chosen) - set(NAMES)
    if unknown:
        sys.exit(f"unknown benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options:
        if len(chosen) != 1:
            sys.exit("options belong to one benchmark: name it before them")
        importlib.import_module(f"benchmarks.{chosen[0]}").run(options)
        return
    for name in chosen or NAMES:
        importlib.import_module(f"benchmarks.{name}").run()


if __name__ == "__main__":
    main(sys.argv[1:])
