"""Service grid cells (网格) and their crews: every element, customer and outage has exactly one cell, every
cell at least one crew, and work finds its crew through the place alone (ORG-01, ORG-02)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from field_api.organisation.shifts import IsWorkingDay, Presence, Shift, presence
from field_api.saying import Saying

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
    unit_id: str = ""
    """Its team, or the contractor whose crew it is."""
    skills: frozenset[str] = frozenset()
    """What its members together can do at present."""
    shifts: tuple[Shift, ...] = ()
    """Its roster; none: it is always on shift."""


class NoCrew(Saying, LookupError):
    """A grid cell without a crew: work there would reach nobody."""


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


def lacking(crew: Crew, skills: Iterable[str]) -> tuple[str, ...]:
    """Which of the skills the crew does not have, in order of name."""
    return tuple(sorted(frozenset(skills) - crew.skills))


def responsible_crew(
    grid_id: str,
    crews: Sequence[Crew],
    open_orders: Mapping[str, int],
    lon: float,
    lat: float,
    skills: Iterable[str],
    at_ms: int,
    is_working_day: IsWorkingDay,
) -> Crew:
    """Exactly one crew of the cell. Only such as have the skills, unless none has all of them (TRN-02).

    Then: on shift at ``at_ms`` before on call before off, free before busy, least loaded, nearest, lowest
    id. Raises ``NoCrew``.
    """
    own = [crew for crew in crews if grid_id in crew.grid_ids]
    if not own:
        raise NoCrew("organisation.no_crew", cell=grid_id)
    wanted = frozenset(skills)

    def rank(crew: Crew) -> tuple[int, Presence, bool, int, float, str]:
        orders = open_orders.get(crew.id, 0)
        busy = crew.state is not CrewState.FREE or orders > 0
        there = presence(crew.shifts, at_ms, is_working_day)
        return len(lacking(crew, wanted)), there, busy, orders, _nearness(crew, lon, lat), crew.id

    return min(own, key=rank)


def unskilled_note(crew: Crew, skills: Iterable[str]) -> str:
    """What the history says where nobody of the cell can do all that the work needs; else ''."""
    missing = lacking(crew, skills)
    names = ", ".join(missing)
    return (
        f"本网格无班组具备全部技能，缺：{names} / no crew of the cell has all skills: {names}"
        if missing
        else ""
    )


def _nearness(crew: Crew, lon: float, lat: float) -> float:
    if math.isnan(lon) or math.isnan(lat):
        return 0.0
    # Only an order of distances is wanted, so degrees with a shrunken longitude do.
    return math.hypot((crew.lon - lon) * math.cos(math.radians(lat)), crew.lat - lat)
