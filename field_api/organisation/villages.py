"""Villages and their liaisons (村所对接): one person of the teams for each village, and who suits it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.organisation.staffing import Person, TeamKind, Unit, UnitKind
from field_api.saying import Saying
from field_api.validity import ALWAYS_MS, holding, holds, is_empty, overlaps, succeeded, until_the_next

ELIGIBLE: Final = frozenset({TeamKind.SERVICE, TeamKind.BUSINESS, TeamKind.GENERAL})
"""Teams of which a liaison is drawn (ORG-16)."""
NOT_RATED: Final = 3.0
"""Counts for somebody whom nobody has rated yet: the middle of the scale."""
KM_PER_POINT: Final = 10.0
"""A rating point more outweighs so many kilometres more. A working figure; no source states one."""
_EARTH_KM: Final = 6371.0


class BadLiaison(Saying, ValueError):
    """A liaison that the rules do not allow; says which and why."""


@dataclass(frozen=True, slots=True)
class Village:
    id: str
    name: str
    grid_id: str
    name_en: str = ""
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class Liaison:
    """A person as the liaison of a village for a time."""

    village_id: str
    person_id: str
    from_ms: int = ALWAYS_MS
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    person: Person
    distance_km: float | None
    """None where one of the two places is not known."""
    score: float


def eligible(person: Person, units: Mapping[str, Unit]) -> bool:
    """Is the person in one of a station's three teams? (ORG-16)"""
    unit = units.get(person.unit_id)
    return unit is not None and unit.kind is UnitKind.TEAM and unit.team_kind in ELIGIBLE


def two_at_once(liaisons: Iterable[Liaison]) -> tuple[tuple[Liaison, Liaison], ...]:
    """Pairs of liaisons of one village at the same time: what must never be (ORG-17)."""
    return overlaps(liaisons, key=lambda one: one.village_id)


def liaison_at(liaisons: Iterable[Liaison], village_id: str, at_ms: int) -> str | None:
    """The village's one liaison then; None: nobody is named."""
    return next((one.person_id for one in holding(liaisons, at_ms) if one.village_id == village_id), None)


def taken_over(
    liaisons: Sequence[Liaison], new: Liaison, people: Mapping[str, Person], units: Mapping[str, Unit]
) -> tuple[Liaison, ...]:
    """The succession with ``new`` in it, ``liaisons`` being all of the village; raises ``BadLiaison``."""
    person = people.get(new.person_id)
    if person is None or not holds(person, new.from_ms):
        raise BadLiaison("village.person_not_here", village=new.village_id, person=new.person_id)
    if not eligible(person, units):
        raise BadLiaison("village.person_in_no_team", village=new.village_id, person=person.id)
    if is_empty(new):
        raise BadLiaison("village.liaison_ends_first", village=new.village_id)
    if new.until_ms is None:
        new = Liaison(new.village_id, new.person_id, new.from_ms, until_the_next(liaisons, new.from_ms))
    return tuple(one for one in succeeded(liaisons, new) if not is_empty(one))


def candidates(
    village: Village, people: Iterable[Person], units: Mapping[str, Unit], at_ms: int
) -> tuple[Candidate, ...]:
    """Who may be the village's liaison, best first: rating less distance (ORG-18).

    Equal ratings: the nearer first; who is in no known place comes after all whose place is known.
    """
    found = [
        _candidate(village, person, units)
        for person in people
        if holds(person, at_ms) and eligible(person, units)
    ]
    return tuple(sorted(found, key=lambda one: (one.distance_km is None, -one.score, one.person.id)))


def _candidate(village: Village, person: Person, units: Mapping[str, Unit]) -> Candidate:
    km = _distance_km((village.lon, village.lat), _base(person, units))
    rating = NOT_RATED if person.rating is None else person.rating
    return Candidate(person, km, rating - (km or 0.0) / KM_PER_POINT)


def _base(person: Person, units: Mapping[str, Unit]) -> tuple[float | None, float | None]:
    """Where they start from: their own place, else their unit's, else what that belongs to."""
    if person.lon is not None and person.lat is not None:
        return person.lon, person.lat
    unit = units.get(person.unit_id)
    for _ in UnitKind:
        if unit is None or (unit.lon is not None and unit.lat is not None):
            break
        unit = units.get(unit.parent_id)
    return (None, None) if unit is None else (unit.lon, unit.lat)


def _distance_km(
    one: tuple[float | None, float | None], other: tuple[float | None, float | None]
) -> float | None:
    """Great-circle distance (haversine) of two places in degrees."""
    if None in (*one, *other):
        return None
    lon1, lat1, lon2, lat2 = (math.radians(float(degrees or 0.0)) for degrees in (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(half))
