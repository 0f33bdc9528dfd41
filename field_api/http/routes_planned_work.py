"""Planned work: what is taken out of service on purpose, when, and by whose word."""

from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import DeviceTime, Identifier, Input, Page, Words
from field_api.http.operations import READERS, Answer, Call, Operations
from field_api.instants import iso, milliseconds
from field_api.resources import Instant, Resource
from field_api.usecases.plan_work import MAY_PLAN, Plan, PlanRequest
from telemetry.planned_work import PlannedWork

operations: Final = Operations()


class PlannedWorkBody(Input):
    operation_id: str = Field(pattern=r"^[0-9A-Za-z-]{8,64}$", description="Made by the client, once.")
    element: Identifier
    starts_at: DeviceTime = Field(strict=False)
    ends_at: DeviceTime = Field(strict=False)
    action: Literal["plan", "cancel"] = Field(
        default="plan", description="Cancel: the work of this very element and window."
    )
    note: Words = Field(default="", description="Why; kept with your name.")


class PlannedWorkResource(Resource):
    element: str
    starts_at: Instant
    ends_at: Instant
    state: Literal["announced", "in_window", "over", "cancelled"]
    planned_by: str
    note: str
    cancelled_by: str = Field(description="Empty: nobody cancelled it.")


class PlannedWorkPage(Page[PlannedWorkResource]):
    pass


@operations.add(
    "GET", "/api/v1/planned-work", "Planned work in my grid cells", roles=READERS,
    answers={200: PlannedWorkPage},
)  # fmt: skip
def list_planned_work(call: Call) -> Answer:
    """Latest window first, at most a thousand; cancelled works with them."""
    plans = call.services.plan_work.plans(call.user)
    return Answer(
        200, PlannedWorkPage(items=tuple(_shown(plan, call.now_ms) for plan in plans), next_cursor=None)
    )


@operations.add(
    "POST", "/api/v1/planned-work", "Plan work on an element, or cancel it", roles=MAY_PLAN,
    body=PlannedWorkBody, answers={201: PlannedWorkPage}, refuses=frozenset({404, 409}),
)  # fmt: skip
def plan_work(call: Call) -> Answer:
    """Kept with your name; the detector knows within a second. Answers the work as it stands."""
    body = call.body(PlannedWorkBody)
    work = PlannedWork(body.element, milliseconds(body.starts_at), milliseconds(body.ends_at))
    request = PlanRequest(body.operation_id, work, body.note, body.action == "cancel")
    call.services.plan_work(call.user, request, call.now_ms)
    standing = [plan for plan in call.services.plan_work.plans(call.user) if plan.work == work]
    items = tuple(_shown(plan, call.now_ms) for plan in standing)
    return Answer(201, PlannedWorkPage(items=items, next_cursor=None))


def _shown(plan: Plan, now_ms: int) -> PlannedWorkResource:
    work = plan.work
    state: Literal["announced", "in_window", "over", "cancelled"] = (
        "cancelled" if plan.cancelled is not None
        else "announced" if now_ms < work.starts_ms
        else "in_window" if work.now(now_ms)
        else "over"
    )  # fmt: skip
    return PlannedWorkResource(
        element=work.element, starts_at=iso(work.starts_ms), ends_at=iso(work.ends_ms), state=state,
        planned_by=plan.planned.user_name, note=plan.planned.note,
        cancelled_by="" if plan.cancelled is None else plan.cancelled.user_name,
    )  # fmt: skip
