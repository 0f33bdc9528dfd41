"""How well scope and cause are found: a public yardstick on public grids (docs/benchmark.md).

``make bench-scope`` runs all of it; ``ARGS`` narrows it down or adds a method:

    make bench-scope ARGS='--scenarios 10 --conditions "field; harsh"'
    make bench-scope ARGS='--method mypackage.mymodule:MyMethod'
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks.accuracy.calibration import Band, calibration_error
from benchmarks.accuracy.conditions import CONDITIONS, Condition
from benchmarks.accuracy.grids import GRIDS, Grid
from benchmarks.accuracy.tables import Report, band_rows
from benchmarks.accuracy.trial import Outcome, blocks, run_block
from benchmarks.record import RESULTS, record

SCENARIOS = 100
SEED = 20261122
PROCESSES = 2


def run(options: Sequence[str] = ()) -> dict[str, object]:
    chosen = _parse(options)
    grids, conditions = _grids(chosen.grids), _conditions(chosen.conditions)
    began = time.monotonic()
    outcome = measure(grids, conditions, chosen.scenarios, chosen.seed, chosen.method, chosen.processes)
    minutes = (time.monotonic() - began) / 60
    report = Report(outcome, conditions)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{chosen.name}_over_time.svg").write_text(report.time_chart().svg(), encoding="utf-8")
    (RESULTS / f"{chosen.name}_calibration.svg").write_text(
        report.calibration_chart().svg(), encoding="utf-8"
    )
    customers, elements = report.customer_bands(), report.element_bands()
    return record(
        chosen.name,
        "Scope and cause of outages on public grids",
        {
            "Micro-F1 and element hits at each condition's main instant": report.main_rows(),
            "Over time": report.instant_rows(),
            "By grid: F1 by record / physical": report.grid_rows(),
            "By size of the night's largest fault (F1) and of the fault (hits)": report.size_rows(),
            "Time to detect: share of faults with more than one customer found by then": (
                report.detection_rows()
            ),
            f"Calibration of P(customer out): {_quality(customers)}": band_rows(customers),
            f"Calibration of P(element): {_quality(elements)}": band_rows(elements),
            "Calibration of P(customer out) by condition": report.calibration_rows(),
        },
        notes=_notes(chosen.scenarios, chosen.seed, minutes),
        packages=("numpy", "numba", "scipy", "simbench", "pandapower"),
    )


def measure(
    grids: Sequence[Grid],
    conditions: Sequence[Condition],
    scenarios: int,
    seed: int,
    methods: Sequence[str] = (),
    processes: int = PROCESSES,
) -> Outcome:
    """All nights of these grids and conditions; the same for any number of processes."""
    work, outcome = blocks(grids, conditions, scenarios, seed, methods), Outcome()
    if processes <= 1:
        for block in work:
            outcome.merge(run_block(block))
        return outcome
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        for part in pool.map(run_block, work):
            outcome.merge(part)
    return outcome


def _quality(found: Sequence[Band]) -> str:
    cases = sum(band.cases for band in found)
    inside = sum(band.inside for band in found)
    error = calibration_error(found)
    return f"expected error {error:.4f} over {cases} predictions, {inside} of {len(found)} bands inside"


def _parse(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-scope", description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", type=int, default=SCENARIOS, help="nights a grid and condition")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--grids", default="", help="parts of names, comma between; all where left out")
    parser.add_argument("--conditions", default="", help="names, semicolon between; all where left out")
    parser.add_argument("--method", action="append", default=[], help="package.module:factory of another one")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--name", default="scope_accuracy", help="of the files in benchmarks/results/")
    return parser.parse_args(list(options))


def _grids(parts: str) -> list[Grid]:
    chosen = [grid for grid in GRIDS if not parts or any(part in str(grid) for part in parts.split(","))]
    if not chosen:
        sys.exit(f"no grid is called {parts}; there are {', '.join(map(str, GRIDS))}")
    return chosen


def _conditions(names: str) -> list[Condition]:
    wanted = [name.strip() for name in names.split(";") if name.strip()]
    known = {condition.name: condition for condition in CONDITIONS}
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"no condition is called {', '.join(sorted(unknown))}; there are {'; '.join(known)}")
    return [known[name] for name in wanted] or list(CONDITIONS)


def _notes(scenarios: int, seed: int, minutes: float) -> list[str]:
    return [
        f"{scenarios} nights a grid and condition, seed {seed}, {minutes:.0f} minutes in all.",
        "What is drawn, heard and scored stands in docs/benchmark.md.",
        "± is the standard error over nights (bootstrap).",
        "By record: whose recorded place is dead. Physical: who is really without supply.",
        "Reachable: F1 of one who knows exactly the faults below which any last gasp has arrived by then.",
        "Bound: F1 of the exact posterior of one who knows all but what was silent, and the odds of faults.",
        "The rule is the best of 18 (share × least number), picked afterwards for each row.",
        "Element hit: an element found has the same customers as the true one, give or take 2 or 10 %.",
        "Calibration: of each night and instant one customer a band, where at least 1 % is said.",
    ]


if __name__ == "__main__":
    run(sys.argv[1:])
