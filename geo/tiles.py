"""Vector tiles of a network: lines, switches, transformers, customers, grid cells, areas.

Feature ids are rows of the network's tables, so that live state can be set on the map by number. Tiles are
computed on demand from sorted arrays; each layer limits how much of it a tile may hold.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import mvt
from geo.cells import Cells
from geo.coordinates import mercator
from geo.map_places import customer_places, edge_paths, middle, switch_places
from geo.mvt import BUFFER, EXTENT, Column
from geo.network import (
    SWITCHING_KINDS,
    CustomerClass,
    EdgeKind,
    Float64,
    Int32,
    Network,
    Priority,
    TransformerKind,
)
from geo.territory import Polygons, cell_polygons
from geo.tracing import Feeding
from geo.voltage import high_side, levels

MAX_ZOOM: Final = 20
LV_LINES_FROM: Final = 12
SWITCHES_FROM: Final = {"hv": 8, "mv": 11, "lv": 15}
TRANSFORMERS_FROM: Final = 9
CUSTOMERS_FROM: Final = 13
MOST_FEATURES: Final = 30_000
"""Of a kind in one tile; about two megabytes."""
AREAS_PER_SIDE: Final = 16
_LEVELS: Final = ("hv", "mv", "lv")


class Points:
    """Points on the map in the order of a space-filling curve: those in a tile are one slice."""

    _DEPTH: Final = 26

    def __init__(self, world: Float64, rows: Int32) -> None:
        known = np.isfinite(world).all(axis=1)
        cell = np.clip(world[known], 0, 1 - 2**-53) * 2**self._DEPTH
        key = _interleave(cell[:, 0].astype(np.uint64), cell[:, 1].astype(np.uint64))
        order = np.argsort(key, kind="stable")
        self.key = key[order]
        self.world = world[known][order]
        self.rows = rows[known][order]

    def within(self, z: int, x: int, y: int) -> slice:
        """The points of a tile."""
        depth = np.uint64(2 * (self._DEPTH - z))
        tile = _interleave(np.array([x], np.uint64), np.array([y], np.uint64))
        first = np.searchsorted(self.key, tile[0] << depth)
        return slice(int(first), int(np.searchsorted(self.key, (tile[0] + np.uint64(1)) << depth)))


def _interleave(x: NDArray[np.uint64], y: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Morton number: the bits of y and x in turn."""
    return _spread(x) | _spread(y) << np.uint64(1)


def _spread(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    masks = (
        (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333), (1, 0x5555555555555555),
    )  # fmt: skip
    for shift, mask in masks:
        value = (value | value << np.uint64(shift)) & np.uint64(mask)
    return value


class TileSource:
    """All layers of one network; what a layer needs is prepared at its first tile."""

    def __init__(self, network: Network, cells: Cells, feeding: Feeding | None = None) -> None:
        self._network = network
        self._cells = cells
        self._feeding = feeding or Feeding.normal(network)
        self._layers: dict[str, Callable[[int, int, int], mvt.Layer]] = {
            "lines": self._lines,
            "switches": self._switches,
            "transformers": self._transformers,
            "customers": self._customers,
            "cells": self._cell_layer,
            "areas": self._areas,
        }

    def tile(self, layer: str, z: int, x: int, y: int) -> bytes | None:
        """The encoded tile, b'' where it is empty, None for a layer or place that does not exist."""
        if layer not in self._layers or not 0 <= z <= MAX_ZOOM or not (0 <= x < 2**z and 0 <= y < 2**z):
            return None
        return self._layers[layer](z, x, y).encoded()

    @cached_property
    def _world(self) -> Float64:
        return mercator(self._network.nodes.lon, self._network.nodes.lat)

    @cached_property
    def _level(self) -> Int32:
        """Per edge 0 hv, 1 mv, 2 lv; a transformer has that of its high side."""
        network = self._network
        voltages = network.nodes.voltage_kv[high_side(network.nodes, network.edges)]
        return np.array([_LEVELS.index(level) for level in levels(voltages)], np.int32)

    @cached_property
    def _kind_names(self) -> tuple[str, ...]:
        return tuple(kind.name.lower() for kind in EdgeKind)

    @cached_property
    def _paths(self) -> Polygons:
        return edge_paths(self._network, self._world)

    @cached_property
    def _path_index(self) -> shapely.STRtree:
        return shapely.STRtree(self._paths)

    def _edge_columns(self, rows: Int32) -> list[Column]:
        edges = self._network.edges
        return [
            Column("element", [edges.ids[row] for row in rows.tolist()], _each(rows)),
            Column("level", _LEVELS, self._level[rows]),
        ]

    def _lines(self, z: int, x: int, y: int) -> mvt.Layer:
        layer = mvt.Layer("lines")
        reach = BUFFER / EXTENT
        box = shapely.box(*((np.array([x - reach, y - reach, x + 1 + reach, y + 1 + reach])) / 2**z))
        rows = np.sort(self._path_index.query(box)).astype(np.int32)
        if z < LV_LINES_FROM:
            rows = rows[self._level[rows] < _LEVELS.index("lv")]
        rows = rows[np.argsort(self._level[rows], kind="stable")][:MOST_FEATURES]
        # Half a unit is an eighth of a screen pixel.
        clipped = shapely.simplify(shapely.clip_by_rect(self._paths[rows], *box.bounds), 0.5 / EXTENT / 2**z)
        parts, index = shapely.get_parts(clipped, return_index=True)
        for vertices, chosen in _by_length(parts, z, x, y):
            own = rows[index[chosen]]
            kinds = Column("kind", self._kind_names, self._network.edges.kind[own].astype(np.int32))
            layer.add(mvt.LINE, own, mvt.lines(vertices), [*self._edge_columns(own), kinds])
        return layer

    @cached_property
    def _switch_points(self) -> dict[str, Points]:
        edges = self._network.edges
        switching = np.isin(edges.kind, [int(kind) for kind in SWITCHING_KINDS])
        places = switch_places(self._network, self._world)
        chosen = {level: np.flatnonzero(switching & (self._level == at)) for at, level in enumerate(_LEVELS)}
        return {level: Points(places[rows], rows.astype(np.int32)) for level, rows in chosen.items()}

    def _switches(self, z: int, x: int, y: int) -> mvt.Layer:
        layer, edges = mvt.Layer("switches"), self._network.edges
        for level, points in self._switch_points.items():
            if z < SWITCHES_FROM[level]:
                continue
            rows, at = _in_tile(points, z, x, y)
            columns = [
                *self._edge_columns(rows),
                Column("kind", self._kind_names, edges.kind[rows].astype(np.int32)),
                Column("closed", (False, True), edges.closed[rows].astype(np.int32)),
            ]
            layer.add(mvt.POINT, rows, mvt.points(at), columns)
        return layer

    @cached_property
    def _transformer_points(self) -> Points:
        rows = np.flatnonzero(self._network.edges.kind == EdgeKind.TRANSFORMER).astype(np.int32)
        return Points(middle(self._network, self._world)[rows], rows)

    @cached_property
    def _customers_of_edge(self) -> Int32:
        count = np.zeros(len(self._network.edges), np.int32)
        tree = self._feeding.tree
        fed = tree.edge >= 0
        count[tree.edge[fed]] = self._feeding.customers_through[fed]
        return count

    def _transformers(self, z: int, x: int, y: int) -> mvt.Layer:
        layer, edges = mvt.Layer("transformers"), self._network.edges
        if z < TRANSFORMERS_FROM:
            return layer
        rows, at = _in_tile(self._transformer_points, z, x, y)
        own = edges.transformer_kind[rows] == TransformerKind.DEDICATED
        columns = [
            *self._edge_columns(rows),
            Column("kind", ("public", "dedicated"), own.astype(np.int32)),
            Column("name", [edges.name[row] for row in rows.tolist()], _each(rows)),
            Column("name_en", _texts(edges.extra.get("name_en"), rows), _each(rows)),
            Column("customers", self._customers_of_edge[rows].tolist(), _each(rows)),
        ]
        layer.add(mvt.POINT, rows, mvt.points(at), columns)
        return layer

    @cached_property
    def _customer_points(self) -> Points:
        rows = np.arange(len(self._network.customers), dtype=np.int32)
        return Points(customer_places(self._network, self._world), rows)

    def _customers(self, z: int, x: int, y: int) -> mvt.Layer:
        layer, customers = mvt.Layer("customers"), self._network.customers
        if z < CUSTOMERS_FROM:
            return layer
        rows, at = _in_tile(self._customer_points, z, x, y, customers.priority)
        columns = [
            Column("element", [customers.ids[row] for row in rows.tolist()], _each(rows)),
            Column(
                "priority",
                [kind.name.lower() for kind in Priority],
                customers.priority[rows].astype(np.int32),
            ),
            Column(
                "class",
                [kind.name.lower() for kind in CustomerClass],
                customers.customer_class[rows].astype(np.int32),
            ),
        ]
        layer.add(mvt.POINT, rows, mvt.points(at), columns)
        return layer

    def _areas(self, z: int, x: int, y: int) -> mvt.Layer:
        """Below the zoom of single customers: how many there are, on a raster of 16 × 16 a tile."""
        layer, points = mvt.Layer("areas"), self._customer_points
        inside = points.within(z, x, y)
        if z >= CUSTOMERS_FROM or inside.start == inside.stop:
            return layer
        tile_xy = points.world[inside] * 2**z - (x, y)
        raster = np.clip((tile_xy * AREAS_PER_SIDE).astype(np.int64), 0, AREAS_PER_SIDE - 1)
        cell, member = np.unique(raster[:, 1] * AREAS_PER_SIDE + raster[:, 0], return_inverse=True)
        count = np.bincount(member)
        centre = np.column_stack([np.bincount(member, tile_xy[:, axis]) / count for axis in (0, 1)])
        columns = [Column("customers", count.tolist(), np.arange(len(cell), dtype=np.int32))]
        at = np.clip((centre * EXTENT).astype(np.int32), 0, EXTENT - 1)
        layer.add(mvt.POINT, cell.astype(np.int32), mvt.points(at), columns)
        return layer

    @cached_property
    def _polygons(self) -> Polygons:
        return cell_polygons(self._network, self._cells, self._world)

    def _cell_layer(self, z: int, x: int, y: int) -> mvt.Layer:
        layer, cells = mvt.Layer("cells"), self._cells
        reach = BUFFER / EXTENT
        bounds = np.array([x - reach, y - reach, x + 1 + reach, y + 1 + reach]) / 2**z
        clipped = shapely.clip_by_rect(shapely.simplify(self._polygons, 1 / EXTENT / 2**z), *bounds)
        parts, index = shapely.get_parts(clipped, return_index=True)
        for part, cell in zip(parts, index.tolist(), strict=True):
            outline = _rings(part, z, x, y)
            if outline:
                names = [
                    ("element", cells.ids),
                    ("grid_id", cells.ids),
                    ("name", cells.names),
                    ("name_en", cells.names_en),
                ]
                columns = [Column(name, (texts[cell],), np.zeros(1, np.int32)) for name, texts in names]
                layer.add(mvt.POLYGON, np.array([cell], np.int32), mvt.rings(outline), columns)
        return layer


def _each(rows: Int32) -> Int32:
    return np.arange(len(rows), dtype=np.int32)


def _texts(column: Sequence[str] | None, rows: Int32) -> list[str]:
    return [column[row] if column else "" for row in rows.tolist()]


def _units(world: Float64, z: int, x: int, y: int) -> Int32:
    """World coordinates in units of a tile."""
    units: Int32 = np.round((world * 2**z - (x, y)) * EXTENT).astype(np.int32)
    return units


def _in_tile(
    points: Points, z: int, x: int, y: int, importance: NDArray[np.int8] | None = None
) -> tuple[Int32, Int32]:
    """Rows and places of the points in a tile; of too many the important ones and an even sample stay."""
    inside = points.within(z, x, y)
    rows, world = points.rows[inside], points.world[inside]
    if len(rows) > MOST_FEATURES:
        first = np.zeros(len(rows), np.int8) if importance is None else -importance[rows]
        # A step through the curve's order thins evenly over the land.
        step = np.arange(len(rows), dtype=np.int64) * 0x9E3779B1 % 2**32
        kept = np.sort(np.lexsort((step, first))[:MOST_FEATURES])
        rows, world = rows[kept], world[kept]
    return rows, np.clip(_units(world, z, x, y), 0, EXTENT - 1)


def _by_length(parts: Polygons, z: int, x: int, y: int) -> list[tuple[Int32, NDArray[np.intp]]]:
    """Lines grouped by their number of vertices: (n, k, 2) in tile units and which parts they are.

    What is shorter than a tile unit is left out.
    """
    counts = shapely.get_num_coordinates(parts)
    groups = []
    for count in np.unique(counts[counts >= 2]):
        chosen = np.flatnonzero(
            (counts == count) & (shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING)
        )
        vertices = _units(shapely.get_coordinates(parts[chosen]), z, x, y).reshape(-1, count, 2)
        long_enough = (np.ptp(vertices, axis=1) > 0).any(axis=1)
        if long_enough.any():
            groups.append((vertices[long_enough], chosen[long_enough]))
    return groups


def _rings(part: shapely.Geometry, z: int, x: int, y: int) -> list[Int32]:
    """Rings in tile units without closing vertex, outer ones clockwise on screen; [] for no polygon."""
    if not isinstance(part, shapely.Polygon) or part.is_empty:
        return []
    # North is up in the world but y grows southwards here, so mathematically positive is clockwise on screen.
    turned = shapely.orient_polygons(part, exterior_cw=False)
    rings = [turned.exterior, *turned.interiors]
    outline = [_units(shapely.get_coordinates(ring), z, x, y)[:-1] for ring in rings]
    return outline if np.ptp(outline[0], axis=0).all() else []
