"""What the service to customers asks of its store: registers, ratings, chosen managers."""

from collections.abc import Collection, Mapping
from typing import Protocol

from field_api.people.users import Scope
from field_api.service.ratings import Rating
from field_api.service.registering import Entry


class RegisterEntries(Protocol):
    """Append only, but for an entry's end."""

    def add(self, entry: Entry) -> None: ...

    def end(self, entry_id: str, until_ms: int) -> bool:
        """False where it has ended already."""

    def get(self, scope: Scope, entry_id: str) -> Entry | None: ...

    def held(
        self, scope: Scope, register: str, at_ms: int, subject_id: str | None, after_id: str, limit: int
    ) -> tuple[Entry, ...]:
        """Entries of a register that held at that instant, by id; about one thing where it is named."""


class Ratings(Protocol):
    """What customers said of closed orders; append only."""

    def of_order(self, order_id: str) -> Rating | None: ...

    def of_orders(self, order_ids: Collection[str]) -> Mapping[str, Rating]:
        """Of those that were rated."""

    def add(self, rating: Rating) -> None: ...


class ManagerChoices(Protocol):
    """Which manager each customer picked."""

    def of_customer(self, customer_id: str) -> str:
        """Id of the person; '' where none was picked."""

    def put(self, customer_id: str, person_id: str, at_ms: int) -> None:
        """In place of what was picked before."""
