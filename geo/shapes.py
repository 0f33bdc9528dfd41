"""Geometries of a layer as places, ends and courses, all in WGS-84 degrees."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.geometry import apart_m
from geo.network import Bool, Float64, Texts

Shapes = NDArray[np.object_]
"""shapely geometries; None where a feature has none."""

_POINT: Final = 0
_LINE: Final = 1
_MANY_LINES: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """What the geometries of a layer of edges say; NaN where a feature is no line."""

    begin: Float64
    """Degrees (lon, lat), shape (n, 2)."""
    end: Float64
    at: Float64
    """Place of a feature that is a point: a switch or transformer drawn on its line."""
    length_m: Float64
    courses: Texts
    """``lon lat;lon lat;…``"""
    unusable: Bool
    """Features whose geometry is neither a line nor a point."""


def places(shapes: Shapes) -> tuple[Float64, Bool]:
    """Per feature its place (lon, lat), and whether it has a geometry that gives none.

    An area is placed at a point within it.
    """
    kind = shapely.get_type_id(shapes)
    points = np.where(np.isin(kind, [3, 6]), shapely.point_on_surface(shapes), shapes)
    usable = np.isin(kind, [_POINT, 3, 6])
    points[~usable] = None
    return np.column_stack((shapely.get_x(points), shapely.get_y(points))), (kind >= 0) & ~usable


def lines(shapes: Shapes, straight: bool = True) -> Lines:
    """The lines of a layer; of several parts those count as one line that join end to end."""
    shapes = np.array(shapely.force_2d(shapes), np.object_)
    many = shapely.get_type_id(shapes) == _MANY_LINES
    shapes[many] = shapely.line_merge(shapes[many])
    kind = shapely.get_type_id(shapes)
    line, point = kind == _LINE, kind == _POINT
    only, spot = shapes.copy(), shapes.copy()
    only[~line] = None
    spot[~point] = None
    return Lines(
        begin=_coordinates(shapely.get_point(only, 0)),
        end=_coordinates(shapely.get_point(only, -1)),
        at=_coordinates(spot),
        length_m=_lengths_m(only, line),
        courses=tuple(_course(shape, straight) for shape in only),
        unusable=(kind >= 0) & ~line & ~point,
    )


def _coordinates(points: Shapes) -> Float64:
    return np.column_stack((shapely.get_x(points), shapely.get_y(points)))


def _lengths_m(only: Shapes, line: Bool) -> Float64:
    """Along the vertices."""
    vertices, owner = shapely.get_coordinates(only, return_index=True)
    step = apart_m(vertices[:-1, 0], vertices[:-1, 1], vertices[1:, 0], vertices[1:, 1])
    within = owner[:-1] == owner[1:]
    total = np.bincount(owner[:-1][within], weights=step[within], minlength=len(only))
    return np.where(line, total, np.nan)


def _course(shape: shapely.Geometry | None, straight: bool) -> str:
    if shape is None:
        return ""
    vertices = shapely.get_coordinates(shape).tolist()
    if len(vertices) < 3 and not straight:
        return ""
    return ";".join(f"{lon!r} {lat!r}" for lon, lat in vertices)
