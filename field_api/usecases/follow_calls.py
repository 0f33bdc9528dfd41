"""An outage that is found after the call explains it: the verification order that it opened is withdrawn.

Whoever has set out to look goes on. The repair knows of the call from then on.
"""

from dataclasses import dataclass

from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, StoredOrder
from field_api.usecases.attach_calls import attach, repair_of, withdraw_unstarted
from field_api.usecases.customer_reports import OPEN_VERIFICATIONS
from field_api.usecases.record_call import SOURCE
from field_api.usecases.supply import Supply

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FollowCalls:
    desk: Desk
    company: Company
    supply: Supply

    def __call__(self, now_ms: int) -> int:
        """How many orders were withdrawn."""
        with self.desk.reading() as session:
            waiting = session.orders.found(WHOLE_COMPANY, OPEN_VERIFICATIONS, None, AT_ONCE)
        of_calls = [one for one in waiting if one.order.source == SOURCE]
        covered = self.supply.customers_out() if of_calls else {}
        return sum(
            self._withdraw(one, covered[one.order.customer_id], now_ms)
            for one in of_calls
            if one.order.customer_id in covered
        )

    def _withdraw(self, seen: StoredOrder, outage_id: str, now_ms: int) -> bool:
        with self.desk.writing() as session:
            stored = session.orders.get(WHOLE_COMPANY, seen.order.id)
            repair = repair_of(session, self.company, outage_id)
            if stored is None or repair is None:
                return False  # the worker has not opened it yet: next time
            if not withdraw_unstarted(session, self.company, stored, outage_id, now_ms):
                return False
            told = f"call of {stored.order.number}"
            attach(session, self.company, repair.order.id, told, stored.order.accepted_ms, now_ms)
        return True
