"""What indices are computed for: the company as a whole, or each of its lines, transformers or grid cells.

Two counts stand side by side: low-voltage customers, and at medium voltage each distribution transformer as
one equivalent customer (等效用户).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.cells import Cells
from geo.feeders import feeders_of
from geo.network import ABSENT, Bool, EdgeKind, Network, Texts, TransformerKind
from telemetry.absences import single_customer_indices
from telemetry.interruptions import Ledger
from telemetry.reliability import Float64, Int32, Period, Table, Totals, dlt836, ieee1366

COMPANY: Final = "company"


class Division(StrEnum):
    """Into what parts."""

    COMPANY = "company"
    LINE = "line"
    """A feeder: the first switch (or line) out of a station, with all that hangs on it."""
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
    if division is Division.LINE:
        feeders = feeders_of(network)
        return feeders.ids, feeders.of("customers"), feeders.of_edge
    areas = Areas(network)
    ids = tuple(network.edges.ids[row] for row in areas.distribution.tolist())
    number = np.full(len(network.edges) + 1, ABSENT, np.int32)
    number[areas.distribution] = np.arange(len(ids))
    return ids, _of_customers(network, number[areas.of_meter]), number[areas.of_edge]


def _of_customers(network: Network, of_meter: Int32) -> Int32:
    """By their first meter."""
    label = np.full(len(network.customers), ABSENT, np.int32)
    meters = np.flatnonzero(network.meters.customer != ABSENT)[::-1]
    label[network.meters.customer[meters]] = of_meter[meters]
    return label


def distribution_transformers(network: Network) -> Bool:
    """[edges] whether it counts in medium-voltage statistics: public ones, and one customer's own (专变)."""
    edges = network.edges
    counted: Bool = (edges.transformer_kind == TransformerKind.DEDICATED) & (
        edges.kind == EdgeKind.TRANSFORMER
    )
    counted[Areas(network).distribution] = True
    return counted


def _lengthened(labels: Int32, count: int, nowhere: int) -> Int32:
    """Customers and transformers of former networks belong nowhere."""
    return np.concatenate((labels, np.full(count - len(labels), nowhere, np.int32)))
