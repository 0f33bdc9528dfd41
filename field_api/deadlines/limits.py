"""What a company has promised: limits as data, each with unit, origin and the day from which it holds.

Numbers differ between sources and change over the years, so none stands in code (``profiles/*.toml``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from typing import Final, Literal

from field_api.orders.central_queue import CENTRAL_FROM_KV

ANY: Final = "any"
"""As a limit's area or case: whichever it is."""


class LimitUnit(StrEnum):
    MINUTES = "minutes"
    HOURS = "hours"
    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"


@dataclass(frozen=True, slots=True)
class Limit:
    clock: str
    area: str
    amount: int
    unit: LimitUnit
    rule: str
    """The rule in words, as it is shown beside the due time."""
    case: str = ANY
    """The type of work, or what kind of connection: ``lv_resident``, ``hv_single``, …"""
    origin: str = ""
    effective_from: date = date.min
    unverified: bool = False
    """No source states it: a working figure of the product, to be confirmed by the company."""


@dataclass(frozen=True, slots=True)
class AtRisk:
    """When a running clock begins to be at risk: the last share of its time, at least so many minutes."""

    share: float = 0.2
    minutes: int = 15


@dataclass(frozen=True, slots=True)
class OfficeHours:
    opens: time = time(8, 30)
    closes: time = time(17, 30)


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    origin: str
    limits: tuple[Limit, ...]
    beside: tuple[Limit, ...] = ()
    """A second set of limits: reported with the first, never alarmed on."""
    office: OfficeHours = field(default_factory=OfficeHours)
    day_ends: Literal["midnight", "office_close"] = "midnight"
    """When the last day of a limit in days is over."""
    at_risk: AtRisk = field(default_factory=AtRisk)
    central_from_kv: float = CENTRAL_FROM_KV
    """From this voltage on cases lie in the central queue (ORG-12)."""

    def limit(self, clock: str, area: str, day: date = date.max, case: str = ANY) -> Limit:
        """The limit in force on ``day``; KeyError where the profile gives none."""
        found = _in_force(self.limits, clock, area, day, case)
        if found is None:
            raise KeyError(
                f"profile {self.name!r} has no limit for {clock!r} of {case!r} in area {area!r} on {day}"
            )
        return found

    def other_limit(self, clock: str, area: str, day: date = date.max, case: str = ANY) -> Limit | None:
        """The limit of the second set, where that has one."""
        return _in_force(self.beside, clock, area, day, case)


def _in_force(limits: Sequence[Limit], clock: str, area: str, day: date, case: str) -> Limit | None:
    """What names the case goes before what names the area, then the one that came into force last."""
    fitting = [
        one
        for one in limits
        if one.clock == clock
        and one.area in {area, ANY}
        and one.case in {case, ANY}
        and one.effective_from <= day
    ]
    return max(fitting, key=lambda one: (one.case != ANY, one.area != ANY, one.effective_from), default=None)
