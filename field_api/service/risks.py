"""What a cell's manager must look at: repeated outages, low voltage, orders near their limits (ORG-10)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.deadlines.clocks import ClockState, Due

REPEATED: Final = 3
"""So many outages of the same element within ``WINDOW_MS`` are a risk. A working figure."""
WINDOW_MS: Final = 60 * 24 * 3_600_000


class RiskKind(StrEnum):
    REPEATED_OUTAGES = "repeated_outages"
    LOW_VOLTAGE = "low_voltage"
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
    """Id of the element or order."""
    events: tuple[str, ...]
    """What it follows from: outages, the alarm, the clock."""


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
