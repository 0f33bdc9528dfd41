"""Where meters truly hang: a seeded share of the records names a transformer area near the true one.

The meter stays in the archive of the terminal that the record names and answers it by crosstalk over the
neighbouring cables, which is how such records come to be; its supply is that of its true place.
"""

from dataclasses import dataclass

import numpy as np

from geo.network import ABSENT, EdgeKind, Float64, Int32, Network, NodeKind, TransformerKind

NEAR_AREAS = 3
"""A wrong record names one of this many nearest areas."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    node: Int32
    """For every meter row: the node where it truly hangs."""
    area: Int32
    """For every meter row: the terminal row of its true area, or ABSENT."""
    wrong: Int32
    """Meter rows whose record names another place, ascending."""


def terminal_nodes(network: Network) -> Int32:
    """For every terminal row: the low-voltage node of the transformer that it watches."""
    edges, kinds = network.edges, network.nodes.kind
    start, end = edges.from_node[network.terminals.edge], edges.to_node[network.terminals.edge]
    volts = network.nodes.voltage_kv
    turned = (volts[start] < volts[end]) | (
        (kinds[start] == NodeKind.TRANSFORMER_LV) & (kinds[end] != NodeKind.TRANSFORMER_LV)
    )
    return np.where(turned, start, end).astype(np.int32)


def true_places(network: Network, share: float, seed: int) -> Places:
    """The record's places, but for ``share`` of the meters of public areas moved to a near area."""
    rng = np.random.default_rng([seed, 1])
    node, area = network.meters.node.copy(), network.meters.terminal.copy()
    members = _public_members(network)
    movable = np.concatenate([*members.values(), np.empty(0, np.int32)])
    wrong = np.empty(0, np.int32)
    if len(members) > 1:
        wrong = np.sort(rng.permutation(movable)[: round(share * len(movable))]).astype(np.int32)
    near = _near_areas(network, list(members))
    for meter in wrong:
        target = int(rng.choice(near[int(network.meters.terminal[meter])]))
        area[meter] = target
        node[meter] = network.meters.node[rng.choice(members[target])]
    return Places(node, area, wrong)


def _public_members(network: Network) -> dict[int, Int32]:
    """Meter rows by the terminal of their public area; a customer's own transformer has no neighbours."""
    edge = network.terminals.edge
    public = network.edges.transformer_kind[edge] != TransformerKind.DEDICATED
    public &= network.edges.kind[edge] == EdgeKind.TRANSFORMER
    terminal = network.meters.terminal
    order = np.argsort(terminal, kind="stable").astype(np.int32)
    order = order[terminal[order] != ABSENT]
    rows, starts = np.unique(terminal[order], return_index=True)
    groups = np.split(order, starts[1:])
    return {int(row): group for row, group in zip(rows, groups, strict=False) if public[row]}


def _near_areas(network: Network, areas: list[int]) -> dict[int, list[int]]:
    nodes = terminal_nodes(network)
    rank = np.arange(len(nodes), dtype=np.float64)
    result: dict[int, list[int]] = {}
    for area in areas:
        others = [other for other in areas if other != area]
        apart = _apart(network, nodes, area, others)
        apart = np.where(np.isnan(apart), 1e9 + np.abs(rank[others] - area), apart)
        result[area] = [others[index] for index in np.argsort(apart, kind="stable")[:NEAR_AREAS]]
    return result


def _apart(network: Network, nodes: Int32, area: int, others: list[int]) -> Float64:
    """Squared degrees, longitude shortened by the latitude; enough to tell near from far."""
    lon, lat = network.nodes.lon[nodes], network.nodes.lat[nodes]
    east = (lon[others] - lon[area]) * np.cos(np.radians(lat[area]))
    squared: Float64 = east**2 + (lat[others] - lat[area]) ** 2
    return squared
