"""How many minutes a crew drives from place to place, without a map of roads.

Great circle × detour factor ÷ door-to-door speed of the area driven to, plus the minutes to set off and park;
a site's table of minutes between grid cells goes before that. The figures are data (``travel.toml``).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from geo.network import Float64

_FILE: Final = Path(__file__).with_suffix(".toml")
EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius of the WGS-84 ellipsoid (IUGG)."""
_STANDS_STILL_KM: Final = 0.02


@dataclass(frozen=True, slots=True)
class TravelModel:
    detour: float
    """Road length ÷ straight line."""
    set_off_minutes: float
    """Added to every drive that leaves the spot."""
    unknown_minutes: float
    """To or from an unknown place."""
    speed_kmh: Mapping[str, float]
    """Door-to-door speed by kind of area; the slowest stands in for a kind that is not named."""
    between_cells: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Minutes from one grid cell to another, where the site knows them."""


@dataclass(frozen=True, slots=True)
class Stops:
    """Places, all fields of one length; NaN where a coordinate is unknown, '' where a cell or area is."""

    lon: Float64
    lat: Float64
    cells: tuple[str, ...]
    areas: tuple[str, ...]


@cache
def usual_travel() -> TravelModel:
    """The figures of ``travel.toml``."""
    declared = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return TravelModel(
        declared["detour"], declared["set_off_minutes"], declared["unknown_minutes"], declared["speed_kmh"]
    )


def great_circle_km(lon: Float64, lat: Float64, to_lon: Float64, to_lat: Float64) -> Float64:
    """Haversine distance on the mean sphere; arguments in degrees, broadcast together."""
    phi, to_phi = np.radians(lat), np.radians(to_lat)
    across = np.sin((to_phi - phi) / 2) ** 2
    along = np.cos(phi) * np.cos(to_phi) * np.sin(np.radians(to_lon - lon) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(across + along, 0.0, 1.0))))


def minutes_between(model: TravelModel, begin: Stops, end: Stops) -> Float64:
    """Matrix of minutes, a row per beginning and a column per end; 0 for staying on the spot."""
    km = great_circle_km(begin.lon[:, None], begin.lat[:, None], end.lon[None, :], end.lat[None, :])
    slowest = min(model.speed_kmh.values())
    speed = np.array([model.speed_kmh.get(area, slowest) for area in end.areas], np.float64)
    driven = model.set_off_minutes + km * model.detour / speed[None, :] * 60
    driven = np.where(km < _STANDS_STILL_KM, 0.0, driven)
    driven = np.where(np.isnan(driven), model.unknown_minutes, driven)
    return _with_table(model, begin, end, np.asarray(driven, np.float64), np.asarray(km))


def _with_table(model: TravelModel, begin: Stops, end: Stops, driven: Float64, km: Float64) -> Float64:
    """A cell's own minutes to itself hold too, except for staying on the spot."""
    rows: dict[str, list[int]] = {}
    columns: dict[str, list[int]] = {}
    for row, cell in enumerate(begin.cells):
        rows.setdefault(cell, []).append(row)
    for column, cell in enumerate(end.cells):
        columns.setdefault(cell, []).append(column)
    for (from_cell, to_cell), minutes in model.between_cells.items():
        block = np.ix_(rows.get(from_cell, []), columns.get(to_cell, []))
        driven[block] = np.where(km[block] < _STANDS_STILL_KM, 0.0, minutes)
    return driven
