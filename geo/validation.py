"""What a network must be and should be, as a list of checks over arrays.

Cells and references are checked while they are read (``geo.rows``, ``geo.assemble``); the checks here need
the whole network. What each is called, how bad it is and how it is told stands in ``geo.rules``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from geo.areas import Areas
from geo.errors import Finding
from geo.feeders import Feeders, feeders_of
from geo.geometry import course_gaps, distances_m
from geo.identifiers import COMPANY_ZONE, overlaps, spans
from geo.network import (
    ABSENT,
    SWITCHING_KINDS,
    CustomerClass,
    EdgeKind,
    Identifiers,
    Int32,
    Network,
    NodeKind,
)
from geo.report import MOST_PER_RULE, NO_ROW, Report
from geo.rows import Reader
from geo.topology import components
from geo.tree import EnergisedTree, energise
from geo.voltage import LV_BELOW_KV, low_side

SAME_VOLTAGE: Final = 1.25
"""Nominal and operating values of one level (10 and 10.5 kV, 0.38 and 0.4 kV) differ less than this."""
METER_FAR_M: Final = 1000.0
"""Straight way. Low-voltage supply radii are planned up to 500 m; twice that is worth a look."""
GAP_M: Final = 30.0
"""A course that ends farther away than this from its node was drawn to something else."""
SHORT_SHARE: Final = 0.8
SHORT_SLACK_M: Final = 30.0
"""A length is doubted when it is less than the straight way by more than a fifth and by more than this."""
_DEVICES: Final = [int(kind) for kind in (*sorted(SWITCHING_KINDS), EdgeKind.TRANSFORMER)]

Told = Iterator[tuple[int, Mapping[str, object]]]
"""Row in the check's table (or NO_ROW for none), and the facts of the rule's text."""


@dataclass(eq=False)
class Structure:
    """A network and what several checks need to know of it."""

    network: Network

    @cached_property
    def tree(self) -> EnergisedTree:
        return energise(self.network)

    @cached_property
    def feeders(self) -> Feeders:
        return feeders_of(self.network, self.tree)

    @cached_property
    def areas(self) -> Areas:
        return Areas(self.network, self.tree)

    @cached_property
    def transformers(self) -> Int32:
        return np.flatnonzero(self.network.edges.kind == EdgeKind.TRANSFORMER).astype(np.int32)

    @cached_property
    def low(self) -> Int32:
        return low_side(self.network.nodes, self.network.edges)

    @cached_property
    def zone(self) -> Int32:
        """Per node the galvanic zone: what hangs together without transformers, switches open or not."""
        return components(self.network, self.network.edges.kind != EdgeKind.TRANSFORMER)

    @cached_property
    def meters_through(self) -> Int32:
        """Meters at and below each position."""
        node = self.network.meters.node
        count = np.bincount(node, minlength=len(self.network.nodes))[self.tree.node]
        total = np.concatenate(([0], np.cumsum(count)))
        return (total[self.tree.end] - total[:-1]).astype(np.int32)

    @cached_property
    def degree(self) -> Int32:
        """Ends of edges at each node."""
        edges = self.network.edges
        ends = np.concatenate((edges.from_node, edges.to_node))
        return np.bincount(ends, minlength=len(self.network.nodes)).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Check:
    rule: str
    table: str
    find: Callable[[Structure], Told]


def check_structure(
    structure: Structure, report: Report, readers: Mapping[str, Reader] | None = None
) -> None:
    """Run all checks; ``readers`` let findings name the line where an element was read."""
    for check in CHECKS:
        for row, facts in check.find(structure):
            if row == NO_ROW:
                report.add(check.rule, place=f"{check.table}.csv", facts=facts)
            elif readers is not None:
                readers[check.table].tell(check.rule, row, **facts)
            else:
                element = _element(structure.network, check.table, row)
                report.add(check.rule, element, check.table, None, check.table, row, facts)


def findings_of(network: Network, most: int = MOST_PER_RULE) -> tuple[Finding, ...]:
    """What the checks find in a network that is already stored; places are the tables' names."""
    structure, report = Structure(network), Report(most)
    check_structure(structure, report)
    return report.findings(structure.feeders.name)


def _element(network: Network, table: str, row: int) -> str:
    return str(
        network.identifiers.system[row] if table == "identifiers" else getattr(network, table).ids[row]
    )


def _no_source(on: Structure) -> Told:
    if not (on.network.nodes.kind == NodeKind.SUBSTATION).any():
        yield NO_ROW, {}


def _terminal_elsewhere(on: Structure) -> Told:
    edges, terminals = on.network.edges, on.network.terminals
    for row in np.flatnonzero(edges.kind[terminals.edge] != EdgeKind.TRANSFORMER).tolist():
        yield row, {"edge": edges.ids[terminals.edge[row]]}


def _meter_without_transformer(on: Structure) -> Told:
    network = on.network
    fed = np.zeros(len(network.nodes), np.bool_)
    fed[on.zone[on.low[on.transformers]]] = True
    # A customer of high voltage may be measured on that side (高供高计).
    owner = network.meters.customer
    measured_high = network.customers.customer_class[owner] == CustomerClass.HIGH_VOLTAGE
    for row in np.flatnonzero(~fed[on.zone[network.meters.node]] & ~measured_high).tolist():
        yield row, {"node": network.nodes.ids[network.meters.node[row]]}


def _terminal_of_another_area(on: Structure) -> Told:
    network = on.network
    meters, terminals = network.meters, network.terminals
    collected = np.flatnonzero(meters.terminal != ABSENT)
    watched = terminals.edge[meters.terminal[collected]]
    elsewhere = on.zone[on.low[watched]] != on.zone[meters.node[collected]]
    for row, edge in zip(collected[elsewhere].tolist(), watched[elsewhere].tolist(), strict=True):
        yield row, {"transformer": network.edges.ids[edge]}


def _both_sides(on: Structure) -> Iterator[tuple[int, tuple[str, str] | None]]:
    """Edges that close a loop, with the names of what they join where that is not one feeder or area."""
    network, tree = on.network, on.tree
    sources = np.flatnonzero(tree.parent < 0)
    for row in tree.closing_edges.tolist():
        first, second = int(network.edges.from_node[row]), int(network.edges.to_node[row])
        if first == second:
            continue
        joined = None
        for label, ids in ((on.areas.of_node, network.edges.ids), (on.feeders.of_node, on.feeders.ids)):
            ends = int(label[first]), int(label[second])
            if ends[0] != ends[1] and ABSENT not in ends:
                joined = ids[ends[0]], ids[ends[1]]
        roots = np.searchsorted(sources, tree.position[[first, second]], side="right") - 1
        if joined is None and roots[0] != roots[1]:
            one, other = tree.node[sources[roots]].tolist()
            joined = network.nodes.ids[one], network.nodes.ids[other]
        yield row, joined


def _loops(on: Structure) -> Told:
    for row, joined in _both_sides(on):
        if joined is None:
            yield row, {}


def _two_feeds(on: Structure) -> Told:
    for row, joined in _both_sides(on):
        if joined is not None:
            yield row, {"first": joined[0], "second": joined[1]}


def _same_ends(on: Structure) -> Told:
    edges = on.network.edges
    for row in np.flatnonzero(edges.from_node == edges.to_node).tolist():
        yield row, {"node": on.network.nodes.ids[edges.from_node[row]]}


def _out_of_service(on: Structure) -> Told:
    edges = on.network.edges
    switching = np.isin(edges.kind, [int(kind) for kind in SWITCHING_KINDS])
    for row in np.flatnonzero(~edges.closed & ~switching).tolist():
        yield row, {}


def _orphans(on: Structure) -> Told:
    alone = (on.degree == 0) & (on.network.nodes.kind != NodeKind.SUBSTATION)
    for row in np.flatnonzero(alone).tolist():
        yield row, {}


def _dark_parts(on: Structure) -> Iterator[tuple[int, bool, Mapping[str, object]]]:
    """Per part without supply its first node, whether closing every switch would not help, and its size."""
    dark = np.flatnonzero((on.tree.position < 0) & (on.degree > 0))
    if not len(dark):
        return
    network = on.network
    everywhere = components(network, np.ones(len(network.edges), np.bool_))
    reachable = np.zeros(len(network.nodes), np.bool_)
    reachable[everywhere[network.nodes.kind == NodeKind.SUBSTATION]] = True
    part = components(network, network.edges.closed)[dark]
    _, first, members = np.unique(part, return_index=True, return_counts=True)
    meters = np.bincount(network.meters.node, minlength=len(network.nodes))[dark]
    metered = np.bincount(part, weights=meters)
    for at, count in zip(first.tolist(), members.tolist(), strict=True):
        size = {"nodes": count, "meters": int(metered[part[at]])}
        yield int(dark[at]), not reachable[everywhere[dark[at]]], size


def _islands(on: Structure) -> Told:
    return ((row, size) for row, island, size in _dark_parts(on) if island)


def _unsupplied(on: Structure) -> Told:
    return ((row, size) for row, island, size in _dark_parts(on) if not island)


def _wrong_voltage(on: Structure) -> Told:
    nodes, edges = on.network.nodes, on.network.edges
    first, second = nodes.voltage_kv[edges.from_node], nodes.voltage_kv[edges.to_node]
    low, high = np.minimum(first, second), np.maximum(first, second)
    wrong = (edges.kind != EdgeKind.TRANSFORMER) & (high > low * SAME_VOLTAGE)
    for row in np.flatnonzero(wrong).tolist():
        yield row, {"low_kv": f"{low[row]:g}", "high_kv": f"{high[row]:g}"}


def _wrong_voltage_of_kind(on: Structure) -> Told:
    nodes = on.network.nodes
    low_kinds = [int(kind) for kind in (NodeKind.TRANSFORMER_LV, NodeKind.BRANCH_BOX)]
    wrong = np.isin(nodes.kind, low_kinds) & (nodes.voltage_kv >= LV_BELOW_KV)
    for row in np.flatnonzero(wrong).tolist():
        kind = NodeKind(nodes.kind[row]).name.lower()
        yield row, {"kind": kind, "voltage_kv": f"{nodes.voltage_kv[row]:g}"}


def _upside_down(on: Structure) -> Told:
    network = on.network
    edge = network.terminals.edge
    low_kv = network.nodes.voltage_kv[on.low[edge]]
    wrong = (low_kv >= LV_BELOW_KV) & (network.edges.kind[edge] == EdgeKind.TRANSFORMER)
    for row in np.flatnonzero(wrong).tolist():
        yield row, {"edge": network.edges.ids[edge[row]], "voltage_kv": f"{low_kv[row]:g}"}


def _transformer_without_meters(on: Structure) -> Told:
    fed_by_transformer = np.isin(on.tree.edge, on.transformers) & (on.meters_through == 0)
    for position in np.flatnonzero(fed_by_transformer).tolist():
        yield int(on.tree.edge[position]), {}


def _meter_far(on: Structure) -> Told:
    network = on.network
    transformer = on.areas.of_meter
    fed = np.flatnonzero(transformer != ABSENT)
    away = distances_m(network.nodes, network.meters.node[fed], on.low[transformer[fed]])
    for at in np.flatnonzero(away > METER_FAR_M).tolist():
        name = network.edges.ids[transformer[fed[at]]]
        yield (
            int(fed[at]),
            {"transformer": name, "distance_m": round(away[at]), "limit_m": round(METER_FAR_M)},
        )


def _geometry_gap(on: Structure) -> Told:
    gap = course_gaps(on.network)
    for row in np.flatnonzero(gap > GAP_M).tolist():
        yield row, {"distance_m": round(gap[row])}


def _too_short(on: Structure) -> Told:
    edges = on.network.edges
    straight = distances_m(on.network.nodes, edges.from_node, edges.to_node)
    doubt = (edges.length_m < straight * SHORT_SHARE) & (edges.length_m < straight - SHORT_SLACK_M)
    # A nought at a device says that nobody gave it a length, not that it has none.
    doubt &= (edges.length_m > 0) | ~np.isin(edges.kind, _DEVICES)
    for row in np.flatnonzero(doubt).tolist():
        yield row, {"length_m": f"{edges.length_m[row]:g}", "distance_m": round(straight[row])}


def _customer_without_meter(on: Structure) -> Told:
    metered = np.zeros(len(on.network.customers), np.bool_)
    metered[on.network.meters.customer] = True
    for row in np.flatnonzero(~metered).tolist():
        yield row, {}


def _no_coordinates(on: Structure) -> Told:
    for row in np.flatnonzero(np.isnan(on.network.nodes.lon) | np.isnan(on.network.nodes.lat)).tolist():
        yield row, {}


def _foreign_nobody(on: Structure) -> Told:
    network = on.network
    if not len(network.identifiers):
        return
    named = ("nodes", "edges", "meters", "terminals", "sensors", "customers")
    known = set().union(*(getattr(network, table).ids for table in named))
    for row, own in enumerate(network.identifiers.own_id):
        if own not in known:
            yield row, {"found": own}


def _wrong_span(on: Structure) -> Told:
    for row, (_, span) in enumerate(spans(on.network.identifiers, ZoneInfo(COMPANY_ZONE))):
        if isinstance(span, str):
            yield row, {"problem": span}


def _two_meant(on: Structure) -> Told:
    known = on.network.identifiers
    for row, other in overlaps(known, ZoneInfo(COMPANY_ZONE)):
        yield (
            row,
            {"foreign_id": known.foreign_id[row], "own_id": known.own_id[row], **_validity(known, other)},
        )


def _validity(known: Identifiers, row: int) -> dict[str, str]:
    return {
        "other": str(row + 1),
        "other_id": known.own_id[row],
        "first": known.valid_from[row] or "ever",
        "last": known.valid_to[row] or "now",
    }


CHECKS: Final = (
    Check("no-source", "nodes", _no_source),
    Check("terminal-not-on-transformer", "terminals", _terminal_elsewhere),
    Check("meter-without-transformer", "meters", _meter_without_transformer),
    Check("terminal-of-another-area", "meters", _terminal_of_another_area),
    Check("loop", "edges", _loops),
    Check("two-feeds", "edges", _two_feeds),
    Check("same-ends", "edges", _same_ends),
    Check("out-of-service", "edges", _out_of_service),
    Check("orphan", "nodes", _orphans),
    Check("island", "nodes", _islands),
    Check("unsupplied", "nodes", _unsupplied),
    Check("wrong-voltage", "edges", _wrong_voltage),
    Check("wrong-voltage-of-kind", "nodes", _wrong_voltage_of_kind),
    Check("upside-down", "terminals", _upside_down),
    Check("transformer-without-meters", "edges", _transformer_without_meters),
    Check("meter-far", "meters", _meter_far),
    Check("geometry-gap", "edges", _geometry_gap),
    Check("too-short", "edges", _too_short),
    Check("customer-without-meter", "customers", _customer_without_meter),
    Check("no-coordinates", "nodes", _no_coordinates),
    Check("bad-validity", "identifiers", _wrong_span),
    Check("overlapping-validity", "identifiers", _two_meant),
    Check("unknown-own-id", "identifiers", _foreign_nobody),
)
