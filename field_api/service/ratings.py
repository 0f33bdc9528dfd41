"""A customer's word on a closed order in two parts, service and result; one for each order (CUS-02)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from field_api.orders.work import HistoryEntry, Order
from field_api.people.users import User

WORST: Final = 1
BEST: Final = 5


@dataclass(frozen=True, slots=True)
class Rating:
    order_id: str
    service: int
    """How people were met, 1 to 5."""
    result: int
    """What came of it, 1 to 5."""
    words: str
    at_ms: int
    taken_by: str
    """Who wrote the customer's word down."""
    taken_by_name: str

    @property
    def mean(self) -> float:
        """Of both parts."""
        return (self.service + self.result) / 2


def rates_own_work(user: User, order: Order, history: Sequence[HistoryEntry]) -> bool:
    """Would the person write down praise of their own work? Crew, owner and whoever took a step of it."""
    mine = {entry.by for entry in history}
    return user.id in mine or user.id == order.owner_id or (user.crew_id or "-") == order.crew_id
