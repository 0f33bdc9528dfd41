"""Orders of recurring work on the days on which they fall, each customer once a month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from field_api.calendars import local_day
from field_api.company import Company
from field_api.orders.work import SYSTEM, Subject
from field_api.ports import MAX_ASKED, Answered, Desk, DeskSession, Sites
from field_api.projection import CLASS_NAMES, PRIORITY_NAMES, Site
from field_api.service.recurring import Schedule, filled, is_due
from field_api.usecases.errors import NotFound, NotPossible
from field_api.usecases.open_order import OpenRequest, place_order, spot_of
from field_api.usecases.tell import order_event

AT_ONCE: Final = 200
"""Orders in one round: the next one goes on."""


@dataclass(frozen=True, slots=True)
class OpenRecurring:
    """Opens what is due; an operation of the system is kept of each, so that it is opened once."""

    desk: Desk
    company: Company
    sites: Sites
    schedules: Sequence[Schedule]

    def __call__(self, now_ms: int) -> int:
        """How many orders were opened."""
        site, today = self.sites.current(), local_day(now_ms)
        due = [one for one in self.schedules if is_due(one, today, self.company.calendar())]
        if site is None or not due:
            return 0
        opened = 0
        with self.desk.writing() as session:
            for schedule in due:
                for customer_id in _waiting(session, site, schedule, today):
                    if opened == AT_ONCE:
                        return opened
                    opened += self._open(session, site, schedule, customer_id, now_ms)
        return opened

    def _open(
        self, session: DeskSession, site: Site, schedule: Schedule, customer_id: str, now_ms: int
    ) -> bool:
        spot = spot_of(site, Subject.CUSTOMER, customer_id)
        if spot is None:
            return False
        today = local_day(now_ms)
        operation = _operation(schedule, today, customer_id)
        answers = filled(schedule, today)
        request = OpenRequest(operation, schedule.work_type, customer_id, answers=answers, source="schedule")
        try:
            order_id = place_order(session, self.company, spot, request, None, now_ms)
        except (NotPossible, NotFound):
            return False
        event = order_event(session, self.company, order_id, now_ms)
        session.feed.append(now_ms, [event])
        session.operations.keep(SYSTEM, operation, now_ms, Answered(request.digest, order_id))
        return True


def _waiting(session: DeskSession, site: Site, schedule: Schedule, today: date) -> Iterator[str]:
    """Customers whom it concerns and for whom it was not opened this month; looked up many at a time."""
    concerned = _concerned(site, schedule)
    while some := tuple(islice(concerned, MAX_ASKED)):
        by_operation = {_operation(schedule, today, customer_id): customer_id for customer_id in some}
        done = session.operations.done(SYSTEM, by_operation)
        yield from (customer_id for operation, customer_id in by_operation.items() if operation not in done)


def _operation(schedule: Schedule, today: date, customer_id: str) -> str:
    return f"{schedule.name}/{today:%Y-%m}/{customer_id}"


def _concerned(site: Site, schedule: Schedule) -> Iterator[str]:
    customers = site.network.customers
    for row, customer_id in enumerate(customers.ids):
        of_class = CLASS_NAMES[int(customers.customer_class[row])]
        if schedule.concerns(of_class, PRIORITY_NAMES[int(customers.priority[row])]):
            yield customer_id
