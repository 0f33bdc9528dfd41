"""A customer calls: kept, told to the detector as evidence, attached to its outage (REP-01)."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from field_api.orders.incidents import key_of_call
from field_api.people.users import User
from field_api.ports import Answered, Call, Desk, DeskSession, Sites
from field_api.usecases.answered_once import given_before
from field_api.usecases.errors import NotFound
from telemetry.evidence import Evidence, EvidenceKind

OutageOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Takes calls; ``outage_of`` answers the open outage that a customer is in."""

    desk: Desk
    sites: Sites
    outage_of: OutageOf

    def __call__(
        self, user: User, customer_id: str, at_ms: int, text: str, now_ms: int, operation_id: str = ""
    ) -> Call:
        """The call as it was kept; the same operation id again gets the same call. Raises ``Refused``."""
        cell = self._cell(user, customer_id)
        outage_id = self.outage_of(customer_id)
        call = Call(uuid.uuid4().hex, customer_id, cell, at_ms, now_ms, text, user.id, outage_id)
        fact = Evidence(
            kind=EvidenceKind.CALL, at_ms=at_ms, received_ms=now_ms, source=f"desk:{user.id}",
            devices=(customer_id,), key=key_of_call(customer_id, at_ms),
        )  # fmt: skip
        told = f"call:{customer_id}:{text}"
        with self.desk.writing() as session:
            if operation_id:
                before = _taken(session, user, operation_id, told)
                if before is not None:
                    return before
                session.operations.keep(user.id, operation_id, now_ms, Answered(told, call.id))
            session.calls.add(call)
            session.calls.witness(fact)
        return call

    def _cell(self, user: User, customer_id: str) -> str:
        site = self.sites.current()
        row = None if site is None else site.network.customer_row.get(customer_id)
        cell = "" if site is None or row is None else site.cell_of_customer(row)
        if row is None or not user.scope.sees(cell):
            raise NotFound("customer.unknown", customer=customer_id)
        return cell


def _taken(session: DeskSession, user: User, operation_id: str, told: str) -> Call | None:
    """The call that this operation made before."""
    call_id = given_before(session, user.id, operation_id, told)
    return None if call_id is None else session.calls.get(user.scope, call_id)
