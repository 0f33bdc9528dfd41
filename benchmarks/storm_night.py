"""A storm with three hundred outages and thirty crews, on the product's real processes.

``python -m benchmarks storm_night`` (some seven minutes). Ends with an error where something happened that
must never happen; all else is recorded.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.record import record
from benchmarks.storm.night import Plan, storm
from benchmarks.storm.reckoning import Reckoning


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Play the night, print and write ``results/storm_night``."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks storm_night", description=__doc__)
    parser.add_argument("--feeders", type=int, default=usual.feeders, help="and as many crews")
    parser.add_argument("--faults", type=int, default=usual.faults)
    parser.add_argument("--span", type=float, default=usual.span_s, help="seconds, first to last fault")
    parser.add_argument("--speed", type=float, default=usual.speed, help="of the crews, life is 1")
    parser.add_argument(
        "--dwell", type=float, default=usual.dwell_s, help="seconds before customers are told"
    )
    parser.add_argument("--seed", type=int, default=usual.seed)
    chosen = parser.parse_args(arguments)
    plan = Plan(chosen.feeders, chosen.faults, chosen.span, chosen.speed, chosen.dwell, seed=chosen.seed)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="gridcrew-storm-") as folder:
        night = storm(plan, Path(folder))
    reckoning = Reckoning(night)
    broken = reckoning.broken()
    notes = (
        f"{plan.faults} faults within {plan.span_s:g} s of real time, in which terminals and meters speak.",
        f"{plan.feeders} crews wait, drive and work {plan.speed:g} times faster than life.",
        f"Customers are told after a dwell of {plan.dwell_s:g} s.",
        f"From the first fault until all was over: {night.seconds:.0f} s.",
        "20 % of the last gasps are lost, 1 % of the meters are recorded at a wrong place.",
        "Broker, gateway, detector, worker, web and simulator on one machine; times as one page hears them.",
        f"Load of the machine before: {before:.1f}.",
        f"Must never happen: {'; '.join(broken) or 'nothing of it did'}.",
    )
    title = f"A storm: {plan.faults} outages, {plan.feeders} crews"
    packages = ("flask", "gunicorn", "sqlalchemy", "numba")
    result = record("storm_night", title, reckoning.tables(), notes, packages)
    if broken:
        sys.exit("\n".join(broken))
    return result


if __name__ == "__main__":
    run(sys.argv[1:])
