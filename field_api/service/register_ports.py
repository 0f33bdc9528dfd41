"""What registers ask of their store."""

from typing import Protocol

from field_api.people.users import Scope
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
