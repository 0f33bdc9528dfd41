"""The company's organisation as one value: units, people, duties, rosters and villages, with their times.

``problems`` says what of it contradicts itself; an import with a problem changes nothing.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, Final

from field_api.organisation import duties, villages
from field_api.organisation.duties import Assignment, BadDuty, check_assignment
from field_api.organisation.shifts import ALL_DAYS, DAY_MINUTES, DAYS_OFF, WORKING_DAYS, Shift
from field_api.organisation.staffing import (
    ABOVE,
    Member,
    Person,
    Qualification,
    TeamKind,
    Unit,
    UnitKind,
    Vehicle,
)
from field_api.organisation.villages import Liaison, Village
from field_api.validity import holding, is_empty

Record = Unit | Person | Qualification | Assignment | Member | Shift | Vehicle | Village | Liaison
"""What the organisation is made of; each kind is a file of the organisation's folder and a table."""


@dataclass(frozen=True)
class Establishment:
    """All records, each kind in a fixed order. Immutable."""

    units: tuple[Unit, ...] = ()
    people: tuple[Person, ...] = ()
    qualifications: tuple[Qualification, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    members: tuple[Member, ...] = ()
    shifts: tuple[Shift, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    villages: tuple[Village, ...] = ()
    liaisons: tuple[Liaison, ...] = ()

    @cached_property
    def unit(self) -> Mapping[str, Unit]:
        """Units by id."""
        return {unit.id: unit for unit in self.units}

    @cached_property
    def person(self) -> Mapping[str, Person]:
        """People by id."""
        return {person.id: person for person in self.people}

    def of_kind(self, kind: str) -> tuple[Record, ...]:
        """The records of one kind, a field's name."""
        found: tuple[Record, ...] = getattr(self, kind)
        return found

    def cells_of(self, person_id: str, at_ms: int) -> frozenset[str]:
        """The cells that a person has to do with then: as manager, or as liaison of a village there."""
        return self.cells_by_person(at_ms).get(person_id, frozenset())

    def cells_by_person(self, at_ms: int) -> Mapping[str, frozenset[str]]:
        """As ``cells_of``, of everybody who has any."""
        grid_of = {village.id: village.grid_id for village in self.villages}
        found: dict[str, set[str]] = {}
        for duty in holding(self.assignments, at_ms):
            found.setdefault(duty.person_id, set()).add(duty.grid_id)
        for link in holding(self.liaisons, at_ms):
            if link.village_id in grid_of:
                found.setdefault(link.person_id, set()).add(grid_of[link.village_id])
        return {person: frozenset(cells) for person, cells in found.items()}


KINDS: Final = tuple(field.name for field in fields(Establishment))
"""In the order in which one kind refers to those before it."""

KEY: Final[Mapping[str, tuple[str, ...]]] = {
    "units": ("id",),
    "people": ("id",),
    "qualifications": ("person_id", "skill"),
    "assignments": ("grid_id", "from_ms"),
    "members": ("crew_id", "person_id", "from_ms"),
    "shifts": ("crew_id", "days", "starts", "on_call", "from_day"),
    "vehicles": ("id",),
    "villages": ("id",),
    "liaisons": ("village_id", "from_ms"),
}
"""Which fields tell a record from all others of its kind."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one record."""

    kind: str
    key: tuple[Any, ...]
    field: str
    told: str


def key_of(kind: str, record: Record) -> tuple[Any, ...]:
    """What tells the record from all others of its kind."""
    return tuple(getattr(record, name) for name in KEY[kind])


@dataclass(frozen=True, slots=True)
class Changes:
    """What makes one establishment out of another, by kind."""

    added: Mapping[str, tuple[Record, ...]]
    changed: Mapping[str, tuple[tuple[Record, Record], ...]]
    """(before, after)"""
    removed: Mapping[str, tuple[Record, ...]]

    @property
    def count(self) -> int:
        """How many records differ."""
        parts = (self.added, self.changed, self.removed)
        return sum(len(records) for part in parts for records in part.values())


def changes(before: Establishment, after: Establishment, kinds: Collection[str] = KINDS) -> Changes:
    """What differs, of these kinds."""
    added: dict[str, tuple[Record, ...]] = {}
    changed: dict[str, tuple[tuple[Record, Record], ...]] = {}
    removed: dict[str, tuple[Record, ...]] = {}
    for kind in kinds:
        old = {key_of(kind, record): record for record in before.of_kind(kind)}
        new = {key_of(kind, record): record for record in after.of_kind(kind)}
        added[kind] = tuple(record for key, record in new.items() if key not in old)
        removed[kind] = tuple(record for key, record in old.items() if key not in new)
        pairs = ((old[key], record) for key, record in new.items() if key in old)
        changed[kind] = tuple((one, other) for one, other in pairs if one != other)
    return Changes(added, changed, removed)


def problems(
    establishment: Establishment, cells: Collection[str], crews: Collection[str]
) -> tuple[Problem, ...]:
    """Everything that contradicts itself: broken references, two at once, empty times, impossible charts.

    ``cells`` and ``crews`` are the ids that exist.
    """
    checks = (_references, _chart, _times, _assignments, _liaisons, _shifts, _twice)
    found = [problem for check in checks for problem in check(establishment)]
    found += _of_the_network(establishment, cells, crews)
    return tuple(found)


def _references(whole: Establishment) -> Iterator[Problem]:
    village_ids = {village.id for village in whole.villages}
    yield from _known(whole, "people", "unit_id", whole.unit, "unit")
    for kind in ("qualifications", "assignments", "members", "liaisons"):
        yield from _known(whole, kind, "person_id", whole.person, "person")
    yield from _known(whole, "liaisons", "village_id", village_ids, "village")


def _of_the_network(
    whole: Establishment, cells: Collection[str], crews: Collection[str]
) -> Iterator[Problem]:
    yield from _known(whole, "assignments", "grid_id", cells, "grid cell")
    yield from _known(whole, "villages", "grid_id", cells, "grid cell")
    for kind in ("members", "shifts"):
        yield from _known(whole, kind, "crew_id", crews, "crew")
    yield from _known(whole, "vehicles", "crew_id", {"", *crews}, "crew")


def _known(
    whole: Establishment, kind: str, field: str, known: Collection[str], what: str
) -> Iterator[Problem]:
    for record in whole.of_kind(kind):
        value = getattr(record, field)
        if value not in known:
            yield Problem(kind, key_of(kind, record), field, f"there is no {what} {value!r}")


def _chart(whole: Establishment) -> Iterator[Problem]:
    for unit in whole.units:
        above = ABOVE[unit.kind]
        parent = whole.unit.get(unit.parent_id)
        if (parent is None and (unit.parent_id or above)) or (
            parent is not None and parent.kind not in above
        ):
            expected = " or ".join(sorted(above)) or "nothing"
            told = f"{unit.parent_id!r}: a {unit.kind.value} belongs to {expected}"
            yield Problem("units", (unit.id,), "parent_id", told)
        if (unit.kind is UnitKind.TEAM) is (unit.team_kind is TeamKind.NONE):
            told = "a team, and only a team, is service, business or general"
            yield Problem("units", (unit.id,), "team_kind", told)


def _times(whole: Establishment) -> Iterator[Problem]:
    for kind in ("people", "qualifications", "members", "vehicles", "liaisons"):
        for record in whole.of_kind(kind):
            if is_empty(record):  # type: ignore[arg-type]
                yield Problem(kind, key_of(kind, record), "until_ms", "it ends before it begins")


_SAID: Final = {
    "organisation.duty_split": "customer manager and asset owner are one person (ORG-01): expected both set",
    "organisation.duty_ends_first": "the duty ends before it begins",
}
"""For whom imports: the command line is English."""


def _assignments(whole: Establishment) -> Iterator[Problem]:
    for one in whole.assignments:
        try:
            check_assignment(one)
        except BadDuty as problem:
            yield Problem("assignments", key_of("assignments", one), "service", _SAID[problem.said.code])
    for earlier, later in duties.two_at_once(whole.assignments):
        told = f"{earlier.person_id!r} still manages cell {later.grid_id!r} then: one at a time (ORG-01)"
        yield Problem("assignments", key_of("assignments", later), "from_ms", told)


def _liaisons(whole: Establishment) -> Iterator[Problem]:
    for one in whole.liaisons:
        person = whole.person.get(one.person_id)
        if person is not None and not villages.eligible(person, whole.unit):
            told = f"{one.person_id!r} is in no service, business or general team (ORG-16)"
            yield Problem("liaisons", key_of("liaisons", one), "person_id", told)
    for earlier, later in villages.two_at_once(whole.liaisons):
        told = f"{earlier.person_id!r} still is liaison of {later.village_id!r} then: one at a time (ORG-17)"
        yield Problem("liaisons", key_of("liaisons", later), "from_ms", told)


def _shifts(whole: Establishment) -> Iterator[Problem]:
    for shift in whole.shifts:
        key = key_of("shifts", shift)
        if shift.days not in {ALL_DAYS, WORKING_DAYS, DAYS_OFF} and not set(shift.days) <= set("1234567"):
            told = f"{shift.days!r}: expected all, work, off or weekdays such as 12345"
            yield Problem("shifts", key, "days", told)
        if not (0 <= shift.starts < DAY_MINUTES and 0 <= shift.ends <= DAY_MINUTES):
            yield Problem("shifts", key, "starts", "expected hours from 00:00 to 24:00")


def _twice(whole: Establishment) -> Iterator[Problem]:
    for kind in KINDS:
        yield from _repeated(kind, whole.of_kind(kind), partial(key_of, kind))


def _repeated(kind: str, records: Iterable[Record], key: Callable[[Record], Hashable]) -> Iterator[Problem]:
    seen: set[Hashable] = set()
    for record in records:
        identity = key(record)
        if identity in seen:
            yield Problem(kind, key_of(kind, record), KEY[kind][0], "named twice")
        seen.add(identity)
