"""What a network must be and should be, as a list of checks over arrays.

Cells and references are checked while they are read (``geo.rows``, ``geo.assemble``); the checks here need
the whole network. An error refuses it; a warning tells what its owner may want to mend.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from geo.errors import Severity
from geo.identifiers import COMPANY_ZONE, overlaps, spans
from geo.network import ABSENT, SWITCHING_KINDS, EdgeKind, Identifiers, Int32, Network, NodeKind
from geo.rows import Reader
from geo.topology import components
from geo.tree import EnergisedTree, energise
from geo.voltage import low_side

Told = Iterator[tuple[int, str]]
"""Row in the check's table, and what is wrong there."""


@dataclass(eq=False)
class Structure:
    """A network and what several checks need to know of it."""

    network: Network

    @cached_property
    def tree(self) -> EnergisedTree:
        return energise(self.network)

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


@dataclass(frozen=True, slots=True)
class Check:
    rule: str
    severity: Severity
    table: str
    find: Callable[[Structure], Told]


def check_structure(network: Network, readers: Mapping[str, Reader]) -> None:
    """Run all checks; findings name the line where the element was read."""
    structure = Structure(network)
    for check in CHECKS:
        reader = readers[check.table]
        tell = reader.tell if check.severity is Severity.ERROR else reader.warn
        for row, message in check.find(structure):
            tell(check.rule, row, message)


def _no_source(on: Structure) -> Told:
    if not (on.network.nodes.kind == NodeKind.SUBSTATION).any():
        yield 0, "no node is a substation, so nothing is supplied"


def _terminal_elsewhere(on: Structure) -> Told:
    edges, terminals = on.network.edges, on.network.terminals
    for row in np.flatnonzero(edges.kind[terminals.edge] != EdgeKind.TRANSFORMER):
        yield int(row), f"it watches {edges.ids[terminals.edge[row]]!r}, which is no transformer"


def _meter_without_transformer(on: Structure) -> Told:
    network = on.network
    fed = np.zeros(len(network.nodes), np.bool_)
    fed[on.zone[on.low[on.transformers]]] = True
    for row in np.flatnonzero(~fed[on.zone[network.meters.node]]):
        yield (
            int(row),
            f"it hangs on {network.nodes.ids[network.meters.node[row]]!r}, which no transformer feeds",
        )


def _terminal_of_another_area(on: Structure) -> Told:
    network = on.network
    meters, terminals = network.meters, network.terminals
    for row in np.flatnonzero(meters.terminal != ABSENT):
        transformer = terminals.edge[meters.terminal[row]]
        if on.zone[on.low[transformer]] != on.zone[meters.node[row]]:
            name = network.edges.ids[transformer]
            yield int(row), f"its terminal watches {name!r}, which does not feed its node"


def _loops(on: Structure) -> Told:
    edges = on.network.edges
    for row in on.tree.closing_edges.tolist():
        yield row, "it closes a loop (or joins two sources); losing one side will interrupt nobody"
    for row in np.flatnonzero(edges.from_node == edges.to_node).tolist():
        yield row, "both its ends are the same node"


def _out_of_service(on: Structure) -> Told:
    edges = on.network.edges
    switching = np.isin(edges.kind, [int(kind) for kind in SWITCHING_KINDS])
    for row in np.flatnonzero(~edges.closed & ~switching):
        yield int(row), "it is no switch but not closed; it counts as out of service"


def _unsupplied(on: Structure) -> Told:
    dark = np.flatnonzero(on.tree.position < 0)
    if not len(dark):
        return
    island = components(on.network, on.network.edges.closed)[dark]
    _, first, members = np.unique(island, return_index=True, return_counts=True)
    meters = np.bincount(on.network.meters.node, minlength=len(on.network.nodes))[dark]
    metered = np.bincount(island, weights=meters)
    for at, count in zip(first.tolist(), members.tolist(), strict=True):
        yield (
            int(dark[at]),
            f"no source reaches it ({count} nodes, {int(metered[island[at]])} meters together)",
        )


def _transformer_without_meters(on: Structure) -> Told:
    fed_by_transformer = np.flatnonzero(np.isin(on.tree.edge, on.transformers) & (on.meters_through == 0))
    for position in fed_by_transformer.tolist():
        yield int(on.tree.edge[position]), "no meter hangs below it"


def _customer_without_meter(on: Structure) -> Told:
    metered = np.zeros(len(on.network.customers), np.bool_)
    metered[on.network.meters.customer] = True
    for row in np.flatnonzero(~metered):
        yield int(row), "this customer has no meter"


def _no_coordinates(on: Structure) -> Told:
    for row in np.flatnonzero(np.isnan(on.network.nodes.lon) | np.isnan(on.network.nodes.lat)):
        yield int(row), "it has no coordinates and will not be on the map"


def _foreign_nobody(on: Structure) -> Told:
    network = on.network
    tables = (
        network.nodes,
        network.edges,
        network.meters,
        network.terminals,
        network.sensors,
        network.customers,
    )
    known = set().union(*(table.ids for table in tables))
    for row, own in enumerate(network.identifiers.own_id):
        if own not in known:
            yield row, f"own_id names {own!r}, which does not exist"


def _wrong_span(on: Structure) -> Told:
    for row, (_, span) in enumerate(spans(on.network.identifiers, ZoneInfo(COMPANY_ZONE))):
        if isinstance(span, str):
            yield row, span


def _two_meant(on: Structure) -> Told:
    known = on.network.identifiers
    for row, other in overlaps(known, ZoneInfo(COMPANY_ZONE)):
        earlier = f"row {other + 1} ({_validity(known, other)}) still names {known.own_id[other]!r}"
        message = f"{known.foreign_id[row]!r} names {known.own_id[row]!r} while {earlier}"
        yield row, f"{message}; expected one own_id at a time"


def _validity(known: Identifiers, row: int) -> str:
    return f"from {known.valid_from[row] or 'ever'} to {known.valid_to[row] or 'now'}"


CHECKS: Final = (
    Check("no-source", Severity.ERROR, "nodes", _no_source),
    Check("terminal-not-on-transformer", Severity.ERROR, "terminals", _terminal_elsewhere),
    Check("meter-without-transformer", Severity.ERROR, "meters", _meter_without_transformer),
    Check("terminal-of-another-area", Severity.WARNING, "meters", _terminal_of_another_area),
    Check("loop", Severity.WARNING, "edges", _loops),
    Check("out-of-service", Severity.WARNING, "edges", _out_of_service),
    Check("unsupplied", Severity.WARNING, "nodes", _unsupplied),
    Check("transformer-without-meters", Severity.WARNING, "edges", _transformer_without_meters),
    Check("customer-without-meter", Severity.WARNING, "customers", _customer_without_meter),
    Check("no-coordinates", Severity.WARNING, "nodes", _no_coordinates),
    Check("bad-validity", Severity.ERROR, "identifiers", _wrong_span),
    Check("overlapping-validity", Severity.ERROR, "identifiers", _two_meant),
    Check("unknown-own-id", Severity.WARNING, "identifiers", _foreign_nobody),
)
