"""Who may be touching the network: a crew on site is in danger until it reports clear (invariant 10)."""

from collections.abc import Sequence
from typing import Final

from field_api.orders.work import HistoryEntry, WorkType, is_open

ARRIVE: Final = "arrive"
REPORT_CLEAR: Final = "report_clear"


def touches_network(work_type: WorkType) -> bool:
    """Does that kind of work ask for a clearance at all?"""
    return work_type.rule(REPORT_CLEAR) is not None


def is_clear(work_type: WorkType, state: str, history: Sequence[HistoryEntry]) -> bool:
    """Is nobody of this order at the network?

    True before arrival and after the end; between them only if nothing but the clearance came last of
    arriving, making safe and reporting clear.
    """
    if not touches_network(work_type) or not is_open(work_type, state):
        return True
    at_work = {ARRIVE, "make_safe", REPORT_CLEAR}
    last = next((entry.step for entry in reversed(history) if entry.step in at_work), REPORT_CLEAR)
    return last == REPORT_CLEAR
