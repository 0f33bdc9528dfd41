"""How far things lie apart, and whether an edge's course ends where its nodes stand."""

import numpy as np

from geo.coordinates import EARTH_RADIUS_M
from geo.doors import PATH_COLUMN
from geo.network import Float64, Int32, Network, Nodes


def distances_m(nodes: Nodes, first: Int32, second: Int32) -> Float64:
    """Metres between two nodes each, straight; NaN where a place is unknown."""
    return apart_m(nodes.lon[first], nodes.lat[first], nodes.lon[second], nodes.lat[second])


def apart_m(lon: Float64, lat: Float64, other_lon: Float64, other_lat: Float64) -> Float64:
    """Metres between places in degrees. Equirectangular: exact to a thousandth over some kilometres."""
    degree_m = np.radians(1.0) * EARTH_RADIUS_M
    east = (other_lon - lon) * np.cos(np.radians((lat + other_lat) / 2))
    return np.asarray(np.hypot(east, other_lat - lat) * degree_m, np.float64)


def course_gaps(network: Network) -> Float64:
    """Per edge the metres by which the ends of its course miss its nodes (the worse end); NaN without one.

    A course that was drawn from ``to`` to ``from`` is measured in that direction.
    """
    edges, nodes = network.edges, network.nodes
    courses = edges.extra.get(PATH_COLUMN)
    if courses is None:
        return np.full(len(edges), np.nan)
    ends = np.array([_ends(course) for course in courses], np.float64).reshape(-1, 4)
    gaps = []
    for first, second in ((edges.from_node, edges.to_node), (edges.to_node, edges.from_node)):
        begin = apart_m(ends[:, 0], ends[:, 1], nodes.lon[first], nodes.lat[first])
        end = apart_m(ends[:, 2], ends[:, 3], nodes.lon[second], nodes.lat[second])
        gaps.append(np.maximum(begin, end))
    return np.minimum(*gaps)


def _ends(course: str) -> tuple[float, float, float, float]:
    """First and last vertex in degrees, NaN where the course is none."""
    if not course:
        return (np.nan,) * 4
    try:
        first, last = course.split(";", 1)[0].split(), course.rstrip(";").rsplit(";", 1)[-1].split()
        return float(first[0]), float(first[1]), float(last[0]), float(last[1])
    except (ValueError, IndexError):
        return (np.nan,) * 4
