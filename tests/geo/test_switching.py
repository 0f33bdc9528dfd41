"""Increments against a new tree: any switches opened and closed, on graphs with loops."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geo.adapters.csv_folder import read_folder
from geo.assemble import assemble
from geo.network import Network
from geo.rows import Table, table
from geo.switching import ReachesUnsupplied, Switching
from geo.tree import energise


@st.composite
def changes(draw: st.DrawFn) -> tuple[Network, list[int], list[int]]:
    count = draw(st.integers(2, 14))
    node = st.integers(0, count - 1)
    ends = draw(st.lists(st.tuples(node, node, st.sampled_from("1110")), min_size=1, max_size=26))
    sources = draw(st.integers(1, 2))
    nodes = [_node(number, "substation" if number < sources else "pole") for number in range(count)]
    edges = [_edge(number, *end) for number, end in enumerate(ends)]
    network = assemble(
        {"nodes": table("nodes", nodes), "edges": table("edges", edges), "meters": _no_meters()}
    ).accepted()
    shut = np.flatnonzero(network.edges.closed).tolist()
    apart = np.flatnonzero(~network.edges.closed).tolist()
    opened = draw(st.lists(st.sampled_from(shut), unique=True)) if shut else []
    closed = draw(st.lists(st.sampled_from(apart), unique=True)) if apart else []
    return network, opened, closed


def _node(number: int, kind: str) -> dict[str, object]:
    return {"id": f"N{number}", "kind": kind, "name": "", "lon": 1.0, "lat": 1.0, "voltage_kv": 10.0}


def _edge(number: int, first: int, second: int, closed: str) -> dict[str, object]:
    return {
        "id": f"E{number}", "kind": "switch", "from_id": f"N{first}", "to_id": f"N{second}", "closed": closed,
        "phases": "ABC", "length_m": "", "name": "",
    }  # fmt: skip


def _no_meters() -> Table:
    return Table("meters", dict.fromkeys(("id", "node_id", "customer_id", "phases", "terminal_id"), ()))


@settings(max_examples=300, deadline=None)
@given(changes())
def test_increments_agree_with_a_new_tree(change: tuple[Network, list[int], list[int]]) -> None:
    network, opened, closed = change
    tree = energise(network)
    state = network.edges.closed.copy()
    state[opened], state[closed] = False, True
    try:
        alive = Switching(network, tree).supplied(np.array(opened, np.int32), np.array(closed, np.int32))
    except ReachesUnsupplied:
        outside = tree.position[np.append(network.edges.from_node[closed], network.edges.to_node[closed])]
        assert (outside < 0).any()
        assume(False)
    anew = energise(network, state)
    assert set(tree.node[alive].tolist()) == set(anew.node.tolist())


def test_a_switch_far_up_takes_one_slice(folder: Path) -> None:
    network = read_folder(folder).accepted()
    switching = Switching(network, energise(network))
    row = network.edge_row
    assert switching.dead_slices(np.array([row["CB1"]], np.int32)).tolist() == [[1, 6]]
    both = np.array([row["SV1"], row["T1"], row["LN2"]], np.int32)
    assert switching.dead_slices(both).tolist() == [[2, 6]]


def test_closing_towards_the_unknown_is_refused(folder: Path) -> None:
    text = (folder / "edges.csv").read_text(encoding="utf-8").replace("line,J1,J2,1", "switch,J1,J2,0")
    (folder / "edges.csv").write_text(text, encoding="utf-8")
    network = read_folder(folder).accepted()
    with pytest.raises(ReachesUnsupplied):
        Switching(network, energise(network)).supplied(
            np.empty(0, np.int32), np.array([network.edge_row["LN2"]], np.int32)
        )
