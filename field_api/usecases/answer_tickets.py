"""What changed of tickets goes back to the system that they came from, as files in its columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.partners.tickets import Ticket
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk

POSITION: Final = "tickets/back"
AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class AnswerTickets:
    """A crash between writing and noting writes the same numbered file again."""

    desk: Desk
    write: Callable[[Sequence[Ticket]], object]

    def __call__(self, now_ms: int) -> int:
        """How many went out."""
        with self.desk.reading() as session:
            position = session.positions.get(POSITION)
            changed = session.tickets.changed(WHOLE_COMPANY, position, AT_ONCE)
        if not changed:
            return 0
        self.write(changed)
        with self.desk.writing() as session:
            session.positions.advance(POSITION, position, changed[-1].sequence, now_ms)
        return len(changed)
