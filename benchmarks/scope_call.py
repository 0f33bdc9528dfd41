"""``gridcrew scope`` from the shell on a network of ten thousand nodes: each call is a process of its own.

``python -m benchmarks scope_call`` (some seconds). The first call compiles and keeps what it compiled in the
data folder; those that follow load it. Processor time stands beside wall time because the machine is shared.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.network_import import Size, write_model
from benchmarks.record import Cell, record

CALLS: Final = 3
FEEDERS: Final = 4
TRANSFORMERS: Final = 50
ACCESS_POINTS: Final = 48
"""Per transformer, of one meter each: 10,001 nodes in all."""
REPORTED: Final = 0.6


def run() -> dict[str, object]:
    """Measure, print and write ``results/scope_call``."""
    with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as place:
        folder, events = Path(place) / "network", Path(place) / "events.jsonl"
        write_model(folder, Size(FEEDERS, TRANSFORMERS, ACCESS_POINTS, 1))
        events.write_text("\n".join(_last_gasps(folder)), encoding="utf-8")
        command = [sys.executable, "-m", "gridcrew", "scope", "--network", str(folder),
                   "--events", str(events), "--json"]  # fmt: skip
        environment = os.environ | {"GRIDCREW_DATA_DIR": str(Path(place) / "var")}
        first = _call(command, environment)
        later = [_call(command, environment) for _ in range(CALLS)]
    rows: list[dict[str, Cell]] = [
        {"call": "the first, which compiles", "wall s": first[0], "processor s": first[1]},
        {
            "call": f"the {CALLS} that follow, median",
            "wall s": float(np.median([wall_s for wall_s, _ in later])),
            "processor s": float(np.median([used_s for _, used_s in later])),
        },
    ]
    notes = (
        "10,001 nodes, 10,000 edges, 9,600 meters as CSV; one feeder of four is dead, 60 % of it say so.",
        f"Load of the machine at the end, other programs included: {os.getloadavg()[0]:.1f}.",
    )
    return record("scope_call", "gridcrew scope, call by call", {"One call": rows}, notes, ("numpy", "numba"))


def _last_gasps(folder: Path) -> Iterator[str]:
    """Of the first feeder, over some seconds."""
    lines = (folder / "meters.csv").read_text(encoding="utf-8").splitlines()[1:]
    rng = np.random.default_rng(1)
    for line in lines[: TRANSFORMERS * ACCESS_POINTS]:
        if rng.random() < REPORTED:
            at = f"2026-11-22T03:12:{int(rng.exponential(8)) % 60:02d}Z"
            yield json.dumps({"at": at, "device": line.split(",")[0], "kind": "power_off"})


def _call(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """(wall, processor) seconds of one call that answered with one outage."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    wall_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    (outage,) = json.loads(done.stdout)["outages"]
    assert len(outage["customers_out"]) == TRANSFORMERS * ACCESS_POINTS
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    run()
