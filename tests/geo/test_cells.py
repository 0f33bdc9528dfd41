"""Every customer, node and edge has exactly one grid cell, and cells are compact and even."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.cells import NO_CELL, Cells, bisect
from geo.network import CustomerClass, EdgeKind, Network
from geo.tracing import Feeding

pytestmark = pytest.mark.xdist_group("reference-grids")


@pytest.fixture(scope="session", params=["simbench", "oberrhein"])
def network(request: pytest.FixtureRequest) -> Network:
    found: Network = request.getfixturevalue(request.param)
    return found


def test_org_02_everything_belongs_to_exactly_one_cell(network: Network) -> None:
    cells = Cells.of(network)
    assert len(cells.of_node) == len(network.nodes)
    assert len(cells.of_edge) == len(network.edges)
    assert len(cells.of_customer) == len(network.customers)
    for numbers in (cells.of_node, cells.of_edge, cells.of_customer):
        assert (numbers >= 0).all()
        assert (numbers < len(cells.ids)).all()
    assert [cells.cell_of_customer(row) for row in range(len(network.customers))] == list(
        network.customers.grid
    )
    assert len(set(cells.names)) == len(cells.ids)
    assert all("网格" in name for name in cells.names)


def test_a_transformer_area_is_never_parted(network: Network) -> None:
    cells, feeding = Cells.of(network), Feeding.normal(network)
    for edge in network.terminals.edge[::5]:
        position = np.flatnonzero(feeding.tree.edge == edge)[0]
        below = feeding.tree.node[position : feeding.tree.end[position]]
        assert set(cells.of_node[below].tolist()) == {cells.of_edge[edge]}


def test_cells_hold_about_as_many_customers_each(simbench: Network) -> None:
    counts = np.bincount(Cells.of(simbench).of_customer)
    assert len(counts) == 12
    assert counts.max() < 2 * counts.min()


def test_customers_without_cell_belong_where_their_neighbours_do(simbench: Network) -> None:
    grids = tuple("" if row % 3 else grid for row, grid in enumerate(simbench.customers.grid))
    fewer = replace(simbench, customers=replace(simbench.customers, grid=grids))
    # Alone behind their own transformer nobody near tells where they belong.
    shared = simbench.customers.customer_class != CustomerClass.HIGH_VOLTAGE
    assert (Cells.of(fewer).of_customer == Cells.of(simbench).of_customer)[shared].all()


def test_a_network_without_cells_is_one(simbench: Network) -> None:
    none = replace(simbench, customers=replace(simbench.customers, grid=("",) * len(simbench.customers)))
    cells = Cells.of(none)
    assert cells.ids == (NO_CELL,)
    assert not cells.of_edge.any()


def test_transformers_are_in_the_cell_of_their_customers(simbench: Network) -> None:
    cells = Cells.of(simbench)
    watched = simbench.terminals.edge[simbench.meters.terminal]
    assert (simbench.edges.kind[watched] == EdgeKind.TRANSFORMER).all()
    assert (cells.of_edge[watched] == cells.of_customer[simbench.meters.customer]).all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 100)), min_size=1, max_size=40),
    st.integers(1, 15),
)
def test_bisection_fills_every_cell_it_can(places: list[tuple[float, float, float]], cells: int) -> None:
    lon, lat, weight = np.array(places).T
    label = bisect(lon + 116, lat + 39, weight, cells)
    assert set(label.tolist()) == set(range(min(cells, len(places))))
