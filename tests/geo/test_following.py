"""Traces, isolation, restoration and what-if against networkx on random networks, and on public grids."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.assemble import assemble
from geo.errors import UnknownElement
from geo.following import Barriers, Direction, NoWay, follow, way_between
from geo.isolation import isolate, operable
from geo.live_grid import LiveGrid
from geo.network import EdgeKind, Network
from geo.restoration import restore
from geo.rows import table
from geo.tracing import Element, find
from geo.what_if import NotSwitchable, what_if
from tests.geo.live_grids import Row, graph, grids, living, made

FEW = settings(max_examples=120, deadline=None)


def _edge(grid: LiveGrid, row: int) -> Element:
    return Element("edge", row, grid.network.edges.ids[row])


def _customers(grid: LiveGrid, nodes: set[int]) -> set[str]:
    meters = grid.network.meters
    return {
        grid.network.customers.ids[c] for n, c in zip(meters.node, meters.customer, strict=True) if n in nodes
    }


def _ids(grid: LiveGrid, rows: np.ndarray) -> set[str]:
    return {grid.network.customers.ids[row] for row in rows}


@FEW
@given(grids(), st.data())
def test_down_is_what_loses_supply_less_what_lies_behind_barriers(
    grid: LiveGrid, data: st.DataObject
) -> None:
    element = _edge(grid, data.draw(st.integers(0, len(grid.closed) - 1)))
    kinds = frozenset(data.draw(st.sets(st.sampled_from([EdgeKind.SWITCH, EdgeKind.TRANSFORMER]))))
    trace = follow(grid, element, Direction.DOWN, Barriers(kinds))
    lost = living(grid) - living(grid.switched(_rows(element.row), _rows()))
    part = graph(grid)
    tree = set(grid.tree.edge.tolist())
    for row in np.flatnonzero(np.isin(grid.network.edges.kind, [int(k) for k in kinds])).tolist():
        if row != element.row and row in tree:
            ends = grid.network.edges.from_node[row], grid.network.edges.to_node[row]
            if part.has_edge(*ends, key=row):
                part.remove_edge(*ends, key=row)
    if not kinds:
        assert set(trace.nodes.tolist()) == lost
        assert _ids(grid, trace.customers) == _customers(grid, lost)
    else:
        assert set(trace.nodes.tolist()) <= lost
        fed = int(grid.tree.node[grid.feeding.lost_with(element)][0]) if lost else -1
        below = {n for n in trace.nodes.tolist() if not nx.has_path(part, fed, n)}
        assert not below
        for row in trace.stopped_at.tolist():
            assert EdgeKind(grid.network.edges.kind[row]) in kinds


@FEW
@given(grids(), st.data())
def test_up_leads_to_a_source_or_to_a_barrier(grid: LiveGrid, data: st.DataObject) -> None:
    node = data.draw(st.integers(0, len(grid.network.nodes) - 1))
    element = Element("node", node, grid.network.nodes.ids[node])
    whole = follow(grid, element, Direction.UP)
    assert (len(whole.nodes) > 0) == (node in living(grid))
    if not len(whole.nodes):
        return
    assert grid.sources[whole.nodes[0]] and whole.nodes[-1] == node
    assert len(whole.edges) == len(whole.nodes) - 1
    for row, one, other in zip(whole.edges, whole.nodes[:-1], whole.nodes[1:], strict=True):
        assert graph(grid).has_edge(int(one), int(other), key=int(row))
    barred = follow(grid, element, Direction.UP, Barriers(frozenset({EdgeKind.FUSE})))
    fuses = [row for row in whole.edges if grid.network.edges.kind[row] == EdgeKind.FUSE]
    assert barred.stopped_at.tolist() == fuses[-1:]
    assert barred.nodes.tolist() == whole.nodes.tolist()[-len(barred.nodes) :]


@FEW
@given(grids(), st.data())
def test_connected_is_the_part_of_the_graph(grid: LiveGrid, data: st.DataObject) -> None:
    node = data.draw(st.integers(0, len(grid.network.nodes) - 1))
    element = Element("node", node, grid.network.nodes.ids[node])
    found = follow(grid, element, Direction.CONNECTED)
    assert set(found.nodes.tolist()) == nx.node_connected_component(graph(grid), node)
    everywhere = follow(grid, element, Direction.CONNECTED, Barriers(open_switches=False))
    every = graph(grid, np.ones(len(grid.closed), np.bool_))
    assert set(everywhere.nodes.tolist()) == nx.node_connected_component(every, node)


@FEW
@given(grids(), st.data())
def test_the_way_passes_the_fewest_open_switches(grid: LiveGrid, data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(0, len(grid.network.nodes) - 1)) for _ in range(2))
    elements = [Element("node", n, grid.network.nodes.ids[n]) for n in (one, other)]
    weighed = nx.Graph()
    weighed.add_nodes_from(range(len(grid.network.nodes)))
    for row in range(len(grid.closed)):
        ends = int(grid.network.edges.from_node[row]), int(grid.network.edges.to_node[row])
        cost = 0 if grid.closed[row] else 1
        weighed.add_edge(*ends, cost=min(cost, weighed.get_edge_data(*ends, {"cost": 9})["cost"]))
    if not nx.has_path(weighed, one, other):
        with pytest.raises(NoWay):
            way_between(grid, *elements)
        return
    way = way_between(grid, *elements)
    assert len(way.stopped_at) == nx.shortest_path_length(weighed, one, other, weight="cost")
    assert (way.nodes[0], way.nodes[-1]) == (one, other)
    for row, start, end in zip(way.edges, way.nodes[:-1], way.nodes[1:], strict=True):
        assert {int(grid.network.edges.from_node[row]), int(grid.network.edges.to_node[row])} == {start, end}


@FEW
@given(grids(), st.data())
def test_isolation_takes_all_supply_off_and_opens_nothing_in_vain(
    grid: LiveGrid, data: st.DataObject
) -> None:
    element = _edge(grid, data.draw(st.integers(0, len(grid.closed) - 1)))
    found = isolate(grid, element)
    after = living(found.after)
    ends = set(grid.ends_of(element).tolist())
    assert found.possible == ends.isdisjoint(after)
    assert set(found.opened.tolist()) <= set(np.flatnonzero(operable(grid) & grid.closed).tolist())
    assert element.row not in found.opened
    assert _ids(grid, found.lost) == _customers(grid, living(grid) - after)
    if not found.possible:
        return
    for row in found.opened[found.feeding].tolist():
        again = found.after.switched(_rows(), _rows(row))
        assert not set(found.zone.tolist()).isdisjoint(living(again)), "a feeding switch keeps supply off"


@FEW
@given(grids(most=18), st.data())
def test_restoration_stays_radial_and_brings_back_whom_it_says(grid: LiveGrid, data: st.DataObject) -> None:
    element = _edge(grid, data.draw(st.integers(0, len(grid.closed) - 1)))
    plan = restore(grid, element)
    live = plan.isolation.after
    loops = len(live.tree.closing_edges)
    for step in plan.steps:
        before, live = living(live), live.switched(_rows(), _rows(step.edge))
        assert _ids(grid, step.customers) == _customers(grid, living(live) - before)
        assert len(step.customers)
        for other in step.others.tolist():
            assert not grid.closed[other] or other in plan.isolation.opened
    assert len(live.tree.closing_edges) >= loops
    assert _joined(live) == _joined(plan.isolation.after), "no step closes a loop"
    if plan.isolation.possible:
        assert set(plan.isolation.zone.tolist()).isdisjoint(living(live)), "the zone stays dead"
    zone = set(plan.isolation.zone.tolist())
    for row in np.flatnonzero(operable(grid) & ~live.closed).tolist():
        ends = {int(grid.network.edges.from_node[row]), int(grid.network.edges.to_node[row])}
        if ends & zone or row in plan.isolation.opened:
            continue
        gained = living(live.switched(_rows(), _rows(row))) - living(live)
        back = _customers(grid, gained & living(grid))
        assert not back, "nobody who had supply is left for whom a switch is there"


def _joined(grid: LiveGrid) -> int:
    """Independent loops and ways between sources among what lives."""
    part = graph(grid).subgraph(living(grid))
    parts = nx.number_connected_components(part) if len(part) else 0
    return int(part.number_of_edges() - part.number_of_nodes() + parts + grid.sources.sum() - parts)


@FEW
@given(grids(), st.data())
def test_what_if_agrees_with_two_pictures(grid: LiveGrid, data: st.DataObject) -> None:
    ids = st.sampled_from(grid.network.edges.ids)
    to_open, to_close = (data.draw(st.lists(ids, unique=True, max_size=3)) for _ in range(2))
    if set(to_open) & set(to_close):
        with pytest.raises(NotSwitchable):
            what_if(grid, to_open, to_close)
        return
    found = what_if(grid, to_open, to_close)
    state = LiveGrid.of(
        grid.record, (*grid.switches, *((e, False) for e in to_open), *((e, True) for e in to_close))
    )
    before, after = living(grid), living(state)
    assert _ids(grid, found.lost) == _customers(grid, before - after)
    assert _ids(grid, found.gained) == _customers(grid, after - before)
    for loop in found.loops:
        ends = graph(state, np.isin(np.arange(len(state.closed)), loop.edges))
        degrees = [degree for _, degree in ends.degree() if degree]
        assert loop.joins_sources or all(degree == 2 for degree in degrees)


def test_a_jumper_may_be_asked_for() -> None:
    grid = LiveGrid.of(made(4, [(0, 1, "line"), (1, 2, "switch"), (2, 3, "line")]), [("E1", False)])
    found = what_if(grid, [], ["N1~N3"])
    assert _ids(grid, found.gained) == {"C2", "C3"}
    assert _ids(grid, what_if(grid, [], ["~N3"]).on_generators) == {"C2", "C3"}
    with pytest.raises(UnknownElement):
        what_if(grid, [], ["N1~N9"])


def test_the_ratings_decide_between_two_ties() -> None:
    """N0 feeds N2–N3 over E1; two ties from N5 and N6, of which one is too weak."""
    network = _rated()
    plan = restore(LiveGrid.of(network), find(network, "L1"))
    assert [network.edges.ids[row] for row in plan.isolation.opened] == ["S1", "S2"]
    (step,) = plan.steps
    assert (network.edges.ids[step.edge], step.fits, step.load_kva) == ("TIE2", True, 320.0)
    assert [network.edges.ids[row] for row in step.others] == ["TIE1"]
    assert step.loading is not None
    assert (network.edges.ids[step.loading.edge], step.loading.after_kva) == ("G2", 560.0)
    assert [feed.kind for feed in plan.back_feeds] == ["pv_kw"]


def _rated() -> Network:
    """S1, L1, S2 feed the transformer T of 400 kVA; TIE1 from a line of 20 A, TIE2 from one of 100 A."""
    nodes: list[Row] = [
        {"id": name, "kind": kind, "name": "", "lon": 1.0, "lat": 1.0, "voltage_kv": kv}
        for name, kind, kv in (
            ("SUB", "substation", 10), ("A", "pole", 10), ("B", "pole", 10), ("C", "pole", 10),
            ("LV", "transformer_lv", 0.4), ("D", "pole", 10), ("E", "pole", 10),
            ("LVE", "transformer_lv", 0.4),
        )
    ]  # fmt: skip
    edges: list[Row] = [
        {"id": name, "kind": kind, "from_id": start, "to_id": end, "closed": closed, "phases": "ABC",
         "length_m": "", "name": "", "rated_kva": kva, "rated_a": amperes}
        for name, kind, start, end, closed, kva, amperes in (
            ("S1", "switch", "SUB", "A", 1, "", ""), ("L1", "line", "A", "B", 1, "", ""),
            ("S2", "switch", "B", "C", 1, "", ""), ("T", "transformer", "C", "LV", 1, "400", ""),
            ("G1", "line", "SUB", "D", 1, "", "20"), ("G2", "line", "SUB", "E", 1, "", "100"),
            ("TE", "transformer", "E", "LVE", 1, "300", ""),
            ("TIE1", "switch", "D", "C", 0, "", ""), ("TIE2", "switch", "E", "C", 0, "", ""),
        )
    ]  # fmt: skip
    meters: list[Row] = [{"id": "M", "node_id": "LV", "customer_id": "X", "phases": "A", "terminal_id": ""}]
    customers: list[Row] = [
        {"id": "X", "name": "", "class": "", "priority": "", "phone": "", "address": "", "grid_id": "G",
         "access_point_id": "", "pv_kw": "5"}
    ]  # fmt: skip
    rows = {"nodes": nodes, "edges": edges, "meters": meters, "customers": customers}
    return assemble({name: table(name, listed) for name, listed in rows.items()}).accepted()


@pytest.mark.parametrize("name", ["simbench", "oberrhein"])
def test_public_grids(name: str, request: pytest.FixtureRequest) -> None:
    grid = LiveGrid.of(request.getfixturevalue(name))
    wires = np.isin(grid.network.edges.kind, [int(EdgeKind.LINE), int(EdgeKind.CABLE)])
    medium = grid.network.nodes.voltage_kv[grid.network.edges.from_node] > 1
    lines = np.flatnonzero(wires & medium)
    restored = 0
    for row in np.random.default_rng(7).choice(lines, 4, replace=False).tolist():
        plan = restore(grid, _edge(grid, row))
        if not plan.isolation.possible:
            continue
        lost = living(grid) - living(plan.isolation.after)
        assert _ids(grid, plan.isolation.lost) == _customers(grid, lost)
        assert set(plan.isolation.zone.tolist()).isdisjoint(living(plan.after))
        restored += len(plan.steps)
        assert _ids(grid, plan.left) == _customers(grid, lost - living(plan.after))
    assert restored


def _rows(*rows: int) -> np.ndarray:
    return np.array(rows, np.int32)
