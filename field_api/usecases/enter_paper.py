"""Work done on paper is entered afterwards: its steps in order, then a second person's signature.

Why two people: an arrival in time is a promise kept, and who writes it afterwards may write what they like.
So each step counts as of its entry at first, like any step without a proved time. Once somebody else has
compared it with the paper and signed, it counts as written, inside what the company's own records leave room
for: not before the step that came before, not after the entry (``field_api.deadlines.step_times``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from field_api.board import paper_numbers, sheet_ms
from field_api.company import Company
from field_api.deadlines.step_times import COUNTERSIGNED, PAPER, signed_sequences
from field_api.orders.work import HistoryEntry, is_open
from field_api.people.users import User
from field_api.ports import Answered, Desk, StoredOrder
from field_api.usecases.answered_once import given_before
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible, Refused
from field_api.usecases.step_order import StepOrder, StepRequest
from field_api.usecases.tell import order_told

MAX_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class PaperOutcome:
    """How far the paper was taken over."""

    document: str
    """The order's JSON after the last step that was taken; '' where none was."""
    taken: int
    problem: Refused | None
    """Why the next one was not; what came before stands."""


@dataclass(frozen=True, slots=True)
class EnterPaper:
    """Takes the steps of one sheet, one after the other, each under a name of its own."""

    step_order: StepOrder

    def __call__(
        self, user: User, order_id: str, number: str, steps: Sequence[StepRequest], now_ms: int
    ) -> PaperOutcome:
        """Sent again, what was taken before gets its old answer and the rest goes on."""
        _check_number(number, now_ms)
        document, revision = "", steps[0].revision
        for taken, step in enumerate(steps):
            request = replace(
                step, operation_id=f"{step.operation_id}-{taken + 1}", revision=revision, sent_ms=None,
                details={**step.details, "source": PAPER, "paper_number": number},
            )  # fmt: skip
            try:
                document = self.step_order(user, order_id, request, now_ms)
            except Refused as problem:
                return PaperOutcome(document, taken, problem)
            revision = int(json.loads(document)["revision"])
        return PaperOutcome(document, len(steps), None)


@dataclass(frozen=True, slots=True)
class CountersignPaper:
    """A second person says that the order's paper steps are as the paper has them."""

    desk: Desk
    company: Company

    def __call__(self, user: User, order_id: str, operation_id: str, now_ms: int) -> str:
        """The order's JSON; the same operation again gets the same answer."""
        digest = f"countersign:{order_id}"
        with self.desk.writing() as session:
            before = given_before(session, user.id, operation_id, digest)
            if before is not None:
                return before
            stored = session.orders.get(user.scope, order_id)
            if stored is None:
                raise NotFound("order.unknown", order=order_id)
            entry = self._signature(user, stored, now_ms)
            work_type = self.company.work_type(stored.order.type)
            if not session.orders.append(order_id, entry, stored.state, is_open(work_type, stored.state)):
                raise Conflict("order.overtaken")
            event, answer = order_told(session, self.company, order_id, user, now_ms)
            session.feed.append(now_ms, [event])
            session.operations.keep(user.id, operation_id, now_ms, Answered(digest, answer))
        return answer

    def _signature(self, user: User, stored: StoredOrder, now_ms: int) -> HistoryEntry:
        signed = signed_sequences(stored.history)
        written = [
            one for one in stored.history if one.details.get("source") == PAPER and one.sequence not in signed
        ]
        if not written:
            raise NotPossible("paper.nothing_to_sign")
        if any(one.by == user.id for one in written):
            raise Forbidden("paper.own_entry")
        last = stored.history[-1]
        return HistoryEntry(
            last.sequence + 1, last.revision, COUNTERSIGNED, now_ms, user.id, user.name,
            details={"sequences": [one.sequence for one in written]},
        )  # fmt: skip


def _check_number(number: str, now_ms: int) -> None:
    """A sheet is found again by its number only if that is the one that the board gave."""
    printed_ms = sheet_ms(number)
    if printed_ms is None:
        raise Conflict("paper.number_unlike", number=number, example=paper_numbers(now_ms)[0])
    if printed_ms > now_ms:
        raise Conflict("paper.number_in_future", number=number)
