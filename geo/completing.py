"""Partial exports made whole: a list of transformer areas and customers becomes stars, and each is told.

A transformer without a low-voltage node gets one; a customer of whom only the transformer is known gets a
meter, so that calls find them; where no list of customers came, those that meters name are made. Nothing that
the source says is changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from geo import doors
from geo.network import Texts
from geo.report import Report
from geo.rows import Table

TRANSFORMER_COLUMN: Final = "transformer_id"
"""Column of customers.csv: the transformer (or its terminal) that feeds a customer without a meter."""
LOW_VOLTAGE_KV: Final = "0.4"


def completed(tables: Mapping[str, Table], report: Report) -> dict[str, Table]:
    """The tables with what had to be made; each made row stands where the row stood that needed it."""
    whole = dict(tables)
    nodes, edges = whole.get("nodes"), whole.get("edges")
    if nodes is not None and edges is not None:
        whole["nodes"], whole["edges"] = _low_sides(nodes, edges, report)
    customers = whole.get("customers")
    if customers is None and "meters" in whole:
        whole |= _customers(whole["meters"], report)
    elif customers is not None and TRANSFORMER_COLUMN in customers.columns:
        empty = Table(doors.METERS.file, dict.fromkeys(doors.METERS.columns, ()))
        whole["meters"] = _meters(whole.get("meters", empty), customers, report)
    return whole


@dataclass(frozen=True, slots=True)
class _Made:
    """A row, and the row of another table that it was made for."""

    cells: Mapping[str, str]
    row: int


def _low_sides(nodes: Table, edges: Table, report: Report) -> tuple[Table, Table]:
    if not {"id", "kind", "from_id", "to_id"} <= set(edges.columns) or "id" not in nodes.columns:
        return nodes, edges
    lacking = [
        row
        for row, (kind, end) in enumerate(zip(edges.columns["kind"], edges.columns["to_id"], strict=True))
        if not end.strip() and kind.strip() == "transformer"
    ]
    if not lacking:
        return nodes, edges
    made = list(_low_nodes(nodes, edges, lacking))
    ends = list(edges.columns["to_id"])
    for node in made:
        ends[node.row] = node.cells["id"]
        _tell(edges, node.row, "low-side-made", "edges", {"node": node.cells["id"]}, report)
    joined = Table(edges.place, {**edges.columns, "to_id": tuple(ends)}, edges.lines, edges.places)
    return _appended(nodes, made, edges), joined


def _low_nodes(nodes: Table, edges: Table, rows: Sequence[int]) -> Iterator[_Made]:
    """One low-voltage node where each transformer stands, else beside its high side."""
    stands = {identifier.strip(): row for row, identifier in enumerate(nodes.columns["id"])}
    taken = set(stands)
    for row in rows:
        identifier = _free(f"{edges.columns['id'][row].strip()}-LV", taken)
        high = stands.get(edges.columns["from_id"][row].strip())
        place = _place(edges, row) or ({} if high is None else _place(nodes, high))
        kind = {"kind": "transformer_lv", "voltage_kv": LOW_VOLTAGE_KV}
        yield _Made({"id": identifier, **kind, **place}, row)


def _place(table: Table, row: int) -> dict[str, str]:
    """Where a row says that it stands; nothing where it does not."""
    found = {name: table.columns[name][row] for name in ("lon", "lat") if name in table.columns}
    return found if all(cell.strip() for cell in found.values()) else {}


def _meters(meters: Table, customers: Table, report: Report) -> Table:
    if not {"id", "customer_id"} <= set(meters.columns) or "id" not in customers.columns:
        return meters
    metered = {customer.strip() for customer in meters.columns["customer_id"]}
    taken = {identifier.strip() for identifier in meters.columns["id"]}
    made = []
    pairs = zip(customers.columns["id"], customers.columns[TRANSFORMER_COLUMN], strict=True)
    for row, (customer, transformer) in enumerate(pairs):
        if transformer.strip() and customer.strip() not in metered:
            identifier = _free(f"{customer.strip()}-M", taken)
            cells = {"id": identifier, "node_id": transformer, "customer_id": customer}
            made.append(_Made(cells, row))
            _tell(customers, row, "meter-made", "customers", {"meter": identifier}, report)
    return _appended(meters, made, customers) if made else meters


def _customers(meters: Table, report: Report) -> dict[str, Table]:
    """Those that meters name, where nobody says more of them; none where they name none."""
    if not {"id", "customer_id"} <= set(meters.columns):
        return {}
    first = {
        customer: row
        for row, cell in reversed([*enumerate(meters.columns["customer_id"])])
        if (customer := cell.strip())
    }
    made = [_Made({"id": customer}, row) for customer, row in sorted(first.items(), key=itemgetter(1))]
    for one in made:
        _tell(meters, one.row, "customer-made", "meters", {"customer": one.cells["id"]}, report)
    empty = Table(doors.CUSTOMERS.file, dict.fromkeys(doors.CUSTOMERS.columns, ()))
    return {"customers": _appended(empty, made, meters)} if made else {}


def _appended(table: Table, made: Sequence[_Made], source: Table) -> Table:
    columns: dict[str, Texts] = {
        name: (*cells, *(row.cells.get(name, "") for row in made)) for name, cells in table.columns.items()
    }
    lines = [
        *(table.line(row) or 0 for row in range(len(table))),
        *(source.line(row.row) or 0 for row in made),
    ]
    places = [*map(table.place_of, range(len(table))), *(source.place_of(row.row) for row in made)]
    return Table(table.place, columns, lines, places)


def _free(wanted: str, taken: set[str]) -> str:
    identifier, number = wanted, 1
    while identifier in taken:
        number += 1
        identifier = f"{wanted}{number}"
    taken.add(identifier)
    return identifier


def _tell(table: Table, row: int, rule: str, name: str, facts: Mapping[str, object], report: Report) -> None:
    element = table.columns["id"][row].strip()
    report.add(rule, element, table.place_of(row), table.line(row), name, row, facts)
