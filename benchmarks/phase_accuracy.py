"""How well a lost phase is found: 100 nights at medium and 100 at low voltage on a public grid.

Through the detector itself, evidence row by row; what it has told at an instant is judged against the truth
of the simulator's physics. Affected customers are those who lack a phase or have half of it, with one phase
or three; an outage of all phases said to be there counts everybody below it as affected.
"""

import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.phases.nights import START_MS, Habits, Level, Night, candidates, draw
from benchmarks.record import record
from geo.adapters.sources import read_source
from geo.network import Bool, Network
from geo.tree import EnergisedTree, energise
from simulators.phases import phase_bits
from telemetry.detector import Detector, DetectorRules
from telemetry.inference import InferenceModel
from telemetry.outages import OutageRevision
from telemetry.scope import scope_of

GRID: Final = "simbench:1-MVLV-semiurb-all-0-sw"
NIGHTS: Final = 100
SEED: Final = 20261122
INSTANTS_S: Final = (20.0, 65.0, 305.0)
LOOKS_S: Final = (-1.0, 5.0, 20.0, 40.0, 60.0, 65.0, 300.0, 305.0)
"""A detector looks each second; what it tells hangs on the evidence and on two looks 3 s apart."""
LEAST_METERS: Final = {"medium": 10, "low": 6}
HABITS: Final = Habits()


@dataclass
class Tally:
    """Of one level and instant."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    nights: int = 0
    found: int = 0
    right_phase: int = 0
    right_element: int = 0
    announced: int = 0
    whole: int = 0
    """Outages of all phases announced, of which there were none."""
    seconds: list[float] = field(default_factory=list)

    def row(self, level: str, at_s: float) -> dict[str, str | int | float]:
        said = self.true_positive + self.false_positive
        precision = self.true_positive / max(said, 1)
        recall = self.true_positive / max(self.true_positive + self.false_negative, 1)
        return {
            "level": level, "s after": at_s, "nights": self.nights,
            "P": round(precision, 4), "R": round(recall, 4),
            "F1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
            "found": self.found / self.nights, "right phase": self.right_phase / self.nights,
            "right element": self.right_element / self.nights,
            "outages told a night": round(self.announced / self.nights, 2),
            "of all phases": round(self.whole / self.nights, 2),
            "ms a look (median)": round(1000 * float(np.median(self.seconds)), 1),
        }  # fmt: skip


def run(nights: int = NIGHTS) -> dict[str, object]:
    network = read_source(GRID).accepted()
    tree = energise(network)
    tallies: dict[tuple[Level, float], Tally] = defaultdict(Tally)
    levels: tuple[Level, ...] = ("medium", "low")
    for level in levels:
        edges = candidates(network, tree, level, LEAST_METERS[level])
        for number in range(nights):
            night = draw(network, edges, HABITS, np.random.default_rng((SEED, number)), number)
            _judge_night(network, tree, night, level, tallies)
    rows = [tally.row(level, at_s) for (level, at_s), tally in tallies.items()]
    notes = (
        f"{GRID}: {len(network.meters)} meters, {len(network.terminals)} terminals; seed {SEED}",
        f"{HABITS}; each terminal reads its meters once a minute at an instant of its own",
        "right element: among the equivalents, or its customers of these phases differ by at most 2 or 10 %",
    )
    return record("phase_accuracy", "A lost phase: who, which, where", {"By level and instant": rows}, notes,
                  packages=("numpy", "numba", "scipy", "simbench"))  # fmt: skip


def _judge_night(
    network: Network, tree: EnergisedTree, night: Night, level: Level,
    tallies: dict[tuple[Level, float], Tally],
) -> None:  # fmt: skip
    detector = Detector(network, DetectorRules(InferenceModel()))
    waiting = list(night.evidence)
    for clock_s in LOOKS_S:
        due = [row for arrives_s, row in waiting if arrives_s <= clock_s]
        waiting = waiting[len(due) :]
        now_ms = START_MS + round(clock_s * 1000)
        detector.observe(due, now_ms)
        began = time.perf_counter()
        detector.evaluate(now_ms)
        took_s = time.perf_counter() - began
        if clock_s in INSTANTS_S:
            tally = tallies[level, clock_s]
            tally.seconds.append(took_s)
            _judge(network, tree, detector, night, tally)


def _judge(network: Network, tree: EnergisedTree, detector: Detector, night: Night, tally: Tally) -> None:
    told = detector.outages
    said = np.zeros(len(network.customers), bool)
    for revision in told:
        scope = scope_of(network, detector.tree, revision)
        said[scope.customer_rows] = said[scope.partial_rows] = True
    truth = np.zeros(len(network.customers), bool)
    truth[network.meters.customer[night.affected]] = True
    tally.nights += 1
    tally.true_positive += int((said & truth).sum())
    tally.false_positive += int((said & ~truth).sum())
    tally.false_negative += int((~said & truth).sum())
    tally.announced += len(told)
    tally.whole += sum(not revision.phases for revision in told)
    hits = [revision for revision in told if revision.phases and (said & truth).any()]
    tally.found += bool(hits)
    tally.right_phase += any(revision.phases == night.phase for revision in hits)
    tally.right_element += any(_right(network, tree, revision, night) for revision in hits)


def _right(network: Network, tree: EnergisedTree, revision: OutageRevision, night: Night) -> bool:
    if network.edges.ids[night.fault] in revision.cause.equivalent:
        return True
    low = phase_bits(revision.low_phases)
    on_phase = (night.true_phases & low) > 0
    true_below = _below(network, tree, night.fault) & on_phase
    told_below = _below(network, tree, network.edge_row.get(revision.cause.element, night.fault)) & on_phase
    differ = int((true_below != told_below).sum())
    return differ <= max(2, int(0.1 * true_below.sum()))


def _below(network: Network, tree: EnergisedTree, edge: int) -> Bool:
    fed = np.flatnonzero(tree.edge == edge)
    if not len(fed):
        return np.zeros(len(network.meters), bool)
    position = tree.position[network.meters.node]
    below: Bool = (position >= fed[0]) & (position < tree.end[fed[0]])
    return below


if __name__ == "__main__":
    run(*(int(argument) for argument in sys.argv[1:]))
