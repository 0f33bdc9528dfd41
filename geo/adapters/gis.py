"""GeoPackage, GeoJSON and shapefiles through geopandas: read by a mapping, written with our own names.

Loads GDAL and PROJ; only ``geo.adapters.sources`` and the export need this module, on demand.
"""

import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas
import msgspec
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from geo.adapters.csv_folder import UTF_8, read_table
from geo.assemble import Assembled, assemble
from geo.coordinate_systems import CoordinateSystem, UnknownSystem, coordinate_system
from geo.drawn import Layer, tables_of
from geo.gcj02 import to_wgs84
from geo.mapping import OWN, BadMapping, LayerMapping, SourceMapping, source_mapping
from geo.network import Float64, Texts
from geo.ports import Progress, unwatched
from geo.report import Report
from geo.rows import Table
from geo.shapes import Shapes

FARTHEST_FROM_MERIDIAN_DEG: Final = 3.5
"""A 3° zone reaches 1.5° to each side, drawings somewhat beyond; farther away the zone is wrong."""
MAPPING_FILE: Final = "mapping.toml"
"""Within a folder of drawings: how to read it."""
SUFFIXES: Final = (".gpkg", ".geojson", ".json", ".shp")


def read_mapping(file: Path) -> SourceMapping:
    """The mapping of a TOML file; raises ``BadMapping``."""
    try:
        return source_mapping(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise BadMapping(str(problem)) from problem


def read_gis(
    source: Path,
    mapping_file: Path | None = None,
    set_aside: bool = False,
    progress: Progress = unwatched,
) -> Assembled:
    """The network of a file or a folder of files; without a mapping, one that we wrote."""
    report = Report()
    try:
        mapping = _mapping_of(source, mapping_file)
        layers = _layers(source, mapping, report, progress)
        if source.is_file():
            _tell_unread(source, mapping, report)
    except BadMapping as problem:
        place = str(mapping_file or source)
        report.add("bad-mapping", place=place, facts={"problem": problem})
        return Assembled(None, report.findings())
    except DataSourceError as problem:
        report.add("unreadable", place=source.name, facts={"problem": problem})
        return Assembled(None, report.findings())
    if report.blocked:
        return Assembled(None, report.findings())
    return assemble(tables_of(layers, mapping, report), report, set_aside)


def _layers(source: Path, mapping: SourceMapping, report: Report, progress: Progress) -> list[Layer]:
    """Those that can be read; the others are told."""
    found = []
    for number, wanted in enumerate(mapping.layers, start=1):
        layer = _Reading(source, mapping, wanted, report).layer()
        if layer is not None:
            found.append(layer)
        progress(source.name, number, len(mapping.layers))
    return found


def _mapping_of(source: Path, mapping_file: Path | None) -> SourceMapping:
    beside = source / MAPPING_FILE
    if mapping_file is None and beside.is_file():
        mapping_file = beside
    if mapping_file is not None:
        return read_mapping(mapping_file)
    if source.is_file():
        present = {name for name, _kind in pyogrio.list_layers(source)}
        return SourceMapping(layers=tuple(layer for layer in OWN.layers if layer.layer in present))
    files = {file.stem: file.name for file in sorted(source.glob("*.geojson"))}
    own = (layer for layer in OWN.layers if layer.layer in files)
    return SourceMapping(
        layers=tuple(msgspec.structs.replace(layer, layer="", file=files[layer.layer]) for layer in own)
    )


def _tell_unread(source: Path, mapping: SourceMapping, report: Report) -> None:
    read = {layer.layer for layer in mapping.layers}
    if "" in read:
        return
    for name, _kind in pyogrio.list_layers(source):
        if name not in read:
            count = int(pyogrio.read_info(source, layer=name, force_feature_count=True)["features"])
            report.add("unread-layer", place=str(name), facts={"count": count})


@dataclass(frozen=True, slots=True)
class _Reading:
    """One layer of the mapping, read."""

    source: Path
    mapping: SourceMapping
    wanted: LayerMapping
    report: Report

    def layer(self) -> Layer | None:
        """None where it cannot be read, which the report then says."""
        file = self.source / self.wanted.file if self.wanted.file else self.source
        if not file.is_file():
            self.report.add("missing-table", place=str(self.wanted.file or file), facts={"file": file.name})
            return None
        if file.suffix == ".csv":
            return self._csv(file)
        try:
            frame, info = self._frame(file)
        except DataLayerError:
            found = ", ".join(str(name) for name, _kind in pyogrio.list_layers(file))
            self.report.add(
                "missing-layer", place=file.name, facts={"layer": self.wanted.layer, "found": found}
            )
            return None
        except (DataSourceError, UnicodeDecodeError, ValueError, RuntimeError) as problem:
            self.report.add("unreadable", place=file.name, facts={"problem": problem})
            return None
        place = self.wanted.place or file.name
        table = Table(place, _texts(frame, info), range(1, len(frame) + 1))
        if not isinstance(frame, geopandas.GeoDataFrame):
            return Layer(self.wanted, table, None)
        shapes = self._degrees(np.asarray(frame.geometry.array, np.object_), frame.crs, place)
        return None if shapes is None else Layer(self.wanted, table, shapes)

    def _frame(self, file: Path) -> tuple[Any, Mapping[str, Any]]:
        chosen: dict[str, Any] = {"layer": self.wanted.layer} if self.wanted.layer else {}
        if self.wanted.encoding:
            chosen["encoding"] = self.wanted.encoding
        with warnings.catch_warnings():
            # GDAL tells of oddities that do not matter here, such as fields in mixed types.
            warnings.simplefilter("ignore")
            info = pyogrio.read_info(file, **chosen)
            if file.suffix != ".gpkg":
                # Texts that look like dates stay texts.
                chosen |= {"DATE_AS_STRING": "YES"} if file.suffix in {".geojson", ".json"} else {}
            return pyogrio.read_dataframe(file, datetime_as_string=True, **chosen), info

    def _csv(self, file: Path) -> Layer | None:
        table = read_table(file, self.report, encoding=self.wanted.encoding or UTF_8)
        if table is None:
            return None
        if self.wanted.table not in {"nodes", "edges"} or not self._crs_name():
            return Layer(self.wanted, table, None)
        return Layer(self.wanted, self._csv_degrees(table), None)

    def _csv_degrees(self, table: Table) -> Table:
        """A list of places may be in a projected system too; its columns become degrees."""
        names = [self.wanted.columns.get(ours, ours) for ours in ("lon", "lat")]
        if not set(names) <= set(table.columns):
            return table
        x, y = (_floats(table.columns[name]) for name in names)
        points = np.array([shapely.Point(*at) for at in zip(x, y, strict=True)], np.object_)
        points[~(np.isfinite(x) & np.isfinite(y))] = None
        shapes = self._degrees(points, None, table.place)
        if shapes is None:
            return table
        columns = dict(table.columns)
        for name, values in zip(names, (shapely.get_x(shapes), shapely.get_y(shapes)), strict=True):
            columns[name] = tuple("" if np.isnan(value) else repr(value) for value in values.tolist())
        return Table(table.place, columns, table.lines)

    def _crs_name(self) -> str:
        return self.wanted.crs or self.mapping.crs

    def _degrees(self, shapes: Shapes, own: Any, place: str) -> Shapes | None:  # noqa: ANN401 (pyproj.CRS or None)
        """The geometries in WGS-84 degrees; None where nobody says what they are in."""
        name = self._crs_name()
        try:
            system = coordinate_system(name) if name else None
        except UnknownSystem as problem:
            self.report.add("bad-mapping", place=place, facts={"problem": problem})
            return None
        if system is None and own is None:
            if not (shapes != None).any():  # noqa: E711 (element by element)
                return shapes
            self.report.add("no-coordinate-system", place=place)
            return None
        turned = _turned(shapes, system, own)
        if system is not None and _far_from_meridian(turned, system):
            facts = {"crs": system.name, "lon": f"{np.nanmedian(_longitudes(turned)):.3f}"}
            self.report.add("wrong-zone", place=place, facts=facts)
            return None
        return turned


def _turned(shapes: Shapes, system: CoordinateSystem | None, own: Any) -> Shapes:  # noqa: ANN401
    crs = pyproj.CRS.from_epsg(system.epsg) if system else pyproj.CRS.from_user_input(own)
    if crs.to_epsg() not in {4326, 4490}:
        shapes = _each(shapes, pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform)
    return _each(shapes, to_wgs84) if system and system.shifted else shapes


def _each(shapes: Shapes, turn: Callable[[Float64, Float64], Sequence[Float64]]) -> Shapes:
    def both(coordinates: Float64) -> Float64:
        return np.column_stack(tuple(turn(coordinates[:, 0], coordinates[:, 1])[:2]))

    return np.asarray(shapely.transform(shapely.force_2d(shapes), both), np.object_)


def _longitudes(shapes: Shapes) -> Float64:
    return np.asarray(shapely.get_coordinates(shapes)[:, 0], np.float64)


def _far_from_meridian(shapes: Shapes, system: CoordinateSystem) -> bool:
    """Whether the middle of a drawing lies outside the zone that the mapping states."""
    found = _longitudes(shapes)
    if system.meridian_deg is None or not len(found):
        return False
    return not abs(float(np.median(found)) - system.meridian_deg) <= FARTHEST_FROM_MERIDIAN_DEG


def _floats(cells: Texts) -> Float64:
    return np.asarray(pd.to_numeric(pd.Series(cells, dtype=str), errors="coerce"), np.float64)


def _texts(frame: Any, info: Mapping[str, Any]) -> dict[str, Texts]:  # noqa: ANN401 (a pandas frame)
    """Attributes as text; whole numbers stay whole although pandas makes them floats beside empty cells."""
    whole = {
        str(name)
        for name, kind in zip(info["fields"], info["dtypes"], strict=True)
        if str(kind).startswith("int")
    }
    names = [name for name in frame.columns if name != "geometry"]
    return {str(name): _cells(frame[name], str(name) in whole) for name in names}


def _cells(column: Any, whole: bool) -> Texts:  # noqa: ANN401 (a pandas series)
    missing = column.isna().to_numpy()
    if whole:
        return tuple("" if gone else str(int(value)) for value, gone in zip(column, missing, strict=True))
    spell = repr if column.dtype.kind == "f" else str
    return tuple("" if gone else spell(value) for value, gone in zip(column.tolist(), missing, strict=True))
