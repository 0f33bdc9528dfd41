"""How long an order lay with which department: the hand-offs between five of them, timed apart (ORG-14)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from field_api.orders.work import HistoryEntry, WorkType, apply, is_open

Department = Literal["marketing", "operations", "dispatch", "materials", "service_centre"]
UNNAMED: Final[Department] = "operations"
"""Where a work type names none for a state."""


def dwell_ms(work_type: WorkType, history: Sequence[HistoryEntry], now_ms: int) -> Mapping[str, int]:
    """Milliseconds by department, from the opening to the end or until now; they add up to the whole time."""
    found: dict[str, int] = {}
    state: str | None = None
    ends = [entry.at_ms for entry in history[1:]] + [now_ms]
    for entry, until_ms in zip(history, ends, strict=True):
        state = apply(work_type, state, entry.step)
        if is_open(work_type, state):
            department = work_type.departments.get(state, UNNAMED)
            found[department] = found.get(department, 0) + until_ms - entry.at_ms
    return found
