"""What this company configured for its desk: kinds of work, promises, language and the channel of notices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from field_api.deadlines.clocks import Due, due_times
from field_api.deadlines.limits import Profile
from field_api.deadlines.working_days import WorkCalendar
from field_api.kept import Kept
from field_api.notices.rules import AT_ONCE, NoticeRules
from field_api.notices.wording import NoticeTexts
from field_api.orders.work import HistoryEntry, Order, WorkType, is_open
from field_api.people.users import User
from field_api.ports import StoredOrder

DOCUMENTS_KEPT: Final = 8_000


@dataclass(frozen=True, slots=True)
class OrderDocument:
    """An order's JSON as it was told to somebody, and what it rests on."""

    stored: StoredOrder
    crew_name: str
    calendar: WorkCalendar
    from_ms: int
    until_ms: float
    """Exclusive: then something else is told of its due times."""
    text: str


@dataclass(frozen=True, slots=True)
class Company:
    work_types: Mapping[str, WorkType]
    profile: Profile
    language: str
    channel: str
    """Name of the channel that notices to customers take."""
    calendar: Callable[[], WorkCalendar]
    """The working days as they are known now."""
    texts: NoticeTexts = field(default_factory=dict)
    """What notices say."""
    staff_channel: str = "log"
    """Name of the channel to people of the company who name none of their own."""
    rules: NoticeRules = AT_ONCE
    """What notices may leave by themselves, and when."""
    documents: Kept[tuple[str, User], OrderDocument] = field(
        default_factory=lambda: Kept(DOCUMENTS_KEPT), compare=False, repr=False
    )
    """What was told of orders last, by order and person, to whoever only looked."""

    @property
    def repair(self) -> WorkType:
        """What a confirmed outage opens."""
        return self.work_types["repair"]

    def work_type(self, name: str) -> WorkType:
        """The work type of that name; KeyError for another."""
        try:
            return self.work_types[name]
        except KeyError:
            raise KeyError(f"unknown work type {name!r}; known: {', '.join(self.work_types)}") from None

    def runs(self, stored: StoredOrder) -> bool:
        """Is the order not closed and not gone?"""
        return is_open(self.work_type(stored.order.type), stored.state)

    def is_working_day(self, day: date) -> bool:
        """As it is known or guessed now; rosters ask for it."""
        return self.calendar().of(day).is_work

    def due_times(self, order: Order, history: Sequence[HistoryEntry], now_ms: int) -> tuple[Due, ...]:
        """When an order must have come how far, by this company's promises and calendar."""
        work_type = self.work_type(order.type)
        return due_times(
            work_type, self.profile, order.area, history, now_ms, self.calendar(), order.basis_ms
        )
