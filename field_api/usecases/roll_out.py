"""Plans to introduce village liaisons: proposed, approved, piloted, reviewed, made wide (ORG-19)."""

from dataclasses import dataclass, replace
from typing import Final

from field_api.organisation.rollout import IllegalPlanStep, PlanEntry, PlanState, PlanStep, state_of, stepped
from field_api.people.users import Role, User
from field_api.ports import Desk, DeskSession
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible

MAY_PLAN: Final = frozenset({Role.ADMIN, Role.SUPERVISOR})
JUDGES: Final = frozenset({PlanStep.APPROVE, PlanStep.PASS_REVIEW, PlanStep.FAIL_REVIEW})
"""Steps that nobody takes on a plan which they proposed."""
MAX_STEPS: Final = 200


@dataclass(frozen=True, slots=True)
class RollOut:
    desk: Desk

    def step(self, user: User, new: PlanEntry) -> tuple[PlanEntry, ...]:
        """The plan's steps with the new one; its sequence is what the person saw, plus one.

        Raises a kind of ``Refused``. The same step again with the same sequence changes nothing.
        """
        if user.role not in MAY_PLAN or not user.whole_company:
            raise Forbidden("rollout.role_cannot")
        entry = replace(new, by=user.id, by_name=user.name)
        with self.desk.writing() as session:
            before = session.establishment.plan(entry.plan_id)
            if _repeated(before, entry):
                return before
            _allowed(session, before, entry)
            if not session.establishment.step_plan(entry):
                raise Conflict("rollout.overtaken")
        return (*before, entry)

    def steps(self, plan_id: str) -> tuple[PlanEntry, ...]:
        """Oldest first; raises ``NotFound``."""
        with self.desk.reading() as session:
            found = session.establishment.plan(plan_id)
        if not found:
            raise NotFound("rollout.unknown", plan=plan_id)
        return found


def _repeated(before: tuple[PlanEntry, ...], entry: PlanEntry) -> bool:
    if not 1 <= entry.sequence <= len(before):
        return False
    there = before[entry.sequence - 1]
    return replace(there, at_ms=entry.at_ms) == entry


def _allowed(session: DeskSession, before: tuple[PlanEntry, ...], entry: PlanEntry) -> None:
    if not before and entry.sequence != 1:
        raise NotFound("rollout.unknown", plan=entry.plan_id)
    if entry.sequence != len(before) + 1:
        raise Conflict("rollout.stale", steps=len(before))
    if len(before) >= MAX_STEPS:
        raise NotPossible("rollout.too_long", most=MAX_STEPS)
    if before and entry.step in JUDGES and entry.by == before[0].by:
        raise Forbidden("rollout.own_proposal")
    known = {village.id for village in session.establishment.read().villages}
    if unknown := sorted(set(entry.village_ids) - known):
        raise NotPossible("rollout.no_villages", villages=tuple(unknown[:5]))
    state: PlanState | None = state_of(before) if before else None
    try:
        stepped(state, entry)
    except IllegalPlanStep as problem:
        raise NotPossible.like(problem) from None
