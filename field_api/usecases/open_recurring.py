"""Orders of recurring work on the days on which they fall, each customer once a month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.calendars import local_day
from field_api.company import Company
from field_api.orders.work import SYSTEM, Subject
from field_api.ports import Answered, Desk, DeskSession, Sites
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
                for customer_id in _concerned(site, schedule):
                    if opened == AT_ONCE:
                        return opened
                    opened += self._open(session, site, schedule, customer_id, now_ms)
        return opened

    def _open(
        self, session: DeskSession, site: Site, schedule: Schedule, customer_id: str, now_ms: int
    ) -> bool:
        today = local_day(now_ms)
        operation = f"{schedule.name}/{today:%Y-%m}/{customer_id}"
        if session.operations.answered(SYSTEM, operation) is not None:
            return False
        work_type = self.company.work_type(schedule.work_type)
        spot = spot_of(site, Subject.CUSTOMER, customer_id)
        if spot is None:
            return False
        answers = filled(schedule, today)
        request = OpenRequest(operation, work_type.name, customer_id, answers=answers, source="schedule")
        try:
            order_id = place_order(session, work_type, spot, request, None, now_ms)
        except (NotPossible, NotFound):
            return False
        event = order_event(session, self.company, order_id, now_ms)
        session.feed.append(now_ms, [event])
        session.operations.keep(SYSTEM, operation, now_ms, Answered(request.digest, order_id))
        return True


def _concerned(site: Site, schedule: Schedule) -> Iterator[str]:
    customers = site.network.customers
    for row, customer_id in enumerate(customers.ids):
        of_class = CLASS_NAMES[int(customers.customer_class[row])]
        if schedule.concerns(of_class, PRIORITY_NAMES[int(customers.priority[row])]):
            yield customer_id
