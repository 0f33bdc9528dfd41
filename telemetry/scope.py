"""Who and what is out: the projection of a revision onto its network.

A revision names elements; customers, transformers and lines follow from the tree. The same function serves
the map, the notices and the ledger, so that they cannot disagree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from geo.network import ABSENT, Bool, EdgeKind, Int32, Network, Phases
from geo.row_sets import among, distinct, joined, without
from geo.tree import EnergisedTree, below, fed_position
from telemetry.outages import OPEN_STATES, OutageRevision
from telemetry.supply import Switches, positions_of, standing_with, supply_tree


def _nobody() -> Int32:
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class OutageScope:
    """Rows of the network's tables, ascending."""

    customer_rows: Int32
    """All who are out, ``also_out_rows`` with them."""
    also_out_rows: Int32
    """Those out though recorded elsewhere."""
    meter_rows: Int32
    edge_rows: Int32
    """Edges without supply, the cut itself with them."""
    transformer_rows: Int32
    """The transformers among ``edge_rows``."""
    node_rows: Int32
    partial_rows: Int32 = field(default_factory=_nobody)
    """Customers with several phases, some of them lost: disturbed, not out; never in ``customer_rows``."""
    lacking_node_rows: Int32 = field(default_factory=_nobody)
    """Nodes that live on, less the lost phases."""


def tree_of(network: Network, revision: OutageRevision) -> EnergisedTree:
    """The tree that the revision speaks of; for many revisions see ``telemetry.scopes``."""
    return tree_with(network, revision.switches)


def tree_with(network: Network, switches: Switches) -> EnergisedTree:
    """The tree in these positions, with the jumpers and generators that are named among them."""
    stands = standing_with(network, switches)
    return supply_tree(stands, positions_of(stands, switches))


def scope_of(network: Network, tree: EnergisedTree, revision: OutageRevision) -> OutageScope:
    """What is out as of this revision; nothing once it is restored, retracted or merged."""
    if revision.state not in OPEN_STATES:
        return _empty()
    stands = standing_with(network, revision.switches)
    return _recorded(network, _scope_on(stands, tree, revision))


def _scope_on(network: Network, tree: EnergisedTree, revision: OutageRevision) -> OutageScope:
    if revision.phases:
        return phase_scope(
            network, tree, revision.cut, revision.low_phases, revision.restored, revision.also_out,
            revision.not_out,
        )  # fmt: skip
    return cut_scope(network, tree, revision.cut, revision.restored, revision.also_out, revision.not_out)


def _recorded(network: Network, scope: OutageScope) -> OutageScope:
    """Without jumpers and generators, which have no row in the record."""
    nodes, edges = len(network.nodes), len(network.edges)
    return replace(
        scope,
        edge_rows=scope.edge_rows[scope.edge_rows < edges],
        node_rows=scope.node_rows[scope.node_rows < nodes],
        lacking_node_rows=scope.lacking_node_rows[scope.lacking_node_rows < nodes],
    )


def cut_scope(
    network: Network,
    tree: EnergisedTree,
    cut: Iterable[str],
    restored: Iterable[str] = (),
    also_out: Iterable[str] = (),
    not_out: Iterable[str] = (),
) -> OutageScope:
    """What lies below ``cut`` and not below ``restored``, with the exceptions among customers."""
    dead = positions_below(network, tree, cut) & ~positions_below(network, tree, restored)
    meter_rows = meters_at(network, tree, dead)
    owners = network.meters.customer[meter_rows]
    also, spared = _customer_rows(network, also_out), _customer_rows(network, not_out)
    customers = joined(without(distinct(owners), spared), also)
    edges = tree.edge[dead]
    edges = np.sort(edges[edges != ABSENT]).astype(np.int32)
    return OutageScope(
        customer_rows=customers[customers != ABSENT].astype(np.int32),
        also_out_rows=also,
        meter_rows=meter_rows[among(owners, customers)] if len(spared) else meter_rows,
        edge_rows=edges,
        transformer_rows=edges[network.edges.kind[edges] == EdgeKind.TRANSFORMER],
        node_rows=np.sort(tree.node[dead]).astype(np.int32),
    )


def phase_scope(
    network: Network, tree: EnergisedTree, cut: Iterable[str], low_phases: str, restored: Iterable[str] = (),
    also_out: Iterable[str] = (), not_out: Iterable[str] = (),
) -> OutageScope:  # fmt: skip
    """Who lacks the lost phases: customers with one phase are out, those with several are partial.

    A customer is out if any of their meters is; elements live on, so none of them counts as dead. Meters of
    unknown phase are recorded with all three: they are out only where ``also_out`` names their customer.
    """
    lacking = positions_below(network, tree, cut) & ~positions_below(network, tree, restored)
    meter_rows = meters_at(network, tree, lacking)
    low = sum(int(Phases[letter]) for letter in low_phases)
    phases, owner = network.meters.phases[meter_rows], network.meters.customer[meter_rows]
    single = np.isin(phases, (Phases.A, Phases.B, Phases.C))
    hit = (phases & low) > 0
    also = _customer_rows(network, also_out)
    out = np.setdiff1d(np.unique(owner[single & hit]), _customer_rows(network, not_out))
    out = np.union1d(out, also)
    partial = np.setdiff1d(np.unique(owner[~single & hit]), out)
    return OutageScope(
        customer_rows=out[out != ABSENT].astype(np.int32),
        also_out_rows=also,
        meter_rows=meter_rows[single & hit & np.isin(owner, out)],
        edge_rows=_nobody(),
        transformer_rows=_nobody(),
        node_rows=_nobody(),
        partial_rows=partial[partial != ABSENT].astype(np.int32),
        lacking_node_rows=np.sort(tree.node[lacking]).astype(np.int32),
    )


def positions_below(network: Network, tree: EnergisedTree, elements: Iterable[str]) -> Bool:
    """Mask over tree positions: everything fed through these edges (or source nodes)."""
    change = np.zeros(len(tree) + 1, np.int32)
    for element in elements:
        part = slice_below(network, tree, element)
        change[part.start] += 1
        change[part.stop] -= 1
    return np.cumsum(change[:-1]) > 0


def slice_below(network: Network, tree: EnergisedTree, element: str) -> slice:
    """Positions fed through an edge or node id; empty where it is unknown or has no supply."""
    edge = network.edge_row.get(element)
    if edge is not None:
        position = fed_position(network, tree, edge)
        return slice(position, int(tree.end[position])) if position >= 0 else slice(0, 0)
    node = network.node_row.get(element)
    return slice(0, 0) if node is None else below(tree, node)


def meters_at(network: Network, tree: EnergisedTree, dead: Bool) -> Int32:
    """Rows of the meters that hang on the masked positions."""
    position = tree.position[network.meters.node]
    return np.flatnonzero((position >= 0) & dead[position]).astype(np.int32)


def _customer_rows(network: Network, ids: Iterable[str]) -> Int32:
    known = (network.customer_row.get(identifier) for identifier in ids)
    return np.array(sorted({row for row in known if row is not None}), np.int32)


def _empty() -> OutageScope:
    none = _nobody()
    return OutageScope(none, none, none, none, none, none)
