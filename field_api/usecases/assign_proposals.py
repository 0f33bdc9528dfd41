"""Proposals become assignments: each a transfer step in the order's history, by whoever said so."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from field_api.dispatch.document import DispatchPlanResource, VisitResource
from field_api.instants import milliseconds
from field_api.orders.transfers import TRANSFER
from field_api.orders.work import SYSTEM
from field_api.people.users import Role, User
from field_api.ports import Answered, Desk
from field_api.saying import Said, recalled, written
from field_api.usecases.answered_once import given_before
from field_api.usecases.errors import Refused
from field_api.usecases.plan_dispatch import PlanDispatch
from field_api.usecases.step_order import StepOrder, StepRequest

SYSTEM_USER: Final = User(
    id=SYSTEM, username=SYSTEM, name=SYSTEM, role=Role.DISPATCHER, crew_id=None, grid_ids=(),
    whole_company=True, language="zh",
)  # fmt: skip
"""Whom the history names where the company lets the worker assign."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of one proposal."""

    order_id: str
    crew_id: str
    problem: Said | None = None
    """Why it was not taken; None where it was."""


@dataclass(frozen=True, slots=True)
class AssignProposals:
    """Takes proposals of the newest plan, one by one: one that cannot be taken stops no other."""

    desk: Desk
    plan: PlanDispatch
    step: StepOrder

    def __call__(
        self, user: User, operation_id: str, order_ids: Collection[str] | None, now_ms: int
    ) -> tuple[Assigned, ...]:
        """Those of these orders, or all that the person sees; the same operation again gets the same."""
        digest = f"assign:{'*' if order_ids is None else ' '.join(sorted(order_ids))}"
        with self.desk.reading() as session:
            before = given_before(session, user.id, operation_id, digest)
        if before is not None:
            return tuple(map(_recalled, json.loads(before)))
        assigned = self._taken(user, operation_id, order_ids, now_ms)
        with self.desk.writing() as session:
            if (before := given_before(session, user.id, operation_id, digest)) is not None:
                return tuple(map(_recalled, json.loads(before)))
            answer = Answered(digest, json.dumps([_kept(one) for one in assigned], ensure_ascii=False))
            session.operations.keep(user.id, operation_id, now_ms, answer)
        return assigned

    def _taken(
        self, user: User, operation_id: str, order_ids: Collection[str] | None, now_ms: int
    ) -> tuple[Assigned, ...]:
        plan = self.plan.newest()
        proposals = plan.proposals() if plan else ()
        seen = [(crew, visit) for crew, visit in proposals if user.scope.sees(visit.grid_id)]
        wanted = [one for one in seen if order_ids is None or one[1].order_id in order_ids]
        named = {visit.order_id for _, visit in wanted}
        missing = [one for one in order_ids or () if one not in named]
        taken = [self._take(user, operation_id, crew, visit, now_ms) for crew, visit in wanted]
        return (*taken, *(Assigned(one, "", Said("dispatch.no_proposal")) for one in missing))

    def automatically(self, plan: DispatchPlanResource, now_ms: int) -> tuple[Assigned, ...]:
        """Those that stood long enough, for orders that nobody has accepted."""
        stable_ms = self.plan.policy.stable_seconds * 1000
        due = [
            (crew, visit)
            for crew, visit in plan.proposals()
            if visit.proposed_since is not None and now_ms - _ms(visit.proposed_since) >= stable_ms
        ]
        return tuple(
            self._take(SYSTEM_USER, f"plan-{plan.number}", crew, visit, now_ms) for crew, visit in due
        )

    def _take(self, user: User, operation_id: str, crew: str, visit: VisitResource, now_ms: int) -> Assigned:
        words = "；".join(one.zh if user.language == "zh" else one.en for one in visit.reasons)
        digest = hashlib.sha256(f"{operation_id}/{visit.order_id}".encode()).hexdigest()[:32]
        request = StepRequest(
            operation_id=f"dispatch-{digest}", step=TRANSFER, at_ms=now_ms, revision=visit.revision,
            note=f"调度计划 · dispatch plan: {words}", details={"to_crew": crew},
        )  # fmt: skip
        try:
            self.step(user, visit.order_id, request, now_ms)
        except Refused as problem:
            return Assigned(visit.order_id, crew, problem.said)
        return Assigned(visit.order_id, crew)


def _kept(one: Assigned) -> list[str]:
    return [one.order_id, one.crew_id, "" if one.problem is None else written(one.problem)]


def _recalled(kept: list[str]) -> Assigned:
    order_id, crew_id, problem = kept
    return Assigned(order_id, crew_id, recalled(problem) if problem else None)


def _ms(at: str) -> int:
    return milliseconds(datetime.fromisoformat(at))
