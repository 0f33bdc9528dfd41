"""What one customer reports, by telephone or by a ticket of 95598: evidence for the detector, and orders.

A report of no power is judged first: only what nothing explains is verified on site (REP-01).
"""

from dataclasses import dataclass, replace
from typing import Final

from field_api.company import Company
from field_api.orders.incidents import key_of_call
from field_api.orders.work import Subject
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Call, DeskSession, OrderFilter, Sites
from field_api.usecases.errors import NotPossible
from field_api.usecases.open_order import OpenRequest, place_order, spot_of
from field_api.usecases.tell import order_event
from telemetry.evidence import Evidence, EvidenceKind

VERIFICATION: Final = "verification"
COMPLAINT: Final = "complaint"
OPEN_VERIFICATIONS: Final = OrderFilter(is_open=True, type=VERIFICATION)


@dataclass(frozen=True, slots=True)
class CustomerReports:
    company: Company
    sites: Sites

    def cell(self, customer_id: str) -> str | None:
        """The grid cell of a customer; None for one that the network in force does not know."""
        site = self.sites.current()
        return None if site is None else site.cell_of_customer_id(customer_id)

    def open(self, session: DeskSession, request: OpenRequest, now_ms: int) -> str:
        """The id of a new order about the customer; everybody hears of it.

        Raises ``NotPossible`` and ``NotFound`` where it cannot be placed.
        """
        site = self.sites.current()
        spot = None if site is None else spot_of(site, Subject.CUSTOMER, request.subject_id)
        if spot is None:
            raise NotPossible("network.none_yet")
        order_id = place_order(session, self.company, spot, request, None, now_ms)
        session.feed.append(now_ms, [order_event(session, self.company, order_id, now_ms)])
        return order_id


def open_verification(session: DeskSession, customer_id: str) -> str:
    """The newest open order that looks into a report of this customer; '' where there is none."""
    wanted = replace(OPEN_VERIFICATIONS, customer_id=customer_id)
    return next((one.order.id for one in session.orders.found(WHOLE_COMPANY, wanted, None, 1)), "")


def witness(session: DeskSession, call: Call) -> None:
    """Keep the call, and let the detector hear of it."""
    session.calls.add(call)
    session.calls.witness(
        Evidence(
            kind=EvidenceKind.CALL, at_ms=call.at_ms, received_ms=call.received_ms,
            source=f"desk:{call.taken_by}", devices=(call.customer_id,),
            key=key_of_call(call.customer_id, call.at_ms),
        )
    )  # fmt: skip
