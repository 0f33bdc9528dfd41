"""When supply is expected back: the crew's word, else the clock's due time, or later if the plan says so."""

from collections.abc import Sequence

from field_api.company import Company
from field_api.orders.estimates import WITHDRAWN, estimate_ms
from field_api.ports import StoredOrder


def is_promised(company: Company, repairs: Sequence[StoredOrder]) -> bool:
    """Did a crew give its word, kept or not? Else a time is computed."""
    running = [one for one in repairs if company.runs(one)] or repairs
    return any(
        estimate_ms(stored.history) is not None or any(entry.step == WITHDRAWN for entry in stored.history)
        for stored in running
    )


def expected_return(
    company: Company, repairs: Sequence[StoredOrder], now_ms: int, planned_ms: int | None = None
) -> int | None:
    """Of an outage's repair orders, oldest first; None where it has passed: withdrawn (invariant 5).

    The newest word counts, also where a later order beside it (a second damage point) has none yet; orders
    that are over say nothing as long as another runs. Once a crew has given its word, the clocks say nothing
    any more: after a withdrawal nobody knows until the crew tells anew. Without any word it is the clocks'
    due time, or ``planned_ms``, what the plan of the crews' work computes, where that is later: nobody is
    promised what the plan already denies.
    """
    running = [one for one in repairs if company.runs(one)] or repairs
    for stored in reversed(running):
        promised_ms = estimate_ms(stored.history)
        if promised_ms is not None:
            return promised_ms if promised_ms > now_ms else None
        if any(entry.step == WITHDRAWN for entry in stored.history):
            return None
    if not running:
        return None
    due = company.due_times(running[-1].order, running[-1].history, now_ms)
    due_ms = max((planned_ms or 0, *(one.due_ms for one in due)))
    return due_ms if due_ms > now_ms else None
