"""From tables of text to a network: every cell read, every reference resolved, every doubt told.

Whoever brings a network (a folder of CSV files, a foreign library) makes the tables of ``geo.doors`` and
comes through here, so that all networks pass the same checks (INT-03).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Final

import numpy as np

from geo import doors
from geo.completing import completed
from geo.errors import Finding, NetworkRefused
from geo.feeders import Feeders
from geo.fingerprint import content_hash
from geo.judging import judge
from geo.network import (
    ABSENT,
    Customers,
    Edges,
    Identifiers,
    Int32,
    Meters,
    Network,
    Nodes,
    Sensors,
    Terminals,
    Texts,
)
from geo.report import Report
from geo.rows import Reader, Table
from geo.rules import Severity
from geo.validation import Structure, check_structure
from geo.voltage import low_side

Tables = Mapping[str, Table]
"""Tables by the name of their door; one that may be absent may be missing."""
MOST_ROUNDS: Final = 20
"""Setting a row aside may leave others without what they name, at most so often in a row."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What came of the tables: a network, or None where ``findings`` holds errors."""

    network: Network | None
    findings: tuple[Finding, ...]
    judged: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Per feeder, '' for what belongs to none: how often each rule was broken, rows set aside included."""
    set_aside: int = 0
    """Rows that were left out, because of an error in them or in what they name."""

    def accepted(self) -> Network:
        """The network; raises ``NetworkRefused`` where there is none."""
        if self.network is None:
            raise NetworkRefused(self.findings)
        return self.network


def assemble(tables: Tables, report: Report | None = None, set_aside: bool = False) -> Assembled:
    """Read all tables; ``report`` may bring what was already found while they were loaded.

    An error refuses the network; with ``set_aside`` the rows that hold one, and those that name them, are
    left out instead and told with the feeder that they would belong to, so that others can go on.
    """
    report = report or Report()
    tables = completed(tables, report)
    found = Report()
    built = _build(tables, found)
    if built is not None and not found.refused and not report.refused:
        report.take(found)
        return _assembled(built, tables, tables, report)
    if set_aside:
        return _of_the_rest(tables, report, found)
    report.take(found)
    return Assembled(None, report.findings())


@dataclass(frozen=True, slots=True)
class _Built:
    network: Network
    feeders: Feeders


def _build(tables: Tables, report: Report) -> _Built | None:
    """None where the tables cannot be read; to be used only while the report refuses nothing."""
    readers = _readers(tables, report)
    if readers is None:
        return None
    network = _read(readers)
    if report.refused:
        return None
    structure = Structure(network)
    check_structure(structure, report, readers)
    return _Built(replace(network, content_hash=content_hash(network)), structure.feeders)


def _of_the_rest(tables: Tables, report: Report, found: Report) -> Assembled:
    """The network of the rows without errors; none where an error is not of a row, or nothing is left."""
    remaining = dict(tables)
    for _ in range(MOST_ROUNDS):
        # Warnings come again, of the rows that remain; errors do not.
        report.take(found, Severity.ERROR)
        if report.blocked:
            break
        bad = report.rows_with_errors()
        remaining = {name: rows.without(bad.get(name, frozenset())) for name, rows in remaining.items()}
        found = Report()
        built = _build(remaining, found)
        if built is not None and not found.refused:
            report.take(found)
            return _assembled(built, tables, remaining, report)
    return Assembled(None, report.findings())


def _assembled(built: _Built, tables: Tables, remaining: Tables, report: Report) -> Assembled:
    judged, feeder = judge(built.feeders, tables, remaining, report)
    return Assembled(built.network, report.findings(feeder), judged, report.rows_lost)


def _readers(tables: Tables, report: Report) -> dict[str, Reader] | None:
    readers: dict[str, Reader] = {}
    complete = True
    for door in doors.DOORS:
        found = tables.get(door.name)
        if found is None and not door.may_be_absent:
            named = door.file if _are_files(tables) else door.name
            report.add("missing-table", place=named, facts={"file": named})
            complete = False
            continue
        empty = Table(door.file, dict.fromkeys(door.columns, ()))
        reader = Reader(door, found if found is not None else empty, report)
        complete &= reader.complete()
        if not len(reader) and not door.may_be_absent and door is not doors.METERS:
            report.add("empty-table", place=reader.source.place, facts={"file": door.file})
            complete = False
        readers[door.name] = reader
    return readers if complete else None


def _are_files(tables: Tables) -> bool:
    """Whether they are a folder of ours: a drawing or a model has no file of each name."""
    return all(found.place.endswith(".csv") for found in tables.values())


def _read(readers: Mapping[str, Reader]) -> Network:
    devices: dict[str, str] = {}
    nodes = _nodes(readers["nodes"])
    node_row = _rows(nodes.ids)
    edges = _edges(readers["edges"], node_row, devices)
    terminals = _terminals(readers["terminals"], edges, devices)
    customers = _customers(readers["customers"], node_row)
    return Network(
        nodes=nodes,
        edges=edges,
        meters=_meters(readers["meters"], nodes, edges, terminals, customers, devices),
        terminals=terminals,
        sensors=_sensors(readers["sensors"], edges, devices),
        customers=customers,
        content_hash="",
        identifiers=_identifiers(readers["identifiers"]),
    )


def _rows(ids: Texts) -> dict[str, int]:
    return dict(zip(ids, range(len(ids)), strict=True))


def _nodes(read: Reader) -> Nodes:
    return Nodes(
        ids=read.identifiers({}),
        kind=read.kinds("kind", doors.NODE_KINDS),
        name=read.texts("name"),
        lon=read.numbers("lon", -180, 180),
        lat=read.numbers("lat", -90, 90),
        voltage_kv=read.numbers("voltage_kv", 0, 1200),
        extra=read.extra(),
    )


def _edges(read: Reader, node_row: Mapping[str, int], taken: dict[str, str]) -> Edges:
    return Edges(
        ids=read.identifiers(taken),
        kind=read.kinds("kind", doors.EDGE_KINDS),
        from_node=read.references("from_id", node_row, "dangling-edge"),
        to_node=read.references("to_id", node_row, "dangling-edge"),
        closed=read.flags("closed", doors.FLAGS),
        phases=read.kinds("phases", doors.PHASES, "bad-phases"),
        length_m=read.numbers("length_m", 0, 1e7),
        name=read.texts("name"),
        rated_kva=read.numbers("rated_kva", 0, 1e7),
        transformer_kind=read.kinds("transformer_kind", doors.TRANSFORMER_KINDS),
        extra=read.extra(),
    )


def _terminals(read: Reader, edges: Edges, taken: dict[str, str]) -> Terminals:
    return Terminals(
        ids=read.identifiers(taken),
        edge=read.references("edge_id", _rows(edges.ids), "unknown-edge"),
        extra=read.extra(),
    )


def _sensors(read: Reader, edges: Edges, taken: dict[str, str]) -> Sensors:
    return Sensors(
        ids=read.identifiers(taken),
        edge=read.references("edge_id", _rows(edges.ids), "unknown-edge"),
        kind=read.kinds("kind", doors.SENSOR_KINDS),
        extra=read.extra(),
    )


def _customers(read: Reader, node_row: Mapping[str, int]) -> Customers:
    return Customers(
        ids=read.identifiers({}),
        name=read.texts("name"),
        customer_class=read.kinds("class", doors.CUSTOMER_CLASSES),
        priority=read.kinds("priority", doors.PRIORITIES),
        phone=read.texts("phone"),
        address=read.texts("address"),
        grid=read.texts("grid_id"),
        access_point=read.references("access_point_id", node_row, "unknown-node", optional=True),
        extra=read.extra(),
    )


def _meters(
    read: Reader,
    nodes: Nodes,
    edges: Edges,
    terminals: Terminals,
    customers: Customers,
    taken: dict[str, str],
) -> Meters:
    terminal = read.references("terminal_id", _rows(terminals.ids), "unknown-terminal", optional=True)
    return Meters(
        ids=read.identifiers(taken),
        node=_places(read, nodes, edges, terminals, terminal),
        customer=read.references("customer_id", _rows(customers.ids), "unknown-customer"),
        phases=read.kinds("phases", doors.PHASES, "bad-phases"),
        terminal=terminal,
        extra=read.extra(),
    )


def _places(read: Reader, nodes: Nodes, edges: Edges, terminals: Terminals, terminal: Int32) -> Int32:
    """The node of every meter; where only its transformer is known, that transformer's low side (a star)."""
    cells = read.texts("node_id")
    node_row = _rows(nodes.ids)
    node = np.fromiter(map(node_row.get, cells, repeat(ABSENT)), np.int32, len(cells))
    lost = np.flatnonzero(node == ABSENT).tolist()
    if not lost:
        return node
    edge_row, terminal_row, low = _rows(edges.ids), _rows(terminals.ids), low_side(nodes, edges)
    for row in lost:
        transformer = _transformer_named(cells[row], edge_row, terminal_row, terminals, int(terminal[row]))
        if transformer == ABSENT:
            _tell_lost(read, row, cells[row])
            continue
        node[row] = low[transformer]
        read.tell("place-unknown", row, transformer=edges.ids[transformer])
    return node


def _tell_lost(read: Reader, row: int, cell: str) -> None:
    if cell:
        read.tell("unknown-node", row, column="node_id", found=cell)
    else:
        read.tell("meter-without-place", row)


def _transformer_named(
    cell: str,
    edge_row: Mapping[str, int],
    terminal_row: Mapping[str, int],
    terminals: Terminals,
    terminal: int,
) -> int:
    if cell:
        terminal = terminal_row.get(cell, ABSENT)
        if terminal == ABSENT:
            return edge_row.get(cell, ABSENT)
    return ABSENT if terminal == ABSENT else int(terminals.edge[terminal])


def _identifiers(read: Reader) -> Identifiers:
    return Identifiers(
        system=read.texts("system"),
        foreign_id=read.texts("foreign_id"),
        own_id=read.texts("own_id"),
        valid_from=read.texts("from"),
        valid_to=read.texts("to"),
        extra=read.extra(),
    )
