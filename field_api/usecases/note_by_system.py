"""The system notes something in an order's history: a fact, or a step that only it takes."""

from field_api.company import Company
from field_api.orders.work import SYSTEM, HistoryEntry, apply, is_open
from field_api.ports import DeskSession, StoredOrder


def note_by_system(
    session: DeskSession, company: Company, stored: StoredOrder, step: str, note: str, now_ms: int
) -> StoredOrder | None:
    """The order with the entry; None where somebody else was faster. Raises ``IllegalStep``."""
    work_type, last = company.work_type(stored.order.type), stored.history[-1]
    state = apply(work_type, stored.state, step)
    revision = last.revision + (step not in work_type.facts)
    entry = HistoryEntry(last.sequence + 1, revision, step, now_ms, SYSTEM, SYSTEM, note)
    if not session.orders.append(stored.order.id, entry, state, is_open(work_type, state)):
        return None
    return StoredOrder(stored.order, state, (*stored.history, entry))
