"""Findings on people: raised by supervisors, seen by the person, objected to, decided by somebody else."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from field_api.people.audit_chain import Act
from field_api.people.findings import (
    CauseClass,
    FindingState,
    NotNow,
    NotYours,
    PersonFinding,
    decide,
    object_to,
)
from field_api.people.users import Role, User
from field_api.ports import Desk, DeskSession
from field_api.usecases.errors import Conflict, Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class NewFinding:
    rule: str
    evidence: str
    person_id: str
    order_id: str
    cause: CauseClass


@dataclass(frozen=True, slots=True)
class JudgePeople:
    desk: Desk

    def raise_one(self, user: User, new: NewFinding, now_ms: int) -> PersonFinding:
        """Raises ``NotFound`` for a person outside the supervisor's cells, ``Forbidden`` on oneself."""
        finding = PersonFinding(
            uuid.uuid4().hex, new.rule, new.evidence, new.person_id, new.order_id, new.cause,
            FindingState.OPEN, user.id, now_ms,
        )  # fmt: skip
        with self.desk.writing() as session:
            if not _in_scope(session, user, new.person_id):
                raise NotFound("organisation.no_person", person=new.person_id)
            if new.person_id == user.id:
                raise Forbidden("finding.about_yourself")
            session.people_findings.add(finding)
            _record(session, user, "finding.raise", finding, now_ms)
        return finding

    def listed(self, user: User, before_ms: int | None, limit: int) -> tuple[PersonFinding, ...]:
        """One's own; a supervisor's cells' besides."""
        with self.desk.reading() as session:
            if user.role is not Role.SUPERVISOR:
                return session.people_findings.of_person(user.id, before_ms, limit)
            found = session.people_findings.listed(before_ms, limit)
            return tuple(one for one in found if _may_see(session, user, one))

    def object_to(self, user: User, finding_id: str, words: str, now_ms: int) -> PersonFinding:
        """The person's word; nothing counts before somebody else has read it."""
        return self._move(
            user, finding_id, "objection", now_ms, lambda one: object_to(one, user.id, words, now_ms)
        )

    def decide(
        self, user: User, finding_id: str, upheld: bool, words: str, cause: CauseClass | None, now_ms: int
    ) -> PersonFinding:
        """The verdict, by a supervisor who is neither the person nor, where they objected, who raised it."""

        def verdict(one: PersonFinding) -> PersonFinding:
            if one.state is FindingState.OBJECTED and user.id == one.raised_by:
                raise NotYours("finding.own_finding")
            return decide(one, user.id, upheld, words, cause or one.cause, now_ms)

        return self._move(user, finding_id, "decision", now_ms, verdict)

    def _move(
        self,
        user: User,
        finding_id: str,
        name: str,
        now_ms: int,
        move: Callable[[PersonFinding], PersonFinding],
    ) -> PersonFinding:
        with self.desk.writing() as session:
            before = session.people_findings.get(finding_id)
            if before is None or not _may_see(session, user, before):
                raise NotFound("finding.unknown", finding=finding_id)
            try:
                after = move(before)
            except NotYours as problem:
                raise Forbidden.like(problem) from None
            except NotNow as problem:
                raise Conflict.like(problem) from None
            if not session.people_findings.replace(after, before.state.value):
                raise Conflict("finding.overtaken")
            _record(session, user, f"finding.{name}", after, now_ms)
        return replace(after)


def _may_see(session: DeskSession, user: User, finding: PersonFinding) -> bool:
    if finding.person_id == user.id:
        return True
    return user.role is Role.SUPERVISOR and _in_scope(session, user, finding.person_id)


def _in_scope(session: DeskSession, user: User, person_id: str) -> bool:
    person = session.users.by_id(person_id)
    if person is None:
        return False
    return user.scope.whole_company or user.scope.sees_any(frozenset(person.grid_ids))


def _record(session: DeskSession, user: User, action: str, finding: PersonFinding, now_ms: int) -> None:
    details = {"person": finding.person_id, "state": finding.state.value}
    session.audit.append(now_ms, Act(action, finding.id, user.id, user.username, details=details))
