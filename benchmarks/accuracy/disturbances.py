"""What records and radio do to a night: wrong places, wrong switch positions, loss by the terrain."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from scipy.spatial import cKDTree
from scipy.stats import norm

from benchmarks.accuracy.conditions import Condition
from benchmarks.accuracy.supply import Int64, Supply
from geo.network import SWITCHING_KINDS, Bool, Float64, Int32

NEAR_AREAS: Final = 5
"""A wrongly recorded meter hangs in one of so many nearest areas."""
TERRAIN_SHARE: Final = 0.15
"""Length over which the terrain changes, as a share of the grid's extent."""
WAVES: Final = 48


def true_places(supply: Supply, share: float, rng: Generator) -> Int32:
    """[meters] the node where it really hangs: pairs of meters of near areas have swapped places."""
    recorded = supply.network.meters.node
    place: Int32 = recorded.copy()
    area = supply.area[recorded]
    areas = np.unique(area[area >= 0])
    if share <= 0.0 or len(areas) < 2:
        return place
    near = _near_areas(supply, areas)
    members = {int(one): np.flatnonzero(area == one) for one in areas}
    for meter in rng.permutation(np.flatnonzero(area >= 0))[: int(share * len(recorded) / 2)]:
        home = int(np.searchsorted(areas, area[meter]))
        other = int(rng.choice(members[int(areas[rng.choice(near[home])])]))
        place[meter], place[other] = place[other], place[meter]
    return place


def _near_areas(supply: Supply, areas: Int32) -> Int64:
    """[areas, near] the nearest other areas, by their number."""
    heads = supply.network.edges.to_node[areas]
    _, near = cKDTree(_plane(supply, heads)).query(_plane(supply, heads), k=min(NEAR_AREAS + 1, len(areas)))
    return np.asarray(near, dtype=np.int64)[:, 1:]


def _plane(supply: Supply, nodes: Int32 | Int64) -> Float64:
    lon, lat = supply.network.nodes.lon[nodes], supply.network.nodes.lat[nodes]
    return np.column_stack((lon * np.cos(np.radians(lat)), lat))


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """[meters]"""

    happens: Bool
    """Whether the last gasp is lost, should there be one."""
    chance: Float64
    """P(it is), given the terrain."""


def loss(supply: Supply, where: Int32, condition: Condition, rng: Generator) -> Loss:
    """``miss`` of all last gasps are lost, neighbours alike where loss is correlated."""
    luck, least = rng.standard_normal(len(where)), norm.ppf(condition.miss)
    if condition.correlated <= 0.0:
        return Loss(luck < least, np.full(len(where), condition.miss))
    terrain = np.sqrt(condition.correlated) * _terrain(_plane(supply, where), rng)
    own = np.sqrt(1.0 - condition.correlated)
    return Loss(terrain + own * luck < least, norm.cdf((least - terrain) / own))


def _terrain(places: Float64, rng: Generator) -> Float64:
    """A smooth random field over the places, of mean 0 and variance 1 (random Fourier features)."""
    extent = np.maximum(np.ptp(places, axis=0).max(), 1e-9)
    waves = rng.standard_normal((2, WAVES)) / (TERRAIN_SHARE * extent)
    phases = rng.uniform(0, 2 * np.pi, WAVES)
    field: Float64 = np.sqrt(2.0 / WAVES) * np.cos(places @ waves + phases).sum(axis=1)
    return field


def transferred(supply: Supply, wanted: int, rng: Generator) -> Bool:
    """[edges] closed in truth: of ``wanted`` rings the open point has moved, and nobody recorded it."""
    edges = supply.network.edges
    closed: Bool = edges.closed.copy()
    fed = (supply.feeder >= 0) | np.isin(np.arange(len(supply.feeder)), supply.order)
    ties = np.flatnonzero(~closed & fed[edges.from_node] & fed[edges.to_node])
    moved: set[int] = set()
    for tie in rng.permutation(ties):
        ring = _ring(supply, int(edges.from_node[tie]), int(edges.to_node[tie]))
        switches = [e for e in ring if edges.kind[e] in SWITCHING_KINDS]
        if len(moved) < wanted * 2 and switches and not moved & set(ring):
            opened = int(rng.choice(switches))
            closed[tie], closed[opened] = True, False
            moved |= {int(tie), opened}
    return closed


def _ring(supply: Supply, one: int, other: int) -> list[int]:
    """Edges on the ways from two nodes up to where these meet."""
    mine, theirs = supply.way_up(one), supply.way_up(other)
    shared = set(mine) & set(theirs)
    return [int(supply.feeding_edge[node]) for node in (*mine, *theirs) if node not in shared]
