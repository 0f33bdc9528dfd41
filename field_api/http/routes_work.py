"""Orders, crews, notices and calls."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from pydantic import Field

from field_api.adapters.data_files import shipped_work_types
from field_api.http.etags import seen_revision
from field_api.http.fields import (
    Answers,
    DeviceTime,
    Identifier,
    Input,
    Latitude,
    Longitude,
    OperationId,
    Page,
    PageQuery,
    Revision,
    StepName,
    Words,
)
from field_api.http.languages import told_in_all
from field_api.http.operations import EVERYONE, OFFICE, SIGNED_IN, Answer, Call, Operations
from field_api.http.paging import cut, number_after, page_after
from field_api.http.problems import FieldRefusal, HttpProblem, refusal
from field_api.http.routes_explanations import wordings
from field_api.http.routes_outages import IS_OPEN, StateQuery
from field_api.http.routes_tracing import back_feeds_of
from field_api.http.site_of import current_site
from field_api.instants import milliseconds
from field_api.orders.photos import Photo, missing
from field_api.orders.proofs import photos_named
from field_api.organisation.cells import CrewState
from field_api.partners.tickets import Verdict
from field_api.people.masking import mask_text
from field_api.people.users import Role, Scope
from field_api.ports import Call as KeptCall
from field_api.ports import DeskSession, OrderFilter, StoredOrder
from field_api.presentation import crew_resource, notice_resource, order_detail
from field_api.resources import (
    CrewResource,
    NoticeResource,
    OrderDetailResource,
    OrderResource,
    Resource,
)
from field_api.saying import Language, Said
from field_api.usecases.errors import Stale
from field_api.usecases.move_crew import Position
from field_api.usecases.record_call import Caller
from field_api.usecases.step_order import StepRequest
from field_api.usecases.tell import order_documents, waiting_state

operations: Final = Operations()
_TAKES_CALLS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.CREW})
_STEPS: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.SUPERVISOR, Role.CREW})


class OrderPage(Page[OrderResource]):
    pass


class CrewPage(Page[CrewResource]):
    pass


class NoticePage(Page[NoticeResource]):
    pass


class Finding(Input):
    element: Identifier
    cause: Words


class Appointment(Input):
    begins_at: DeviceTime
    ends_at: DeviceTime


def _with_known_types(schema: dict[str, Any]) -> None:
    """Described when the document is made: a new work type is a file."""
    schema["enum"] = sorted(shipped_work_types())


class OrderQuery(StateQuery):
    """``state`` is open, closed or all; ``step_state`` the work type's own."""

    step_state: StepName | None = None
    type: StepName | None = Field(default=None, json_schema_extra=_with_known_types)
    crew_id: Identifier | None = None
    grid_id: Identifier | None = None
    priority: Literal["normal", "vulnerable", "key"] | None = None
    outage_id: Identifier | None = None
    incident_id: Identifier | None = None
    customer_id: Identifier | None = None
    updated_since: DeviceTime | None = Field(
        default=None, description="Something happened to it then or later."
    )

    def wanted(self) -> OrderFilter:
        """As the store takes it."""
        since_ms = None if self.updated_since is None else milliseconds(self.updated_since)
        return OrderFilter(
            IS_OPEN[self.state], self.step_state or "", self.type or "", self.crew_id or "",
            self.grid_id or "", self.priority or "", self.outage_id or "", self.incident_id or "",
            self.customer_id or "", since_ms,
        )  # fmt: skip


class PlaceBody(Input):
    lon: Longitude
    lat: Latitude
    accuracy_m: float | None = Field(default=None, ge=0, le=100_000, allow_inf_nan=False)


class StepBody(Input):
    operation_id: str = Field(pattern=r"^[0-9A-Za-z-]{8,64}$", description="Made by the client, once.")
    step: StepName = Field(description="One of the order's `transitions`.")
    at: DeviceTime = Field(description="When it was done, by the device's clock.")
    sent_at: DeviceTime | None = Field(default=None, description="The device's clock when it sends this.")
    revision: Revision | None = Field(
        default=None, description="The one that the person saw; or send If-Match."
    )
    note: Words | None = None
    finding: Finding | None = None
    answers: Answers | None = Field(default=None, description="To the form of the work type.")
    to_crew: Identifier | None = Field(default=None, description="Who takes over (`transfer`).")
    spoken_at: DeviceTime | None = Field(default=None, description="When the crews spoke (`transfer`).")
    estimate_at: DeviceTime | None = Field(default=None, description="Supply is expected back then.")
    appointment: Appointment | None = None
    position: PlaceBody | None = None
    attribution: Literal["customer", "government", "company", "weather"] | None = Field(
        default=None, description="Whom a wait is due to; else as the work type says."
    )
    photos: tuple[Identifier, ...] | None = Field(default=None, max_length=20)

    def details(self) -> dict[str, Any]:
        """What the history keeps of it besides note and finding."""
        told: dict[str, Any] = self.model_dump(
            mode="json",
            include={"answers", "to_crew", "position", "attribution", "photos"},
            exclude_none=True,
        )
        if self.spoken_at is not None:
            told["spoken_ms"] = milliseconds(self.spoken_at)
        if self.estimate_at is not None:
            told["estimate_ms"] = milliseconds(self.estimate_at)
        if self.appointment is not None:
            begins, ends = self.appointment.begins_at, self.appointment.ends_at
            told["appointment"] = [milliseconds(begins), milliseconds(ends)]
        return told


class PositionBody(Input):
    lon: Longitude
    lat: Latitude
    at: DeviceTime
    state: Literal["free", "travelling", "working"]


class CallBody(Input):
    operation_id: OperationId | None = Field(
        default=None, description="Made by the client, once: the same again gets the same call."
    )
    customer_id: Identifier
    at: DeviceTime | None = None
    text: Words | None = None
    open_order: bool = Field(
        default=False, description="Where nothing explains the call, a verification order is opened with it."
    )


class AdviceResource(Resource):
    """What the caller is told where the fault lies beyond the ownership boundary."""

    reason: str
    zh: str
    en: str


class CallResource(Resource):
    id: str
    outage_id: str | None
    verdict: Verdict = Field(
        description="covered: it goes with the outage and its repair; duplicate: an order about this "
        "customer is open; advice: the fault is their own; stale: too old for a truck without a "
        "call back; verify: nothing explains it; opened: nor did anything, and an order was opened."
    )
    order_id: str = Field(description="The order that it went with, or that was opened; empty: none.")
    told: dict[Language, str] = Field(description="What to tell the caller.")
    advice: AdviceResource | None = Field(
        default=None, description="The fault is the customer's own: no truck."
    )


@operations.add(
    "GET", "/api/v1/orders", "Orders in my grid cells, newest first",
    roles=SIGNED_IN, query=OrderQuery, answers={200: OrderPage},
)  # fmt: skip
def list_orders(call: Call) -> Answer:
    """A page of orders."""
    query, services = call.query(OrderQuery), call.services
    _check_type(query.type, services.company.work_types)
    with services.desk.reading() as session:
        stored = session.orders.found(call.scope, query.wanted(), page_after(query.cursor), query.limit + 1)
        rows, cursor = cut(stored, query.limit, lambda one: (one.order.created_ms, one.order.id))
        documents = order_documents(session, services.company, rows, call.now_ms, call.user)
    return Answer(200, f'{{"items":[{",".join(documents)}],"next_cursor":{json.dumps(cursor)}}}')


def _check_type(name: str | None, known: Mapping[str, object]) -> None:
    if name is not None and name not in known:
        said = Said("order.no_type", {"type": name, "known": tuple(known)})
        raise HttpProblem(422, "request.bad_query", errors=[FieldRefusal("type", said)])


@operations.add(
    "GET", "/api/v1/orders/{order_id}", "One order with its history",
    roles=SIGNED_IN, answers={200: OrderDetailResource}, conditional=True,
)  # fmt: skip
def get_order(call: Call) -> Answer:
    """The order and all that happened to it."""
    with call.services.desk.reading() as session:
        stored = session.orders.get(call.scope, call.path["order_id"])
        if stored is None:
            raise HttpProblem(404, "order.unknown", order=call.path["order_id"])
        beside = Beside.of(session, call.scope, [stored])
    return Answer(200, full_orders(call, [stored], beside)[0], revision=stored.revision)


@dataclass(frozen=True, slots=True)
class Beside:
    """What the desk knows of orders that their own rows do not say."""

    photos: Mapping[str, Sequence[Photo]]
    crew_names: Mapping[str, str]

    @classmethod
    def of(cls, session: DeskSession, scope: Scope, listed: Sequence[StoredOrder]) -> "Beside":
        """Looked up once for all."""
        return cls(
            session.photos.of_orders([one.order.id for one in listed]),
            session.organisation.crew_names(scope, {one.order.crew_id for one in listed}),
        )


def full_orders(call: Call, listed: Sequence[StoredOrder], beside: Beside) -> tuple[OrderDetailResource, ...]:
    """With their histories, back-feeds, and the pictures that are still on their way.

    Not within a transaction: the grid's positions would need a second connection beside it.
    """
    told = back_feeds_of(call, {one.order.element for one in listed})
    details = []
    for stored in listed:
        order = stored.order
        more = {
            "back_feeds": told[order.element] or (),
            "back_feeds_known": told[order.element] is not None,
            "photos_missing": missing(photos_named(stored.history), beside.photos.get(order.id, ())),
        }
        name = beside.crew_names.get(order.crew_id, order.crew_id)
        detail = order_detail(stored, call.services.company, name, call.now_ms, call.user)
        details.append(detail.model_copy(update=more))
    return tuple(details)


@operations.add(
    "POST", "/api/v1/orders/{order_id}/steps", "Take the next step of an order",
    roles=_STEPS, body=StepBody, answers={200: OrderResource}, refuses=frozenset({409, 428}), if_match=True,
)  # fmt: skip
def step_order(call: Call) -> Answer:
    """The order after the step; the same operation id again gets the same answer.

    What the person must have seen is `revision`, answered 409, or If-Match, answered 412.
    """
    sent, order_id = call.body(StepBody), call.path["order_id"]
    condition = call.request.headers.get("If-Match")
    if condition is None:
        return Answer(200, call.services.step_order(call.user, order_id, _as_seen(call, sent), call.now_ms))
    request = step_request(sent, seen_revision(condition))
    try:
        return Answer(200, call.services.step_order(call.user, order_id, request, call.now_ms))
    except Stale as stale:
        raise refusal(412, stale, current=stale.current, conflicts=stale.conflicts) from stale


def _as_seen(call: Call, sent: StepBody) -> StepRequest:
    """A step without a condition names the revision in its body."""
    if sent.revision is not None:
        return step_request(sent, sent.revision)
    with call.services.desk.reading() as session:
        if session.orders.get(call.scope, call.path["order_id"]) is None:
            raise HttpProblem(404, "order.unknown", order=call.path["order_id"])
    raise HttpProblem(428, "order.which_revision")


def step_request(sent: StepBody, revision: int, *, merges: bool = False) -> StepRequest:
    """The step as the use case takes it."""
    finding = sent.finding
    return StepRequest(
        operation_id=sent.operation_id, step=sent.step, at_ms=milliseconds(sent.at), revision=revision,
        note=sent.note or "", finding_element=finding.element if finding else "",
        finding_cause=finding.cause if finding else "", details=sent.details(),
        sent_ms=None if sent.sent_at is None else milliseconds(sent.sent_at), merges=merges,
    )  # fmt: skip


@operations.add(
    "GET", "/api/v1/crews", "Crews of my grid cells",
    roles=EVERYONE, query=PageQuery, answers={200: CrewPage}, conditional=True,
)  # fmt: skip
def list_crews(call: Call) -> Answer:
    """A page of crews, by id."""
    query = call.query(PageQuery)
    with call.services.desk.reading() as session:
        crews = session.organisation.places(call.scope)
        busy = session.orders.under_way(waiting_state(call.services.company))
    start = number_after(query.cursor) or 0
    items = tuple(crew_resource(one, busy.get(one.id)) for one in crews[start : start + query.limit])
    cursor = str(start + query.limit) if start + query.limit < len(crews) else None
    return Answer(200, CrewPage(items=items, next_cursor=cursor))


@operations.add(
    "PUT", "/api/v1/crews/{crew_id}/position", "Where my crew is and what it does",
    roles=_STEPS, body=PositionBody, answers={204: None},
)  # fmt: skip
def put_position(call: Call) -> Answer:
    """Kept only while the crew has an accepted order, and unless a newer position is known."""
    sent = call.body(PositionBody)
    position = Position(sent.lon, sent.lat, milliseconds(sent.at), CrewState(sent.state))
    call.services.move_crew(call.user, call.path["crew_id"], position, call.now_ms)
    return Answer(204)


@operations.add(
    "GET", "/api/v1/notices", "Notices to people of my grid cells, newest first, masked",
    roles=OFFICE | {Role.CREW}, query=PageQuery, answers={200: NoticePage},
)  # fmt: skip
def list_notices(call: Call) -> Answer:
    """A page of notices."""
    query = call.query(PageQuery)
    network = current_site(call).network
    with call.services.desk.reading() as session:
        notices = session.outbox.listed(call.scope, number_after(query.cursor), query.limit + 1)
    rows, cursor = cut(notices, query.limit, lambda notice: (notice.id, ""))
    items = tuple(notice_resource(notice, network) for notice in rows)
    return Answer(200, NoticePage(items=items, next_cursor=cursor))


@operations.add(
    "POST", "/api/v1/calls", "A customer called: no power",
    roles=_TAKES_CALLS | {Role.MACHINE}, body=CallBody, answers={201: CallResource},
    refuses=frozenset({404, 409}),
)  # fmt: skip
def take_call(call: Call) -> Answer:
    """Kept, told to the detector, attached to the outage that the customer is in (REP-01)."""
    sent = call.body(CallBody)
    at_ms = call.now_ms if sent.at is None else min(milliseconds(sent.at), call.now_ms)
    caller = Caller(
        sent.customer_id, at_ms, mask_text(sent.text or ""), sent.operation_id or "", sent.open_order
    )
    return Answer(201, _call(call, call.services.record_call(call.user, caller, call.now_ms)))


@operations.add(
    "GET", "/api/v1/calls/{call_id}", "A call, its outage, and advice where the fault is the customer's own",
    roles=_TAKES_CALLS | {Role.MACHINE}, answers={200: CallResource},
)  # fmt: skip
def get_call(call: Call) -> Answer:
    """As of now: the meter may have answered since, or an outage may have been found that explains it."""
    with call.services.desk.reading() as session:
        kept = session.calls.get(call.scope, call.path["call_id"])
    if kept is None:
        raise HttpProblem(404, "call.unknown", call=call.path["call_id"])
    outage_id = kept.outage_id or call.services.supply.outage_of(kept.customer_id)
    if kept.outage_id is None and outage_id is not None:
        kept = replace(kept, outage_id=outage_id, verdict=Verdict.COVERED)
    return Answer(200, _call(call, kept))


def _call(call: Call, kept: KeptCall) -> CallResource:
    reason = call.services.advise(kept.customer_id, kept.outage_id, kept.at_ms)
    advice = None
    if reason:
        texts = {language: wording.advice(reason) for language, wording in wordings(call).items()}
        advice = AdviceResource(reason=reason, **texts)
    verdict = Verdict.ADVICE if reason else Verdict(kept.verdict or Verdict.UNKNOWN)
    return CallResource(
        id=kept.id, outage_id=kept.outage_id, advice=advice, verdict=verdict, order_id=kept.order_id,
        told=told_in_all(f"told.{verdict}"),
    )  # fmt: skip
