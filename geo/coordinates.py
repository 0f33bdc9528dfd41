"""Degrees and metres, degrees and tiles. WGS-84 throughout."""

from typing import Final

import numpy as np

from geo.network import Float64

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius (IUGG)."""
MAX_MERCATOR_LAT: Final = 85.051_128_779_806_6
"""Where web Mercator ends: atan(sinh(π))."""


def metres_around(lon: Float64, lat: Float64) -> Float64:
    """East and north metres from the middle of the points, shape (n, 2); NaN stays NaN.

    Equirectangular: exact enough within a company's territory (0.1 % over 100 km).
    """
    known = np.isfinite(lon) & np.isfinite(lat)
    middle_lon, middle_lat = (lon[known].mean(), lat[known].mean()) if known.any() else (0.0, 0.0)
    degree_m = np.radians(1.0) * EARTH_RADIUS_M
    east = (lon - middle_lon) * degree_m * np.cos(np.radians(middle_lat))
    return np.column_stack((east, (lat - middle_lat) * degree_m))


def mercator(lon: Float64, lat: Float64) -> Float64:
    """Web Mercator in units of the whole world, shape (n, 2): x east and y south in 0 … 1."""
    radians = np.radians(np.clip(lat, -MAX_MERCATOR_LAT, MAX_MERCATOR_LAT))
    y = 0.5 - np.arcsinh(np.tan(radians)) / (2 * np.pi)
    return np.column_stack((lon / 360.0 + 0.5, y))
