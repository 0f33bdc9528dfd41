"""Work done on paper: entered with its own times, countersigned by somebody else."""

from typing import Final

from pydantic import Field

from field_api.http.fields import (
    Answers,
    DeviceTime,
    Identifier,
    Input,
    OperationId,
    Revision,
    StepName,
    Words,
)
from field_api.http.languages import language_of, told
from field_api.http.operations import Answer, Call, Operations
from field_api.http.routes_work import Finding
from field_api.instants import milliseconds
from field_api.people.users import Role
from field_api.resources import OrderResource, Resource
from field_api.usecases.enter_paper import MAX_STEPS, CountersignPaper, EnterPaper
from field_api.usecases.step_order import StepRequest

operations: Final = Operations()
_ENTERS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.SUPERVISOR, Role.CREW})
_SIGNS: Final = _ENTERS - {Role.CREW}


class PaperStep(Input):
    step: StepName
    at: DeviceTime = Field(description="As the paper says.")
    note: Words | None = None
    finding: Finding | None = None
    answers: Answers | None = None
    estimate_at: DeviceTime | None = None


class PaperBody(Input):
    operation_id: OperationId = Field(max_length=60)
    number: Identifier = Field(description="Of the sheet, as the board gave it: P-20261122-1605-01.")
    revision: Revision
    steps: tuple[PaperStep, ...] = Field(min_length=1, max_length=MAX_STEPS)


class SignBody(Input):
    operation_id: OperationId


class PaperResource(Resource):
    order: OrderResource | None = Field(description="After the last step that was taken.")
    taken: int = Field(description="How many steps of the sheet stand.")
    refused: str | None = Field(description="Why the next one was not taken; the rest was not tried.")
    refused_code: str | None = Field(description="The same for systems.")


@operations.add(
    "POST", "/api/v1/orders/{order_id}/paper-steps", "Enter what was done on paper",
    roles=_ENTERS, body=PaperBody, answers={200: PaperResource}, refuses=frozenset({409}),
)  # fmt: skip
def enter_paper_steps(call: Call) -> Answer:
    """Steps are taken in their order until one is refused; counted as of now until countersigned."""
    sent = call.body(PaperBody)
    steps = [_request(sent, step) for step in sent.steps]
    enter = EnterPaper(call.services.step_order)
    outcome = enter(call.user, call.path["order_id"], sent.number, steps, call.now_ms)
    if outcome.problem is not None and outcome.taken == 0:
        raise outcome.problem
    order = OrderResource.model_validate_json(outcome.document)
    if outcome.problem is None:
        return Answer(200, PaperResource(order=order, taken=outcome.taken, refused=None, refused_code=None))
    said = outcome.problem.said
    told_why = told(said, language_of(call.request))
    return Answer(
        200, PaperResource(order=order, taken=outcome.taken, refused=told_why, refused_code=said.code)
    )


@operations.add(
    "POST", "/api/v1/orders/{order_id}/paper-steps/countersign", "The paper says so: a second person signs",
    roles=_SIGNS, body=SignBody, answers={200: OrderResource}, refuses=frozenset({409}),
)  # fmt: skip
def countersign_paper_steps(call: Call) -> Answer:
    """From now on the paper's times count."""
    sign = CountersignPaper(call.services.desk, call.services.company)
    order_id, operation_id = call.path["order_id"], call.body(SignBody).operation_id
    return Answer(200, sign(call.user, order_id, operation_id, call.now_ms))


def _request(sent: PaperBody, step: PaperStep) -> StepRequest:
    details: dict[str, object] = {}
    if step.answers is not None:
        details["answers"] = dict(step.answers)
    if step.estimate_at is not None:
        details["estimate_ms"] = milliseconds(step.estimate_at)
    return StepRequest(
        operation_id=sent.operation_id, step=step.step, at_ms=milliseconds(step.at), revision=sent.revision,
        note=step.note or "", finding_element=step.finding.element if step.finding else "",
        finding_cause=step.finding.cause if step.finding else "", details=details,
    )  # fmt: skip
