"""A person moves an order one step; a repetition of the same operation gets the same answer (fault 28)."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from field_api.company import Company
from field_api.orders.conflicts import conflicts, stands_in_the_way
from field_api.orders.corrections import Correction
from field_api.orders.proofs import Taken, photos_of, unproven
from field_api.orders.transfers import TRANSFER, crews_in_turn, objection
from field_api.orders.work import HistoryEntry, IllegalStep, StepRule, WorkType, apply, is_open
from field_api.organisation.cells import CrewState
from field_api.people.audit_chain import Act
from field_api.people.masking import mask_text, mask_words
from field_api.people.users import WHOLE_COMPANY, Role, User
from field_api.ports import Answered, Desk, DeskSession, StoredOrder
from field_api.saying import Instant, Term
from field_api.usecases.answered_once import given_before
from field_api.usecases.clearance import Clearance, told_not_clear
from field_api.usecases.correct_outage import Found
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible, Overtaken, Stale
from field_api.usecases.open_order import follow_up
from field_api.usecases.tell import crew_event, order_document, order_event, order_told

SHOWN_METERS: Final = 5
OVERRULES: Final = frozenset({Role.ADMIN, Role.DISPATCHER})
"""Who may send an order on although it has wandered enough."""
ANY_REVISION: Final = 0
"""Whatever the order has become: a remark is always right."""
StillDead = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class StepRequest:
    operation_id: str
    step: str
    at_ms: int
    """The device's clock."""
    revision: int
    """The order's revision that the person saw, or ``ANY_REVISION``."""
    note: str = ""
    finding_element: str = ""
    finding_cause: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    """As of ``HistoryEntry``."""
    sent_ms: int | None = None
    """The device's clock when it sent the step, which tells how wrong that clock is."""
    merges: bool = False
    """Made offline: an older revision is good enough where nobody changed what the step rests on."""

    @property
    def digest(self) -> str:
        """Tells whether a repeated operation id asks for the same, whenever it is sent."""
        told = asdict(self) | {"sent_ms": None}
        del told["merges"]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class StepOrder:
    """Steps orders; ``still_dead`` answers the meters of an outage that evidence holds for dead."""

    def __init__(
        self,
        desk: Desk,
        company: Company,
        still_dead: StillDead,
        clearance: Clearance,
        found: Found | None = None,
    ) -> None:
        """``found``: makes evidence of what crews found; without, findings stay in the history."""
        self._desk = desk
        self._company = company
        self._still_dead = still_dead
        self._clearance = clearance
        self._found = found

    def __call__(self, user: User, order_id: str, request: StepRequest, now_ms: int) -> str:
        """The order's JSON after the step; raises a kind of ``Refused``."""
        with self._desk.reading() as session:
            before = self._answer_given(session, user, order_id, request)
            if before is not None:
                return before
            dead = self._dead_meters(session, user, order_id, request)
            word = self._finding(session, user, order_id, request, now_ms)
        with self._desk.writing() as session:
            before = self._answer_given(session, user, order_id, request)
            if before is not None:
                return before
            after = self._step(session, user, order_id, request, dead, now_ms)
            if word is not None:
                session.corrections.add(word)
            return after

    def _finding(
        self, session: DeskSession, user: User, order_id: str, request: StepRequest, now_ms: int
    ) -> Correction | None:
        """Looked up beforehand, like the dead meters."""
        if self._found is None or not request.finding_element:
            return None
        outage = _visible(session, user, order_id).order.outage_id
        note = request.finding_cause or request.note
        element = request.finding_element
        return self._found.word(user, outage, element, request.operation_id, note, now_ms)

    def _answer_given(
        self, session: DeskSession, user: User, order_id: str, request: StepRequest
    ) -> str | None:
        return given_before(session, user.id, request.operation_id, _digest(order_id, request))

    def _dead_meters(
        self, session: DeskSession, user: User, order_id: str, request: StepRequest
    ) -> tuple[str, ...]:
        """Looked up before the writing transaction begins, so that nobody waits for it."""
        stored = _visible(session, user, order_id)
        rule = self._company.work_type(stored.order.type).rule(request.step)
        needed = rule is not None and "supply_returned" in rule.needs
        return self._still_dead(stored.order.outage_id) if needed else ()

    def _step(
        self,
        session: DeskSession,
        user: User,
        order_id: str,
        request: StepRequest,
        dead: tuple[str, ...],
        now_ms: int,
    ) -> str:
        stored = _visible(session, user, order_id)
        work_type = self._company.work_type(stored.order.type)
        self._check_revision(session, user, stored, request, now_ms)
        rule = _permitted(work_type, stored, user, request, session.photos.counting(order_id))
        _check_estimate(request, now_ms)
        if dead:
            raise Conflict("order.still_dead", count=len(dead), meters=_shown(dead))
        if "all_clear" in rule.needs and (others := self._clearance.not_clear_below(session, stored)):
            raise Conflict.of(told_not_clear(others))
        if rule.name == TRANSFER:
            self._hand_over(session, stored, user, request)
        entry = _entry(stored, user, request, now_ms)
        self._append(session, work_type, stored, entry)
        if entry.behalf:
            session.audit.append(now_ms, _on_behalf(stored, user, entry))
        self._move_crew(session, stored, rule, now_ms)
        self._follow_up(session, stored, rule, now_ms)
        event, answer = order_told(session, self._company, order_id, user, now_ms)
        session.feed.append(now_ms, [event])
        kept = Answered(_digest(order_id, request), answer)
        session.operations.keep(user.id, request.operation_id, now_ms, kept)
        return answer

    def _check_revision(
        self,
        session: DeskSession,
        user: User,
        stored: StoredOrder,
        request: StepRequest,
        now_ms: int,
    ) -> None:
        """Refuse a step made upon another order than this; ``merges`` lets pass what nothing contradicts."""
        if request.revision in {ANY_REVISION, stored.revision}:
            return
        work_type = self._company.work_type(stored.order.type)
        taken = _entry(stored, user, request, now_ms)
        found = conflicts(work_type, stored.first_crew, stored.history, request.revision, taken)
        if request.merges and request.revision < stored.revision and not any(map(stands_in_the_way, found)):
            return
        current = order_document(session, self._company, stored, now_ms, user)
        raise Stale("order.stale", current, found, now=stored.revision, seen=request.revision)

    def _append(
        self, session: DeskSession, work_type: WorkType, stored: StoredOrder, entry: HistoryEntry
    ) -> None:
        state = apply(work_type, stored.state, entry.step)
        if not session.orders.append(stored.order.id, entry, state, is_open(work_type, state)):
            raise Overtaken("order.overtaken")

    def _hand_over(self, session: DeskSession, stored: StoredOrder, user: User, request: StepRequest) -> None:
        """To a crew that exists; back and forth only by the office, with its reason in the note."""
        order, to_crew = stored.order, str(request.details["to_crew"])
        if session.organisation.crew(WHOLE_COMPANY, to_crew) is None:
            raise NotPossible("crew.unknown", crew=to_crew)
        problem = objection(crews_in_turn(stored.first_crew, stored.history), to_crew)
        if problem is not None and (user.role not in OVERRULES or to_crew == order.crew_id):
            raise NotPossible.of(problem)
        session.orders.hand_over(order.id, to_crew)

    def _follow_up(self, session: DeskSession, stored: StoredOrder, rule: StepRule, now_ms: int) -> None:
        for type_name in rule.opens:
            opened = follow_up(session, self._company, stored.order, type_name, now_ms)
            if opened is not None:
                session.feed.append(now_ms, [order_event(session, self._company, opened, now_ms)])

    def _move_crew(self, session: DeskSession, stored: StoredOrder, rule: StepRule, now_ms: int) -> None:
        if not rule.crew:
            return
        crew = session.organisation.crew(WHOLE_COMPANY, stored.order.crew_id)
        if crew is not None:
            moved = replace(crew, state=CrewState(rule.crew))
            session.organisation.set_state(crew.id, moved.state)
            session.feed.append(now_ms, [crew_event(session, self._company, moved)])


def _digest(order_id: str, request: StepRequest) -> str:
    return f"{order_id}:{request.digest}"


def _visible(session: DeskSession, user: User, order_id: str) -> StoredOrder:
    stored = session.orders.get(user.scope, order_id)
    if stored is None:
        raise NotFound("order.unknown", order=order_id)
    return stored


def _permitted(
    work_type: WorkType, stored: StoredOrder, user: User, request: StepRequest, photos: Collection[str]
) -> StepRule:
    """The step's rule; ``photos`` are those that were announced for the order."""
    if user.role is Role.CREW and stored.order.crew_id != user.crew_id:
        raise Forbidden("order.of_another_crew")
    try:
        apply(work_type, stored.state, request.step)
    except IllegalStep as problem:
        raise NotPossible.like(problem) from None
    rule = work_type.rule(request.step)
    if rule is None or user.role not in rule.roles:
        raise Forbidden(
            "order.role_cannot_step", role=Term("role", user.role.value), step=Term("step", request.step)
        )
    taken = Taken(
        user.id, request.note, request.details, request.finding_element, request.at_ms,
        photos_of(stored.history, request.details, photos),
    )  # fmt: skip
    if missing := unproven(work_type, rule, stored.history, taken):
        raise NotPossible("order.unproven", step=Term("step", request.step), missing=missing)
    return rule


def _check_estimate(request: StepRequest, now_ms: int) -> None:
    """What is promised lies ahead of when it was said, which for work without a signal may be a while ago."""
    estimate_ms = request.details.get("estimate_ms")
    offset_ms = 0 if request.sent_ms is None else now_ms - request.sent_ms
    said_ms = min(request.at_ms + offset_ms, now_ms)
    if estimate_ms is not None and estimate_ms <= said_ms:
        raise NotPossible("order.estimate_passed", estimate=Instant(estimate_ms), said=Instant(said_ms))


def _shown(dead: tuple[str, ...]) -> tuple[str, ...]:
    return dead if len(dead) <= SHOWN_METERS else (*dead[:SHOWN_METERS], "…")


def _entry(stored: StoredOrder, user: User, request: StepRequest, now_ms: int) -> HistoryEntry:
    last = stored.history[-1]
    return HistoryEntry(
        sequence=last.sequence + 1, revision=last.revision + 1, step=request.step, at_ms=now_ms, by=user.id,
        by_name=user.name, note=mask_text(request.note), device_ms=request.at_ms,
        finding_element=request.finding_element, finding_cause=mask_text(request.finding_cause),
        details=_details(stored, request),
        behalf="" if user.crew_id == stored.order.crew_id else stored.order.crew_id,
        offset_ms=None if request.sent_ms is None else now_ms - request.sent_ms,
    )  # fmt: skip


def _on_behalf(stored: StoredOrder, user: User, entry: HistoryEntry) -> Act:
    details = {"step": entry.step, "crew": entry.behalf, "order": stored.order.number}
    return Act("order.behalf", stored.order.id, user.id, user.username, details=details)


def _details(stored: StoredOrder, request: StepRequest) -> Mapping[str, Any]:
    """What the step brings; a transfer also keeps from whom."""
    details: dict[str, Any] = mask_words(request.details)
    return details if request.step != TRANSFER else {**details, "from_crew": stored.order.crew_id}
