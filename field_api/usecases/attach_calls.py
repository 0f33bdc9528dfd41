"""A call or a ticket goes with an order: noted in it, and its clock begins no later than it was accepted."""

from dataclasses import replace
from typing import Final

from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import DeskSession, StoredOrder
from field_api.usecases.note_by_system import note_by_system
from field_api.usecases.tell import order_event

ATTACHED: Final = "call_attached"
CANCEL: Final = "cancel"


def attach(
    session: DeskSession, company: Company, order_id: str, told: str, accepted_ms: int, now_ms: int
) -> bool:
    """Was it noted? Not by an order that is closed or gone. REP-01, REP-02."""
    stored = session.orders.get(WHOLE_COMPANY, order_id)
    if stored is None or not company.runs(stored):
        return False
    if accepted_ms < stored.order.accepted_ms:
        session.orders.amend(replace(stored.order, basis_ms=accepted_ms))
    return note(session, company, stored, ATTACHED, told, now_ms)


def withdraw_unstarted(
    session: DeskSession, company: Company, stored: StoredOrder, outage_id: str, now_ms: int
) -> bool:
    """Nobody drives to look at what is known by now; whoever has set out goes on."""
    work_type = company.work_type(stored.order.type)
    opening = work_type.rule(work_type.opening)
    if opening is None or stored.state != opening.target:
        return False
    return note(session, company, stored, CANCEL, f"covered by outage {outage_id}", now_ms)


def note(
    session: DeskSession, company: Company, stored: StoredOrder, step: str, words: str, now_ms: int
) -> bool:
    """By the system, where the kind of work knows the step; everybody is told."""
    work_type = company.work_type(stored.order.type)
    if step not in work_type.facts and work_type.rule(step) is None:
        return False
    if note_by_system(session, company, stored, step, words, now_ms) is None:
        return False
    session.feed.append(now_ms, [order_event(session, company, stored.order.id, now_ms)])
    return True


def repair_of(session: DeskSession, company: Company, outage_id: str) -> StoredOrder | None:
    """The newest repair of an outage."""
    jobs = session.orders.of_outage(WHOLE_COMPANY, outage_id)
    repairs = [one for one in jobs if one.order.type == company.repair.name]
    return repairs[-1] if repairs else None
