"""What a cell's manager must look at: outages that repeat, low voltage, complaints, limits (ORG-10)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.deadlines.clocks import ClockState, Due
from field_api.partners.tickets import Ticket

REPEATED: Final = 3
"""So many outages of the same element within ``WINDOW_MS`` are a risk. A working figure."""
WINDOW_MS: Final = 60 * 24 * 3_600_000


class RiskKind(StrEnum):
    REPEATED_OUTAGES = "repeated_outages"
    LOW_VOLTAGE = "low_voltage"
    OPEN_COMPLAINT = "open_complaint"
    NEAR_LIMIT = "near_limit"
    OVER_LIMIT = "over_limit"


@dataclass(frozen=True, slots=True)
class PastOutage:
    id: str
    element: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class Risk:
    kind: RiskKind
    subject: str
    """Id of the element, order or customer."""
    events: tuple[str, ...]
    """What it follows from: outages, the alarm, the clock, numbers of tickets."""


def repeated_outages(outages: Iterable[PastOutage], now_ms: int) -> tuple[Risk, ...]:
    """Elements that failed ``REPEATED`` times or more in the window, most often first."""
    by_element: dict[str, list[PastOutage]] = defaultdict(list)
    for outage in outages:
        if now_ms - WINDOW_MS < outage.started_ms <= now_ms:
            by_element[outage.element].append(outage)
    often = [(element, past) for element, past in by_element.items() if len(past) >= REPEATED]
    often.sort(key=lambda entry: (-len(entry[1]), entry[0]))
    return tuple(
        Risk(RiskKind.REPEATED_OUTAGES, element, tuple(sorted(one.id for one in past)))
        for element, past in often
    )


def near_limits(orders: Iterable[tuple[str, Sequence[Due]]]) -> tuple[Risk, ...]:
    """Open orders with a clock that is late or at risk; ``orders`` are (id, its due times)."""
    risks = []
    for identifier, due in orders:
        late = tuple(one.clock for one in due if one.state is ClockState.LATE)
        soon = tuple(one.clock for one in due if one.state is ClockState.AT_RISK)
        if late or soon:
            kind = RiskKind.OVER_LIMIT if late else RiskKind.NEAR_LIMIT
            risks.append(Risk(kind, identifier, late or soon))
    return tuple(sorted(risks, key=lambda risk: (risk.kind is not RiskKind.OVER_LIMIT, risk.subject)))


def open_complaints(tickets: Iterable[Ticket]) -> tuple[Risk, ...]:
    """One for each customer who waits for an answer, whoever complained first before the others."""
    by_customer: dict[str, list[str]] = defaultdict(list)
    for ticket in tickets:
        by_customer[ticket.customer_id].append(ticket.number)
    return tuple(
        Risk(RiskKind.OPEN_COMPLAINT, customer, tuple(numbers)) for customer, numbers in by_customer.items()
    )
