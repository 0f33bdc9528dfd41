"""What a person said is kept once: the same operation again changes nothing, another use of it is refused."""

from collections.abc import Callable
from dataclasses import dataclass

from field_api.orders.corrections import Correction
from field_api.people.users import User
from field_api.ports import Desk
from field_api.usecases.errors import Conflict


@dataclass(frozen=True, slots=True)
class Operation:
    """A person's own name for one act, so that it can be sent again after a lost answer."""

    purpose: str
    user: User
    id: str

    @property
    def key(self) -> str:
        """Under which its word is kept."""
        return f"{self.purpose}:{self.user.id}:{self.id}"


def keep_once(
    desk: Desk, operation: Operation, make: Callable[[], Correction], same: Callable[[Correction], bool]
) -> Correction:
    """The word as it was kept: what ``make`` says, or what was said before under this name.

    What ``make`` raises is raised and nothing is kept; Conflict where the earlier word is not the ``same``.
    """
    with desk.reading() as session:
        before = session.corrections.by_key(operation.key)
    if before is None:
        word = make()
        with desk.writing() as session:
            before = session.corrections.by_key(operation.key)
            if before is None:
                session.corrections.add(word)
                return word
    if not same(before):
        raise Conflict("request.operation_reused", operation=operation.id)
    return before
