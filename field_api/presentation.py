"""From the desk's values to what people get: pure, the same for a request and for the feed."""

import math
from collections.abc import Sequence
from itertools import starmap

from field_api.company import Company
from field_api.deadlines.clocks import Due, OtherDue
from field_api.deadlines.step_times import StepTime, happened_times
from field_api.instants import iso, iso_or_none
from field_api.notices.call_list import STAFF
from field_api.notices.notice import Notice
from field_api.orders.dwell import dwell_ms
from field_api.orders.estimates import appointment_ms, estimate_ms
from field_api.orders.offered import offered_steps
from field_api.orders.safety import is_clear, touches_network
from field_api.orders.transfers import HandOver, hand_overs
from field_api.orders.work import HistoryEntry
from field_api.organisation.cells import Crew, GridCell
from field_api.people.masking import mask_name, mask_phone
from field_api.people.users import User
from field_api.ports import StoredOrder
from field_api.projection import Impact, Site
from field_api.resources import (
    CauseResource,
    CrewResource,
    DueResource,
    GridCellResource,
    HandOverResource,
    HistoryResource,
    NoticeResource,
    OrderDetailResource,
    OrderResource,
    OtherDueResource,
    OutageResource,
    Resource,
    RevisionResource,
    UserResource,
)
from field_api.saying import Language
from geo.network import Network
from telemetry.outages import Cause, OutageRevision


def document(resource: Resource) -> str:
    """The JSON text of a resource, as it is answered and as the feed carries it."""
    return resource.model_dump_json(by_alias=True)


def degrees(value: float) -> float | None:
    """A coordinate, or None where it is unknown."""
    return None if math.isnan(value) else round(value, 7)


def user_resource(user: User) -> UserResource:
    """A person as they see themselves."""
    language: Language = "en" if user.language == "en" else "zh"
    return UserResource(
        id=user.id, username=user.username, name=user.name, role=user.role, crew_id=user.crew_id,
        grid_ids=user.grid_ids, language=language,
    )  # fmt: skip


def cause_resource(cause: Cause, site: Site) -> CauseResource:
    """The probable cause with its name and place."""
    place = site.place_of(cause.element)
    return CauseResource(
        element=cause.element, kind=cause.kind, name=place.name, name_en=place.name_en,
        equivalent=cause.equivalent, lon=degrees(place.lon), lat=degrees(place.lat),
    )  # fmt: skip


def outage_resource(
    revision: OutageRevision, site: Site, impact: Impact, owner: GridCell, areas: tuple[str, ...]
) -> OutageResource:
    """An outage as of this revision."""
    return OutageResource(
        id=revision.outage_id, revision=revision.revision, state=revision.state,
        cause=cause_resource(revision.cause, site), started_at=iso(revision.started_at_ms),
        restored_at=iso_or_none(revision.restored_at_ms), probability=round(revision.probability, 6),
        expected=round(revision.expected, 3), low=revision.low, high=revision.high,
        customers_out=len(impact.customers), phases=revision.phases, low_phases=revision.low_phases,
        customers_one_phase_missing=len(impact.scope.partial_rows), key_customers=impact.key_customers,
        vulnerable_customers=impact.vulnerable_customers, grid_id=owner.id, grid_name=owner.name,
        area_names=areas, reasons=revision.reasons, network_hash=revision.network_hash,
        updated_at=iso(revision.at_ms), merged_into=revision.merged_into, owner_side=revision.owner_side,
    )  # fmt: skip


def revision_resource(revision: OutageRevision, site: Site) -> RevisionResource:
    """One step of what was believed."""
    return RevisionResource(
        revision=revision.revision, at=iso(revision.at_ms), state=revision.state,
        probability=round(revision.probability, 6), expected=round(revision.expected, 3),
        cause=cause_resource(revision.cause, site), reasons=revision.reasons,
    )  # fmt: skip


def order_resource(
    stored: StoredOrder, company: Company, crew_name: str, now_ms: int, user: User | None
) -> OrderResource:
    """An order as lists show it to somebody; ``user`` None: as the feed tells it to everybody."""
    return OrderResource(**_order_fields(stored, company, crew_name, now_ms, user))


def order_detail(
    stored: StoredOrder, company: Company, crew_name: str, now_ms: int, user: User
) -> OrderDetailResource:
    """An order with all that happened to it."""
    times = happened_times(stored.history)
    history = tuple(starmap(_history_resource, zip(stored.history, times, strict=True)))
    fields = _order_fields(stored, company, crew_name, now_ms, user)
    work_type = company.work_type(stored.order.type)
    dwell = dwell_ms(work_type, stored.history, now_ms)
    clear = is_clear(work_type, stored.state, stored.history) if touches_network(work_type) else None
    return OrderDetailResource(
        **fields, history=history, hand_overs=tuple(map(_hand_over_resource, hand_overs(stored.history))),
        dwell_s={department: ms // 1000 for department, ms in dwell.items()}, is_clear=clear,
    )  # fmt: skip


def _hand_over_resource(one: HandOver) -> HandOverResource:
    return HandOverResource(
        from_crew=one.from_crew, to_crew=one.to_crew, at=iso(one.at_ms),
        spoken_at=iso_or_none(one.spoken_ms), accepted_at=iso_or_none(one.accepted_ms),
    )  # fmt: skip


def transitions(stored: StoredOrder, company: Company, user: User | None) -> tuple[str, ...] | None:
    """What the person may do with it now."""
    if user is None:
        return None
    work_type = company.work_type(stored.order.type)
    return offered_steps(work_type, stored.state, stored.order, stored.history, user)


def _order_fields(
    stored: StoredOrder, company: Company, crew_name: str, now_ms: int, user: User | None
) -> dict[str, object]:
    order = stored.order
    work_type = company.work_type(order.type)
    due = company.due_times(order, stored.history, now_ms)
    return {
        "id": order.id, "number": order.number, "type": order.type, "state": stored.state,
        "revision": stored.revision, "outage_id": order.outage_id, "incident_id": order.incident_id,
        "grid_id": order.grid_id, "crew_id": order.crew_id, "crew_name": crew_name,
        "element": order.element, "element_kind": order.element_kind, "element_name": order.element_name,
        "lon": degrees(order.lon), "lat": degrees(order.lat), "customers": order.customers,
        "priority": order.priority, "created_at": iso(order.created_ms),
        "accepted_at": iso(order.accepted_ms), "source": order.source, "customer_id": order.customer_id,
        "parent_id": order.parent_id,
        "owner_id": order.owner_id, "title": dict(work_type.titles),
        "state_title": dict(dict(work_type.states).get(stored.state, ())),
        "estimate_at": iso_or_none(estimate_ms(stored.history)),
        "appointment": _appointment(stored.history),
        "due": tuple(_due_resource(one) for one in due),
        "transitions": transitions(stored, company, user),
    }  # fmt: skip


def _due_resource(due: Due) -> DueResource:
    return DueResource(
        clock=due.clock, due_at=iso(due.due_ms), rule=due.rule, basis=due.basis,
        provisional=due.provisional, state=due.state, at_risk_at=iso(due.at_risk_ms), origin=due.origin,
        unverified=due.unverified, by_device=due.by_device,
        waited_s={who: ms // 1000 for who, ms in due.waited_ms.items()},
        beside=None if due.beside is None else _other_due_resource(due.beside),
    )  # fmt: skip


def _other_due_resource(due: OtherDue) -> OtherDueResource:
    return OtherDueResource(
        due_at=iso(due.due_ms), rule=due.rule, origin=due.origin, unverified=due.unverified,
        provisional=due.provisional, state=due.state,
    )  # fmt: skip


def _appointment(history: Sequence[HistoryEntry]) -> tuple[str, ...] | None:
    agreed = appointment_ms(history)
    return None if agreed is None else tuple(iso(at_ms) for at_ms in agreed)


def _history_resource(entry: HistoryEntry, time: StepTime) -> HistoryResource:
    return HistoryResource(
        step=entry.step, at=iso(entry.at_ms), by=entry.by, by_name=entry.by_name,
        note=entry.note or None, device_at=iso_or_none(entry.device_ms), happened_at=iso(time.at_ms),
        time_source=time.source, behalf=entry.behalf, details=dict(entry.details),
    )  # fmt: skip


def crew_resource(crew: Crew, order_id: str | None) -> CrewResource:
    """A crew with its newest position and the order it is on."""
    return CrewResource(
        id=crew.id, name=crew.name, grid_ids=crew.grid_ids, state=crew.state, lon=degrees(crew.lon),
        lat=degrees(crew.lat), position_at=iso(crew.position_ms) if crew.position_ms else None,
        order_id=order_id,
    )  # fmt: skip


def cell_resource(cell: GridCell, crews: tuple[Crew, ...]) -> GridCellResource:
    """A grid cell with its crews."""
    crew_ids = tuple(crew.id for crew in crews if cell.id in crew.grid_ids)
    return GridCellResource(
        id=cell.id, name=cell.name, name_en=cell.name_en, bounds=cell.bounds, crew_ids=crew_ids
    )


def masked_recipient(network: Network, customer_id: str) -> str:
    """``张* 138****5678``; a customer whom the network no longer knows is only a star.

    People of the company are named as in the call list.
    """
    row = network.customer_row.get(customer_id)
    if row is None:
        return customer_id if customer_id.startswith(STAFF) else "*"
    return f"{mask_name(network.customers.name[row])} {mask_phone(network.customers.phone[row])}".strip()


def notice_resource(notice: Notice, network: Network, count: int = 1) -> NoticeResource:
    """A notice as lists and the feed show it: the recipient masked."""
    told = notice.announcement
    return NoticeResource(
        id=str(notice.id), at=iso(told.at_ms), outage_id=told.outage_id, kind=told.kind,
        channel=notice.posting.channel, recipient=masked_recipient(network, notice.posting.recipient),
        state=notice.state, text=told.text, count=count,
    )  # fmt: skip
