"""Anybody asks with a number how far it is (NTF-01's progress, without a login and without persons)."""

from dataclasses import dataclass

from field_api.company import Company
from field_api.partners.tickets import Ticket
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, Sites, StoredOrder
from field_api.service.public_progress import NOTHING, Progress, Stage, Supply, stage_of
from field_api.usecases.expected_return import expected_return
from field_api.usecases.plan_work import standing_plans
from field_api.usecases.standing_outage import restored_ms, standing_outage
from field_api.usecases.supply import Supply as LiveSupply
from telemetry.outages import OutageState


@dataclass(frozen=True, slots=True)
class LookUpProgress:
    desk: Desk
    sites: Sites
    company: Company
    supply: LiveSupply

    def __call__(self, number: str, now_ms: int) -> Progress:
        """By an order's number, else a ticket's of 95598, else a customer's."""
        with self.desk.reading() as session:
            stored = session.orders.by_number(WHOLE_COMPANY, number)
            if stored is not None:
                return self._order(session, stored, now_ms)
            ticket = session.tickets.get(WHOLE_COMPANY, number)
            if ticket is not None:
                return self._ticket(session, ticket, now_ms)
            return self._customer(session, number, now_ms)

    def _ticket(self, session: DeskSession, ticket: Ticket, now_ms: int) -> Progress:
        """What became of it; where nothing did yet, it is reported."""
        if ticket.outage_id:
            return self._outage(session, ticket.outage_id, now_ms)
        stored = session.orders.get(WHOLE_COMPANY, ticket.order_id) if ticket.order_id else None
        if stored is not None:
            return self._order(session, stored, now_ms)
        return Progress(Supply.NOTHING_KNOWN, ticket.sent.accepted_ms, None, Stage.REPORTED)

    def _order(self, session: DeskSession, stored: StoredOrder, now_ms: int) -> Progress:
        back_ms = restored_ms(standing_outage(session, stored.order.outage_id))
        if back_ms is not None:
            return Progress(Supply.BACK, back_ms, None, self._stage(stored))
        if not self.company.runs(stored):
            return Progress(Supply.DONE, stored.order.created_ms, None, Stage.CLOSED)
        about_outage = bool(stored.order.outage_id)
        planned_ms = session.plans.expected_ms(stored.order.outage_id) if about_outage else None
        expected_ms = expected_return(self.company, [stored], now_ms, planned_ms) if about_outage else None
        supply = Supply.OUT if about_outage else Supply.NOTHING_KNOWN
        return Progress(supply, stored.order.created_ms, expected_ms, stage_of(stored.history))

    def _stage(self, stored: StoredOrder) -> Stage:
        return stage_of(stored.history) if self.company.runs(stored) else Stage.CLOSED

    def _customer(self, session: DeskSession, customer_id: str, now_ms: int) -> Progress:
        site = self.sites.current()
        if site is None or customer_id not in site.network.customer_row:
            return NOTHING
        outage_id = self.supply.outage_of(customer_id)
        if outage_id is not None:
            return self._outage(session, outage_id, now_ms)
        row = site.network.customer_row[customer_id]
        for plan in standing_plans(session):
            work = plan.work
            if (
                plan.cancelled is not None
                or now_ms >= work.ends_ms
                or work.element not in site.network.edge_row
            ):
                continue
            if row in site.feeding.customers_lost_with(site.find(work.element)):
                return Progress(Supply.PLANNED, work.starts_ms, work.ends_ms)
        return NOTHING

    def _outage(self, session: DeskSession, outage_id: str, now_ms: int) -> Progress:
        view = standing_outage(session, outage_id)
        if view is None or view.state == OutageState.RETRACTED:
            return NOTHING
        outage_id = view.outage_id
        jobs = session.orders.of_outage(WHOLE_COMPANY, outage_id)
        repairs = [one for one in jobs if one.order.type == self.company.repair.name]
        stage = stage_of(repairs[-1].history) if repairs else Stage.REPORTED
        back_ms = restored_ms(view)
        if back_ms is not None:
            return Progress(Supply.BACK, back_ms, None, stage)
        planned_ms = session.plans.expected_ms(outage_id)
        expected_ms = expected_return(self.company, repairs, now_ms, planned_ms)
        return Progress(Supply.OUT, view.started_ms, expected_ms, stage)
