"""Who goes where by when: the plan with its reasons, and taking what it proposes."""

from typing import Final

from pydantic import Field

from field_api.dispatch.document import DispatchPlanResource
from field_api.http.fields import Identifier, Input, OperationId
from field_api.http.languages import language_of, told
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.people.users import Role
from field_api.resources import Resource

operations: Final = Operations()
MAX_ORDERS: Final = 500
_PLANS: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
_ASSIGNS: Final = _PLANS | {Role.GRID_MANAGER}


class AssignmentsBody(Input):
    operation_id: OperationId
    orders: tuple[Identifier, ...] | None = Field(
        default=None, max_length=MAX_ORDERS, strict=False,
        description="Whose proposals are taken; null: all that you see.",
    )  # fmt: skip


class AssignmentResource(Resource):
    order_id: str
    crew_id: str = Field(description="Who has it now; empty where there was no proposal.")
    taken: bool
    problem: str = Field(description="Why it was not taken; empty where it was.")
    code: str = Field(description="The same for systems.")


class AssignmentsResource(Resource):
    items: tuple[AssignmentResource, ...]


@operations.add(
    "GET", "/api/v1/dispatch/plan", "Who goes where by when, and why: the newest plan",
    roles=EVERYONE, answers={200: DispatchPlanResource, 204: None},
)  # fmt: skip
def show_plan(call: Call) -> Answer:
    """Visits in my grid cells; those with ``proposed`` wait for somebody to take them; 204: no plan yet."""
    plan = call.services.plan_dispatch.newest()
    if plan is None:
        return Answer(204)  # the worker has not planned yet
    return Answer(200, plan.seen_by(call.scope))


@operations.add(
    "POST", "/api/v1/dispatch/plan", "Plan anew, now", roles=_PLANS, answers={200: DispatchPlanResource},
)  # fmt: skip
def make_plan(call: Call) -> Answer:
    """The plan for what is known at this moment."""
    return Answer(200, call.services.plan_dispatch(call.now_ms).seen_by(call.scope))


@operations.add(
    "POST", "/api/v1/dispatch/assignments", "Take one, some or all proposals of the newest plan",
    roles=_ASSIGNS, body=AssignmentsBody, answers={200: AssignmentsResource}, refuses=frozenset({409}),
)  # fmt: skip
def take_proposals(call: Call) -> Answer:
    """Each order goes to its proposed crew in your name; one that cannot be taken stops no other."""
    sent = call.body(AssignmentsBody)
    taken = call.services.assign_proposals(call.user, sent.operation_id, sent.orders, call.now_ms)
    language = language_of(call.request)
    items = tuple(
        AssignmentResource(
            order_id=one.order_id, crew_id=one.crew_id, taken=one.problem is None,
            problem="" if one.problem is None else told(one.problem, language),
            code="" if one.problem is None else one.problem.code,
        )
        for one in taken
    )  # fmt: skip
    return Answer(200, AssignmentsResource(items=items))
