"""The land of the grid cells: compact polygons without overlaps, for the map.

Transformer areas of real and synthetic grids overlap, so the land is parted by where the transformers stand;
which cell an element belongs to is never read from the polygons (see ``geo.cells``).
"""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.cells import Cells
from geo.network import EdgeKind, Float64, Int32, Network
from geo.voltage import LV_BELOW_KV, high_side, low_side

MOST_PLACES: Final = 4000
"""Most places of which the outline is made; of larger networks a raster of about as many."""
MARGIN: Final = 0.02
"""How far land reaches beyond the outermost place, as a share of the territory's width."""
LONELY: Final = 1e-5
"""Margin around a single place, in units of the world (about 400 m)."""

Polygons = NDArray[np.object_]


def cell_polygons(network: Network, cells: Cells, world: Float64) -> Polygons:
    """One (multi)polygon per cell, in the coordinates of ``world`` (one point per node; NaN where unknown).

    Land belongs to the cell of the nearest distribution transformer (Voronoi). Empty for a cell without any.
    """
    sites, label = anchors(network, cells, world)
    land = _land(world)
    if len(sites) < 2:
        none = shapely.Polygon()
        return np.array([land if cell in label else none for cell in range(len(cells.ids))], np.object_)
    parts = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(sites), extend_to=land))
    site, part = shapely.STRtree(parts).query(shapely.points(sites), predicate="intersects")
    owner = np.full(len(parts), -1, np.int32)
    owner[part] = label[site]
    numbers = range(len(cells.ids))
    pieces = [shapely.union_all(parts[np.flatnonzero(owner == cell)]) for cell in numbers]
    return np.array([shapely.intersection(piece, land) for piece in pieces], np.object_)


def anchors(network: Network, cells: Cells, world: Float64) -> tuple[Float64, Int32]:
    """Distinct places of the distribution transformers with their cell; all nodes where there are none."""
    edges = network.edges
    low = ~(network.nodes.voltage_kv[low_side(network.nodes, edges)] >= LV_BELOW_KV)
    chosen = np.flatnonzero((edges.kind == EdgeKind.TRANSFORMER) & low)
    places, label = world[high_side(network.nodes, edges)[chosen]], cells.of_edge[chosen]
    if not np.isfinite(places).all(axis=1).any():
        places, label = world, cells.of_node
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    distinct, first = np.unique(places[known], axis=0, return_index=True)
    return distinct, label[known[first]]


def _land(world: Float64) -> shapely.Geometry:
    """What lies near any node, its outline smoothed."""
    places = np.unique(world[np.flatnonzero(np.isfinite(world).all(axis=1))], axis=0)
    if len(places) < 2:
        return shapely.union_all(shapely.buffer(shapely.points(places), LONELY))
    size = np.ptp(places, axis=0)
    if len(places) > MOST_PLACES:
        step = float(size.max()) / np.sqrt(MOST_PLACES)
        places = places[np.unique(np.floor(places / step), axis=0, return_index=True)[1]]
    margin = MARGIN * float(size.max())
    near = shapely.union_all(shapely.buffer(shapely.points(places), 2 * margin, quad_segs=4))
    return shapely.simplify(shapely.buffer(near, -margin), margin / 8)
