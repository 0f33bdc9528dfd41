"""Operations that a phone made, answered one by one; asked again, each gets the answer that it got.

What was done keeps its answer with the doing (``Operations``). What was refused is kept here, under its
content: a repetition that came too late must not do what the person was told had failed. Only what is
nobody's word on the matter (we failed, or are full) is not kept: the phone shall send it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from field_api.people.users import User
from field_api.ports import Answered, Desk

_FINAL_BELOW: Final = 500
_NOT_FINAL: Final = frozenset({429})


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    document: str
    """JSON: the thing as it is afterwards, or the problem; null: there is nothing to tell."""

    @property
    def is_done(self) -> bool:
        """Did it take effect?"""
        return self.status < 300

    @property
    def is_final(self) -> bool:
        """Would asking again change nothing?"""
        return self.status < _FINAL_BELOW and self.status not in _NOT_FINAL


@dataclass(frozen=True, slots=True)
class AnswerOnce:
    desk: Desk

    def __call__(
        self, user: User, operation_id: str, digest: str, answer: Callable[[], Outcome], now_ms: int
    ) -> Outcome:
        """The first answer that this content got under this id."""
        # Of the content too: the same id for something else must not find this answer.
        key = f"refused/{operation_id}/{digest[:20]}"
        with self.desk.reading() as session:
            before = session.operations.answered(user.id, key)
        if before is not None:
            return _outcome(before)
        outcome = answer()
        if outcome.is_done or not outcome.is_final:
            return outcome
        with self.desk.writing() as session:
            before = session.operations.answered(user.id, key)
            if before is not None:
                return _outcome(before)
            session.operations.keep(user.id, key, now_ms, Answered(str(outcome.status), outcome.document))
        return outcome


def _outcome(kept: Answered) -> Outcome:
    return Outcome(int(kept.digest), kept.document)
