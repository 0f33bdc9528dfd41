"""How a cell's work and its manager's goes: first visits, who solved what, the sheet, what is at risk."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.orders.transfers import stayed
from field_api.people.users import Role, Scope, User
from field_api.ports import Desk, DeskSession, OrderFilter, PageAfter, StoredOrder
from field_api.service.assessment import (
    ClosedOrder,
    FirstVisits,
    LocalSolves,
    Sheet,
    assessment,
    first_visits,
    local_solves,
    visits,
)
from field_api.service.risks import PastOutage, Risk, RiskKind, near_limits, open_complaints, repeated_outages
from field_api.usecases.errors import Forbidden, NotFound
from telemetry.alarm_ports import AlarmBook

MAX_ORDERS: Final = 20_000
"""Closed orders that one sheet looks through, newest first."""
MAX_OUTAGES: Final = 5_000
MAX_FINDINGS: Final = 1_000
MAX_ALARMS: Final = 2_000
MAX_COMPLAINTS: Final = 500
AT_ONCE: Final = 500
LOW_VOLTAGE: Final = frozenset({"under_voltage", "transformer_under_voltage"})
SEES_SHEETS: Final = frozenset({Role.ADMIN, Role.SUPERVISOR})

CellOf = Callable[[str], str]
"""Id of an element → its cell; '' where the network no longer has it."""


@dataclass(frozen=True, slots=True)
class Assess:
    desk: Desk
    company: Company
    alarms: AlarmBook

    def first_visits(self, scope: Scope, grid_id: str, from_ms: int, until_ms: int) -> FirstVisits:
        """Of the cell's orders closed in a time (ORG-04)."""
        with self.desk.reading() as session:
            closed = _closed(session, scope, from_ms, until_ms, lambda one: one.order.grid_id == grid_id)
            return first_visits(closed)

    def local_solves(
        self, scope: Scope, grid_id: str, from_ms: int, until_ms: int
    ) -> Mapping[str, LocalSolves]:
        """Of the cell's orders closed in a time, by crew (REP-03)."""
        with self.desk.reading() as session:
            closed = _closed(session, scope, from_ms, until_ms, lambda one: one.order.grid_id == grid_id)
        return local_solves(closed)

    def sheet(self, user: User, person_id: str, from_ms: int, until_ms: int) -> Sheet:
        """A person's sheet (ORG-09), for themselves, supervisors and administrators; raises ``Refused``."""
        with self.desk.reading() as session:
            whole = session.establishment.read()
            person = whole.person.get(person_id)
            themselves = person is not None and person.user_id == user.id
            cells = whole.cells_of(person_id, until_ms - 1)
            if person is None or not (themselves or user.scope.sees_any(cells)):
                raise NotFound("organisation.no_person", person=person_id)
            if not themselves and user.role not in SEES_SHEETS:
                raise Forbidden("people.sheet_of_another")
            scope = Scope(cells, whole_company=user.whole_company)
            closed = _closed(session, scope, from_ms, until_ms, lambda one: one.order.owner_id == person_id)
            findings = session.people_findings.of_person(person.user_id, None, MAX_FINDINGS)
        return assessment(person_id, closed, findings if person.user_id else (), from_ms, until_ms)

    def risks(self, scope: Scope, grid_id: str, cell_of: CellOf, now_ms: int) -> tuple[Risk, ...]:
        """What is at risk in one cell (ORG-10)."""
        own = Scope(frozenset({grid_id}))
        with self.desk.reading() as session:
            past = list(_outages(session, scope, grid_id))
            orders = session.orders.open_of(own)
            complaints = session.tickets.open_complaints(grid_id, MAX_COMPLAINTS)
        due = [(one.order.id, self.company.due_times(one.order, one.history, now_ms)) for one in orders]
        low = self._low_voltage(grid_id, cell_of)
        return (*near_limits(due), *open_complaints(complaints), *repeated_outages(past, now_ms), *low)

    def _low_voltage(self, grid_id: str, cell_of: CellOf) -> Iterator[Risk]:
        for logged in self.alarms.listed(standing=True, limit=MAX_ALARMS):
            alarm = logged.alarm
            if alarm.rule in LOW_VOLTAGE and cell_of(alarm.subject) == grid_id:
                yield Risk(RiskKind.LOW_VOLTAGE, alarm.subject, (f"alarm-{logged.id}",))


def _closed(
    session: DeskSession,
    scope: Scope,
    from_ms: int,
    until_ms: int,
    wanted: Callable[[StoredOrder], bool],
) -> list[ClosedOrder]:
    """Orders of the scope closed in the time, among the newest ``MAX_ORDERS``."""
    found: list[ClosedOrder] = []
    after: PageAfter | None = None
    for _ in range(MAX_ORDERS // AT_ONCE):
        page = session.orders.found(scope, OrderFilter(is_open=False), after, AT_ONCE)
        found += [
            ClosedOrder(
                one.order.id,
                one.order.owner_id,
                visits(one.history),
                one.history[-1].at_ms,
                one.first_crew,
                stayed(one.history),
            )
            for one in page
            if wanted(one) and from_ms <= one.history[-1].at_ms < until_ms
        ]
        if len(page) < AT_ONCE:
            break
        after = PageAfter(page[-1].order.created_ms, page[-1].order.id)
    return found


def _outages(session: DeskSession, scope: Scope, grid_id: str) -> Iterator[PastOutage]:
    after: PageAfter | None = None
    for _ in range(MAX_OUTAGES // AT_ONCE):
        page = session.outages.listed(scope, None, after, AT_ONCE)
        for view in page:
            if view.grid_id == grid_id and view.state not in {"suspected", "retracted", "merged"}:
                cause = json.loads(view.document)["cause"]["element"]
                yield PastOutage(view.outage_id, cause, view.started_ms)
        if len(page) < AT_ONCE:
            return
        after = PageAfter(page[-1].started_ms, page[-1].outage_id)
