"""Whom an element feeds and what feeds it, against brute force over paths (INT-01)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.adapters.csv_folder import read_folder
from geo.errors import UnknownElement
from geo.network import Customers, Int32, Meters, Network
from geo.tracing import Feeding, find
from geo.tree import energise


def _network(parent: list[int], places: list[int], owner: list[int], base: Network) -> Network:
    """A tree under node 0 (an edge per further node) with a meter of ``owner`` at each place."""
    count, meters = len(parent) + 1, len(places)
    nodes = replace(
        base.nodes,
        ids=tuple(f"N{row}" for row in range(count)),
        kind=np.array([0] + [2] * (count - 1), np.int8),
        name=("",) * count,
        **{column: np.full(count, np.nan) for column in ("lon", "lat", "voltage_kv")},
        extra={},
    )
    edges = replace(
        base.edges,
        ids=tuple(f"E{row}" for row in range(1, count)),
        from_node=np.array(parent, np.int32),
        to_node=np.arange(1, count, dtype=np.int32),
        closed=np.ones(count - 1, np.bool_),
    )
    number = np.zeros(meters, np.int8)
    return replace(
        base,
        nodes=nodes,
        edges=edges,
        meters=Meters(
            ids=tuple(f"M{row}" for row in range(meters)), node=_rows(places), customer=_rows(owner),
            phases=number, terminal=_rows([-1] * meters),
        ),
        customers=Customers(
            ids=tuple(f"C{row}" for row in range(6)),
            name=("",) * 6, customer_class=np.zeros(6, np.int8), priority=np.zeros(6, np.int8),
            phone=("",) * 6, address=("",) * 6, grid=("",) * 6, access_point=_rows([-1] * 6),
        ),
    )  # fmt: skip


def _rows(values: list[int]) -> Int32:
    return np.array(values, np.int32)


@st.composite
def _trees(draw: st.DrawFn) -> tuple[list[int], list[int], list[int]]:
    count = draw(st.integers(1, 12))
    parent = [draw(st.integers(0, row)) for row in range(count)]
    places = draw(st.lists(st.integers(0, count), max_size=14))
    owner = [draw(st.integers(0, 5)) for _ in places]
    return parent, places, owner


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("base")
    (folder / "nodes.csv").write_text("id,kind,name,lon,lat,voltage_kv\nS,substation,,,,\n")
    (folder / "meters.csv").write_text("id,node_id,customer_id,phases,terminal_id\n")
    (folder / "edges.csv").write_text("id,kind,from_id,to_id,closed,phases,length_m,name\nE,line,S,S,1,,,\n")
    return read_folder(folder).accepted()


@settings(max_examples=150, deadline=None)
@given(tree=_trees())
def test_customers_below_are_those_whose_path_goes_through(
    base: Network, tree: tuple[list[int], list[int], list[int]]
) -> None:
    parent, places, owner = tree
    network = _network(parent, places, owner, base)
    feeding = Feeding(network, energise(network))
    for node in range(len(parent) + 1):
        below = {who for at, who in zip(places, owner, strict=True) if node in _way(parent, at)}
        assert set(feeding.customers_below(node).tolist()) == below
        assert len(feeding.customers_below(node)) == len(below)
        assert feeding.customers_through[feeding.tree.position[node]] == len(below)
        assert feeding.tree.node[feeding.path(node)].tolist() == _way(parent, node)


def _way(parent: list[int], node: int) -> list[int]:
    way = [node]
    while way[-1] > 0:
        way.append(parent[way[-1] - 1])
    return way[::-1]


@pytest.mark.parametrize(
    ("element", "customers"),
    [
        ("CB1", {"C1", "C2", "C3"}), ("LN2", {"C3"}), ("T1", {"C1", "C2"}), ("TT1", {"C1", "C2"}),
        ("F1", {"C3"}), ("J2", {"C3"}), ("M2", {"C2"}), ("C1", {"C1"}), ("SV1", {"C1"}),
        ("S1", {"C1", "C2", "C3"}),
    ],
)  # fmt: skip
def test_every_kind_of_element_can_be_asked(folder: Path, element: str, customers: set[str]) -> None:
    network = read_folder(folder).accepted()
    feeding = Feeding.normal(network)
    rows = feeding.customers_lost_with(find(network, element))
    assert {network.customers.ids[row] for row in rows} == customers


def test_what_has_no_supply_feeds_nobody(folder: Path) -> None:
    text = (folder / "edges.csv").read_text(encoding="utf-8").replace("line,J1,J2,1", "switch,J1,J2,0")
    (folder / "edges.csv").write_text(text, encoding="utf-8")
    network = read_folder(folder).accepted()
    feeding = Feeding.normal(network)
    for element in ("LN2", "T2", "J2", "TT2"):
        assert len(feeding.customers_lost_with(find(network, element))) == 0
    assert len(feeding.path(network.node_row["L2"])) == 0


def test_an_unknown_id_is_told(folder: Path) -> None:
    with pytest.raises(UnknownElement, match="'T9'"):
        find(read_folder(folder).accepted(), "T9")
