"""Service grid cells (网格) and their crews: every element, customer and outage has exactly one cell, every
cell at least one crew, and work finds its crew through the place alone (ORG-01, ORG-02)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Bounds = tuple[float, float, float, float]
"""West, south, east, north in WGS-84 degrees."""


class AreaKind(StrEnum):
    """What a service promise distinguishes: 城区, 农村, 特殊边远地区."""

    URBAN = "urban"
    RURAL = "rural"
    REMOTE = "remote"


class CrewState(StrEnum):
    FREE = "free"
    TRAVELLING = "travelling"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class GridCell:
    id: str
    name: str
    name_en: str
    area: AreaKind
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Crew:
    """A crew and where it was last; ``lon`` and ``lat`` begin at its base."""

    id: str
    name: str
    grid_ids: tuple[str, ...]
    state: CrewState
    lon: float
    lat: float
    position_ms: int


class NoCrew(LookupError):
    """A grid cell without a crew: work there would reach nobody."""

    def __init__(self, grid_id: str) -> None:
        super().__init__(f"grid cell {grid_id!r} has no crew")


def owning_cell(cause_cell: str, customers: Mapping[str, int], known: Iterable[str]) -> str:
    """The one cell that answers for an outage: its cause's, else the one with most customers out.

    ``customers`` is the number of customers out by cell. Ties and outages without customers fall to the
    lowest id of the cells in question; ValueError where the company has no cell at all.
    """
    cells = sorted(known)
    if cause_cell in cells:
        return cause_cell
    candidates = [cell for cell in cells if customers.get(cell)] or cells
    if not candidates:
        raise ValueError("the company has no grid cell: import or create them first")
    return min(candidates, key=lambda cell: (-customers.get(cell, 0), cell))


def responsible_crew(
    grid_id: str, crews: Sequence[Crew], open_orders: Mapping[str, int], lon: float, lat: float
) -> Crew:
    """Exactly one crew of the cell: free before busy, then least loaded, then nearest, then lowest id."""
    own = [crew for crew in crews if grid_id in crew.grid_ids]
    if not own:
        raise NoCrew(grid_id)

    def rank(crew: Crew) -> tuple[bool, int, float, str]:
        orders = open_orders.get(crew.id, 0)
        busy = crew.state is not CrewState.FREE or orders > 0
        return busy, orders, _nearness(crew, lon, lat), crew.id

    return min(own, key=rank)


def _nearness(crew: Crew, lon: float, lat: float) -> float:
    if math.isnan(lon) or math.isnan(lat):
        return 0.0
    # Only an order of distances is wanted, so degrees with a shrunken longitude do.
    return math.hypot((crew.lon - lon) * math.cos(math.radians(lat)), crew.lat - lat)
