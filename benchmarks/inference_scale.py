"""Full inference of one and ten million meters, and of one feeder: blocked terminals, doubtful records.

``python -m benchmarks.inference_scale`` (some two minutes, ten gigabytes).
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.record import Cell, record
from geo.network import (
    Customers,
    EdgeKind,
    Edges,
    Int32,
    Meters,
    Network,
    NodeKind,
    Nodes,
    Sensors,
    Terminals,
)
from geo.tree import energise
from telemetry.inference import InferenceGrid, InferenceModel, Posterior, infer
from telemetry.inference_kernels import sweep_down, sweep_up
from telemetry.observations import Observations, nothing_observed

SOURCES = 40
FEEDERS = 22
TRANSFORMERS = 20
BOXES = 12
METERS = 57
FAULTS = 100
OUT = 0.5
NOW_MS = 1_700_000_000_000
ONSETS_AGO_S = (60, 700, 1500)

Row = dict[str, Cell]


def _timed(work: Callable[[], object], repeats: int) -> float:
    """Median processor seconds, because others may use the machine; everything here runs on one thread."""
    seconds = []
    work()
    for _ in range(repeats):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


@dataclass(frozen=True, eq=False)
class Levels:
    """First node of each level; ``parent`` over all nodes in that order."""

    parent: Int32
    transformers: slice
    meters: slice


def _levels(sources: int, feeders: int) -> Levels:
    """Sources, feeders as chains of medium-voltage nodes, transformers, chains of branch boxes, meters."""
    medium = np.arange(sources * feeders * TRANSFORMERS)
    boxes = np.arange(len(medium) * BOXES)
    meters = np.arange(len(medium) * METERS)
    medium_first = sources
    low_first = medium_first + len(medium)
    box_first = low_first + len(medium)
    meter_first = box_first + len(boxes)
    parent = np.concatenate(
        (
            np.full(sources, -1),
            np.where(
                medium % TRANSFORMERS == 0, medium // (feeders * TRANSFORMERS), medium_first + medium - 1
            ),
            medium_first + medium,
            np.where(boxes % (BOXES // 2) == 0, low_first + boxes // BOXES, box_first + boxes - 1),
            box_first + meters // METERS * BOXES + np.random.default_rng(1).integers(0, BOXES, len(meters)),
        )
    ).astype(np.int32)
    return Levels(parent, slice(low_first, box_first), slice(meter_first, len(parent)))


def network(sources: int = SOURCES, feeders: int = FEEDERS) -> Network:
    """A radial grid whose node rows are shuffled; every transformer is watched by a terminal."""
    levels = _levels(sources, feeders)
    count = len(levels.parent)
    row = np.random.default_rng(2).permutation(count).astype(np.int32)
    fed = np.arange(sources, count)
    kind = np.full(len(fed), EdgeKind.LINE, np.int8)
    kind[levels.transformers.start - sources : levels.transformers.stop - sources] = EdgeKind.TRANSFORMER
    kind[levels.meters.start - sources :] = EdgeKind.SERVICE
    node_kind = np.full(count, NodeKind.BRANCH_BOX, np.int8)
    node_kind[row[:sources]] = NodeKind.SUBSTATION
    voltage = np.full(count, 0.4)
    voltage[row[: levels.transformers.start]] = 10.0
    places = row[levels.meters]
    watched = np.arange(levels.transformers.start - sources, levels.transformers.stop - sources)
    return Network(
        nodes=_nodes(node_kind, voltage),
        edges=_edges(kind, row[levels.parent[fed]], row[fed]),
        meters=Meters(
            _ids("M", len(places)), places, _rows(len(places)), _full(len(places), 7), _none(len(places))
        ),
        terminals=Terminals(_ids("T", len(watched)), watched.astype(np.int32)),
        sensors=Sensors((), _none(0), _full(0, 0)),
        customers=_customers(len(places)),
        content_hash="0" * 16,
    )


def _ids(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for number in range(count))


def _rows(count: int) -> Int32:
    return np.arange(count, dtype=np.int32)


def _none(count: int) -> Int32:
    return np.full(count, -1, dtype=np.int32)


def _full(count: int, value: int) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.full(count, value, dtype=np.int8)


def _nodes(
    kind: np.ndarray[tuple[int], np.dtype[np.int8]], voltage: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Nodes:
    count = len(kind)
    unknown = np.full(count, np.nan)
    return Nodes(_ids("N", count), kind, ("",) * count, unknown, unknown, voltage)


def _edges(kind: np.ndarray[tuple[int], np.dtype[np.int8]], from_node: Int32, to_node: Int32) -> Edges:
    count = len(kind)
    return Edges(
        ids=_ids("E", count),
        kind=kind,
        from_node=from_node,
        to_node=to_node,
        closed=np.ones(count, np.bool_),
        phases=_full(count, 7),
        length_m=np.full(count, 60.0),
        name=("",) * count,
        rated_kva=np.full(count, np.nan),
        transformer_kind=_full(count, 0),
    )


def _customers(count: int) -> Customers:
    nothing, number = ("",) * count, _full(count, 0)
    return Customers(_ids("C", count), nothing, number, number, nothing, nothing, nothing, _none(count))


def storm(grid: InferenceGrid, faults: int, onsets: int) -> Observations:
    """Faults on feeders everywhere, at ``onsets`` instants; 60 % of last gasps, 30 % of heartbeats."""
    rng = np.random.default_rng(3)
    seen = nothing_observed(grid.network)
    below = grid.meters_start[grid.tree.end] - grid.meters_start[:-1]
    seen.meter_alive_ms[:] = NOW_MS - 2_000_000 - rng.integers(0, 900_000, len(seen.meter_alive_ms))
    heard = rng.random(len(seen.meter_alive_ms)) < 0.3
    seen.meter_alive_ms[heard] = NOW_MS - rng.integers(0, 50_000, int(heard.sum()))
    tops = rng.choice(np.flatnonzero((below > 200) & (below < 1200)), size=faults, replace=False)
    for number, top in enumerate(tops):
        onset = NOW_MS - ONSETS_AGO_S[number % onsets] * 1000
        meters = grid.meters_below(int(top))
        seen.meter_alive_ms[meters] = onset - 100_000
        gasped = meters[rng.random(len(meters)) < 0.6]
        seen.meter_off_ms[gasped] = onset + rng.exponential(8_000, len(gasped)).astype(np.int64)
    return seen


def _sweeps(posterior: Posterior) -> Callable[[], object]:
    """The bare sum-product sweeps of a whole grid: evidence by class in, posterior by class out."""
    grid, chances = posterior.grid, posterior.chances
    tree = (grid.parent, grid.zone, posterior.onsets.bins, posterior.onsets.inner, chances.ways)
    failing = (chances.class_survival, chances.fail)
    belief, up, state = (np.zeros_like(posterior.evidence) for _ in range(3))
    messages = (belief, up, np.zeros(belief.shape[:2]))
    top, above = np.zeros(belief.shape[1]), np.zeros((1, 1, belief.shape[2]))
    above[0, 0, -1] = 1.0

    def work() -> None:
        belief[:] = posterior.evidence
        sweep_up(0, len(top), *tree, *failing, False, *messages)
        sweep_down(0, len(top), *tree, *failing, *messages, above, 0, state, top)

    return work


def _rows_of(grid: InferenceGrid, onsets: int, faults: int, goal_ms: float | None) -> list[Row]:
    model = InferenceModel(onsets=onsets)
    seen = storm(grid, faults, onsets)
    posterior = infer(grid, seen, NOW_MS, model)
    found = posterior.meter_out_probability > OUT
    shared: Row = {
        "onset bins": posterior.onsets.columns,
        "cuts found": len(posterior.cuts),
        "meters out": int(found.sum()),
    }
    whole = _timed(lambda: infer(grid, seen, NOW_MS, model), 3) * 1e3
    return [
        {
            "what": "sweeps up and down",
            "ms": _timed(_sweeps(posterior), 5) * 1e3,
            "goal ms": goal_ms,
            **shared,
        },
        {
            "what": "infer(): onsets, evidence, two passes, best set",
            "ms": whole,
            "goal ms": goal_ms,
            **shared,
        },
    ]


def _feeder() -> list[Row]:
    """One feeder as an area of its own, as the detector looks at it."""
    made = network(1, 1)
    grid = InferenceGrid.build(made, energise(made), InferenceModel())
    rows = _rows_of(grid, 1, 1, 0.099)
    return [{**row, "what": f"one feeder of {len(grid.parent)} classes: {row['what']}"} for row in rows]


def _network_of(sources: int, goal_ms: float) -> tuple[list[Row], str]:
    made = network(sources)
    tree = energise(made)
    grid = InferenceGrid.build(made, tree, InferenceModel())
    build_s = _timed(lambda: InferenceGrid.build(made, tree, InferenceModel()), 1)
    mask = np.zeros(len(tree), dtype=np.bool_)
    floor = _timed(lambda: mask.fill(True), 200)
    rows: list[Row] = [{"what": "floor: writing one byte for every node", "ms": floor * 1e3}]
    for onsets in (1, 3):
        rows += _rows_of(grid, onsets, FAULTS * sources // SOURCES, goal_ms if onsets == 1 else None)
    size = f"{len(made.meters):,} meters, {len(made.nodes):,} nodes shuffled, {len(grid.parent):,} classes"
    return rows, f"{size}: compressing the tree, once per switching state, took {build_s:.2f} s."


def run() -> dict[str, object]:
    """One million meters, ten million, one feeder; printed and kept in ``results/inference_scale``."""
    million, million_size = _network_of(SOURCES, 68.0)
    ten, ten_size = _network_of(10 * SOURCES, 710.0)
    return record(
        "inference_scale",
        "Outage inference at scale",
        {"One million meters": million, "Ten million meters": ten, "One feeder": _feeder()},
        notes=(
            "Processor time on one thread.",
            million_size,
            ten_size,
            f"Every transformer has a terminal, blocked or not; κ = {InferenceModel().mapping_error}.",
            f"{FAULTS} faults of 200–1,200 meters in a million, ten times as many in ten millions.",
            "60 % of their last gasps come through, and 30 % of the others' heartbeats.",
        ),
        packages=("numpy", "numba"),
    )


if __name__ == "__main__":
    run()
