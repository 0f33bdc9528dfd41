"""A network as a folder of CSV files: UTF-8 with or without byte order mark, one header row."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Protocol

from geo import doors
from geo.assemble import Assembled, assemble
from geo.network import ABSENT, Extra, Float64, Int8, Int32, Network, Texts
from geo.report import Report
from geo.rows import Table

MAX_FILE_BYTES = 4_000_000_000


def read_folder(folder: Path) -> Assembled:
    """The network of a folder, or the report of why there is none. Nothing that was read is left out."""
    report = Report()
    tables = {}
    for door in doors.DOORS:
        file = folder / door.file
        if file.is_file():
            found = _read_table(file, report)
            if found is not None:
                tables[door.name] = found
    if not folder.is_dir():
        report.error("no-folder", f"{folder} is no folder", "", str(folder))
        return Assembled(None, report.findings())
    return assemble(tables, report)


def _read_table(file: Path, report: Report) -> Table | None:
    text = _decoded(file, report)
    if text is None:
        return None
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    lines: list[int] = []
    kept: list[list[str]] = []
    header: list[str] | None = None
    try:
        for begins, cells in _numbered(rows):
            if header is None:
                header = _header(file, cells, report)
            elif len(cells) != len(header):
                message = f"{len(cells)} columns, expected {len(header)} as in the header"
                report.error("column-count", message, cells[0].strip(), file.name, begins)
            else:
                kept.append(cells)
                lines.append(begins)
    except csv.Error as problem:
        report.error("broken-csv", f"not readable as CSV: {problem}", "", file.name, rows.line_num)
    if header is None:
        report.error("broken-csv", "the file is empty; a header row was expected", "", file.name, 1)
        return None
    columns: Sequence[Texts] = list(zip(*kept, strict=True)) if kept else [()] * len(header)
    return Table(file.name, dict(zip(header, columns, strict=True)), lines)


class _Rows(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def _numbered(rows: _Rows) -> Iterator[tuple[int, list[str]]]:
    """Rows with the 1-based line on which each begins; blank lines are passed over."""
    before = 0
    for cells in rows:
        if cells:
            yield before + 1, cells
        before = rows.line_num


def _header(file: Path, cells: list[str], report: Report) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in {name for name in names if names.count(name) > 1}:
        report.error("broken-csv", f"column {name!r} appears twice", "", file.name, 1)
    return names


def _decoded(file: Path, report: Report) -> str | None:
    if file.stat().st_size > MAX_FILE_BYTES:
        report.error("too-large", f"the file is larger than {MAX_FILE_BYTES} bytes", "", file.name)
        return None
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        report.error("bad-encoding", "not UTF-8; save the file as UTF-8", "", file.name, line)
        # One unreadable name must not hide what else is wrong.
        return content.decode("utf-8-sig", errors="replace")


def write_folder(network: Network, folder: Path) -> None:
    """Write the doors' files; reading them again gives the same ``content_hash``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in _written(network).items():
        extra: Extra = getattr(network, name).extra
        _write(folder / f"{name}.csv", {**columns, **extra})


def _write(file: Path, columns: Mapping[str, Texts]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _written(network: Network) -> dict[str, dict[str, Texts]]:
    devices = {
        "meters": _meters(network),
        "terminals": {
            "id": network.terminals.ids,
            "edge_id": _ids(network.edges.ids, network.terminals.edge),
        },
        "sensors": {
            "id": network.sensors.ids,
            "edge_id": _ids(network.edges.ids, network.sensors.edge),
            "kind": _spelled(doors.SENSOR_KINDS, network.sensors.kind),
        },
    }
    written = {
        "nodes": _nodes(network),
        "edges": _edges(network),
        **devices,
        "customers": _customers(network),
    }
    if len(network.identifiers):
        cells = (getattr(network.identifiers, column.name) for column in fields(network.identifiers))
        written["identifiers"] = dict(zip(doors.IDENTIFIERS.columns, cells, strict=False))
    return written


def _nodes(network: Network) -> dict[str, Texts]:
    nodes = network.nodes
    return {
        "id": nodes.ids,
        "kind": _spelled(doors.NODE_KINDS, nodes.kind),
        "name": nodes.name,
        "lon": _numbers(nodes.lon),
        "lat": _numbers(nodes.lat),
        "voltage_kv": _numbers(nodes.voltage_kv),
    }


def _edges(network: Network) -> dict[str, Texts]:
    edges, node_ids = network.edges, network.nodes.ids
    return {
        "id": edges.ids,
        "kind": _spelled(doors.EDGE_KINDS, edges.kind),
        "from_id": _ids(node_ids, edges.from_node),
        "to_id": _ids(node_ids, edges.to_node),
        "closed": tuple("1" if closed else "0" for closed in edges.closed.tolist()),
        "phases": tuple(doors.PHASE_NAMES[bits] for bits in edges.phases.tolist()),
        "length_m": _numbers(edges.length_m),
        "name": edges.name,
        "rated_kva": _numbers(edges.rated_kva),
        "transformer_kind": _spelled(doors.TRANSFORMER_KINDS, edges.transformer_kind, nothing="none"),
    }


def _meters(network: Network) -> dict[str, Texts]:
    meters = network.meters
    return {
        "id": meters.ids,
        "node_id": _ids(network.nodes.ids, meters.node),
        "customer_id": _ids(network.customers.ids, meters.customer),
        "phases": tuple(doors.PHASE_NAMES[bits] for bits in meters.phases.tolist()),
        "terminal_id": _ids(network.terminals.ids, meters.terminal),
    }


def _customers(network: Network) -> dict[str, Texts]:
    customers = network.customers
    return {
        "id": customers.ids,
        "name": customers.name,
        "class": _spelled(doors.CUSTOMER_CLASSES, customers.customer_class),
        "priority": _spelled(doors.PRIORITIES, customers.priority),
        "phone": customers.phone,
        "address": customers.address,
        "grid_id": customers.grid,
        "access_point_id": _ids(network.nodes.ids, customers.access_point),
    }


def _ids(ids: Texts, rows: Int32) -> Texts:
    return tuple("" if row == ABSENT else ids[row] for row in rows.tolist())


def _spelled(spelling: Mapping[str, int], values: Int8, nothing: str = "") -> Texts:
    names = {number: "" if name == nothing else name for name, number in spelling.items() if name}
    return tuple(names[value] for value in values.tolist())


def _numbers(values: Float64) -> Texts:
    return tuple("" if value != value else repr(value) for value in values.tolist())  # noqa: PLR0124 (NaN)
