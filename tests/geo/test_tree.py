"""The spanning tree against networkx on random graphs with loops, islands and several sources."""

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.network import Bool, Int32
from geo.tree import EnergisedTree, below, span, warm_up

Graph = tuple[int, Int32, Int32, Bool, Int32]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 14))
    node = st.integers(0, count - 1)
    edges = draw(st.lists(st.tuples(node, node, st.booleans() | st.just(True)), max_size=24))
    sources = draw(st.lists(node, min_size=1, max_size=3, unique=True))
    ends = np.array([edge[:2] for edge in edges], np.int32).reshape(-1, 2)
    closed = np.array([edge[2] for edge in edges], np.bool_)
    return count, ends[:, 0].copy(), ends[:, 1].copy(), closed, np.array(sorted(sources), np.int32)


def _tree(graph: Graph) -> EnergisedTree:
    count, from_node, to_node, closed, sources = graph
    return span(from_node, to_node, closed, sources, count)


def _supplied(graph: Graph, without: int = -1) -> set[int]:
    count, from_node, to_node, closed, sources = graph
    multi = nx.MultiGraph()
    multi.add_nodes_from(range(count))
    for row in np.flatnonzero(closed):
        if row != without:
            multi.add_edge(int(from_node[row]), int(to_node[row]))
    reached: set[int] = set()
    for source in sources:
        reached |= nx.node_connected_component(multi, int(source))
    return reached


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_energised_means_reachable_from_a_source(graph: Graph) -> None:
    tree = _tree(graph)
    assert set(tree.node.tolist()) == _supplied(graph)
    assert all(tree.node[tree.position[node]] == node for node in tree.node)
    assert (np.delete(tree.position, tree.node) == -1).all()


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_positions_are_a_preorder_of_a_spanning_tree(graph: Graph) -> None:
    _count, from_node, to_node, closed, sources = graph
    tree = _tree(graph)
    children: dict[int, set[int]] = {}
    for i in range(len(tree)):
        children.setdefault(int(tree.parent[i]), set()).add(i)
        edge = tree.edge[i]
        if tree.parent[i] < 0:
            assert edge == -1
            assert tree.node[i] in sources
        else:
            assert tree.parent[i] < i
            assert closed[edge]
            assert {from_node[edge], to_node[edge]} == {tree.node[i], tree.node[tree.parent[i]]}
    for i in range(len(tree)):
        assert tree.end[i] == max((tree.end[child] for child in children.get(i, ())), default=i + 1)
        assert below(tree, tree.node[i]) == slice(i, tree.end[i])


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_losing_an_edge_takes_its_slice_or_on_a_loop_nobody(graph: Graph) -> None:
    tree = _tree(graph)
    everybody = _supplied(graph)
    for i in range(len(tree)):
        if tree.edge[i] >= 0:
            lost = set() if tree.on_loop[i] else set(tree.node[i : tree.end[i]].tolist())
            assert everybody - _supplied(graph, without=int(tree.edge[i])) == lost
    for edge in tree.closing_edges:
        assert _supplied(graph, without=int(edge)) == everybody


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_bridges_are_those_of_networkx(graph: Graph) -> None:
    count, from_node, to_node, closed, sources = graph
    joined = nx.MultiGraph()
    merged = {node: (count if node in sources else node) for node in range(count)}
    for row in np.flatnonzero(closed):
        joined.add_edge(merged[int(from_node[row])], merged[int(to_node[row])], key=int(row))
    simple = nx.Graph(joined)
    bridges = {
        key for u, v in nx.bridges(simple) if joined.number_of_edges(u, v) == 1 for key in joined[u][v]
    }
    tree = _tree(graph)
    fed = tree.edge >= 0
    assert set(tree.edge[fed & ~tree.on_loop].tolist()) == bridges & set(tree.edge.tolist())


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_two_edges_with_one_signature_cut_something_off(graph: Graph) -> None:
    _count, from_node, to_node, closed, sources = graph
    tree = _tree(graph)
    everybody = _supplied(graph)
    looped = np.flatnonzero(tree.on_loop)
    for i in looped:
        for j in looped[looped > i]:
            fewer = closed.copy()
            fewer[[tree.edge[i], tree.edge[j]]] = False
            left = _supplied((len(tree.position), from_node, to_node, fewer, sources))
            assert (left < everybody) == (tree.loop_signature[i] == tree.loop_signature[j])


def test_the_lower_edge_row_feeds_on_a_parallel_pair() -> None:
    ends = np.array([0, 0], np.int32), np.array([1, 1], np.int32)
    tree = span(*ends, np.array([True, True]), np.array([0], np.int32), 2)
    assert tree.edge.tolist() == [-1, 0]
    assert tree.closing_edges.tolist() == [1]


def test_warming_up_compiles_without_a_network() -> None:
    warm_up()
