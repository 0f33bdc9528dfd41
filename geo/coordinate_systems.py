"""Coordinate systems by the names that a mapping may state; what is not stated is never guessed.

``wgs84``, ``cgcs2000`` (degrees; taken as one, they differ by centimetres), ``gcj02`` (degrees of Chinese
map services), ``cgcs2000-gk3:39`` (Gauss-Krüger 3° zone 39, eastings with the zone's number in front),
``cgcs2000-gk3:117E`` (central meridian 117° E, eastings without it), or ``EPSG:4527`` (any known to PROJ).
"""

import re
from dataclasses import dataclass
from typing import Final

_ZONE: Final = re.compile(r"cgcs2000-gk3:(\d{2})")
_MERIDIAN: Final = re.compile(r"cgcs2000-gk3:(\d{2,3})e")
_EPSG: Final = re.compile(r"epsg:(\d{4,6})")
FIRST_ZONE: Final = 25
LAST_ZONE: Final = 45
EPSG_OF_FIRST_ZONE: Final = 4513
"""CGCS2000 / 3-degree Gauss-Kruger zone 25, the others follow."""
EPSG_OF_FIRST_MERIDIAN: Final = 4534
"""CGCS2000 / 3-degree Gauss-Kruger CM 75E, the others follow."""
EXPECTED: Final = "wgs84, cgcs2000, gcj02, cgcs2000-gk3:39, cgcs2000-gk3:117E or EPSG:4527"


class UnknownSystem(ValueError):
    """A name that says no coordinate system; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class CoordinateSystem:
    name: str
    epsg: int
    """For PROJ; 4326 for degrees that need no projection."""
    shifted: bool = False
    """GCJ-02: to be shifted back by ``geo.gcj02``."""
    meridian_deg: float | None = None
    """Central meridian of a 3° zone: what lies farther than 3.5° from it was not drawn in this zone."""


def coordinate_system(name: str) -> CoordinateSystem:
    """The system of that name; raises ``UnknownSystem``."""
    plain = name.strip().lower()
    if plain in {"wgs84", "cgcs2000"}:
        return CoordinateSystem(name, 4326)
    if plain == "gcj02":
        return CoordinateSystem(name, 4326, shifted=True)
    if match := _EPSG.fullmatch(plain):
        return CoordinateSystem(name, int(match[1]), meridian_deg=_meridian_of(int(match[1])))
    if match := _ZONE.fullmatch(plain):
        return _zone(name, int(match[1]))
    if match := _MERIDIAN.fullmatch(plain):
        return _meridian(name, int(match[1]))
    raise UnknownSystem(f"crs is {name!r}, expected {EXPECTED}")


def _zone(name: str, zone: int) -> CoordinateSystem:
    if not FIRST_ZONE <= zone <= LAST_ZONE:
        raise UnknownSystem(f"crs is {name!r}, expected a zone from {FIRST_ZONE} to {LAST_ZONE}")
    return CoordinateSystem(name, EPSG_OF_FIRST_ZONE + zone - FIRST_ZONE, meridian_deg=zone * 3.0)


def _meridian(name: str, meridian: int) -> CoordinateSystem:
    if meridian % 3 or not FIRST_ZONE * 3 <= meridian <= LAST_ZONE * 3:
        raise UnknownSystem(f"crs is {name!r}, expected a meridian from 75E to 135E in steps of 3")
    return CoordinateSystem(name, EPSG_OF_FIRST_MERIDIAN + meridian // 3 - FIRST_ZONE, meridian_deg=meridian)


def _meridian_of(epsg: int) -> float | None:
    zones = LAST_ZONE - FIRST_ZONE + 1
    for first in (EPSG_OF_FIRST_ZONE, EPSG_OF_FIRST_MERIDIAN):
        if first <= epsg < first + zones:
            return (epsg - first + FIRST_ZONE) * 3.0
    return None
