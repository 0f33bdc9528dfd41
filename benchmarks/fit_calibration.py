"""Fits ``telemetry/calibration.toml``: isotonic, on nights of seeds of its own. Run it until nothing moves.

python -m benchmarks.fit_calibration --scenarios 60
"""

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import isotonic_regression

import telemetry.calibration
from benchmarks.accuracy.calibration import one_a_band
from benchmarks.accuracy.conditions import CONDITIONS, Condition
from benchmarks.accuracy.exact import ExactTree, usual_nights
from benchmarks.accuracy.grids import GRIDS, Grid, load
from benchmarks.accuracy.nights import Place, draw_night
from telemetry.calibration import shipped
from telemetry.customer_posterior import calibrated
from telemetry.inference import InferenceModel

SEED = 20270101
GROUPS = 40
FILE = Path(telemetry.calibration.__file__).with_suffix(".toml")

Said = list[tuple[float, bool]]


@dataclass(frozen=True, slots=True)
class Part:
    grid: Grid
    conditions: tuple[Condition, ...]
    scenarios: int


def collect(part: Part) -> Said:
    """(said, came true) of the raw posterior, of customers chosen by what is said of them today."""
    network = load(part.grid)
    place = Place(str(part.grid), network)
    raw = replace(usual_nights(network, InferenceModel()), calibration=())
    today = replace(raw, calibration=shipped())
    exact = ExactTree(network, raw)
    said: Said = []
    for condition in part.conditions:
        for number in range(part.scenarios):
            night, rng = draw_night(place, condition, SEED, number), np.random.default_rng(number)
            for at_s in condition.instants_s:
                chance = exact.posterior(night.signals.heard(at_s)).meter_out_probability
                rows = one_a_band(calibrated(chance, today), rng)
                said += [(float(chance[row]), bool(night.dead[row])) for row in rows]
    return said


def fit(pairs: Said) -> list[tuple[float, float]]:
    """Knots: means of groups of equal size, made monotone; the ends stay where they are."""
    ordered = np.array(sorted(pairs), dtype=np.float64)
    groups = np.array([group.mean(axis=0) for group in np.array_split(ordered, GROUPS)])
    monotone = isotonic_regression(groups[:, 1]).x
    knots = {0.0: 0.0}
    for said, worth in zip(np.round(groups[:, 0], 4), np.round(monotone, 4), strict=True):
        knots.setdefault(float(said), float(worth))
    return sorted((knots | {1.0: 1.0}).items())


def main(options: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(list(options))
    conditions = tuple(condition for condition in CONDITIONS if condition.calibrated)
    parts = [Part(grid, conditions, chosen.scenarios) for grid in GRIDS]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=spawn) as pool:
        pairs = [pair for said in pool.map(collect, parts) for pair in said]
    rows = "\n".join(f"    [{said:.4f}, {came_true:.4f}]," for said, came_true in fit(pairs))
    FILE.write_text(
        f"# (said, came true); python -m benchmarks.fit_calibration --scenarios {chosen.scenarios}\n"
        f"# seed {SEED}, {len(pairs)} predictions\nknots = [\n{rows}\n]\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
