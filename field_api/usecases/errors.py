"""Why a request of a person is not done, as one tree.

Refused
├── NotFound       nothing of that id within the person's scope
├── Forbidden      it is there, but this person may not do that
├── Conflict       the state is another than the person thinks
│   ├── Stale      with what is current
│   └── Overtaken  by somebody at the very same moment: asking again tells how it ended
└── NotPossible    understood, but against the rules of the work

Each says a code of ``field_api/refusal_texts`` with its facts (docs/decisions/0012).
"""

from field_api.orders.conflicts import FieldConflict
from field_api.saying import Fact, Saying


class Refused(Saying):
    """Root; people read its text in their language."""


class NotFound(Refused):
    pass


class Forbidden(Refused):
    pass


class Conflict(Refused):
    pass


class Stale(Conflict):
    """``current`` is the JSON document that the person should have seen; ``conflicts`` what differs."""

    def __init__(
        self, code: str, /, current: str, conflicts: tuple[FieldConflict, ...] = (), **facts: Fact
    ) -> None:
        super().__init__(code, **facts)
        self.current = current
        self.conflicts = conflicts


class Overtaken(Conflict):
    pass


class NotPossible(Refused):
    pass
