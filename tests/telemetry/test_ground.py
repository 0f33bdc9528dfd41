"""The area of a source is concluded from by itself: nothing of it hangs on what else the network is."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.network import EdgeKind, Network, NodeKind
from geo.source_areas import SourceAreas
from geo.tree import energise
from telemetry.ground import Ground
from telemetry.inference import InferenceGrid, InferenceModel, infer
from telemetry.observations import Observations, nothing_observed
from telemetry.supply import supply_tree
from tests.telemetry.inference_grids import NOW_MS, radial, random_network
from tests.telemetry.nights import FEEDER, T0

MODEL = InferenceModel()


def _several_sources(rng: np.random.Generator) -> Network:
    """A random tree cut into three: a source wherever an edge was left out."""
    network = random_network(rng, nodes=60, meters=80, terminals=True)
    kind, closed = network.nodes.kind.copy(), network.edges.closed.copy()
    for node in rng.choice(np.arange(1, 60), size=2, replace=False):
        kind[node], closed[node - 1] = NodeKind.SUBSTATION, False
    edges = replace(network.edges, closed=closed)
    return replace(network, nodes=replace(network.nodes, kind=kind), edges=edges)


def _observed(network: Network, rng: np.random.Generator) -> Observations:
    seen = nothing_observed(network)
    meters, onset = len(network.meters), NOW_MS - rng.choice([30_000, 600_000])
    for cells, share in (
        (seen.meter_off_ms, 0.4), (seen.meter_alive_ms, 0.3), (seen.meter_silent_ms, 0.1)
    ):  # fmt: skip
        said = rng.random(meters) < share
        cells[said] = onset + rng.integers(-1000, 20_000, int(said.sum()))
    quiet = rng.random(len(network.terminals)) < 0.3
    seen.terminal_off_ms[quiet] = onset
    return seen


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_each_area_alone_gives_what_the_whole_network_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = _several_sources(rng)
    tree, seen = energise(network), _observed(network, rng)
    whole = infer(InferenceGrid.build(network, tree, MODEL), seen, NOW_MS, MODEL)
    areas = SourceAreas(network, tree)
    cuts: list[int] = []
    for number in range(len(areas)):
        area, positions = areas.area(number), areas.span(number)
        grid = InferenceGrid.build(area.network, area.tree, MODEL)
        own = seen.of(area.meters, area.terminals, area.edges)
        alone = infer(grid, own, NOW_MS, MODEL)
        assert alone.dead_probability == pytest.approx(whole.dead_probability[positions], abs=1e-9)
        assert alone.meter_out_probability == pytest.approx(
            whole.meter_out_probability[area.meters], abs=1e-9
        )
        cuts += [positions.start + int(cut) for cut in alone.cuts]
    assert cuts == whole.cuts.tolist()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_an_area_is_the_network_below_its_source(seed: int) -> None:
    network = _several_sources(np.random.default_rng(seed))
    tree = energise(network)
    areas = SourceAreas(network, tree)
    for number in range(len(areas)):
        area, positions = areas.area(number), areas.span(number)
        part, built = area.network, energise(area.network)
        assert part.nodes.ids == tuple(network.nodes.ids[row] for row in tree.node[positions])
        assert built.parent.tolist() == area.tree.parent.tolist()
        assert built.end.tolist() == area.tree.end.tolist()
        for own, node, customer in zip(part.meters.ids, part.meters.node, part.meters.customer, strict=True):
            row = network.meter_row[own]
            assert part.nodes.ids[node] == network.nodes.ids[network.meters.node[row]]
            assert part.customers.ids[customer] == network.customers.ids[network.meters.customer[row]]
        for own, edge in zip(part.terminals.ids, part.terminals.edge, strict=True):
            watched = network.terminals.edge[network.terminal_row[own]]
            assert part.edges.ids[edge] == network.edges.ids[watched]
    held = [meter for n in range(len(areas)) for meter in areas.area(n).network.meters.ids]
    assert sorted(held) == sorted(network.meters.ids)


def test_elements_are_found_in_their_area() -> None:
    areas = SourceAreas(FEEDER, energise(FEEDER))
    assert areas.of_element("SA") == areas.of_element("PA1") == 0
    assert areas.of_element("TIE") == areas.of_element("nothing") == -1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_switching_step_by_step_gives_the_tree_built_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = _several_sources(rng) if seed % 2 else _looped(rng)
    seen = nothing_observed(network)
    ground = Ground.of(network, MODEL, seen)
    for step in range(6):
        edges = rng.choice(len(network.edges), size=2, replace=False).astype(np.int32)
        cells = seen.edge_open_ms if rng.random() < 0.6 else seen.edge_closed_ms
        cells[edges] = T0 + step
        ground = ground.switched(np.sort(edges), seen)
        afresh = Ground.of(network, MODEL, seen)
        assert ground.closed.tolist() == afresh.closed.tolist()
        for column in fields(ground.tree):
            name = column.name
            assert getattr(ground.tree, name).tolist() == getattr(afresh.tree, name).tolist(), name


def _looped(rng: np.random.Generator) -> Network:
    """A random tree with two more lines, which make loops."""
    parent = [-1] + [int(rng.integers(max(0, node - 3), node)) for node in range(1, 30)]
    extra = [tuple(int(n) for n in rng.choice(30, size=2, replace=False)) for _ in range(2)]
    pairs = [(a, b) for a, b in extra]
    return radial(parent, [EdgeKind.LINE] * 29, [int(n) for n in rng.integers(1, 30, 20)], (), pairs)


def test_opening_what_nothing_else_feeds_keeps_the_tree_itself() -> None:
    seen = nothing_observed(FEEDER)
    ground = Ground.of(FEEDER, MODEL, seen)
    row = FEEDER.edge_row["SA"]
    seen.edge_open_ms[row] = T0
    opened = ground.switched(np.array([row], np.int32), seen)
    assert opened.tree is ground.tree
    assert opened.switches == (("SA", False),)
    assert opened.switched(np.array([row], np.int32), seen) is opened


def test_only_what_switching_reached_is_built_again() -> None:
    network = _several_sources(np.random.default_rng(4))
    ground = Ground.of(network, MODEL, nothing_observed(network))
    sections = [ground.section(number) for number in range(len(ground.areas))]
    joined = int(np.flatnonzero(~network.edges.closed)[0])
    seen = nothing_observed(network)
    seen.edge_closed_ms[joined] = T0
    after = ground.switched(np.array([joined], np.int32), seen)
    rebuilt = [after.section(n) is not section for n, section in enumerate(sections)]
    assert [n for n, anew in enumerate(rebuilt) if anew] == list(after.changed)
    assert supply_tree(network, after.closed).parent.tolist() == after.tree.parent.tolist()
