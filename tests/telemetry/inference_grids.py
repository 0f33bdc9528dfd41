"""Small networks for the tests of the inference, drawn by hand or at random."""

from collections.abc import Sequence

import numpy as np

from geo.network import (
    Customers,
    EdgeKind,
    Edges,
    Meters,
    Network,
    NodeKind,
    Nodes,
    Sensors,
    Terminals,
)

NOW_MS = 1_700_000_000_000


def _zeros(rows: int) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.zeros(rows, dtype=np.int8)


def radial(
    parent: Sequence[int],
    kinds: Sequence[EdgeKind],
    meter_nodes: Sequence[int],
    terminal_edges: Sequence[int] = (),
    extra_edges: Sequence[tuple[int, int]] = (),
) -> Network:
    """Node 0 is the source; edge ``i − 1`` feeds node i from ``parent[i]``; one customer per meter.

    Nodes below a transformer are at 0.4 kV. ``extra_edges`` are closed lines that make loops.
    """
    count = len(parent)
    from_node = [*parent[1:], *(pair[0] for pair in extra_edges)]
    to_node = [*range(1, count), *(pair[1] for pair in extra_edges)]
    edge_kind = [*kinds, *(EdgeKind.LINE for _ in extra_edges)]
    edges, meters = len(from_node), len(meter_nodes)
    voltage = [10.0] * count
    for node in range(1, count):
        low = voltage[parent[node]] < 1 or edge_kind[node - 1] == EdgeKind.TRANSFORMER
        voltage[node] = 0.4 if low else 10.0
    node_kind = [NodeKind.SUBSTATION] + [NodeKind.JUNCTION] * (count - 1)
    return Network(
        nodes=Nodes(
            ids=tuple(f"n{node}" for node in range(count)),
            kind=np.array(node_kind, dtype=np.int8),
            name=("",) * count,
            lon=120.0 + 1e-3 * np.arange(count, dtype=np.float64),
            lat=np.full(count, 30.0),
            voltage_kv=np.array(voltage),
        ),
        edges=Edges(
            ids=tuple(f"e{edge}" for edge in range(edges)),
            kind=np.array(edge_kind, dtype=np.int8),
            from_node=np.array(from_node, dtype=np.int32),
            to_node=np.array(to_node, dtype=np.int32),
            closed=np.ones(edges, dtype=np.bool_),
            phases=np.full(edges, 7, dtype=np.int8),
            length_m=np.full(edges, 100.0),
            name=("",) * edges,
            rated_kva=np.full(edges, np.nan),
            transformer_kind=_zeros(edges),
        ),
        meters=Meters(
            ids=tuple(f"m{meter}" for meter in range(meters)),
            node=np.array(meter_nodes, dtype=np.int32),
            customer=np.arange(meters, dtype=np.int32),
            phases=np.full(meters, 7, dtype=np.int8),
            terminal=np.full(meters, -1, dtype=np.int32),
        ),
        terminals=Terminals(
            ids=tuple(f"t{terminal}" for terminal in range(len(terminal_edges))),
            edge=np.array(terminal_edges, dtype=np.int32),
        ),
        sensors=Sensors(ids=(), edge=np.zeros(0, dtype=np.int32), kind=_zeros(0)),
        customers=Customers(
            ids=tuple(f"c{meter}" for meter in range(meters)),
            name=("",) * meters,
            customer_class=_zeros(meters),
            priority=_zeros(meters),
            phone=("",) * meters,
            address=("",) * meters,
            grid=("",) * meters,
            access_point=np.full(meters, -1, dtype=np.int32),
        ),
        content_hash="0" * 16,
    )


def two_areas(meters_per_branch: int = 5) -> Network:
    """source – e0 line – n1; e1 and e2 transformers to n2 and n3; two branches each (e3, e4 | e5, e6).

    Meters 0 … are spread in order over n4, n5 (first area) and n6, n7 (second); each transformer is watched.
    """
    branch, transformer = EdgeKind.LINE, EdgeKind.TRANSFORMER
    return radial(
        parent=(-1, 0, 1, 1, 2, 2, 3, 3),
        kinds=(branch, transformer, transformer, branch, branch, branch, branch),
        meter_nodes=[node for node in (4, 5, 6, 7) for _ in range(meters_per_branch)],
        terminal_edges=(1, 2),
    )


def random_network(rng: np.random.Generator, nodes: int, meters: int, terminals: bool) -> Network:
    """A random tree with transformers anywhere and meters anywhere but at the source."""
    parent = [-1] + [int(rng.integers(max(0, node - 3), node)) for node in range(1, nodes)]
    kinds = [EdgeKind(int(kind)) for kind in rng.choice([0, 0, 1, 5], size=nodes - 1)]
    watched = [edge for edge, kind in enumerate(kinds) if kind == EdgeKind.TRANSFORMER and rng.random() < 0.7]
    places = [int(node) for node in rng.integers(1, nodes, size=meters)]
    return radial(parent, kinds, places, watched if terminals else ())
