"""Kinds of work, and opening an order of one."""

from typing import Any, Final

from pydantic import Field

from field_api.http.fields import Answers, DeviceTime, Identifier, Input, OperationId, StepName, Words
from field_api.http.operations import SIGNED_IN, Answer, Call, Operations
from field_api.instants import milliseconds
from field_api.orders.work import Subject, WorkType
from field_api.people.users import Role
from field_api.resources import OrderResource, Resource
from field_api.usecases.open_order import OpenRequest

operations: Final = Operations()
_OPENS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.SUPERVISOR, Role.CREW})


class WorkStepResource(Resource):
    name: str
    sources: tuple[str, ...] = Field(description="States from which it is taken; `*`: every open one.")
    target: str = Field(description="The state after it; empty: as before.")
    roles: tuple[Role, ...] = Field(description="Empty: only the system.")
    needs: tuple[str, ...]
    fields: tuple[str, ...] = Field(description="Fields of the form that must be answered by then.")
    photos: int
    opens: tuple[str, ...]


class WorkTypeResource(Resource):
    name: str
    title: dict[str, str]
    number_prefix: str
    subject: Subject
    opened_by: tuple[Role, ...]
    needed_to_open: tuple[str, ...]
    closed_states: tuple[str, ...]
    paused_states: dict[str, str]
    states: dict[str, dict[str, str]]
    skills: tuple[str, ...]
    duration_minutes: int
    incident_job: bool
    steps: tuple[WorkStepResource, ...]
    clocks: tuple[str, ...]
    form: dict[str, Any] = Field(description="JSON Schema of an object.")


class WorkTypeList(Resource):
    items: tuple[WorkTypeResource, ...]


class OpenBody(Input):
    operation_id: OperationId
    type: StepName
    subject_id: Identifier = Field(description="A customer, an element or a grid cell, as the type says.")
    note: Words | None = None
    answers: Answers | None = None
    accepted_at: DeviceTime | None = Field(
        default=None, description="When the request was accepted elsewhere: the first clock starts there."
    )
    outage_id: Identifier | None = Field(default=None, description="As a job of this outage's incident.")


@operations.add(
    "GET", "/api/v1/work-types", "Kinds of work: steps, forms, clocks",
    roles=SIGNED_IN, answers={200: WorkTypeList}, conditional=True,
)  # fmt: skip
def list_work_types(call: Call) -> Answer:
    """All of them: an application draws its forms and buttons from this."""
    found = call.services.company.work_types.values()
    return Answer(200, WorkTypeList(items=tuple(work_type_resource(one) for one in found)))


@operations.add(
    "POST", "/api/v1/orders", "Open an order",
    roles=_OPENS, body=OpenBody, answers={201: OrderResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def open_order(call: Call) -> Answer:
    """The new order; the same operation id again gets the same answer."""
    request = open_request(call.body(OpenBody), call.now_ms)
    return Answer(201, call.services.open_order(call.user, request, call.now_ms))


def open_request(sent: OpenBody, now_ms: int) -> OpenRequest:
    """The request as the use case takes it."""
    accepted_ms = None if sent.accepted_at is None else min(milliseconds(sent.accepted_at), now_ms)
    return OpenRequest(
        operation_id=sent.operation_id, type=sent.type, subject_id=sent.subject_id, note=sent.note or "",
        answers=sent.answers or {}, basis_ms=accepted_ms, outage_id=sent.outage_id or "",
    )  # fmt: skip


def work_type_resource(work_type: WorkType) -> WorkTypeResource:
    """As applications draw it."""
    return WorkTypeResource(
        name=work_type.name, title=dict(work_type.titles), number_prefix=work_type.number_prefix,
        subject=work_type.subject, opened_by=tuple(sorted(work_type.opened_by)),
        needed_to_open=work_type.needed_to_open, closed_states=tuple(sorted(work_type.closed_states)),
        paused_states=dict(work_type.paused_states),
        states={state: dict(words) for state, words in work_type.states},
        skills=tuple(sorted(work_type.skills)), duration_minutes=work_type.duration_minutes,
        incident_job=work_type.incident_job, clocks=tuple(clock.name for clock in work_type.clocks),
        form=dict(work_type.form),
        steps=tuple(
            WorkStepResource(
                name=rule.name, sources=tuple(sorted(rule.sources)), target=rule.target,
                roles=tuple(sorted(rule.roles)), needs=tuple(sorted(rule.needs)), fields=rule.fields,
                photos=rule.photos, opens=rule.opens,
            )
            for rule in work_type.steps
        ),
    )  # fmt: skip
