"""The importer against pandapower's own topology, and what it makes of the demo's grid."""

from typing import Any

import numpy as np
import pandapower.topology as top
import pytest

from geo.adapters.pandapower import import_pandapower
from geo.adapters.sources import read_source
from geo.errors import NetworkRefused
from geo.network import EdgeKind, Network, NodeKind, Priority, TransformerKind
from geo.tracing import Feeding, find
from geo.tree import energise

pytestmark = pytest.mark.xdist_group("reference-grids")


def _unsupplied(network: Network, closed: np.ndarray) -> set[int]:
    tree = energise(network, closed)
    return {
        int(identifier[1:])
        for identifier, position in zip(network.nodes.ids, tree.position, strict=True)
        if position < 0 and identifier.startswith("B")
    }


def _switched(net: Any, network: Network, rng: np.random.Generator, share: float) -> np.ndarray:
    """Flip a random share of the switches of both; answers our ``closed``."""
    flipped = rng.random(len(net.switch)) < share
    net.switch["closed"] = np.where(flipped, ~net.switch.closed.to_numpy(), net.switch.closed)
    closed = network.edges.closed.copy()
    for index, state in net.switch.closed.items():
        closed[network.edge_row[f"S{index}"]] = state
    return closed


def _agree(net: Any, network: Network, seed: int, rounds: int, share: float) -> None:
    before = net.switch.closed.copy()
    rng = np.random.default_rng(seed)
    dark = 0
    try:
        for _ in range(rounds):
            net.switch["closed"] = before
            closed = _switched(net, network, rng, share)
            expected = set(map(int, top.unsupplied_buses(net)))
            assert _unsupplied(network, closed) == expected
            dark += bool(expected)
    finally:
        net.switch["closed"] = before
    assert dark > rounds / 2


def test_energised_sets_agree_on_simbench(simbench_net: Any, simbench: Network) -> None:
    _agree(simbench_net, simbench, seed=1, rounds=40, share=0.0004)


def test_energised_sets_agree_on_oberrhein(oberrhein_net: Any, oberrhein: Network) -> None:
    _agree(oberrhein_net, oberrhein, seed=2, rounds=60, share=0.02)


def test_out_of_service_elements_carry_nothing(oberrhein_net: Any) -> None:
    net = oberrhein_net
    net.line.loc[net.line.index[5], "in_service"] = False
    net.bus.loc[net.line.from_bus.iloc[40], "in_service"] = False
    try:
        network = import_pandapower(net, 4).accepted()
        dead = {int(bus) for bus in net.bus.index[~net.bus.in_service]}
        expected = set(map(int, top.unsupplied_buses(net))) | dead
        assert _unsupplied(network, network.edges.closed) == expected
    finally:
        net.line["in_service"] = True
        net.bus["in_service"] = True


def test_the_demo_grid_has_what_the_package_holds(simbench: Network) -> None:
    network, edges = simbench, simbench.edges
    switching = np.isin(edges.kind, [EdgeKind.BREAKER, EdgeKind.SWITCH])
    transformers = np.flatnonzero(edges.kind == EdgeKind.TRANSFORMER)
    dedicated = edges.transformer_kind[transformers] == TransformerKind.DEDICATED
    assert np.count_nonzero(switching) == 20_933
    assert len(transformers) == 135 + 6
    assert np.count_nonzero(dedicated) == 6
    assert sum(identifier.startswith("B") for identifier in network.nodes.ids) == 10_458
    assert len(network.meters) == len(network.customers) == 11_542
    assert len(network.terminals) == 133 + 6
    assert np.count_nonzero(network.nodes.kind == NodeKind.SUBSTATION) == 1
    assert np.isfinite(network.nodes.lon).all()
    assert len(energise(network)) == len(network.nodes)


def test_every_meter_reports_to_the_transformer_that_feeds_it(simbench: Network) -> None:
    feeding = Feeding.normal(simbench)
    assert (simbench.meters.terminal >= 0).all()
    for terminal in simbench.terminals.ids[::10]:
        found = find(simbench, terminal)
        assert set(feeding.meters(feeding.lost_with(found)).tolist()) == set(
            np.flatnonzero(simbench.meters.terminal == found.row).tolist()
        )


def test_people_are_synthetic_and_some_come_first(simbench: Network) -> None:
    customers = simbench.customers
    assert all(phone.startswith("199000") and len(phone) == 11 for phone in customers.phone)
    assert all(customers.name)
    counts = np.bincount(customers.priority)
    assert counts[Priority.VULNERABLE] > 50
    assert counts[Priority.KEY] > 5
    assert np.bincount(simbench.meters.phases)[[1, 2, 4]].min() > 3000


def test_a_second_import_is_the_same_network(oberrhein_net: Any, oberrhein: Network) -> None:
    assert import_pandapower(oberrhein_net, 6).accepted().content_hash == oberrhein.content_hash


def test_an_unknown_grid_is_refused() -> None:
    with pytest.raises(NetworkRefused, match="no grid 'nowhere'"):
        read_source("pandapower:nowhere")
    with pytest.raises(NetworkRefused, match="no grid '1-nowhere'"):
        read_source("simbench:1-nowhere")


def test_ids_serve_as_mqtt_terminals(simbench: Network) -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    assert all(len(terminal) <= 32 and set(terminal) <= allowed for terminal in simbench.terminals.ids)
