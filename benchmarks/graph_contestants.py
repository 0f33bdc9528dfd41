"""Graph libraries that answer what ``network_scale`` asks: who is below, who is above, who has supply now.

Each is used as its manual shows, on bare node and edge numbers. igraph and rustworkx stand in
``.peers/graphs`` (``make peers``) and are left out by name where they are not.
"""

import gc
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import psutil
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from benchmarks.record import Cell
from geo.network import Int32, Network

GRAPHS = Path(__file__).parent.parent / ".peers" / "graphs"
Row = dict[str, Cell]


@dataclass(frozen=True)
class Timed:
    seconds: float
    answer: object


def timed(work: Callable[[], object], repeats: int) -> Timed:
    """Median processor time of some runs, and the last answer.

    Processor time, because others may use the machine; all contestants run on one thread.
    """
    seconds = []
    answer: object = None
    gc.collect()
    for _ in range(repeats):
        answer = None
        began = time.process_time()
        answer = work()
        seconds.append(time.process_time() - began)
    return Timed(statistics.median(seconds), answer)


def rss() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


@dataclass(frozen=True)
class Question:
    """What all contestants are asked: the same element, the same deep node, the same open switches."""

    network: Network
    source: int
    top: int
    deep: int
    opened: Int32


def scipy_csgraph(question: Question) -> Row:
    edges, count = question.network.edges, len(question.network.nodes)

    def graph(keep: np.ndarray | slice = slice(None)) -> csr_array:
        ends = edges.from_node[keep], edges.to_node[keep]
        return csr_array((np.ones(len(ends[0]), np.int8), ends), shape=(count, count))

    def build() -> tuple[csr_array, np.ndarray, np.ndarray]:
        made = graph()
        return made, *breadth_first_order(made, question.source, directed=False)

    def directed(predecessor: np.ndarray) -> csr_array:
        fed = np.flatnonzero(predecessor >= 0)
        return csr_array((np.ones(len(fed), np.int8), (predecessor[fed], fed)), shape=(count, count))

    built = timed(build, 5)
    made, order, predecessor = build()
    downward = directed(predecessor)
    metered = np.zeros(count, np.int32)
    metered[question.network.meters.node] = question.network.meters.customer + 1

    def below() -> np.ndarray:
        found = metered[breadth_first_order(downward, question.top, return_predecessors=False)]
        return found[found > 0]

    def up() -> list[int]:
        path = [question.deep]
        while predecessor[path[-1]] >= 0:
            path.append(int(predecessor[path[-1]]))
        return path

    def switched() -> int:
        keep = np.ones(len(edges), np.bool_)
        keep[question.opened] = False
        return len(
            breadth_first_order(graph(keep), question.source, directed=False, return_predecessors=False)
        )

    under, upward, energised = timed(below, 20), timed(up, 200), timed(switched, 5)
    memory = sum(a.nbytes for a in (made.data, made.indices, made.indptr, order, predecessor, metered))
    memory += sum(a.nbytes for a in (downward.data, downward.indices, downward.indptr))
    assert isinstance(under.answer, np.ndarray)
    return {
        "who": "scipy csgraph",
        "build s": built.seconds,
        "customers below ms": under.seconds * 1e3,
        "upstream µs": upward.seconds * 1e6,
        "1000 switches → energised set ms": energised.seconds * 1e3,
        "memory MB": memory / 1e6,
        "bytes a node": memory / count,
        "customers found": len(under.answer),
        "energised nodes": int(str(energised.answer)),
    }


def networkx(question: Question) -> Row:
    edges = question.network.edges
    ends = list(zip(edges.from_node.tolist(), edges.to_node.tolist(), strict=True))
    customer_at = dict(
        zip(question.network.meters.node.tolist(), question.network.meters.customer.tolist(), strict=True)
    )
    before = rss()

    def build() -> tuple[nx.Graph, nx.DiGraph]:
        graph = nx.Graph()
        graph.add_edges_from(ends)
        return graph, nx.bfs_tree(graph, question.source)

    built = timed(build, 1)
    assert isinstance(built.answer, tuple)
    graph, tree = built.answer
    memory = rss() - before

    def below() -> list[int]:
        found = nx.descendants(tree, question.top) | {question.top}
        return [customer_at[node] for node in found if node in customer_at]

    def up() -> list[int]:
        return list(_climb(tree, question.deep))

    def switched() -> int:
        graph.remove_edges_from(ends[row] for row in question.opened.tolist())
        count = len(nx.node_connected_component(graph, question.source))
        graph.add_edges_from(ends[row] for row in question.opened.tolist())
        return count

    under, upward, energised = timed(below, 3), timed(up, 100), timed(switched, 1)
    assert isinstance(under.answer, list)
    return {
        "who": "networkx",
        "build s": built.seconds,
        "customers below ms": under.seconds * 1e3,
        "upstream µs": upward.seconds * 1e6,
        "1000 switches → energised set ms": energised.seconds * 1e3,
        "memory MB": memory / 1e6,
        "bytes a node": memory / len(question.network.nodes),
        "customers found": len(under.answer),
        "energised nodes": int(str(energised.answer)),
    }


def _climb(tree: nx.DiGraph, node: int) -> Iterator[int]:
    while True:
        yield node
        above = next(tree.predecessors(node), None)
        if above is None:
            return
        node = above


def absent(name: str) -> Row:
    """A contestant that cannot run here."""
    return {"who": f"{name}: not installed (make peers)"}


def _library(name: str) -> Any:  # noqa: ANN401 (a foreign module)
    if GRAPHS.is_dir() and str(GRAPHS) not in sys.path:
        sys.path.append(str(GRAPHS))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


@dataclass(frozen=True)
class Answers:
    """What one contestant does; ``built`` is handed to the others."""

    build: Callable[[], Any]
    below: Callable[[Any], Any]
    up: Callable[[Any], object]
    switched: Callable[[Any], int]
    """How many nodes have supply with the question's switches open; leaves what was built as it was."""


def _row(who: str, question: Question, answers: Answers, repeats: int = 3) -> Row:
    before = rss()
    built = timed(answers.build, 1)
    memory = rss() - before
    below = timed(lambda: answers.below(built.answer), repeats)
    up = timed(lambda: answers.up(built.answer), 100)
    switched = timed(lambda: answers.switched(built.answer), 1)
    assert isinstance(below.answer, np.ndarray)
    return {
        "who": who,
        "build s": built.seconds,
        "customers below ms": below.seconds * 1e3,
        "upstream µs": up.seconds * 1e6,
        "1000 switches → energised set ms": switched.seconds * 1e3,
        "memory MB": memory / 1e6,
        "bytes a node": memory / len(question.network.nodes),
        "customers found": len(below.answer),
        "energised nodes": int(str(switched.answer)),
    }


def _metered(question: Question) -> Int32:
    """Per node its customer + 1, 0 without one."""
    metered = np.zeros(len(question.network.nodes), np.int32)
    metered[question.network.meters.node] = question.network.meters.customer + 1
    return metered


def igraph(question: Question) -> Row:
    """A graph and its breadth-first tree as a directed graph."""
    library = _library("igraph")
    if library is None:
        return absent("igraph")
    edges, count, metered = question.network.edges, len(question.network.nodes), _metered(question)
    ends = np.column_stack((edges.from_node, edges.to_node))

    def build() -> tuple[Any, Any, np.ndarray]:
        graph = library.Graph(n=count, edges=ends)
        order, _starts, parent = graph.bfs(question.source)
        above = np.array(parent)
        fed = np.array(order[1:])
        return graph, library.Graph(n=count, edges=np.column_stack((above[fed], fed)), directed=True), above

    def below(built: tuple[Any, Any, np.ndarray]) -> np.ndarray:
        found: np.ndarray = metered[built[1].subcomponent(question.top, mode="out")]
        return found[found > 0]

    def switched(built: tuple[Any, Any, np.ndarray]) -> int:
        cut = built[0].copy()
        cut.delete_edges(question.opened)
        return len(cut.subcomponent(question.source))

    def up(built: tuple[Any, Any, np.ndarray]) -> list[int]:
        return _way_up(built[2], question.deep, question.source)

    return _row("igraph", question, Answers(build, below, up, switched))


def rustworkx(question: Question) -> Row:
    """A graph and its breadth-first tree as a directed graph."""
    library = _library("rustworkx")
    if library is None:
        return absent("rustworkx")
    edges, count, metered = question.network.edges, len(question.network.nodes), _metered(question)
    pairs = list(zip(edges.from_node.tolist(), edges.to_node.tolist(), strict=True))

    def graph_of(ends: list[tuple[int, int]]) -> Any:  # noqa: ANN401 (a foreign graph)
        graph = library.PyGraph(multigraph=True)
        graph.add_nodes_from(range(count))
        graph.add_edges_from_no_data(ends)
        return graph

    def build() -> tuple[Any, Any, np.ndarray]:
        graph = graph_of(pairs)
        tree, above = library.PyDiGraph(), [-1] * count
        above[question.source] = question.source
        tree.add_nodes_from(range(count))
        fed = []
        for node, neighbours in library.bfs_successors(graph.to_directed(), question.source):
            for child in neighbours:
                if above[child] < 0:
                    above[child] = node
                    fed.append((node, child))
        tree.add_edges_from_no_data(fed)
        return graph, tree, np.array(above)

    def below(built: tuple[Any, Any, np.ndarray]) -> np.ndarray:
        found: np.ndarray = metered[[question.top, *library.descendants(built[1], question.top)]]
        return found[found > 0]

    def switched(built: tuple[Any, Any, np.ndarray]) -> int:
        cut = built[0].copy()
        cut.remove_edges_from([pairs[row] for row in question.opened.tolist()])
        return len(library.node_connected_component(cut, question.source))

    def up(built: tuple[Any, Any, np.ndarray]) -> list[int]:
        return _way_up(built[2], question.deep, question.source)

    return _row("rustworkx", question, Answers(build, below, up, switched))


def _way_up(above: np.ndarray, node: int, source: int) -> list[int]:
    path = [node]
    while path[-1] != source:
        path.append(int(above[path[-1]]))
    return path


def pandapower(question: Question) -> Row:
    """A net of buses and lines, and its topology search on networkx."""
    power: Any = importlib.import_module("pandapower")
    topology: Any = importlib.import_module("pandapower.topology")
    edges, count, metered = question.network.edges, len(question.network.nodes), _metered(question)

    def build() -> tuple[Any, Any]:
        net = power.create_empty_network()
        power.create_buses(net, count, vn_kv=10.0)
        power.create_ext_grid(net, question.source)
        power.create_lines_from_parameters(
            net, edges.from_node, edges.to_node, length_km=0.1, r_ohm_per_km=0.1, x_ohm_per_km=0.1,
            c_nf_per_km=0.0, max_i_ka=0.3,
        )  # fmt: skip
        return net, topology.create_nxgraph(net, multi=False)

    def below(built: tuple[Any, Any]) -> np.ndarray:
        entered = nx.shortest_path(built[1], question.source, question.top)[-2]
        found: np.ndarray = metered[
            list(topology.connected_component(built[1], question.top, notravbuses={entered}))
        ]
        return found[found > 0]

    def switched(built: tuple[Any, Any]) -> int:
        net = built[0]
        net.line.loc[question.opened, "in_service"] = False
        dead = topology.unsupplied_buses(net)
        net.line.loc[question.opened, "in_service"] = True
        return count - len(dead)

    def up(built: tuple[Any, Any]) -> object:
        return nx.shortest_path(built[1], question.source, question.deep)

    return _row("pandapower", question, Answers(build, below, up, switched), repeats=1)
