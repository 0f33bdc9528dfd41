"""A dispatcher puts orders together that are one piece of work, and parts of one asunder (REP-03).

Merged: one order of an incident is absorbed by another; it ends as cancelled and points there. Attached: an
order that stood alone joins an incident. Split: a second order for another element of the same incident.
The histories of both tell it, and nothing is moved out of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from field_api.company import Company
from field_api.orders.proofs import answers
from field_api.orders.work import HistoryEntry, IllegalStep, apply, is_open
from field_api.people.masking import mask_text
from field_api.people.users import User
from field_api.ports import Answered, Desk, DeskSession, StoredOrder
from field_api.usecases.answered_once import given_before
from field_api.usecases.errors import Conflict, NotFound, NotPossible, Overtaken
from field_api.usecases.open_order import OpenOrder, OpenRequest
from field_api.usecases.tell import order_answer, order_event

CANCEL, REMARK = "cancel", "remark"
MERGED_INTO: Final = "merged_into"
ABSORBED: Final = "absorbed"
ATTACHED_TO: Final = "attached_to"
NUMBER: Final = "number"
"""Of the order that a detail names: a screen tells it in its own language."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    operation_id: str
    to: str
    """The order, incident or element that it is about."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class JoinOrders:
    desk: Desk
    company: Company
    open_order: OpenOrder

    def merge(self, user: User, order_id: str, request: JoinRequest, now_ms: int) -> str:
        """The order that absorbed, as JSON; raises ``Refused``."""

        def join(session: DeskSession) -> str:
            absorbed, into = (self._open(session, user, one) for one in (order_id, request.to))
            _check_one_incident(absorbed, into)
            told = {MERGED_INTO: into.order.id, NUMBER: into.order.number}
            self._append(session, absorbed, CANCEL, user, request.note, told, now_ms)
            told = {ABSORBED: absorbed.order.id, NUMBER: absorbed.order.number}
            self._append(session, into, REMARK, user, request.note, told, now_ms)
            return into.order.id

        return self._once(user, f"merge:{order_id}", request, join, now_ms)

    def attach(self, user: User, order_id: str, request: JoinRequest, now_ms: int) -> str:
        """The order within the incident, as JSON; raises ``Refused``."""

        def join(session: DeskSession) -> str:
            stored = self._open(session, user, order_id)
            incident = session.incidents.get(request.to)
            if incident is None or not user.scope.sees(incident.grid_id):
                raise NotFound("incident.unknown", incident=request.to)
            if stored.order.incident_id:
                raise Conflict("order.in_an_incident", incident=stored.order.incident_id)
            session.orders.move(order_id, incident.outage_id, incident.id)
            told = {ATTACHED_TO: incident.id}
            self._append(session, stored, REMARK, user, request.note, told, now_ms)
            return order_id

        return self._once(user, f"attach:{order_id}", request, join, now_ms)

    def split(self, user: User, order_id: str, request: JoinRequest, now_ms: int) -> str:
        """The new order, as JSON; raises ``Refused``."""
        with self.desk.reading() as session:
            stored = self._open(session, user, order_id)
        order = stored.order
        if not order.incident_id:
            raise NotPossible("order.split_without_incident")
        if order.element == request.to:
            raise NotPossible("order.split_same_element")
        wanted = OpenRequest(
            operation_id=request.operation_id, type=order.type, subject_id=request.to,
            note=request.note, answers=answers(stored.history),
            source="order", outage_id=order.outage_id, parent_id=order.id,
        )  # fmt: skip
        return self.open_order(user, wanted, now_ms)

    def _once(
        self,
        user: User,
        what: str,
        request: JoinRequest,
        join: Callable[[DeskSession], str],
        now_ms: int,
    ) -> str:
        """One transaction; the same operation again gets the same answer."""
        digest = f"{what}:{request.to}:{request.note}"
        with self.desk.writing() as session:
            before = given_before(session, user.id, request.operation_id, digest)
            if before is not None:
                return before
            answer = order_answer(session, self.company, join(session), user, now_ms)
            session.operations.keep(user.id, request.operation_id, now_ms, Answered(digest, answer))
            return answer

    def _open(self, session: DeskSession, user: User, order_id: str) -> StoredOrder:
        stored = session.orders.get(user.scope, order_id)
        if stored is None:
            raise NotFound("order.unknown", order=order_id)
        if not self.company.runs(stored):
            raise Conflict("order.closed", number=stored.order.number)
        return stored

    def _append(
        self,
        session: DeskSession,
        stored: StoredOrder,
        step: str,
        user: User,
        note: str,
        details: Mapping[str, Any],
        now_ms: int,
    ) -> None:
        work_type, last = self.company.work_type(stored.order.type), stored.history[-1]
        try:
            state = apply(work_type, stored.state, step)
        except IllegalStep as problem:
            raise NotPossible("order.not_joined", number=stored.order.number, problem=problem.said) from None
        entry = HistoryEntry(
            last.sequence + 1, last.revision + 1, step, now_ms, user.id, user.name, mask_text(note),
            details=details,
        )  # fmt: skip
        if not session.orders.append(stored.order.id, entry, state, is_open(work_type, state)):
            raise Overtaken("order.overtaken")
        session.feed.append(now_ms, [order_event(session, self.company, stored.order.id, now_ms)])


def _check_one_incident(one: StoredOrder, other: StoredOrder) -> None:
    if one.order.id == other.order.id:
        raise NotPossible("order.merge_with_itself")
    if not one.order.incident_id or one.order.incident_id != other.order.incident_id:
        raise NotPossible("order.merge_across_incidents")
