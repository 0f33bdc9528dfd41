"""What the API and the feed show: one JSON shape per thing, whoever asks and however it travels."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from field_api.deadlines.clocks import ClockState
from field_api.deadlines.step_times import TimeSource
from field_api.notices.alerts import NoticeKind
from field_api.notices.notice import NoticeState
from field_api.organisation.cells import CrewState
from field_api.people.users import Role
from field_api.saying import Language
from telemetry.outages import OutageState

Instant = str
"""ISO-8601 UTC with ``Z``."""

Box = Annotated[tuple[float, ...], Field(min_length=4, max_length=4)]
"""West, south, east, north in degrees."""


class Resource(BaseModel):
    """Immutable; unknown fields are a mistake of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class UserResource(Resource):
    id: str
    username: str
    name: str
    role: Role
    crew_id: str | None
    grid_ids: tuple[str, ...]
    language: Language


class CauseResource(Resource):
    element: str
    kind: str
    name: str
    name_en: str = Field("", description="Empty where the network has no English name.")
    equivalent: tuple[str, ...]
    lon: float | None
    lat: float | None


class OutageResource(Resource):
    id: str
    revision: int
    state: OutageState
    cause: CauseResource
    started_at: Instant
    restored_at: Instant | None
    probability: float
    expected: float
    low: int
    high: int
    customers_out: int = Field(description="Once the outage is over: how many at its widest.")
    phases: str = Field("", description="The phases lost at the cause (A, BC); empty where all are.")
    low_phases: str = Field("", description="The low-voltage phases without usable supply below it.")
    customers_one_phase_missing: int = Field(
        0, description="Customers with several phases who lack some: disturbed, not counted as out."
    )
    key_customers: int
    vulnerable_customers: int
    grid_id: str
    grid_name: str
    area_names: tuple[str, ...]
    reasons: tuple[str, ...]
    network_hash: str
    updated_at: Instant
    merged_into: str
    owner_side: str = Field(
        default="", description="`reason=element` where the fault lies beyond the ownership boundary."
    )


class RevisionResource(Resource):
    revision: int
    at: Instant
    state: OutageState
    probability: float
    expected: float
    cause: CauseResource
    reasons: tuple[str, ...]


class OtherDueResource(Resource):
    """What a second set of limits says of the same clock; nobody is alarmed on it."""

    due_at: Instant
    rule: str
    origin: str
    unverified: bool
    provisional: bool
    state: ClockState


class DueResource(Resource):
    clock: str
    due_at: Instant
    rule: str = Field(description="The rule in words, in Chinese and English.")
    basis: str = Field(description="What it counts from: a step, or another clock's due time.")
    provisional: bool = Field(
        description="It rests on something not yet certain: an arrival to come, a wait, an unpublished year."
    )
    state: ClockState
    at_risk_at: Instant = Field(description="From when on a clock still running is at risk.")
    origin: str = Field(description="Where the limit stands.")
    unverified: bool = Field(description="No source states the limit: a working figure.")
    by_device: bool = Field(description="Its start or stop counts by a device's corrected clock.")
    waited_s: dict[str, int] = Field(description="Seconds of waiting in its time, by whose wait it was.")
    beside: OtherDueResource | None = Field(description="A second set of limits, reported beside the first.")


class OrderResource(Resource):
    id: str
    number: str
    type: str
    state: str
    revision: int
    outage_id: str
    incident_id: str
    grid_id: str
    crew_id: str
    crew_name: str
    element: str
    element_kind: str
    element_name: str
    lon: float | None
    lat: float | None
    customers: int
    priority: Literal["normal", "vulnerable", "key"]
    created_at: Instant
    accepted_at: Instant = Field(description="When the request was accepted: the first clock starts here.")
    source: str = Field(description="Why it exists: outage, call, 95598, hand, schedule, finding, order.")
    customer_id: str
    parent_id: str = Field(description="The order that it follows from; empty: none.")
    owner_id: str = Field(description="Who answers for it; empty: nobody is named yet.")
    title: dict[Language, str] = Field(description="The kind of work, as people call it.")
    state_title: dict[Language, str]
    estimate_at: Instant | None = Field(description="The crew's own estimate of restoration, not yet passed.")
    appointment: tuple[Instant, ...] | None = Field(
        description="From and until when the customer expects us."
    )
    due: tuple[DueResource, ...]
    transitions: tuple[str, ...] | None = Field(
        description="Steps that whoever asks may take now. Null in what goes to everybody (feed, webhooks)."
    )


class HistoryResource(Resource):
    step: str
    at: Instant
    by: str
    by_name: str
    note: str | None
    device_at: Instant | None
    happened_at: Instant = Field(description="What clocks count by: the device's corrected time if proved.")
    time_source: TimeSource
    behalf: str = Field("", description="The crew for whom somebody of the office acted.")
    details: dict[str, Any] = Field(default_factory=dict, description="Answers, appointment, estimate, …")


class BackFeedResource(Resource):
    """What could put voltage on a part that is switched off."""

    kind: Literal["pv_kw", "generator", "second_supply", "two_places"]
    id: str = Field(description="A customer, or a node; empty for one outside my grid cells.")
    told: str


class HandOverResource(Resource):
    """One crew gave the order to another (REP-04)."""

    from_crew: str
    to_crew: str
    at: Instant
    spoken_at: Instant | None = Field(description="When both spoke: a warm hand-over.")
    accepted_at: Instant | None


class OrderDetailResource(OrderResource):
    history: tuple[HistoryResource, ...]
    hand_overs: tuple[HandOverResource, ...] = ()
    dwell_s: dict[str, int] = Field(default_factory=dict, description="Seconds with each department.")
    back_feeds: tuple[BackFeedResource, ...] = Field(
        (), description="Known sources inside the part to be isolated: check before anybody touches it."
    )
    photos_missing: tuple[str, ...] = Field(
        (), description="Pictures that steps name or people announced, and that have not arrived."
    )
    is_clear: bool | None = Field(
        None, description="Is nobody of it at the network? Null: that kind of work asks for no clearance."
    )
    back_feeds_known: bool = Field(
        True, description="False where the network in force no longer has the element: ask on site."
    )


class OutageDetailResource(OutageResource):
    revisions: tuple[RevisionResource, ...]
    orders: tuple[OrderResource, ...]
    calls: int = Field(description="How many calls and tickets came about it, before any merge.")
    explained_revision: int | None = Field(
        default=None, description="Revision of the newest explanation; null: none is kept."
    )


class ScopeResource(Resource):
    outage_id: str
    revision: int
    edges: tuple[int, ...]
    customers: tuple[int, ...]
    transformers: tuple[int, ...]
    bounds: Box


class AffectedCustomerResource(Resource):
    """Masked: 张*, 138****5678, the address without its door."""

    id: str
    name: str
    phone: str
    address_area: str
    customer_class: str = Field(serialization_alias="class", validation_alias="class")
    priority: str
    reason: Literal["below_cut", "also_out"]
    place_probability: float | None = None
    out_probability: float | None = None
    why: dict[Language, str] | None = Field(default=None, description="Reason and evidence as a sentence.")


class CrewResource(Resource):
    id: str
    name: str
    grid_ids: tuple[str, ...]
    state: CrewState
    lon: float | None
    lat: float | None
    position_at: Instant | None
    order_id: str | None


class NoticeResource(Resource):
    id: str
    at: Instant
    outage_id: str
    kind: NoticeKind
    channel: str
    recipient: str
    state: NoticeState
    text: str
    count: int = Field(default=1, description="In the feed: how many people were sent this text.")


class VillageResource(Resource):
    id: str
    name: str
    name_en: str
    grid_id: str
    lon: float | None
    lat: float | None


class GridCellResource(Resource):
    id: str
    name: str
    name_en: str
    bounds: Box
    crew_ids: tuple[str, ...]
