"""An administrator says who manages a cell, who is a village's liaison, what somebody may do; since when."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from field_api.organisation.duties import Assignment, BadDuty, handed_over
from field_api.organisation.establishment import Changes, Establishment, Record, changes
from field_api.organisation.staffing import Qualification
from field_api.organisation.villages import BadLiaison, Liaison, taken_over
from field_api.people.users import WHOLE_COMPANY, Role, User
from field_api.ports import Desk, DeskSession
from field_api.saying import Term
from field_api.usecases.errors import Forbidden, NotFound, NotPossible
from field_api.validity import holding, holds, is_empty

MAY_APPOINT: Final = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Appoint:
    """Each call enters one succession and notes who did it; the same again changes nothing."""

    desk: Desk

    def manager(self, user: User, new: Assignment, note: str, now_ms: int) -> tuple[Assignment, ...]:
        """The cell's assignments from then on; raises a kind of ``Refused``."""
        _permitted(user)
        with self.desk.writing() as session:
            there = session.establishment.read()
            if not any(cell.id == new.grid_id for cell in session.organisation.cells(user.scope)):
                raise NotFound("organisation.no_cell", cell=new.grid_id)
            _employed(there, new.person_id, new.from_ms)
            own = tuple(one for one in there.assignments if one.grid_id == new.grid_id)
            try:
                after = handed_over(own, new)
            except BadDuty as problem:
                raise NotPossible.like(problem) from None
            others = tuple(one for one in there.assignments if one.grid_id != new.grid_id)
            _enter(session, there, replace(there, assignments=others + after), user, note, now_ms)
        return after

    def liaison(self, user: User, new: Liaison, note: str, now_ms: int) -> tuple[Liaison, ...]:
        """The village's liaisons from then on; raises a kind of ``Refused``."""
        _permitted(user)
        with self.desk.writing() as session:
            there = session.establishment.read()
            village = next((one for one in there.villages if one.id == new.village_id), None)
            if village is None or not user.scope.sees(village.grid_id):
                raise NotFound("village.unknown", village=new.village_id)
            own = tuple(one for one in there.liaisons if one.village_id == new.village_id)
            try:
                after = taken_over(own, new, there.person, there.unit)
            except BadLiaison as problem:
                raise NotPossible.like(problem) from None
            others = tuple(one for one in there.liaisons if one.village_id != new.village_id)
            _enter(session, there, replace(there, liaisons=others + after), user, note, now_ms)
        return after

    def qualify(self, user: User, new: Qualification, note: str, now_ms: int) -> Qualification:
        """What the person may do from then on; raises a kind of ``Refused``."""
        _permitted(user)
        with self.desk.writing() as session:
            there = session.establishment.read()
            if new.person_id not in there.person or not _sees(session, there, user, new.person_id, now_ms):
                raise NotFound("organisation.no_person", person=new.person_id)
            if is_empty(new):
                raise NotPossible("organisation.skill_ends_first")
            key = new.person_id, new.skill
            others = tuple(q for q in there.qualifications if (q.person_id, q.skill) != key)
            _enter(session, there, replace(there, qualifications=(*others, new)), user, note, now_ms)
        return new


def _permitted(user: User) -> None:
    if user.role not in MAY_APPOINT:
        raise Forbidden("organisation.role_cannot_change", role=Term("role", user.role.value))


def _sees(session: DeskSession, there: Establishment, user: User, person_id: str, at_ms: int) -> bool:
    """Has the person to do with a cell of the user's, by duty or by crew? The others are the company's."""
    crews = {one.crew_id for one in holding(there.members, at_ms) if one.person_id == person_id}
    of_crews = (one.grid_ids for one in session.organisation.crews(WHOLE_COMPANY) if one.id in crews)
    return user.scope.sees_any(there.cells_of(person_id, at_ms).union(*of_crews))


def _employed(there: Establishment, person_id: str, at_ms: int) -> None:
    person = there.person.get(person_id)
    if person is None or not holds(person, at_ms):
        raise NotPossible("organisation.person_not_here", person=person_id)


def _enter(
    session: DeskSession, before: Establishment, after: Establishment, user: User, note: str, now_ms: int
) -> None:
    found = changes(before, after)
    if found.count:
        session.establishment.change(found)
        session.establishment.note(now_ms, user.id, user.name, note, _document(found))


def _document(found: Changes) -> str:
    """What was and what is, by kind."""
    told: dict[str, Any] = {}
    for kind, records in found.added.items():
        added = [{"after": _shown(record)} for record in records]
        changed = [{"before": _shown(old), "after": _shown(new)} for old, new in found.changed[kind]]
        removed = [{"before": _shown(record)} for record in found.removed[kind]]
        if entries := [*added, *changed, *removed]:
            told[kind] = entries
    return json.dumps(told, ensure_ascii=False)


def _shown(record: Record) -> dict[str, Any]:
    return asdict(record)
