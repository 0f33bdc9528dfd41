"""GCJ-02 (火星坐标), the shifted coordinates of Chinese map services, to and from WGS-84.

The shift is a published-by-use formula: a polynomial with sine terms in degrees from 105° E, 35° N, scaled on
the Krasovsky ellipsoid. It has no closed inverse; iterating converges to a millimetre in a few steps.
"""

from typing import Final

import numpy as np

from geo.network import Bool, Float64

KRASOVSKY_M: Final = 6_378_245.0
ECCENTRICITY_SQUARED: Final = 0.006_693_421_622_965_943
_ROUNDS: Final = 8
_WAVES_LON: Final = ((20.0, 1.0), (40.0, 1 / 3), (150.0, 1 / 12), (300.0, 1 / 30))
_WAVES_LAT: Final = ((20.0, 1.0), (40.0, 1 / 3), (160.0, 1 / 12), (320.0, 1 / 30))


def from_wgs84(lon: Float64, lat: Float64) -> tuple[Float64, Float64]:
    """Degrees in WGS-84 → degrees in GCJ-02; places outside China stay as they are."""
    shift_lon, shift_lat = _shift(lon, lat)
    return lon + shift_lon, lat + shift_lat


def to_wgs84(lon: Float64, lat: Float64) -> tuple[Float64, Float64]:
    """Degrees in GCJ-02 → degrees in WGS-84, within a millimetre; outside China unchanged."""
    found_lon, found_lat = lon, lat
    for _ in range(_ROUNDS):
        shift_lon, shift_lat = _shift(found_lon, found_lat)
        found_lon, found_lat = lon - shift_lon, lat - shift_lat
    return found_lon, found_lat


def within_china(lon: Float64, lat: Float64) -> Bool:
    """The rectangle in which map services shift."""
    return np.asarray((lon > 72.004) & (lon < 137.8347) & (lat > 0.8293) & (lat < 55.8271), np.bool_)


def _shift(lon: Float64, lat: Float64) -> tuple[Float64, Float64]:
    x, y = lon - 105.0, lat - 35.0
    shared = 20.0 * np.sin(6 * np.pi * x) + 20.0 * np.sin(2 * np.pi * x)
    root = np.sqrt(np.abs(x))
    east_m = 300.0 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east_m += (shared + _waves(x, _WAVES_LON)) * 2 / 3
    north_m = -100.0 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north_m += (shared + _waves(y, _WAVES_LAT)) * 2 / 3
    radians = np.radians(lat)
    bend = 1 - ECCENTRICITY_SQUARED * np.sin(radians) ** 2
    meridian_m = KRASOVSKY_M * (1 - ECCENTRICITY_SQUARED) / bend**1.5
    parallel_m = KRASOVSKY_M / np.sqrt(bend) * np.cos(radians)
    inside = within_china(lon, lat)
    return (
        np.where(inside, np.degrees(east_m / parallel_m), 0.0),
        np.where(inside, np.degrees(north_m / meridian_m), 0.0),
    )


def _waves(angle: Float64, terms: tuple[tuple[float, float], ...]) -> Float64:
    total = np.zeros_like(angle)
    for size, rate in terms:
        total += size * np.sin(np.pi * rate * angle)
    return total
