"""Transformer areas (台区): what each distribution transformer feeds, in the normal switch positions."""

from dataclasses import dataclass

import numpy as np

from geo.network import ABSENT, Bool, EdgeKind, Int32, Network, NodeKind, TransformerKind
from geo.tree import EnergisedTree, energise
from geo.voltage import LV_BELOW_KV


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Numbers into ``transformer``; ABSENT outside of every area and without supply."""

    transformer: Int32
    """Rows of the transformers' edges."""
    of_node: Int32
    of_edge: Int32

    def of_meter(self, network: Network) -> Int32:
        return self.of_node[network.meters.node]


def areas_of(network: Network, tree: EnergisedTree | None = None) -> Areas:
    """The areas of all distribution transformers; of two in a row the upper one counts."""
    tree = energise(network) if tree is None else tree
    marked = (tree.edge != ABSENT) & distribution_transformers(network)[tree.edge]
    by_position = np.full(len(tree) + 1, ABSENT, np.int32)
    heads: list[int] = []
    free = 0
    for head in np.flatnonzero(marked).tolist():
        if head >= free:
            free = int(tree.end[head])
            by_position[head:free] = len(heads)
            heads.append(head)
    # Position -1 (without supply) reads the entry behind the last position.
    of_node = by_position[tree.position]
    ends = np.maximum(tree.position[network.edges.from_node], tree.position[network.edges.to_node])
    return Areas(tree.edge[heads].astype(np.int32), of_node, by_position[ends])


def distribution_transformers(network: Network) -> Bool:
    """[edges] whether it feeds low voltage, or is one customer's own (专变)."""
    edges, nodes = network.edges, network.nodes
    low = (nodes.kind == NodeKind.TRANSFORMER_LV) | (nodes.voltage_kv < LV_BELOW_KV)
    dedicated = edges.transformer_kind == TransformerKind.DEDICATED
    feeds: Bool = low[edges.from_node] | low[edges.to_node] | dedicated
    counted: Bool = feeds & (edges.kind == EdgeKind.TRANSFORMER)
    return counted
