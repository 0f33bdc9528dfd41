"""Layers with geometries → the tables of our doors: places, courses, and the nodes that lines do not name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geo.doors import PATH_COLUMN
from geo.joining import Drawing, Joined, join
from geo.mapping import LayerMapping, SourceMapping, mapped, names, stacked
from geo.network import Float64, Texts
from geo.report import Report
from geo.rows import Table
from geo.shapes import Shapes, lines, places


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer as it was read: its attributes as text, its geometries in WGS-84 degrees (None: no such)."""

    mapping: LayerMapping
    source: Table
    shapes: Shapes | None


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A layer under our names, and where its edges lie (one row each; NaN where unknown)."""

    table: Table
    begin: Float64
    end: Float64
    at: Float64


def tables_of(layers: Sequence[Layer], mapping: SourceMapping, report: Report) -> dict[str, Table]:
    """The door tables of these layers; what does not fit or join is reported."""
    parts: dict[str, list[_Part]] = {}
    for layer in layers:
        part = _part(layer, _read_elsewhere(layer, mapping), report)
        parts.setdefault(layer.mapping.table, []).append(part)
    tables = {name: stacked(name, [part.table for part in found]) for name, found in parts.items()}
    if "edges" in tables and "nodes" in tables:
        _join(tables, parts["edges"], mapping, report)
    return tables


def _read_elsewhere(layer: Layer, mapping: SourceMapping) -> frozenset[str]:
    """Their columns that another layer of the same file reads: a meter need not keep its customer's name."""
    own = layer.mapping
    others = (
        one for one in mapping.layers if one is not own and (one.file, one.layer) == (own.file, own.layer)
    )
    return frozenset(theirs for one in others for theirs in one.columns.values())


def _part(layer: Layer, elsewhere: frozenset[str], report: Report) -> _Part:
    table, shapes = mapped(layer.mapping, layer.source, report, elsewhere), layer.shapes
    nowhere = np.full((len(table), 2), np.nan)
    if shapes is None or layer.mapping.table not in {"nodes", "edges"}:
        return _Part(table, nowhere, nowhere, nowhere)
    if len(shapes) != len(layer.source):
        raise ValueError("a geometry for every row was expected")
    # Rows that the mapping skips have gone; features are numbered from 1.
    kept = np.array([line - 1 for line in table.lines], np.int64)
    given = names(layer.mapping, layer.source)
    if layer.mapping.table == "nodes":
        return _Part(_placed(table, shapes[kept], given, report), nowhere, nowhere, nowhere)
    return _drawn(layer.mapping, table, shapes[kept], given, report)


def _placed(table: Table, shapes: Shapes, given: frozenset[str], report: Report) -> Table:
    """``lon`` and ``lat`` from the geometry, where no column gives them."""
    if {"lon", "lat"} <= given:
        return table
    at, odd = places(shapes)
    _tell_odd(table, odd, "a point or an area", report)
    return _filled(table, {"lon": at[:, 0], "lat": at[:, 1]})


def _drawn(
    mapping: LayerMapping, table: Table, shapes: Shapes, given: frozenset[str], report: Report
) -> _Part:
    """Courses and lengths from the geometry, where no column gives them."""
    found = lines(shapes, mapping.courses == "all")
    _tell_odd(table, found.unusable, "one line or a point", report)
    if mapping.courses != "none" and "length_m" not in given:
        table = _filled(table, {"length_m": np.round(found.length_m, 3)})
    if mapping.courses != "none" and PATH_COLUMN not in given:
        table = replace(table, columns={**table.columns, PATH_COLUMN: found.courses})
    return _Part(table, found.begin, found.end, found.at)


def _tell_odd(table: Table, odd: np.ndarray, expected: str, report: Report) -> None:
    for row in np.flatnonzero(odd).tolist():
        facts = {"found": "of another kind", "expected": expected}
        element = table.columns["id"][row] if "id" in table.columns else ""
        report.add("bad-geometry", element, table.place, table.line(row), facts=facts)


def _filled(table: Table, numbers: Mapping[str, Float64]) -> Table:
    spelled = {
        name: tuple("" if np.isnan(value) else repr(value) for value in values.tolist())
        for name, values in numbers.items()
    }
    return replace(table, columns={**table.columns, **spelled})


def _join(tables: dict[str, Table], parts: list[_Part], mapping: SourceMapping, report: Report) -> None:
    """Fill the empty ``from_id`` and ``to_id`` of edges by place; made nodes are added to the table."""
    nodes, edges = tables["nodes"], tables["edges"]
    if not {"id", "from_id", "to_id", "kind"} <= set(edges.columns) or "id" not in nodes.columns:
        return
    drawing = _drawing(nodes, edges, parts)
    joined = join(drawing, mapping.tolerance_m)
    tables["edges"] = replace(
        edges,
        columns={
            **edges.columns,
            "from_id": _either(edges.columns["from_id"], joined.from_ids),
            "to_id": _either(edges.columns["to_id"], joined.to_ids),
        },
    )
    tables["nodes"] = _with_made(nodes, edges, joined)
    _tell(edges, joined, mapping.tolerance_m, report)


def _drawing(nodes: Table, edges: Table, parts: list[_Part]) -> Drawing:
    begin, end, at = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("begin", "end", "at")
    )
    named_from, named_to = (_given(edges.columns[name]) for name in ("from_id", "to_id"))
    begin[named_from] = np.nan
    end[named_to] = np.nan
    at[named_from | named_to] = np.nan
    return Drawing(
        node_ids=nodes.columns["id"],
        node_at=np.column_stack([_numbers(nodes, "lon"), _numbers(nodes, "lat")]),
        edge_ids=edges.columns["id"],
        begin=begin,
        end=end,
        device_at=at,
        transformer=np.array([kind.strip() == "transformer" for kind in edges.columns["kind"]], np.bool_),
        voltage_kv=_numbers(edges, "voltage_kv"),
    )


def _given(cells: Texts) -> np.ndarray:
    return np.array([bool(cell.strip()) for cell in cells], np.bool_)


def _numbers(table: Table, column: str) -> Float64:
    """NaN for what is no number: reading the column will tell it."""
    return np.array([_number(cell) for cell in table.columns.get(column, ("",) * len(table))], np.float64)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _either(given: Texts, found: Sequence[str]) -> Texts:
    return tuple(mine if mine.strip() else theirs for mine, theirs in zip(given, found, strict=True))


def _with_made(nodes: Table, edges: Table, joined: Joined) -> Table:
    """The made nodes stand where the line stood that they were made for."""
    if not joined.nodes:
        return nodes
    made = [
        {
            "id": node.id, "kind": node.kind, "lon": repr(node.lon), "lat": repr(node.lat),
            "voltage_kv": "" if np.isnan(node.voltage_kv) else repr(node.voltage_kv),
        }
        for node in joined.nodes
    ]  # fmt: skip
    columns = {name: (*cells, *(row.get(name, "") for row in made)) for name, cells in nodes.columns.items()}
    beside = [node.edge for node in joined.nodes]
    lines = [*(nodes.line(row) or 0 for row in range(len(nodes))), *(edges.line(row) or 0 for row in beside)]
    stands = [*map(nodes.place_of, range(len(nodes))), *map(edges.place_of, beside)]
    return Table(nodes.place, columns, lines, stands)


def _tell(edges: Table, joined: Joined, tolerance_m: float, report: Report) -> None:
    for row, away_m in joined.moved:
        facts: dict[str, object] = {"distance_m": f"{away_m:.2f}"}
        _warn(edges, row, "joined-by-place", facts, report)
    for device, first, count in joined.guessed:
        facts = {"count": count, "first": edges.columns["id"][first]}
        _warn(edges, device, "sides-guessed", facts, report)
    for loose in joined.loose:
        facts = {"end": f"{loose.lon:.6f} {loose.lat:.6f}", "tolerance_m": f"{tolerance_m:g}"}
        if loose.near:
            facts |= {"near": loose.near, "distance_m": f"{loose.distance_m:.2f}"}
        _warn(edges, loose.edge, "loose-end", facts, report)


def _warn(edges: Table, row: int, rule: str, facts: Mapping[str, object], report: Report) -> None:
    element = edges.columns["id"][row]
    report.add(rule, element, edges.place_of(row), edges.line(row), "edges", row, facts)
