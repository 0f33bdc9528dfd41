"""Notices that wait for a click, holds, and what providers tell of how messages went on."""

from typing import Final, Literal

from pydantic import Field, JsonValue, RootModel

from field_api.http.fields import Identifier, Input, OperationId, Page, Whole, Words
from field_api.http.operations import Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.instants import iso, iso_or_none
from field_api.notices.alerts import NoticeKind
from field_api.notices.control import ChannelState, Hold, HoldKind, Pending, Verdict
from field_api.notices.rules import Size, Wait, waits
from field_api.people.users import Role
from field_api.resources import Instant, Resource
from field_api.usecases.control_notices import MAY_CONTROL, MAY_SEE, Click, HoldRequest

operations: Final = Operations()
MAX_RECEIPTS: Final = 1_000


class PendingResource(Resource):
    incident_id: str
    outage_id: str
    kind: NoticeKind
    text: str = Field(description="What one cell's customers would get.")
    since: Instant
    messages: int = Field(description="How many people of your cells would get it.")
    to_key: int = Field(description="Of these, to key customers, to vulnerable ones, to village liaisons.")
    to_vulnerable: int
    to_liaisons: int
    customers: int = Field(description="Size of the whole scope.")
    key_customers: int
    waits: tuple[Wait, ...] = Field(description="Why, by the rules of today.")


class PendingPage(Page[PendingResource]):
    pass


class ChannelResource(Resource):
    name: str
    failing_since: Instant | None = Field(description="Null: it works.")
    problem: str = Field(description="What it answered last; no personal data.")
    reported: bool = Field(description="The call list has been told.")


class ChannelList(Resource):
    items: tuple[ChannelResource, ...] = Field(description="Those that ever failed.")


class VerdictBody(Input):
    operation_id: OperationId
    incident_id: Identifier
    decision: Literal["approve", "reject"]
    note: Words = ""


class VerdictResource(Resource):
    incident_id: str
    decision: Literal["approve", "reject"]
    customers: int = Field(description="Size of the scope that the person answers for.")
    at: Instant
    by_name: str
    note: str


class HoldBody(Input):
    operation_id: OperationId
    kind: HoldKind = Field(strict=False)
    thing: str = Field(default="", max_length=128, description="Id of the feeder or outage; empty for all.")
    note: Words = Field(min_length=1, description="Why; kept with your name.")


class ReleaseBody(Input):
    hold_id: Identifier
    note: Words = ""


class HoldResource(Resource):
    id: str
    kind: HoldKind
    thing: str
    at: Instant
    by_name: str
    note: str
    released_at: Instant | None
    released_by: str
    released_note: str


class HoldPage(Page[HoldResource]):
    pass


class ReceiptBody(RootModel[dict[str, JsonValue] | list[JsonValue]]):
    """As the provider sends it; the channel's file says how it reads."""


class ReceiptsResource(Resource):
    known: Whole = Field(description="Receipts of messages that left from here.")
    told: Whole


@operations.add(
    "GET", "/api/v1/notices/pending", "Notices that wait for one click", roles=MAY_SEE,
    answers={200: PendingPage},
)  # fmt: skip
def list_pending_notices(call: Call) -> Answer:
    """Large scopes and those with key customers, by incident, oldest first, at most two hundred."""
    found = call.services.control_notices.pending(call.scope)
    rules = call.services.company.rules
    items = tuple(_pending(one, waits(rules, Size(one.customers, one.key_customers))) for one in found)
    return Answer(200, PendingPage(items=items, next_cursor=None))


@operations.add(
    "GET", "/api/v1/notices/channels", "How the channels fare", roles=MAY_SEE, answers={200: ChannelList},
)  # fmt: skip
def list_channels(call: Call) -> Answer:
    """Channels that ever failed; one that fails for five minutes is told to the call list."""
    found = call.services.control_notices.channels()
    return Answer(200, ChannelList(items=tuple(map(_channel, found))))


@operations.add(
    "POST", "/api/v1/notices/approve", "Let go, or reject, what waits about an incident", roles=MAY_CONTROL,
    body=VerdictBody, answers={200: VerdictResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def decide_notices(call: Call) -> Answer:
    """Holds for the incident until it has grown to more than twice its size; kept with your name."""
    body = call.body(VerdictBody)
    click = Click(body.operation_id, body.incident_id, body.decision == "approve", body.note)
    return Answer(200, _verdict(call.services.control_notices.decide(call.user, click, call.now_ms)))


@operations.add(
    "GET", "/api/v1/notices/holds", "What is or was on hold", roles=MAY_SEE, answers={200: HoldPage},
)  # fmt: skip
def list_holds(call: Call) -> Answer:
    """Newest first, at most two hundred; those of everything only for people of the whole company."""
    found = call.services.control_notices.holds(call.user)
    return Answer(200, HoldPage(items=tuple(_hold(one) for one in found), next_cursor=None))


@operations.add(
    "POST", "/api/v1/notices/hold", "Keep notices back: of a feeder, an outage or everything",
    roles=MAY_CONTROL, body=HoldBody, answers={201: HoldResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def hold_notices(call: Call) -> Answer:
    """From now on nothing about it leaves; messages to people of the company do."""
    body = call.body(HoldBody)
    request = HoldRequest(body.operation_id, body.kind, body.thing, body.note)
    return Answer(201, _hold(call.services.control_notices.hold(call.user, request, call.now_ms)))


@operations.add(
    "POST", "/api/v1/notices/release", "Let held notices go", roles=MAY_CONTROL, body=ReleaseBody,
    answers={200: HoldResource}, refuses=frozenset({404}),
)  # fmt: skip
def release_notices(call: Call) -> Answer:
    """What has become stale meanwhile was withdrawn; released again changes nothing."""
    body = call.body(ReleaseBody)
    hold = call.services.control_notices.release(call.user, body.hold_id, body.note, call.now_ms)
    return Answer(200, _hold(hold))


@operations.add(
    "POST", "/api/v1/notices/receipts/{channel}", "A provider tells how messages went on",
    roles=frozenset({Role.MACHINE, Role.ADMIN}), body=ReceiptBody, answers={200: ReceiptsResource},
    refuses=frozenset({422}),
)  # fmt: skip
def take_receipts(call: Call) -> Answer:
    """Its own JSON, read as the channel's file declares. A receipt never takes an earlier one back."""
    read = call.services.receipts_of.get(call.path["channel"])
    if read is None or not call.user.whole_company:
        raise HttpProblem(404, "notice.no_receipts_channel", channel=call.path["channel"])
    try:
        told = read(call.body(ReceiptBody).root)
    except ValueError:
        raise HttpProblem(422, "notice.no_receipt", channel=call.path["channel"]) from None
    if len(told) > MAX_RECEIPTS:
        raise HttpProblem(422, "notice.too_many_receipts", most=MAX_RECEIPTS)
    known = call.services.control_notices.receipts(call.path["channel"], told, call.now_ms)
    return Answer(200, ReceiptsResource(known=known, told=len(told)))


def _pending(one: Pending, why: tuple[Wait, ...]) -> PendingResource:
    return PendingResource(
        incident_id=one.incident_id, outage_id=one.outage_id, kind=NoticeKind(one.kind), text=one.text,
        since=iso(one.since_ms), messages=one.messages, to_key=one.to_key, to_vulnerable=one.to_vulnerable,
        to_liaisons=one.to_liaisons, customers=one.customers, key_customers=one.key_customers, waits=why,
    )  # fmt: skip


def _channel(one: ChannelState) -> ChannelResource:
    since = iso_or_none(one.failing_since_ms)
    return ChannelResource(name=one.name, failing_since=since, problem=one.problem, reported=one.reported)


def _verdict(one: Verdict) -> VerdictResource:
    return VerdictResource(
        incident_id=one.incident_id, decision="approve" if one.approved else "reject",
        customers=one.customers, at=iso(one.at_ms), by_name=one.user_name, note=one.note,
    )  # fmt: skip


def _hold(one: Hold) -> HoldResource:
    return HoldResource(
        id=one.id, kind=one.kind, thing=one.thing, at=iso(one.at_ms), by_name=one.user_name, note=one.note,
        released_at=iso_or_none(one.released_ms), released_by=one.released_by,
        released_note=one.released_note,
    )  # fmt: skip
