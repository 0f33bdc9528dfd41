"""Fits ``telemetry/calibration.toml``: isotonic, on nights of seeds of its own. Run it until nothing moves.

python -m benchmarks.fit_calibration --scenarios 60
"""

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import telemetry.calibration
from benchmarks.accuracy.conditions import CONDITIONS, Condition
from benchmarks.accuracy.exact import ExactTree
from benchmarks.accuracy.grids import GRIDS, Grid, load
from benchmarks.accuracy.nights import Night, Place, draw_night
from benchmarks.accuracy.scoring import Recorded
from telemetry.calibration import AS_SAID, Calibration, one_a_band, paired, shipped, worth, written
from telemetry.calibration_fit import fitted
from telemetry.inference import InferenceModel, Posterior

SEED = 20270101
FILE = Path(telemetry.calibration.__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Part:
    grid: Grid
    conditions: tuple[Condition, ...]
    scenarios: int


@dataclass(slots=True)
class Said:
    """What the raw posterior said, and whether it was so."""

    customers: list[tuple[float, bool]] = field(default_factory=list)
    elements: list[tuple[float, bool]] = field(default_factory=list)

    def note(self, posterior: Posterior, night: Night, recorded: Recorded, rng: np.random.Generator) -> None:
        """Of customers and elements chosen by what is said of them today."""
        said, today = posterior.meter_out_probability, shipped()
        self.customers += paired(said, night.dead, one_a_band(worth(said, today.customers), rng))
        said = posterior.class_probability
        right = recorded.any_exact(posterior.grid.tree.edge[posterior.cuts], night.below)
        self.elements += paired(said, right, one_a_band(worth(said, today.elements), rng))


def collect(part: Part) -> Said:
    """All nights of a grid at all instants."""
    network = load(part.grid)
    place = Place(str(part.grid), network)
    recorded, exact = Recorded(place.supply), ExactTree(network, InferenceModel(calibration=AS_SAID))
    said = Said()
    for condition in part.conditions:
        for number in range(part.scenarios):
            night, rng = draw_night(place, condition, SEED, number), np.random.default_rng(number)
            for at_s in condition.instants_s:
                said.note(exact.posterior(night.signals.heard(at_s)), night, recorded, rng)
    return said


def main(options: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(list(options))
    conditions = tuple(condition for condition in CONDITIONS if condition.calibrated)
    parts = [Part(grid, conditions, chosen.scenarios) for grid in GRIDS]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.processes, mp_context=spawn) as pool:
        found = list(pool.map(collect, parts))
    customers = [pair for said in found for pair in said.customers]
    elements = [pair for said in found for pair in said.elements]
    remarks = (
        f"python -m benchmarks.fit_calibration --scenarios {chosen.scenarios}, seed {SEED}",
        f"{len(customers)} predictions of customers, {len(elements)} of elements",
    )
    FILE.write_text(written(Calibration(fitted(customers), fitted(elements)), remarks), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
