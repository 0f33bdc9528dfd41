"""One and ten million meters: build the energised tree, ask it, switch in it, against graph libraries.

``python -m benchmarks.network_scale [1|10]`` (some three minutes of processor time, ten gigabytes).
"""

import sys
from collections.abc import Callable
from dataclasses import fields

import numpy as np

from benchmarks.graph_contestants import (
    Question,
    Row,
    Timed,
    igraph,
    networkx,
    pandapower,
    rustworkx,
    scipy_csgraph,
    timed,
)
from benchmarks.record import record
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
from geo.switching import Switching
from geo.tracing import Feeding
from geo.tree import energise, warm_up

METERS_PER_FEEDER = 50_000
FEEDERS = 20
"""One million meters."""
BRANCHES_PER_FEEDER = 11
TRANSFORMERS_PER_BRANCH = 20
BOXES_PER_TRANSFORMER = 12
OPEN_SWITCHES = 1000
CUSTOMERS_BELOW = 50_000


def parents(rng: np.random.Generator, feeders: int) -> Int32:
    """Feeding node of each node of the model grid, node 0 the source: branches, boxes, meters."""
    at: list[np.ndarray] = [np.array([-1])]
    first = 1
    at.append(np.zeros(feeders, np.int64))
    first += feeders
    medium = np.arange(feeders * BRANCHES_PER_FEEDER * TRANSFORMERS_PER_BRANCH)
    branch = medium // TRANSFORMERS_PER_BRANCH
    starts = medium % TRANSFORMERS_PER_BRANCH == 0
    at.append(np.where(starts, 1 + branch // BRANCHES_PER_FEEDER, first + medium - 1))
    low_first = first + len(medium)
    at.append(first + medium)
    boxes = np.arange(len(medium) * BOXES_PER_TRANSFORMER)
    box_first = low_first + len(medium)
    starts = boxes % (BOXES_PER_TRANSFORMER // 2) == 0
    at.append(np.where(starts, low_first + boxes // BOXES_PER_TRANSFORMER, box_first + boxes - 1))
    at.append(box_first + rng.integers(0, len(boxes), feeders * METERS_PER_FEEDER))
    return np.concatenate(at).astype(np.int32)


def model(feeders: int, seed: int = 1) -> Network:
    """The grid as a network, all rows shuffled, with a million points of one customer and meter each."""
    rng = np.random.default_rng(seed)
    parent, meters = parents(rng, feeders), feeders * METERS_PER_FEEDER
    count = len(parent)
    shuffled = rng.permutation(count).astype(np.int32)
    lines = rng.permutation(np.arange(1, count))
    from_node, to_node = shuffled[parent[lines]], shuffled[lines]
    kind = np.full(count, NodeKind.BRANCH_BOX, np.int8)
    kind[shuffled[0]] = NodeKind.SUBSTATION
    places = rng.permutation(shuffled[count - meters :])
    return Network(
        nodes=_nodes(count, kind),
        edges=_edges(from_node, to_node),
        meters=Meters(
            _ids("M", meters), places, np.arange(meters, dtype=np.int32), _full(meters, 7), _no(meters)
        ),
        terminals=Terminals((), np.empty(0, np.int32)),
        sensors=Sensors((), np.empty(0, np.int32), np.empty(0, np.int8)),
        customers=_customers(meters),
        content_hash="",
    )


def _ids(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for number in range(count))


def _full(count: int, value: int) -> np.ndarray:
    return np.full(count, value, np.int8)


def _no(count: int) -> Int32:
    return np.full(count, -1, np.int32)


def _nodes(count: int, kind: np.ndarray) -> Nodes:
    unknown = np.full(count, np.nan)
    return Nodes(_ids("N", count), kind, ("",) * count, unknown, unknown, unknown)


def _edges(from_node: Int32, to_node: Int32) -> Edges:
    count = len(from_node)
    unknown = np.full(count, np.nan)
    return Edges(
        ids=_ids("E", count),
        kind=_full(count, int(EdgeKind.SWITCH)),
        from_node=from_node,
        to_node=to_node,
        closed=np.ones(count, np.bool_),
        phases=_full(count, 7),
        length_m=unknown,
        name=("",) * count,
        rated_kva=unknown,
        transformer_kind=_full(count, 0),
    )


def _customers(count: int) -> Customers:
    nothing = ("",) * count
    number = _full(count, 0)
    return Customers(_ids("C", count), nothing, number, number, nothing, nothing, nothing, _no(count))


def _question(network: Network, feeding: Feeding) -> Question:
    tree = feeding.tree
    top = int(tree.node[np.argmin(np.abs(feeding.customers_through - CUSTOMERS_BELOW))])
    depth = np.zeros(len(tree), np.int32)
    for position in range(1, len(tree)):
        depth[position] = depth[tree.parent[position]] + 1
    opened = (
        np.random.default_rng(2).choice(len(network.edges), OPEN_SWITCHES, replace=False).astype(np.int32)
    )
    return Question(network, int(tree.node[0]), top, int(tree.node[np.argmax(depth)]), opened)


def _ours(network: Network) -> tuple[Row, Question, int]:
    warm_up()
    build = timed(lambda: energise(network), 5)
    tree = energise(network)
    feeding = Feeding(network, tree)
    index = timed(lambda: Feeding(network, tree).customers(slice(0, 1)), 3)
    question = _question(network, feeding)
    below = timed(lambda: feeding.customers_below(question.top).copy(), 200)
    up = timed(lambda: feeding.path(question.deep), 200)
    switching = Switching(network, tree)
    switching.supplied(question.opened)
    slices = timed(lambda: switching.dead_slices(question.opened), 200)
    mask = timed(lambda: switching.supplied(question.opened), 50)
    one = timed(lambda: switching.dead_slices(question.opened[:1]), 200)
    assert isinstance(mask.answer, np.ndarray)
    assert isinstance(below.answer, np.ndarray)
    memory = sum(getattr(tree, column.name).nbytes for column in fields(tree))
    row: Row = {
        "who": "Gridcrew",
        "build s": build.seconds,
        "customers below ms": below.seconds * 1e3,
        "upstream µs": up.seconds * 1e6,
        "1000 switches → energised set ms": mask.seconds * 1e3,
        "memory MB": memory / 1e6,
        "bytes a node": memory / len(network.nodes),
        "customers found": len(below.answer),
        "energised nodes": int(mask.answer.sum()),
    }
    _note(index, slices, one)
    return row, question, int(mask.answer.sum())


_NOTES: list[str] = []


def _note(index: Timed, slices: Timed, one: Timed) -> None:
    _NOTES.append(f"Ordering the meters along the tree, once per tree: {index.seconds * 1e3:.0f} ms.")
    _NOTES.append(
        f"Dead slices instead of a mask: {slices.seconds * 1e6:.0f} µs for {OPEN_SWITCHES} opened switches, "
        f"{one.seconds * 1e6:.1f} µs for one."
    )


RIVALS = {1: (scipy_csgraph, igraph, rustworkx, networkx, pandapower), 10: (scipy_csgraph, igraph, rustworkx)}
"""By millions of meters; the others need minutes and more memory than this machine has for ten."""


def run(only: int | None = None) -> dict[str, object]:
    """Measure, check that all agree, and record; ``only`` so many millions of meters."""
    _NOTES.clear()
    tables: dict[str, list[Row]] = {}
    for millions, rivals in RIVALS.items():
        if only in (None, millions):
            network = model(millions * FEEDERS)
            caption = f"{len(network.nodes):,} nodes, {len(network.meters):,} meters, all rows shuffled"
            tables[caption] = _compared(network, rivals)
    return record(
        "network_scale",
        "Millions of meters: build, trace, switch",
        tables,
        notes=[
            "Input of all: two arrays of edge ends. Build ends with who feeds whom; ours also knows loops.",
            "Medians of processor time on one thread; all gave the same customers and energised sets.",
            f"Customers below an element with about {CUSTOMERS_BELOW:,}. Compiled code was warm.",
            "Memory: arrays held (ours, scipy), growth of the process (the others).",
            "Ten million: networkx and pandapower are left out, they take minutes and too much memory.",
            *_NOTES,
        ],
        packages=("numpy", "numba", "scipy", "networkx", "pandapower"),
    )


def _compared(network: Network, rivals: tuple[Callable[[Question], Row], ...]) -> list[Row]:
    ours, question, energised = _ours(network)
    rows = [ours, *(rival(question) for rival in rivals)]
    answered = [row for row in rows if "energised nodes" in row]
    assert len({row["customers found"] for row in answered}) == 1, answered
    assert {row["energised nodes"] for row in answered} == {energised}, answered
    return rows


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else None)
