"""An incident with its jobs; orders put together and asunder."""

from typing import Final

from pydantic import Field

from field_api.http.fields import Identifier, Input, OperationId, Words
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.instants import iso
from field_api.people.users import Role
from field_api.ports import OrderFilter
from field_api.resources import Instant, OrderResource, Resource
from field_api.usecases.join_orders import JoinRequest
from field_api.usecases.tell import order_documents

operations: Final = Operations()
MAX_JOBS: Final = 200
_JOINS: Final = frozenset({Role.ADMIN, Role.DISPATCHER})


class IncidentResource(Resource):
    id: str
    grid_id: str
    created_at: Instant
    outage_ids: tuple[str, ...] = Field(description="Outages that proved to be one.")
    orders: tuple[OrderResource, ...] = Field(description="Its jobs, oldest first, closed ones too.")


class MergeBody(Input):
    operation_id: OperationId
    into: Identifier = Field(description="The order of the same incident that absorbs this one.")
    note: Words | None = None


class AttachBody(Input):
    operation_id: OperationId
    incident_id: Identifier
    note: Words | None = None


class SplitBody(Input):
    operation_id: OperationId
    element: Identifier = Field(description="What the second order is about.")
    note: Words | None = None


@operations.add(
    "GET", "/api/v1/incidents/{incident_id}", "An incident with its jobs",
    roles=EVERYONE, answers={200: IncidentResource}, conditional=True,
)  # fmt: skip
def get_incident(call: Call) -> Answer:
    """As far as it lies in my grid cells."""
    incident_id, company = call.path["incident_id"], call.services.company
    with call.services.desk.reading() as session:
        incident = session.incidents.get(incident_id)
        found = session.orders.found(call.scope, OrderFilter(incident_id=incident_id), None, MAX_JOBS)
        if incident is None or not (found or call.scope.sees(incident.grid_id)):
            raise HttpProblem(404, "incident.unknown", incident=incident_id)
        outages = session.incidents.outages(incident_id)
        seen = tuple(one for one in outages if session.outages.get(call.scope, one) is not None)
        orders = order_documents(session, company, found[::-1], call.now_ms, call.user)
    shown = IncidentResource(
        id=incident.id, grid_id=incident.grid_id, created_at=iso(incident.created_ms), outage_ids=seen,
        orders=tuple(map(OrderResource.model_validate_json, orders)),
    )  # fmt: skip
    return Answer(200, shown)


@operations.add(
    "POST", "/api/v1/orders/{order_id}/merge", "Let another order of the incident absorb this one",
    roles=_JOINS, body=MergeBody, answers={200: OrderResource}, refuses=frozenset({409}),
)  # fmt: skip
def merge_order(call: Call) -> Answer:
    """This one ends as cancelled and points to the other, which is answered."""
    sent, join = call.body(MergeBody), call.services.join_orders
    request = JoinRequest(sent.operation_id, sent.into, sent.note or "")
    return Answer(200, join.merge(call.user, call.path["order_id"], request, call.now_ms))


@operations.add(
    "POST", "/api/v1/orders/{order_id}/attach", "Let an order that stands alone join an incident",
    roles=_JOINS, body=AttachBody, answers={200: OrderResource}, refuses=frozenset({409}),
)  # fmt: skip
def attach_order(call: Call) -> Answer:
    """From now on one of its jobs."""
    sent, join = call.body(AttachBody), call.services.join_orders
    request = JoinRequest(sent.operation_id, sent.incident_id, sent.note or "")
    return Answer(200, join.attach(call.user, call.path["order_id"], request, call.now_ms))


@operations.add(
    "POST", "/api/v1/orders/{order_id}/split", "A second order for another element of the same incident",
    roles=_JOINS, body=SplitBody, answers={201: OrderResource}, refuses=frozenset({409}),
)  # fmt: skip
def split_order(call: Call) -> Answer:
    """The new order, which follows from this one."""
    sent, join = call.body(SplitBody), call.services.join_orders
    request = JoinRequest(sent.operation_id, sent.element, sent.note or "")
    return Answer(201, join.split(call.user, call.path["order_id"], request, call.now_ms))
