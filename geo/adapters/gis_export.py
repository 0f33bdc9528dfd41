"""A network as GeoPackage, GeoJSON or shapefiles: our tables as layers, nodes as points, edges as lines.

The columns are those of the CSV files and say everything; the geometry is for the map. So what is written is
read back without a mapping as the same network. Shapefiles cannot hold our names and long texts: beside them
stands a ``mapping.toml``, and what they could not hold is answered.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from geo.adapters.gis import MAPPING_FILE
from geo.doors import DOORS, PATH_COLUMN
from geo.network import Network
from geo.shapes import Shapes
from geo.spelling import Columns, spelled

WGS84: Final = "EPSG:4326"
NUMBERS: Final = frozenset({"lon", "lat", "voltage_kv", "length_m", "rated_kva"})
MOST_DBF_BYTES: Final = 254
MOST_DBF_NAME: Final = 10


def write_geopackage(network: Network, file: Path) -> tuple[str, ...]:
    """Write one file, replacing what was there; answers what it could not hold (nothing)."""
    beside = file.with_name(f".{file.stem}.new.gpkg")
    beside.unlink(missing_ok=True)
    for name, frame in _frames(network).items():
        _write(frame, beside, layer=name, driver="GPKG")
    beside.replace(file)
    return ()


def write_geojson(network: Network, folder: Path) -> tuple[str, ...]:
    """Write a file per table into the folder; answers what they could not hold (nothing)."""
    _emptied(folder, ".geojson")
    for name, frame in _frames(network).items():
        file = folder / f"{name}.geojson"
        # Sixteen decimals hold every double in degrees.
        options = {"COORDINATE_PRECISION": "16", "SIGNIFICANT_FIGURES": "17"}
        _write(frame, file, driver="GeoJSON", layer_options=options)
    return ()


def write_shapefiles(network: Network, folder: Path) -> tuple[str, ...]:
    """Write a shapefile (or a bare .dbf) per table and the mapping to read them; answers what was lost."""
    _emptied(folder, ".shp", ".dbf", ".shx", ".prj", ".cpg")
    lost: list[str] = []
    layers = []
    for name, columns in spelled(network).items():
        shapes = _shapes(network).get(name)
        kept = {column: cells for column, cells in columns.items() if column != PATH_COLUMN or shapes is None}
        short = _short_names(kept)
        lost += _too_long(name, kept)
        frame = _frame({short[column]: cells for column, cells in kept.items()}, shapes)
        file = folder / f"{name}.{'dbf' if shapes is None else 'shp'}"
        _write(frame, file, driver="ESRI Shapefile", encoding="UTF-8")
        layers.append((name, file.name, short))
    bent = "bent" if PATH_COLUMN in network.edges.extra else "none"
    (folder / MAPPING_FILE).write_text(_mapping(layers, bent), encoding="utf-8")
    return tuple(lost) + _straight_courses(network)


def _emptied(folder: Path, *suffixes: str) -> None:
    """Files of an earlier export must not be read with this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    for door in DOORS:
        for suffix in suffixes:
            (folder / f"{door.name}{suffix}").unlink(missing_ok=True)


def _frames(network: Network) -> dict[str, Any]:
    shapes = _shapes(network)
    return {name: _frame(_typed(columns), shapes.get(name)) for name, columns in spelled(network).items()}


def _typed(columns: Columns) -> Mapping[str, object]:
    """Numbers as numbers, so that other programs can style and count by them."""
    return {
        name: np.array([float(cell) if cell else np.nan for cell in cells]) if name in NUMBERS else cells
        for name, cells in columns.items()
    }


def _frame(columns: Mapping[str, object], shapes: Shapes | None) -> Any:  # noqa: ANN401 (a pandas frame)
    texts = {
        name: pd.Series(cells, dtype=None if isinstance(cells, np.ndarray) else object)
        for name, cells in columns.items()
    }
    frame = pd.DataFrame(texts)
    return frame if shapes is None else geopandas.GeoDataFrame(frame, geometry=list(shapes), crs=WGS84)


def _write(frame: Any, file: Path, **how: Any) -> None:  # noqa: ANN401
    with warnings.catch_warnings():
        # Features without a place are meant; GDAL tells of each column that it makes a text.
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, file, **how)


def _shapes(network: Network) -> dict[str, Shapes]:
    nodes, edges = network.nodes, network.edges
    at = np.column_stack((nodes.lon, nodes.lat))
    known = np.asarray(np.isfinite(at).all(axis=1), np.bool_)
    points = np.full(len(nodes), None, np.object_)
    points[known] = shapely.points(at[known])
    drawn = np.full(len(edges), None, np.object_)
    courses = edges.extra.get(PATH_COLUMN, ("",) * len(edges))
    ends = known[edges.from_node] & known[edges.to_node]
    for row, course in enumerate(courses):
        vertices = _vertices(course)
        if vertices is None and ends[row]:
            vertices = at[[edges.from_node[row], edges.to_node[row]]]
        drawn[row] = None if vertices is None else shapely.LineString(vertices)
    return {"nodes": points, "edges": drawn}


def _vertices(course: str) -> Any:  # noqa: ANN401 (an array or None)
    try:
        found = np.array([[float(number) for number in pair.split()] for pair in course.split(";") if pair])
    except ValueError:
        return None
    return found if found.ndim == 2 and found.shape[0] > 1 and found.shape[1] == 2 else None


def _short_names(columns: Columns) -> dict[str, str]:
    """Names that a .dbf can hold, each once: letters, digits and underscores, ten at most."""
    taken: set[str] = set()
    short = {}
    for name in columns:
        plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
        candidates = (plain[:MOST_DBF_NAME], *(f"{plain[:7]}_{number}" for number in range(1, 100)))
        short[name] = next(candidate for candidate in candidates if candidate.lower() not in taken)
        taken.add(short[name].lower())
    return short


def _too_long(table: str, columns: Columns) -> list[str]:
    return [
        f"{table}.{name} of {columns[next(iter(columns))][row]}: cut to {MOST_DBF_BYTES} bytes"
        for name, cells in columns.items()
        for row, cell in enumerate(cells)
        if len(cell.encode()) > MOST_DBF_BYTES
    ]


def _straight_courses(network: Network) -> tuple[str, ...]:
    """A course of two vertices cannot be told from none."""
    courses = network.edges.extra.get(PATH_COLUMN, ())
    straight = [row for row, course in enumerate(courses) if course.count(";") == 1]
    return tuple(f"edges.{PATH_COLUMN} of {network.edges.ids[row]}: two vertices only" for row in straight)


def _mapping(layers: list[tuple[str, str, dict[str, str]]], bent: str) -> str:
    parts = ["# How to read these shapefiles again.\n"]
    for table, file, short in layers:
        parts.append(
            f'[[layers]]\ntable = "{table}"\nfile = "{file}"\ncourses = "{bent}"\n[layers.columns]\n'
        )
        parts += [
            f"{json.dumps(ours, ensure_ascii=False)} = {json.dumps(theirs)}\n"
            for ours, theirs in short.items()
        ]
        parts.append("\n")
    return "".join(parts)
