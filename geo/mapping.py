"""What a foreign export of a network looks like, as one TOML file: layers → our tables, names → our names.

Nothing is guessed: a column that is not named stays a column that we do not read, a value that is not in a
value map comes through as it is and is refused where we do not know it (``docs/networks.md``).
"""

import codecs
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from geo import doors
from geo.coordinate_systems import UnknownSystem, coordinate_system
from geo.network import Texts
from geo.report import Report
from geo.rows import Table

DEFAULT_TOLERANCE_M: Final = 0.5
MOST_TOLERANCE_M: Final = 50.0
DOORS: Final = {door.name: door for door in doors.DOORS}
_GEOMETRY_FILLS: Final = {
    "nodes": {"lon", "lat"},
    "edges": {"from_id", "to_id", "length_m", "closed", "phases", "name"},
}


class BadMapping(ValueError):
    """A mapping that cannot be meant; the text names the place and what was expected."""


class LayerMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One layer (or file) that fills one of our tables; several may fill the same."""

    table: str
    layer: str = ""
    """Name in a file of several layers; '' is its only one."""
    file: str = ""
    """Within the folder that is imported; '' is the imported file itself."""
    columns: Mapping[str, str] = {}
    """Our column = theirs."""
    constants: Mapping[str, str] = {}
    """Our column = one value for every row, where no column gives one."""
    values: Mapping[str, Mapping[str, str]] = {}
    """Our column = { their value = ours }."""
    skip: Mapping[str, Texts] = {}
    """Their column = values of rows that are passed over (and counted)."""
    crs: str = ""
    """Coordinate system of this layer, where it is not the source's."""
    encoding: str = ""
    """Of texts in a .csv that is not UTF-8, or in a shapefile without a .cpg, such as "GBK"."""
    courses: Literal["all", "bent", "none"] = "all"
    """Which lines' geometry becomes their course and length: of three vertices and more (bent), or none."""

    @property
    def place(self) -> str:
        """What findings name."""
        return " ".join(part for part in (self.file, self.layer) if part)


class SourceMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    crs: str = ""
    """Of all layers; '' takes what each file says of itself."""
    tolerance_m: float = DEFAULT_TOLERANCE_M
    """Ends of lines without node ids are joined to what lies this near."""
    layers: tuple[LayerMapping, ...]


OWN: Final = SourceMapping(
    layers=tuple(LayerMapping(table=door.name, layer=door.name, courses="none") for door in doors.DOORS)
)
"""Of files that we wrote: layers and columns carry our names."""


def source_mapping(document: object) -> SourceMapping:
    """The mapping of a parsed TOML document; raises ``BadMapping``."""
    try:
        mapping = msgspec.convert(document, SourceMapping)
    except msgspec.ValidationError as problem:
        raise BadMapping(str(problem)) from problem
    if not mapping.layers:
        raise BadMapping("no layers; expected at least one [[layers]]")
    if not 0 < mapping.tolerance_m <= MOST_TOLERANCE_M:
        raise BadMapping(
            f"tolerance_m is {mapping.tolerance_m:g}, expected above 0 up to {MOST_TOLERANCE_M:g}"
        )
    for number, layer in enumerate(mapping.layers):
        _check(layer, f"layers[{number}]")
    _check_crs(mapping.crs, "crs")
    return mapping


def _check(layer: LayerMapping, at: str) -> None:
    door = DOORS.get(layer.table)
    if door is None:
        raise BadMapping(f"{at}.table is {layer.table!r}, expected {' | '.join(DOORS)}")
    _check_crs(layer.crs, f"{at}.crs")
    _check_encoding(layer.encoding, f"{at}.encoding")
    twice = set(layer.columns) & set(layer.constants)
    if twice:
        raise BadMapping(f"{at}: {sorted(twice)} stand in columns and in constants, expected one of them")


def _check_crs(name: str, at: str) -> None:
    if name:
        try:
            coordinate_system(name)
        except UnknownSystem as problem:
            raise BadMapping(f"{at}: {problem}") from problem


def _check_encoding(name: str, at: str) -> None:
    try:
        codecs.lookup(name or "utf-8")
    except LookupError:
        raise BadMapping(f"{at} is {name!r}, expected one such as UTF-8 or GBK") from None


def names(layer: LayerMapping, source: Table) -> frozenset[str]:
    """Our columns that the layer gives, whatever its geometry says."""
    unnamed = set(source.columns) - set(layer.columns.values())
    return frozenset({*layer.columns, *layer.constants, *unnamed})


def mapped(
    layer: LayerMapping, source: Table, report: Report, elsewhere: frozenset[str] = frozenset()
) -> Table:
    """The source's rows under our names; what the mapping does not name keeps its own name.

    What is read ``elsewhere`` is not kept here. A column that the mapping names and the source lacks is
    reported, and empty.
    """
    source = _without_skipped(layer, source, report)
    columns: dict[str, Texts] = {}
    for ours, theirs in layer.columns.items():
        cells = source.columns.get(theirs)
        if cells is None:
            facts = {"column": theirs, "near": ", ".join(list(source.columns)[:12])}
            report.add("missing-column", "", source.place, facts=facts)
        columns[ours] = cells if cells is not None else ("",) * len(source)
    columns |= {ours: (constant,) * len(source) for ours, constant in layer.constants.items()}
    taken = {*layer.columns.values(), *elsewhere}
    columns |= {
        name: cells for name, cells in source.columns.items() if name not in taken and name not in columns
    }
    for ours, spelled in layer.values.items():
        columns[ours] = tuple(spelled.get(cell.strip(), cell) for cell in columns.get(ours, ()))
    return Table(source.place, _complete(layer.table, columns, len(source)), source.lines)


def _without_skipped(layer: LayerMapping, source: Table, report: Report) -> Table:
    passed: set[int] = set()
    for column, values in layer.skip.items():
        found = {row for row, cell in enumerate(source.columns.get(column, ())) if cell.strip() in values}
        if found:
            facts = {"count": len(found), "column": column, "values": ", ".join(values)}
            report.add("skipped", "", source.place, facts=facts)
        passed |= found
    kept = source.without(frozenset(passed))
    return Table(kept.place, kept.columns, kept.lines)


def _complete(table: str, columns: dict[str, Texts], rows: int) -> dict[str, Texts]:
    """Columns that a geometry fills or that have a plain default may be missing in a foreign layer."""
    defaults = {"closed": "1"} if table == "edges" else {}
    for name in DOORS[table].columns:
        if name not in columns and (name in _GEOMETRY_FILLS.get(table, ()) or name not in _needed(table)):
            columns[name] = (defaults.get(name, ""),) * rows
    return columns


def _needed(table: str) -> frozenset[str]:
    """Columns without which a row means nothing: their absence is an error of the mapping."""
    return {
        "nodes": frozenset({"id", "kind"}),
        "edges": frozenset({"id", "kind"}),
        "meters": frozenset({"id", "node_id", "customer_id"}),
        "terminals": frozenset({"id", "edge_id"}),
        "sensors": frozenset({"id", "edge_id", "kind"}),
        "customers": frozenset({"id"}),
        "identifiers": frozenset({"system", "foreign_id", "own_id"}),
    }[table]


def stacked(name: str, parts: list[Table]) -> Table:
    """Several layers of one table below each other; a column that one lacks is empty there."""
    names = list(dict.fromkeys(column for part in parts for column in part.columns))
    columns = {
        column: tuple(cell for part in parts for cell in part.columns.get(column, ("",) * len(part)))
        for column in names
    }
    lines = [part.line(row) or 0 for part in parts for row in range(len(part))]
    places = [part.place_of(row) for part in parts for row in range(len(part))]
    place = parts[0].place if len({part.place for part in parts}) == 1 else name
    return Table(place, columns, lines, places)
