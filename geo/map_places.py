"""Where things without a place of their own stand on the map: edges, switches beside a bus, customers."""

from typing import Final

import numpy as np
import shapely

from geo.coordinates import EARTH_RADIUS_M, mercator
from geo.doors import PATH_COLUMN
from geo.network import ABSENT, SWITCHING_KINDS, Float64, Int32, Network
from geo.territory import Polygons

SWITCH_OFFSET_M: Final = 8.0
SWITCH_OFFSET_SHARE: Final = 0.3
"""A switch that shares its bus's coordinates is shown this far along its line, so that each can be picked."""


def middle(network: Network, world: Float64) -> Float64:
    """The middle between the ends of every edge."""
    return (world[network.edges.from_node] + world[network.edges.to_node]) / 2


def edge_paths(network: Network, world: Float64) -> Polygons:
    """A line per edge: its own course where known, straight otherwise; None without place or length."""
    ends = np.stack((world[network.edges.from_node], world[network.edges.to_node]), axis=1)
    drawn = np.isfinite(ends).all(axis=(1, 2)) & (ends[:, 0] != ends[:, 1]).any(axis=1)
    paths = np.full(len(ends), None, np.object_)
    paths[drawn] = shapely.linestrings(ends[drawn])
    for row, course in enumerate(network.edges.extra.get(PATH_COLUMN, ())):
        vertices = _course(course)
        if vertices is not None:
            paths[row] = shapely.LineString(vertices)
    return paths


def _course(text: str) -> Float64 | None:
    """World coordinates of a course; None where it is no line."""
    try:
        degrees = np.array([[float(number) for number in pair.split()] for pair in text.split(";") if pair])
    except ValueError:
        return None
    if degrees.ndim != 2 or degrees.shape[0] < 2 or degrees.shape[1] != 2 or not np.isfinite(degrees).all():
        return None
    return mercator(degrees[:, 0], degrees[:, 1])


def switch_places(network: Network, world: Float64) -> Float64:
    """Per edge its place as a switch: the middle, or a little along its line where both ends coincide."""
    edges = network.edges
    places = middle(network, world)
    flat = (world[edges.from_node] == world[edges.to_node]).all(axis=1)
    switching = np.isin(edges.kind, [int(kind) for kind in SWITCHING_KINDS])
    beyond = _far_end_of_the_only_line(network, flat)
    for end in (edges.from_node, edges.to_node):
        chosen = np.flatnonzero(flat & switching & (beyond[end] != ABSENT))
        way = world[beyond[end[chosen]]] - world[end[chosen]]
        length = np.hypot(way[:, 0], way[:, 1])
        share = np.minimum(SWITCH_OFFSET_SHARE, _metres(SWITCH_OFFSET_M, places[chosen]) / length)
        places[chosen] = world[end[chosen]] + way * share[:, None]
    return places


def _far_end_of_the_only_line(network: Network, flat: np.ndarray) -> Int32:
    """Per node with exactly one edge of some length: that edge's other end; ABSENT elsewhere."""
    edges, count = network.edges, len(network.nodes)
    first, second = edges.from_node[~flat], edges.to_node[~flat]
    number = np.bincount(first, minlength=count) + np.bincount(second, minlength=count)
    far = np.full(count, ABSENT, np.int32)
    far[first] = second
    far[second] = first
    return np.where(number == 1, far, ABSENT).astype(np.int32)


def _metres(distance_m: float, world: Float64) -> Float64:
    """A distance in web Mercator units at these places."""
    latitude = np.arctan(np.sinh(np.pi * (1 - 2 * world[:, 1])))
    return distance_m / (2 * np.pi * EARTH_RADIUS_M * np.cos(latitude))


def customer_places(network: Network, world: Float64) -> Float64:
    """Per customer the place of their first meter, else of their access point; NaN where neither is known."""
    node = network.customers.access_point.copy()
    node[network.meters.customer[::-1]] = network.meters.node[::-1]
    places = np.full((len(node), 2), np.nan)
    known = node != ABSENT
    places[known] = world[node[known]]
    return places
