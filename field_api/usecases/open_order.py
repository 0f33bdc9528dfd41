"""Somebody, or something, opens an order of any work type: placed, owned by one cell, given to one crew.

Nothing is opened without an owner and, through its work type's clocks, a due time (ORG-02, REP-02).
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from field_api.calendars import day_stamp
from field_api.company import Company
from field_api.instants import DAY_MS
from field_api.orders.form_answers import field_named
from field_api.orders.proofs import wrong_answers
from field_api.orders.work import SYSTEM, HistoryEntry, Order, Subject, WorkType, apply
from field_api.organisation.cells import NoCrew, responsible_crew, unskilled_note
from field_api.organisation.duties import DUTY_OF
from field_api.people.masking import mask_text, mask_words
from field_api.people.users import WHOLE_COMPANY, User
from field_api.ports import Answered, Desk, DeskSession, Sites
from field_api.projection import PRIORITY_NAMES, Place, Site
from field_api.saying import Said, Term
from field_api.service.manager_cards import MAX_OPEN
from field_api.usecases.answered_once import given_before
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible
from field_api.usecases.tell import order_told
from geo.errors import UnknownElement


@dataclass(frozen=True, slots=True)
class OpenRequest:
    operation_id: str
    type: str
    subject_id: str
    """Id of a customer, an element or a grid cell, as the work type says."""
    note: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """What is known of the form already."""
    source: str = "hand"
    basis_ms: int | None = None
    outage_id: str = ""
    """The outage whose incident it is a job of."""
    parent_id: str = ""

    @property
    def digest(self) -> str:
        """Tells whether a repeated operation id asks for the same."""
        told = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the work is and whose."""

    grid_id: str
    place: Place
    customer_id: str = ""
    customers: int = 0
    priority: str = "normal"


class OpenOrder:
    """Opens orders of any work type."""

    def __init__(self, desk: Desk, company: Company, sites: Sites) -> None:
        self._desk = desk
        self._company = company
        self._sites = sites

    def __call__(self, user: User, request: OpenRequest, now_ms: int) -> str:
        """The new order's JSON; the same operation id again gets the same answer. Raises ``Refused``."""
        work_type = self._permitted(user, request)
        spot = self._spot(user, work_type, request.subject_id)
        with self._desk.writing() as session:
            before = given_before(session, user.id, request.operation_id, request.digest)
            if before is not None:
                return before
            self._check_preceded(session, work_type, spot.customer_id, now_ms)
            order_id = place_order(session, self._company, spot, request, user, now_ms)
            event, answer = order_told(session, self._company, order_id, user, now_ms)
            session.feed.append(now_ms, [event])
            session.operations.keep(user.id, request.operation_id, now_ms, Answered(request.digest, answer))
        return answer

    def _permitted(self, user: User, request: OpenRequest) -> WorkType:
        work_type = self._company.work_types.get(request.type)
        if work_type is None:
            raise NotFound("order.no_type", type=request.type, known=tuple(self._company.work_types))
        if user.role not in work_type.opened_by:
            raise Forbidden(
                "order.role_cannot_open", role=Term("role", user.role.value), work_type=work_type.named
            )
        missing = [name for name in work_type.needed_to_open if name not in request.answers]
        problems = [Said("form.unanswered", {"field": field_named(work_type.form, name)}) for name in missing]
        problems += wrong_answers(work_type, request.answers)
        if problems:
            raise NotPossible("order.not_opened", work_type=work_type.named, missing=tuple(problems))
        return work_type

    def _check_preceded(
        self, session: DeskSession, work_type: WorkType, customer_id: str, now_ms: int
    ) -> None:
        """Some work may begin only after other work about the same customer has ended (CUS-16)."""
        for name, days in work_type.preceded_by.items():
            closed = [
                one.history[-1].at_ms
                for one in session.orders.of_customer(WHOLE_COMPANY, customer_id)
                if (one.order.type, one.state) == (name, "closed")
            ]
            if now_ms - max(closed, default=0) > days * DAY_MS:
                before = self._company.work_type(name).named
                raise Conflict("order.not_preceded", work_type=work_type.named, before=before, days=days)

    def _spot(self, user: User, work_type: WorkType, subject_id: str) -> Spot:
        spot = self._found(work_type.subject, subject_id)
        if spot is None or not user.scope.sees(spot.grid_id):
            raise NotFound(
                "order.no_subject", kind=Term("subject", work_type.subject.value), subject=subject_id
            )
        return spot

    def _found(self, subject: Subject, subject_id: str) -> Spot | None:
        site = self._sites.current()
        if site is None:
            raise NotPossible("network.none_yet")
        try:
            return spot_of(site, subject, subject_id)
        except UnknownElement:
            return None


def spot_of(site: Site, subject: Subject, subject_id: str) -> Spot | None:
    """Where that subject is; None for a cell that does not exist. Raises ``UnknownElement``."""
    if subject is Subject.GRID:
        if subject_id not in site.cells.ids:
            return None
        west, south, east, north = site.cell_bounds(subject_id)
        name = site.cells.names[site.cells.ids.index(subject_id)]
        middle = (west + east) / 2, (south + north) / 2
        return Spot(subject_id, Place(subject_id, "grid", "grid", name, *middle, math.nan))
    element = site.find(subject_id)
    if (element.type == "customer") is not (subject is Subject.CUSTOMER):
        raise UnknownElement(subject_id)
    place, cell = site.place(element), site.cell_of_element(element)
    if subject is Subject.ELEMENT:
        return Spot(cell, place)
    priority = PRIORITY_NAMES[int(site.network.customers.priority[element.row])]
    return Spot(cell, place, subject_id, 1, priority)


def place_order(
    session: DeskSession, company: Company, spot: Spot, request: OpenRequest, user: User | None, now_ms: int
) -> str:
    """Its id. Within the caller's transaction; ``user`` None: the system opens it.

    Raises ``NotPossible`` where no crew has the cell, ``NotFound`` where there is no such incident.
    """
    work_type = company.work_type(request.type)
    cells = {cell.id: cell for cell in session.organisation.cells(WHOLE_COMPANY)}
    cell = cells.get(spot.grid_id)
    if cell is None:
        raise NotPossible("organisation.cell_not_yet", cell=spot.grid_id)
    incident = session.incidents.of_outage(request.outage_id) if request.outage_id else None
    if request.outage_id and incident is None:
        raise NotFound("outage.no_incident", outage=request.outage_id)
    crews, loads = session.organisation.crews(WHOLE_COMPANY, now_ms), session.orders.open_by_crew()
    where = spot.place.lon, spot.place.lat
    try:
        crew = responsible_crew(
            cell.id, crews, loads, *where, work_type.skills, now_ms, company.is_working_day
        )
    except NoCrew as problem:
        raise NotPossible.like(problem) from None
    series = f"{work_type.number_prefix}-{day_stamp(now_ms)}"
    number = f"{series}-{session.orders.next_number(series):04d}"
    order = Order(
        id=f"ord-{number.lower()}", number=number, type=work_type.name,
        incident_id=incident.id if incident else "", outage_id=request.outage_id, grid_id=cell.id,
        crew_id=crew.id, element=spot.place.id, element_kind=spot.place.kind, element_name=spot.place.name,
        lon=spot.place.lon, lat=spot.place.lat, customers=spot.customers,
        priority=work_type.priority or spot.priority, area=cell.area.value, created_ms=now_ms,
        customer_id=spot.customer_id, parent_id=request.parent_id, source=request.source,
        basis_ms=request.basis_ms,
        owner_id=_chosen(session, spot.customer_id, request, now_ms)
        or session.establishment.manager(cell.id, now_ms, DUTY_OF[work_type.subject]),
    )  # fmt: skip
    by, by_name = (user.id, user.name) if user else (SYSTEM, SYSTEM)
    details = {"answers": mask_words(request.answers)} if request.answers else {}
    note = "; ".join(filter(None, (mask_text(request.note), unskilled_note(crew, work_type.skills))))
    entry = HistoryEntry(1, 1, work_type.opening, now_ms, by, by_name, note, details=details)
    session.orders.add(order, apply(work_type, None, work_type.opening), entry)
    return order.id


def _chosen(session: DeskSession, customer_id: str, request: OpenRequest, now_ms: int) -> str:
    """Whom the customer picked, while that person manages cells and can carry more (CUS-01)."""
    if not customer_id or request.outage_id:
        return ""
    person = session.choices.of_customer(customer_id)
    if not person or session.orders.open_of_owner(person) >= MAX_OPEN:
        return ""
    return person if session.establishment.manages(person, now_ms) else ""


def follow_up(
    session: DeskSession, company: Company, before: Order, type_name: str, now_ms: int
) -> str | None:
    """The order that another brings with it, about the same thing; None where nobody could take it."""
    work_type = company.work_type(type_name)
    place = Place(
        before.element, "", before.element_kind, before.element_name, before.lon, before.lat, math.nan
    )
    spot = Spot(before.grid_id, place, before.customer_id, before.customers, before.priority)
    request = OpenRequest(
        "", type_name, before.element, source="order", parent_id=before.id, outage_id=before.outage_id
    )
    request = replace(request, outage_id=before.outage_id if work_type.incident_job else "")
    try:
        return place_order(session, company, spot, request, None, now_ms)
    except (NotPossible, NotFound):
        return None
