"""Phones: everything they need since they last asked, and what they did meanwhile (docs/phone-sync.md)."""

import gzip
import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue, ValidationError

from field_api.http.fields import (
    OPERATION_ID_PATTERN,
    DeviceTime,
    Identifier,
    Input,
    OperationId,
    Query,
    Words,
)
from field_api.http.languages import language_of
from field_api.http.operations import Answer, Call, Operations
from field_api.http.problems import HttpProblem, Problem, invalid, problem_of, refusal
from field_api.http.routes_people import person_resource
from field_api.http.routes_photos import PhotoBody, announce, photo_resource
from field_api.http.routes_work import Beside, PositionBody, StepBody, full_orders, step_request
from field_api.http.routes_work_types import OpenBody, open_request, work_type_resource
from field_api.http.sync_resources import (
    ContactListResource,
    SyncItem,
    SyncPage,
    dead_in_scope,
    sketch_resource,
)
from field_api.instants import iso, milliseconds
from field_api.organisation.cells import CrewState
from field_api.people.users import Role
from field_api.ports import StoredOrder
from field_api.resources import OrderDetailResource, Resource, VillageResource
from field_api.saying import Language, in_all
from field_api.usecases.errors import Overtaken, Refused
from field_api.usecases.move_crew import Position
from field_api.usecases.step_order import ANY_REVISION
from field_api.usecases.sync_push import (
    KEEP_OPERATIONS_MS,
    TOO_EARLY,
    AnswerOnce,
    Outcome,
    Told,
    chained,
    in_turn,
)

operations: Final = Operations()
MAX_OPERATIONS: Final = 200
MAX_POSITIONS: Final = 500
MAX_AFTER: Final = 24
MAX_PUSH_BYTES: Final = 1024 * 1024
MAX_ORDERS: Final = 100
COMPRESSION: Final = 4
_PHONES: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.SUPERVISOR, Role.CREW})
_IN_LANES: Final = frozenset({"step", "remark"})
"""What happens to an order one after the other; a picture may come whenever its step does not say."""
_UNKEPT: Final = frozenset({"photo"})
"""A picture said to be there again is answered by how much of it came meanwhile."""
_OPERATION_ID: Final = re.compile(OPERATION_ID_PATTERN)
_LOG: Final = logging.getLogger(__name__)


class PullQuery(Query):
    cursor: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,600}$")
    limit: int = Field(default=30, ge=1, le=MAX_ORDERS, description="Orders in one answer.")


class PushBody(Input):
    sent_at: DeviceTime | None = Field(
        default=None, description="The phone's clock now: tells how wrong the times below are."
    )
    operations: Annotated[
        tuple[dict[str, JsonValue], ...], Field(max_length=MAX_OPERATIONS, strict=False)
    ] = Field(
        description="In the order in which they were done: `operation_id`, `kind` (step, remark, open, "
        "photo, position), `at`, `order_id`, `after` and `body`, as docs/phone-sync.md says. Each is judged "
        "alone."
    )


class OperationBody(Input):
    """One operation, whatever its kind."""

    operation_id: OperationId
    kind: Literal["step", "remark", "open", "photo", "position"]
    at: DeviceTime = Field(description="When it was done, by the phone's clock.")
    order_id: Identifier | None = None
    after: tuple[OperationId, ...] | None = Field(
        default=None, max_length=MAX_AFTER, description="What must be answered before it."
    )
    body: dict[str, JsonValue]


class RemarkBody(Input):
    note: Words = Field(min_length=1)


class PositionsBody(Input):
    crew_id: Identifier
    positions: tuple[PositionBody, ...] = Field(min_length=1, max_length=MAX_POSITIONS, strict=False)


class OperationAnswer(Resource):
    operation_id: str = Field(description="Empty where the operation has none that could be read.")
    status: int = Field(description="As if it had been a request of its own.")
    retry: bool = Field(description="Keep it and send it again; otherwise this answer is the last word.")
    document: dict[str, Any] | None = Field(default=None, description="The thing as it was afterwards.")
    problem: Problem | None = Field(default=None, description="With `conflicts` field by field.")
    waits_for: tuple[str, ...] = Field(
        default=(), description="With status 425: operations that must be answered before this one."
    )


class PushAnswer(Resource):
    server_time: str
    items: tuple[OperationAnswer, ...] = Field(description="One for each operation, in the same order.")


@dataclass(frozen=True, slots=True)
class _Read:
    """An operation of a push; ``envelope`` is the refusal where it is not one."""

    operation_id: str
    told: Told
    envelope: OperationBody | HttpProblem


@operations.add(
    "GET", "/api/v1/sync/pull", "What changed for this phone since a cursor",
    roles=_PHONES, query=PullQuery, answers={200: SyncPage},
)  # fmt: skip
def pull_changes(call: Call) -> Answer:
    """Everything at first, and again (`reset`) where the cursor is too old to tell what was missed."""
    query = call.query(PullQuery)
    pulled = call.services.pull_changes(call.user, query.cursor, query.limit, call.now_ms)
    items = _for_everybody(call) if pulled.begins else []
    for stored, detail in zip(pulled.kept, _details(call, pulled.kept), strict=True):
        more = _around(call, stored, held=detail.id in pulled.held)
        items.append(SyncItem(kind="order", id=detail.id, removed="", order=detail).model_copy(update=more))
    items += [
        SyncItem.model_validate({"kind": "order", "id": order_id, "removed": why})
        for order_id, why in pulled.gone
    ]
    page = SyncPage(
        server_time=iso(call.now_ms), reset=pulled.reset, more=pulled.more,
        next_cursor=pulled.next.text, items=tuple(items),
    )  # fmt: skip
    return _packed(call, page)


@operations.add(
    "POST", "/api/v1/sync/push", "What this phone's person did, in order",
    roles=_PHONES, body=PushBody, answers={200: PushAnswer}, max_body=MAX_PUSH_BYTES,
)  # fmt: skip
def push_operations(call: Call) -> Answer:
    """Each is answered alone: a bad one blocks nothing, a repeated one gets the answer that it got."""
    sent = call.body(PushBody)
    read = [_read(call, sent, one) for one in sent.operations]
    told = chained([one.told for one in read])
    answers = {place: _answered(call, sent, read[place], told[place]) for place in in_turn(told)}
    items = tuple(answers[place] for place in range(len(read)))
    return Answer(200, PushAnswer(server_time=iso(call.now_ms), items=items))


def _details(call: Call, listed: Sequence[StoredOrder]) -> tuple[OrderDetailResource, ...]:
    if not listed:
        return ()
    with call.services.desk.reading() as session:
        beside = Beside.of(session, call.scope, listed)
    return full_orders(call, listed, beside)


def _for_everybody(call: Call) -> list[SyncItem]:
    """Forms and villages: what does not hang on an order."""
    kinds = call.services.company.work_types.values()
    items = [
        SyncItem(kind="work_type", id=one.name, removed="", work_type=work_type_resource(one))
        for one in kinds
    ]
    with call.services.desk.reading() as session:
        villages = session.establishment.read().villages
    for village in villages:
        if call.scope.sees(village.grid_id):
            shown = VillageResource(
                id=village.id, name=village.name, name_en=village.name_en, grid_id=village.grid_id,
                lon=village.lon, lat=village.lat,
            )  # fmt: skip
            items.append(SyncItem(kind="village", id=village.id, removed="", village=shown))
    return items


def _packed(call: Call, page: SyncPage) -> Answer:
    """Compressed where the phone can read that: sketches shrink to a tenth."""
    text = page.model_dump_json().encode()
    if not call.request.accept_encodings.quality("gzip"):
        return Answer(200, text, {"Vary": "Accept-Encoding"})
    told = {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
    return Answer(200, gzip.compress(text, COMPRESSION), told)


def _around(call: Call, stored: StoredOrder, *, held: bool) -> dict[str, object]:
    """What belongs to an order besides itself; of what the phone has, only what changes."""
    found: dict[str, object] = {"contacts": _contacts(call, stored)}
    site, order = call.services.sites.current(), stored.order
    if site is None:
        return found
    if order.outage_id:
        dead = call.services.supply.still_dead(order.outage_id)
        found["dead_meters"] = dead_in_scope(site, dead, call.scope)
    if not held:
        found["sketch"] = sketch_resource(site, order.customer_id or order.element, call.scope)
    return found


def _contacts(call: Call, stored: StoredOrder) -> ContactListResource | None:
    """As far as the order is a reason on record."""
    if call.user.role is not Role.CREW:
        return None
    address = call.request.remote_addr or ""
    try:
        found = call.services.people.contacts.of(call.user, stored, address, call.now_ms)
    except Refused:
        return None
    return ContactListResource(wipe_at=iso(found.wipe_ms), items=tuple(map(person_resource, found.people)))


def _read(call: Call, sent: PushBody, operation: dict[str, JsonValue]) -> _Read:
    """What the operation says of itself; a refusal where that cannot be read."""
    given = operation.get("operation_id")
    operation_id = given[:64] if isinstance(given, str) else ""
    known_id = operation_id if _OPERATION_ID.fullmatch(operation_id) else ""
    digest = hashlib.sha256(json.dumps(operation, sort_keys=True).encode()).hexdigest()
    try:
        envelope = OperationBody.model_validate_json(json.dumps(operation))
    except ValidationError as problem:
        return _Read(operation_id, Told(known_id, digest), invalid(problem, "request.bad_operation"))
    lane = envelope.order_id or "" if envelope.kind in _IN_LANES else ""
    after = () if _is_long_ago(call, sent, envelope) else envelope.after
    return _Read(operation_id, Told(known_id, digest, lane, after, envelope.kind not in _UNKEPT), envelope)


def _is_long_ago(call: Call, sent: PushBody, envelope: OperationBody) -> bool:
    return milliseconds(envelope.at) + _behind_ms(call, sent) < call.now_ms - KEEP_OPERATIONS_MS


def _behind_ms(call: Call, sent: PushBody) -> int:
    """How far the phone's clock is behind ours, as far as it tells."""
    return 0 if sent.sent_at is None else call.now_ms - milliseconds(sent.sent_at)


def _answered(call: Call, sent: PushBody, read: _Read, told: Told) -> OperationAnswer:
    """One operation's answer; nothing that happens in it reaches the others."""
    if told.id:
        once = AnswerOnce(call.services.desk)
        outcome = once(call.user, told, lambda: _outcome(call, sent, read.envelope), call.now_ms)
    else:  # nothing to keep an answer under; it is refused each time
        outcome = _outcome(call, sent, read.envelope)
    shown = _refusal(HttpProblem(TOO_EARLY, "order.waits_for_another")) if outcome.waits_for else outcome
    return OperationAnswer(
        operation_id=read.operation_id, status=outcome.status, retry=not outcome.is_final,
        document=json.loads(shown.document) if outcome.is_done else None,
        problem=None if outcome.is_done else _problem(shown, language_of(call.request)),
        waits_for=outcome.waits_for,
    )  # fmt: skip


def _problem(outcome: Outcome, language: Language) -> Problem:
    """In the asker's language; what was kept before there were two is in the one that it has."""
    kept = json.loads(outcome.document)
    return Problem.model_validate(kept.get(language, kept))


def _outcome(call: Call, sent: PushBody, envelope: OperationBody | HttpProblem) -> Outcome:
    if isinstance(envelope, HttpProblem):
        return _refusal(envelope)
    try:
        return Outcome(200, _DOING[envelope.kind](call, sent, envelope))
    except ValidationError as problem:
        refused = invalid(problem, "request.bad_operation")
    except HttpProblem as problem:
        refused = problem
    except Overtaken as problem:
        refused = refusal(503, problem)
    except Refused as problem:
        refused = problem_of(problem)
    except Exception:  # noqa: BLE001 (one of many: the others must not suffer)
        _LOG.exception("an operation of %s failed; the phone will send it again", call.user.id)
        refused = HttpProblem(500, "request.failed_here")
    return _refusal(refused)


def _refusal(refused: HttpProblem) -> Outcome:
    told = in_all(lambda language: refused.problem(language).model_dump(mode="json"))
    return Outcome(refused.status, json.dumps(told))


def _step(call: Call, sent: PushBody, envelope: OperationBody) -> str:
    body = StepBody.model_validate_json(_with_times(sent, envelope))
    if body.revision is None:
        raise HttpProblem(422, "order.which_revision_in_body")
    request = step_request(body, body.revision, merges=True)
    return call.services.step_order(call.user, _order_id(envelope), request, call.now_ms)


def _remark(call: Call, sent: PushBody, envelope: OperationBody) -> str:
    """Always right, whatever became of the order."""
    note = RemarkBody.model_validate(envelope.body).note
    body = StepBody.model_validate_json(
        _with_times(sent, envelope.model_copy(update={"body": {"step": "remark", "note": note}}))
    )
    request = step_request(body, ANY_REVISION)
    return call.services.step_order(call.user, _order_id(envelope), request, call.now_ms)


def _open(call: Call, _sent: PushBody, envelope: OperationBody) -> str:
    told = {**envelope.body, "operation_id": envelope.operation_id}
    body = OpenBody.model_validate_json(json.dumps(told))
    return call.services.open_order(call.user, open_request(body, call.now_ms), call.now_ms)


def _photo(call: Call, _sent: PushBody, envelope: OperationBody) -> str:
    told = {**envelope.body, "order_id": _order_id(envelope)}
    progress, _ = announce(call, PhotoBody.model_validate_json(json.dumps(told)))
    return photo_resource(call, progress).model_dump_json()


def _positions(call: Call, sent: PushBody, envelope: OperationBody) -> str:
    """Only the newest matters; a wrong clock is set right by when the phone says that it sends."""
    body = PositionsBody.model_validate_json(json.dumps(envelope.body))
    newest = max(body.positions, key=lambda one: one.at)
    at_ms = milliseconds(newest.at) + _behind_ms(call, sent)
    position = Position(newest.lon, newest.lat, at_ms, CrewState(newest.state))
    call.services.move_crew(call.user, body.crew_id, position, call.now_ms)
    return "null"


_DOING: Final = {
    "step": _step, "remark": _remark, "open": _open, "photo": _photo, "position": _positions,
}  # fmt: skip


def _order_id(envelope: OperationBody) -> str:
    if envelope.order_id is None:
        raise HttpProblem(422, "order.which_order")
    return envelope.order_id


def _with_times(sent: PushBody, envelope: OperationBody) -> str:
    told: dict[str, object] = {
        **envelope.body,
        "operation_id": envelope.operation_id,
        "at": envelope.at.isoformat(),
        "sent_at": None if sent.sent_at is None else sent.sent_at.isoformat(),
    }
    return json.dumps(told)
