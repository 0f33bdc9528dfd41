"""Who works where: company, service centre, station, team, contractor; people with their skills; crews.

A station's teams follow its headcount (ORG-05, ORG-06, ORG-07). The rule says 原则上, in principle: what
breaks it is told as a warning and refused nowhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.validity import ALWAYS_MS, holds

SMALL_STATION: Final = 20
"""Up to so many heads a station has a service and a business team; above, a general team as well."""


class UnitKind(StrEnum):
    COMPANY = "company"
    CENTRE = "centre"
    """供电服务中心"""
    STATION = "station"
    """供电所"""
    TEAM = "team"
    """班组"""
    CONTRACTOR = "contractor"
    """外协, with crews of its own under a unit of ours."""


class TeamKind(StrEnum):
    NONE = ""
    SERVICE = "service"
    """供电服务班"""
    BUSINESS = "business"
    """营业班"""
    GENERAL = "general"
    """综合班"""


ABOVE: Final[Mapping[UnitKind, frozenset[UnitKind]]] = {
    UnitKind.COMPANY: frozenset(),
    UnitKind.CENTRE: frozenset({UnitKind.COMPANY}),
    UnitKind.STATION: frozenset({UnitKind.CENTRE, UnitKind.COMPANY}),
    UnitKind.TEAM: frozenset({UnitKind.STATION, UnitKind.CENTRE}),
    UnitKind.CONTRACTOR: frozenset({UnitKind.COMPANY, UnitKind.CENTRE, UnitKind.STATION}),
}
"""What each kind of unit may belong to; a company to nothing."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One box of the organisation chart."""

    id: str
    kind: UnitKind
    parent_id: str
    """'' for the company."""
    name: str
    name_en: str = ""
    team_kind: TeamKind = TeamKind.NONE
    number: int = 0
    """Of a numbered team, 供电服务一班 is 1; 0: not numbered."""
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works for the company or its contractor; ``user_id`` is their login, if they have one."""

    id: str
    name: str
    unit_id: str
    name_en: str = ""
    phone: str = ""
    user_id: str = ""
    rating: float | None = None
    """How people rate them, 0 to 5; None: nobody has yet."""
    lon: float | None = None
    """Where they usually start from; None: from their unit."""
    lat: float | None = None
    from_ms: int = ALWAYS_MS
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Qualification:
    """One cell of the skill matrix: a person may do what needs this skill, for this time (TRN-02)."""

    person_id: str
    skill: str
    from_ms: int = ALWAYS_MS
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    crew_id: str
    person_id: str
    leads: bool = False
    from_ms: int = ALWAYS_MS
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Vehicle:
    id: str
    plate: str
    kind: str
    crew_id: str = ""
    """Who drives it; '': a pool vehicle."""
    from_ms: int = ALWAYS_MS
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TeamWarning:
    """A station or team that is not as the rule has it; ``text`` by language."""

    unit_id: str
    rule: str
    zh: str
    en: str


def skills_by_crew(
    members: Iterable[Member], qualifications: Iterable[Qualification], at_ms: int
) -> dict[str, frozenset[str]]:
    """What each crew can do at that instant: the skills of its members together."""
    of_person: dict[str, set[str]] = {}
    for one in qualifications:
        if holds(one, at_ms):
            of_person.setdefault(one.person_id, set()).add(one.skill)
    found: dict[str, set[str]] = {}
    for member in members:
        if holds(member, at_ms):
            found.setdefault(member.crew_id, set()).update(of_person.get(member.person_id, ()))
    return {crew: frozenset(skills) for crew, skills in found.items()}


def skill_matrix(
    people: Iterable[Person], qualifications: Iterable[Qualification], at_ms: int
) -> dict[str, frozenset[str]]:
    """Skills of every person who works for us at that instant, also of those without any (ORG-04)."""
    matrix: dict[str, set[str]] = {person.id: set() for person in people if holds(person, at_ms)}
    for one in qualifications:
        if one.person_id in matrix and holds(one, at_ms):
            matrix[one.person_id].add(one.skill)
    return {person: frozenset(skills) for person, skills in matrix.items()}


def headcounts(units: Sequence[Unit], people: Iterable[Person], at_ms: int) -> dict[str, int]:
    """Number of people in each unit and all below it; a contractor's people count in no unit of ours."""
    parents = {unit.id: unit.parent_id for unit in units}
    contractors = {unit.id for unit in units if unit.kind is UnitKind.CONTRACTOR}
    counts = dict.fromkeys(parents, 0)
    for person in people:
        if not holds(person, at_ms):
            continue
        unit_id = person.unit_id
        for _ in range(len(UnitKind)):
            if unit_id not in counts:
                break
            counts[unit_id] += 1
            unit_id = "" if unit_id in contractors else parents[unit_id]
    return counts


def team_warnings(units: Sequence[Unit], people: Iterable[Person], at_ms: int) -> tuple[TeamWarning, ...]:
    """What of the stations' teams is not as their headcount asks, station by station."""
    counts = headcounts(units, people, at_ms)
    warnings: list[TeamWarning] = []
    for station in units:
        if station.kind is UnitKind.STATION:
            teams = [unit for unit in units if unit.kind is UnitKind.TEAM and unit.parent_id == station.id]
            warnings += _by_headcount(station, teams, counts[station.id])
            warnings += _by_number(teams)
    return tuple(warnings)


def _by_headcount(station: Unit, teams: Sequence[Unit], heads: int) -> list[TeamWarning]:
    kinds = {team.team_kind for team in teams}
    if heads <= SMALL_STATION:
        if TeamKind.GENERAL not in kinds:
            return []
        zh = f"{station.name}共{heads}人，不超过{SMALL_STATION}人原则上只设供电服务班和营业班"
        en = f"{heads} heads: up to {SMALL_STATION} a service and a business team are expected, no general"
        return [TeamWarning(station.id, "ORG-05", zh, en)]
    missing = [kind for kind in TeamKind if kind is not TeamKind.NONE and kind not in kinds]
    if not missing:
        return []
    named = "、".join(NAMES[kind] for kind in missing)
    zh = f"{station.name}共{heads}人，超过{SMALL_STATION}人应设三个班组，缺：{named}"
    en = f"{heads} heads: above {SMALL_STATION} three teams are expected, missing {', '.join(missing)}"
    return [TeamWarning(station.id, "ORG-06", zh, en)]


def _by_number(teams: Sequence[Unit]) -> list[TeamWarning]:
    """Only the service team may be divided: 供电服务一班, 二班."""
    warnings = []
    for team in teams:
        twins = [other for other in teams if other.team_kind is team.team_kind and other.id < team.id]
        if team.team_kind is not TeamKind.SERVICE and (team.number or twins):
            zh = f"{team.name}：只有供电服务班可以分设编号班组"
            en = "only a service team may have numbered sub-teams"
            warnings.append(TeamWarning(team.id, "ORG-07", zh, en))
    return warnings


NAMES: Final[Mapping[TeamKind, str]] = {
    TeamKind.SERVICE: "供电服务班",
    TeamKind.BUSINESS: "营业班",
    TeamKind.GENERAL: "综合班",
}
