"""What becomes of open orders by time alone: warnings, escalation, estimates that have passed.

Each is a fact in the order's history, noted once, so that every screen and every notice follows from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.deadlines.clocks import ClockState
from field_api.instants import MINUTE_MS
from field_api.orders.estimates import WITHDRAWN, estimate_ms, has_passed
from field_api.orders.work import HistoryEntry, WorkType
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, StoredOrder
from field_api.usecases.note_by_system import note_by_system
from field_api.usecases.step_order import StillDead
from field_api.usecases.tell import order_event

ESCALATED: Final = "escalated"
AT_RISK: Final = "at_risk"
OVERDUE: Final = "overdue"
REOPEN: Final = "reopen"
UNACKNOWLEDGED_MS: Final = 5 * MINUTE_MS
"""An order that nobody accepts for so long is told to the next one up; again after as long."""
MAX_LEVEL: Final = 3
VERIFY_MS: Final = 15 * MINUTE_MS
"""A closing without meters' proof that they contradict for so long is undone."""


OnEscalated = Callable[[DeskSession, StoredOrder, HistoryEntry, int], None]
"""Tells the people of that level, within the transaction in which the fact is noted."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to note of an order."""

    step: str
    note: str


@dataclass(frozen=True, slots=True)
class WatchOrders:
    """Looks through all open orders of the company."""

    desk: Desk
    company: Company
    still_dead: StillDead
    on_escalated: OnEscalated

    def __call__(self, now_ms: int) -> int:
        """How many orders something was noted of."""
        with self.desk.reading() as session:
            found = [
                (one, tuple(self._due_notes(one, now_ms))) for one in session.orders.open_of(WHOLE_COMPANY)
            ]
        told = [(stored, notes) for stored, notes in found if notes]
        if told:
            with self.desk.writing() as session:
                for stored, notes in told:
                    self._keep(session, stored, notes, now_ms)
        return len(told)

    def _due_notes(self, stored: StoredOrder, now_ms: int) -> Iterator[Note]:
        if has_passed(stored.history, now_ms) and WITHDRAWN in self._type(stored).facts:
            yield Note(WITHDRAWN, f"{estimate_ms(stored.history)}")
        for due in self.company.due_times(stored.order, stored.history, now_ms):
            if due.state is ClockState.AT_RISK:
                yield from _once(stored, AT_RISK, due.clock)
            elif due.state is ClockState.LATE:
                yield from _once(stored, OVERDUE, due.clock)
        yield from self._unacknowledged(stored, now_ms)
        yield from self._contradicted(stored, now_ms)

    def _unacknowledged(self, stored: StoredOrder, now_ms: int) -> Iterator[Note]:
        """Level 1 after five minutes, 2 after ten, 3 after a quarter of an hour, from the last assignment."""
        opening = self._type(stored).rule(self._type(stored).opening)
        if opening is None or stored.state != opening.target:
            return
        assigned = [e for e in stored.history if e.step in {opening.name, "transfer"}][-1]
        level = min(MAX_LEVEL, (now_ms - assigned.at_ms) // UNACKNOWLEDGED_MS)
        since = [e for e in stored.history if e.step == ESCALATED and e.sequence > assigned.sequence]
        if level > len(since):
            yield Note(ESCALATED, f"level {len(since) + 1}")

    def _contradicted(self, stored: StoredOrder, now_ms: int) -> Iterator[Note]:
        rule = self._type(stored).rule(REOPEN)
        last = stored.history[-1]
        if rule is None or stored.state not in rule.sources or now_ms - last.at_ms < VERIFY_MS:
            return
        if dead := self.still_dead(stored.order.outage_id):
            yield Note(REOPEN, f"{len(dead)} meters still read dead")

    def _type(self, stored: StoredOrder) -> WorkType:
        return self.company.work_type(stored.order.type)

    def _keep(self, session: DeskSession, stored: StoredOrder, notes: tuple[Note, ...], now_ms: int) -> None:
        for note in notes:
            noted = note_by_system(session, self.company, stored, note.step, note.note, now_ms)
            if noted is None:
                return  # somebody stepped it meanwhile: the next round looks again
            if note.step == ESCALATED:
                self.on_escalated(session, stored, noted.history[-1], int(note.note.rpartition(" ")[2]))
            stored = noted
        session.feed.append(now_ms, [order_event(session, self.company, stored.order.id, now_ms)])


def _once(stored: StoredOrder, step: str, clock: str) -> Iterator[Note]:
    if not any(entry.step == step and entry.note == clock for entry in stored.history):
        yield Note(step, clock)
