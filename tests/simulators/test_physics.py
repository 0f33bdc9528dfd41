"""The truth about supply: against networkx, and trip and restore as each other's inverse."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.network import EdgeKind, Network, NodeKind
from simulators.errors import NotPossible, UnknownElement
from simulators.physics import Physics
from tests.simulators.networks import Draft, village


@st.composite
def meshes(draw: st.DrawFn) -> Network:
    """Any graph: several sources or none, loops, parallel edges, islands, open switches."""
    draft = Draft()
    count = draw(st.integers(1, 12))
    for row in range(count):
        draft.node(f"n{row}", NodeKind.SUBSTATION if draw(st.integers(0, 4)) == 0 else NodeKind.JUNCTION)
    for row in range(draw(st.integers(0, 20))):
        start, end = (draw(st.integers(0, count - 1)) for _ in range(2))
        closed = draw(st.booleans())
        kind = EdgeKind.LINE if closed else EdgeKind.SWITCH
        draft.edge(f"e{row}", f"n{start}", f"n{end}", kind, closed=closed)
    return draft.network()


def _by_networkx(network: Network, tripped: set[str]) -> set[str]:
    graph = networkx.MultiGraph()
    graph.add_nodes_from(set(network.nodes.ids) - tripped)
    edges = network.edges
    for row, identifier in enumerate(edges.ids):
        ends = [network.nodes.ids[edges.from_node[row]], network.nodes.ids[edges.to_node[row]]]
        if edges.closed[row] and identifier not in tripped and not tripped & set(ends):
            graph.add_edge(*ends)
    sources = {
        identifier
        for identifier, kind in zip(network.nodes.ids, network.nodes.kind, strict=True)
        if kind == NodeKind.SUBSTATION and identifier not in tripped
    }
    return {node for source in sources for node in networkx.node_connected_component(graph, source)}


@given(meshes(), st.data())
@settings(max_examples=150, deadline=None)
def test_supplied_is_what_networkx_reaches_and_restoring_undoes(
    network: Network, data: st.DataObject
) -> None:
    physics = Physics(network)
    healthy = physics.supplied_nodes.copy()
    possible = [*network.nodes.ids, *np.array(network.edges.ids)[network.edges.closed].tolist()]
    tripped = data.draw(st.lists(st.sampled_from(possible), unique=True, max_size=5))
    for element in tripped:
        physics.trip(element, 0)
    found = {network.nodes.ids[row] for row in np.flatnonzero(physics.supplied_nodes)}
    assert found == _by_networkx(network, set(tripped))
    for element in data.draw(st.permutations(tripped)):
        physics.restore(element)
    assert np.array_equal(physics.supplied_nodes, healthy)
    assert physics.tripped == ()


def test_a_change_names_exactly_the_nodes_that_lost_or_regained_supply() -> None:
    network = village(areas=3)
    physics = Physics(network)
    lost = physics.trip("F1", 1_000)
    below = {row for row, name in enumerate(network.nodes.ids) if name.split(".")[0][-1] in "12"}
    assert set(lost.lost.tolist()) == below
    assert lost.regained.size == 0
    assert physics.trip("L1.1", 2_000).lost.size == 0  # already dark
    regained = physics.restore("F1").regained
    assert set(regained.tolist()) == below - {network.node_row["pole1.1"], network.node_row["pole1.2"]}


@pytest.mark.parametrize(
    ("element", "error"), [("nowhere", UnknownElement), ("tie", NotPossible), ("F0", NotPossible)]
)
def test_an_impossible_trip_is_refused_and_changes_nothing(element: str, error: type[Exception]) -> None:
    physics = Physics(village())
    physics.trip("F0", 0)
    before = physics.tripped
    with pytest.raises(error, match=element):
        physics.trip(element, 1)
    assert physics.tripped == before


def test_restoring_what_is_healthy_is_refused() -> None:
    with pytest.raises(NotPossible, match="F0 has not tripped"):
        Physics(village()).restore("F0")


def test_a_walk_finds_the_nearest_failure_within_reach() -> None:
    physics = Physics(village(areas=4))
    assert physics.tripped_near("T0", 99) == ()
    physics.trip("L3.2", 0)
    physics.trip("T1", 0)
    assert physics.tripped_near("T1", 0) == ("T1",)
    assert physics.tripped_near("L1.0", 0) == ("T1",)  # at the pole where both end
    assert physics.tripped_near("L1.2", 1) == ()
    assert physics.tripped_near("L1.2", 2) == ("T1",)
    assert physics.tripped_near("low3", 9) == ("L3.2",)
    with pytest.raises(UnknownElement):
        physics.tripped_near("nowhere", 1)


def test_a_failed_node_takes_its_edges_with_it() -> None:
    network = village(areas=2)
    physics = Physics(network)
    physics.trip("rmu0", 0)
    dark = {network.nodes.ids[row] for row in np.flatnonzero(~physics.supplied_nodes)}
    assert {"rmu0", "low0", "rmu1", "low1"} <= dark
    assert "bar" not in dark
