"""What indices are computed for: the company as a whole, or each of its lines, transformers or grid cells.

Two counts stand side by side: low-voltage customers, and at medium voltage each distribution transformer as
one equivalent customer (等效用户).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from geo.cells import Cells
from geo.network import ABSENT, EdgeKind, Network, Texts
from geo.tracing import Feeding
from geo.tree import EnergisedTree
from telemetry.absences import single_customer_indices
from telemetry.interruptions import Ledger, distribution_transformers
from telemetry.reliability import Float64, Int32, Period, Table, Totals, dlt836, ieee1366

COMPANY: Final = "company"


class Division(StrEnum):
    """Into what parts."""

    COMPANY = "company"
    LINE = "line"
    """The first line or cable out of a station, with all that hangs on it."""
    TRANSFORMER = "transformer"
    GRID_CELL = "grid_cell"


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """``ids`` of the parts, and to which each customer and transformer belongs."""

    ids: Texts
    """The last one is "": whatever belongs nowhere."""
    of_customer: Int32
    """[numbers of the ledger's customers]"""
    of_edge: Int32
    """[numbers of the ledger's edges]; matters for distribution transformers."""
    customers: Float64
    """[parts] customers served."""
    transformers: Float64
    """[parts] distribution transformers."""


def parts_of(network: Network, division: Division, ledger: Ledger) -> Parts:
    """The parts of the network in force, by its normal switch positions."""
    ids, of_customer, of_edge = _labels(network, division)
    nowhere = len(ids)
    of_customer = np.where(of_customer == ABSENT, nowhere, of_customer).astype(np.int32)
    of_edge = np.where(of_edge == ABSENT, nowhere, of_edge).astype(np.int32)
    counted = distribution_transformers(network)
    return Parts(
        ids=(*ids, ""),
        of_customer=_lengthened(of_customer, len(ledger.customer_ids), nowhere),
        of_edge=_lengthened(of_edge, len(ledger.edge_ids), nowhere),
        customers=np.bincount(of_customer, minlength=nowhere + 1).astype(np.float64),
        transformers=np.bincount(of_edge[counted], minlength=nowhere + 1).astype(np.float64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Tables over the parts."""

    parts: Parts
    ieee1366: Table
    dlt836: Table
    dlt836_medium_voltage: Table


def report(ledger: Ledger, parts: Parts, period: Period) -> Report:
    """Both standards, both counts, and what only single customers can tell."""
    people = Totals.of(ledger.customers.episodes(parts.of_customer), parts.customers, period)
    stations = Totals.of(ledger.transformers.episodes(parts.of_edge), parts.transformers, period)
    single = single_customer_indices(ledger.customers, parts.of_customer, parts.customers, period)
    return Report(
        parts=parts,
        ieee1366=ieee1366(people) | single,
        dlt836=dlt836(people),
        dlt836_medium_voltage=dlt836(stations),
    )


def _labels(network: Network, division: Division) -> tuple[Texts, Int32, Int32]:
    """Ids of the parts, the part of each customer and of each edge; ABSENT where it has none."""
    if division is Division.COMPANY:
        return (COMPANY,), np.zeros(len(network.customers), np.int32), np.zeros(len(network.edges), np.int32)
    if division is Division.GRID_CELL:
        cells = Cells.of(network)
        return cells.ids, cells.of_customer, cells.of_edge
    feeding = Feeding.normal(network)
    heads = _heads(network, feeding.tree, division)
    by_position = _fed_through(feeding.tree, heads)
    names = tuple(network.edges.ids[int(feeding.tree.edge[head])] for head in heads)
    return names, _of_customers(network, feeding.tree, by_position), _of_edges(network, feeding, by_position)


def _heads(network: Network, tree: EnergisedTree, division: Division) -> Sequence[int]:
    """Positions where a part begins, ascending; none lies below another."""
    kind = np.where(tree.edge == ABSENT, ABSENT, network.edges.kind[tree.edge])
    if division is Division.LINE:
        marked = (kind == EdgeKind.LINE) | (kind == EdgeKind.CABLE)
    else:
        marked = (tree.edge != ABSENT) & distribution_transformers(network)[tree.edge]
    heads: list[int] = []
    free = 0
    for position in np.flatnonzero(marked).tolist():
        if position >= free:
            heads.append(position)
            free = int(tree.end[position])
    return heads


def _fed_through(tree: EnergisedTree, heads: Sequence[int]) -> Int32:
    label = np.full(len(tree) + 1, ABSENT, np.int32)
    for number, head in enumerate(heads):
        label[head : tree.end[head]] = number
    return label


def _of_customers(network: Network, tree: EnergisedTree, by_position: Int32) -> Int32:
    """By their first meter."""
    label = np.full(len(network.customers), ABSENT, np.int32)
    meters = np.flatnonzero(network.meters.customer != ABSENT)[::-1]
    label[network.meters.customer[meters]] = by_position[tree.position[network.meters.node[meters]]]
    return label


def _of_edges(network: Network, feeding: Feeding, by_position: Int32) -> Int32:
    """By the end that it feeds; an edge that carries nothing now by either."""
    position = feeding.tree.position
    ends = np.maximum(position[network.edges.from_node], position[network.edges.to_node])
    label: Int32 = by_position[ends]
    return label


def _lengthened(labels: Int32, count: int, nowhere: int) -> Int32:
    """Customers and transformers of former networks belong nowhere."""
    return np.concatenate((labels, np.full(count - len(labels), nowhere, np.int32)))
