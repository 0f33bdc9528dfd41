"""Small random networks in random switch positions, and the same as networkx graphs to count on."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import networkx as nx
import numpy as np
from hypothesis import strategies as st

from geo.assemble import assemble
from geo.live_grid import LiveGrid
from geo.network import Customers, Network
from geo.rows import Table, table

Row = Mapping[str, object]

KINDS = ("switch", "breaker", "line", "fuse", "cable", "transformer")


@st.composite
def grids(draw: st.DrawFn, most: int = 14) -> LiveGrid:
    """Up to two sources, loops and dead parts with them; a meter at most nodes."""
    count = draw(st.integers(3, most))
    node = st.integers(0, count - 1)
    ends = draw(
        st.lists(st.tuples(node, node, st.sampled_from(KINDS)), min_size=2, max_size=2 * count).map(
            lambda listed: [one for one in listed if one[0] != one[1]]
        )
    )
    if not ends:
        ends = [(0, 1, "line")]
    sources = draw(st.integers(1, 2))
    network = made(count, ends, sources)
    listed = draw(st.lists(st.tuples(st.sampled_from(network.edges.ids), st.booleans()), max_size=6))
    return LiveGrid.of(network, listed)


def made(count: int, ends: list[tuple[int, int, str]], sources: int = 1) -> Network:
    """Nodes N0 …, the first of them sources; edges E0 …; meter and customer M3, C3 at N3."""
    nodes: list[Row] = [
        {"id": f"N{n}", "kind": "substation" if n < sources else "pole", "name": "", "lon": 1.0, "lat": 1.0,
         "voltage_kv": 10.0} for n in range(count)
    ]  # fmt: skip
    edges: list[Row] = [
        {"id": f"E{n}", "kind": kind, "from_id": f"N{one}", "to_id": f"N{other}", "closed": "1",
         "phases": "ABC", "length_m": "", "name": ""} for n, (one, other, kind) in enumerate(ends)
    ]  # fmt: skip
    none = Table("meters", dict.fromkeys(("id", "node_id", "customer_id", "phases", "terminal_id"), ()))
    bare = assemble(
        {"nodes": table("nodes", nodes), "edges": table("edges", edges), "meters": none}
    ).accepted()
    return peopled(bare, range(sources, count))


def peopled(network: Network, places: Iterable[int]) -> Network:
    """With a customer and their meter at each of these nodes; no check of ours looks at it."""
    at = np.array(list(places), np.int32)
    count, nothing = len(at), ("",) * len(at)
    zero, absent = np.zeros(count, np.int8), np.full(count, -1, np.int32)
    numbers = np.arange(count, dtype=np.int32)
    return replace(
        network,
        meters=replace(
            network.meters, ids=tuple(f"M{n}" for n in at), node=at, customer=numbers, phases=zero,
            terminal=absent, extra={},
        ),
        customers=Customers(
            ids=tuple(f"C{n}" for n in at), name=nothing, customer_class=zero, priority=zero, phone=nothing,
            address=nothing, grid=nothing, access_point=absent,
        ),
    )  # fmt: skip


def graph(grid: LiveGrid, edges: np.ndarray | None = None) -> nx.MultiGraph:
    """Nodes and the closed (or these) edges, by row."""
    found = nx.MultiGraph()
    found.add_nodes_from(range(len(grid.network.nodes)))
    for row in np.flatnonzero(grid.closed if edges is None else edges).tolist():
        found.add_edge(int(grid.network.edges.from_node[row]), int(grid.network.edges.to_node[row]), key=row)
    return found


def living(grid: LiveGrid) -> set[int]:
    """Nodes with supply, by connected parts."""
    return set().union(*(p for p in nx.connected_components(graph(grid)) if grid.sources[list(p)].any()))
