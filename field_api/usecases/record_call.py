"""A customer calls: kept, told to the detector as evidence, judged before a truck rolls (REP-01).

The same rules as for a ticket of 95598 say what becomes of it; whoever took the call learns it at once. Only
who asks for it opens a verification order with the call: most callers are explained within the minute.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from field_api.company import Company
from field_api.instants import iso
from field_api.partners.tickets import Findings, Verdict, judge
from field_api.people.users import User
from field_api.ports import Answered, Call, Desk, DeskSession, FeedEvent
from field_api.usecases.advise import Advise
from field_api.usecases.answered_once import given_before
from field_api.usecases.attach_calls import ATTACHED, attach, repair_of
from field_api.usecases.customer_reports import (
    VERIFICATION,
    CustomerReports,
    open_verification,
    witness,
)
from field_api.usecases.errors import NotFound
from field_api.usecases.open_order import OpenRequest

OutageOf = Callable[[str], str | None]
SOURCE: Final = "call"
"""``Order.source`` of what a call opened."""


@dataclass(frozen=True, slots=True)
class Caller:
    customer_id: str
    at_ms: int
    text: str
    operation_id: str = ""
    opens: bool = False
    """Where nothing explains it, somebody is to go and look."""

    @property
    def digest(self) -> str:
        """Tells whether a repeated operation id asks for the same."""
        return f"call:{self.customer_id}:{self.text}"


@dataclass(frozen=True, slots=True)
class RecordCall:
    """Takes calls; ``outage_of`` answers the open outage that a customer is in."""

    desk: Desk
    company: Company
    outage_of: OutageOf
    advise: Advise
    reports: CustomerReports

    def __call__(self, user: User, caller: Caller, now_ms: int) -> Call:
        """The call as it was kept; the same operation id again gets the same call. Raises ``Refused``."""
        cell = self._cell(user, caller.customer_id)
        outage_id = self.outage_of(caller.customer_id)
        advice = self.advise(caller.customer_id, outage_id, caller.at_ms)
        call = Call(
            uuid.uuid4().hex, caller.customer_id, cell, caller.at_ms, now_ms, caller.text, user.id, outage_id
        )
        with self.desk.writing() as session:
            if caller.operation_id:
                before = _taken(session, user, caller)
                if before is not None:
                    return before
                kept = Answered(caller.digest, call.id)
                session.operations.keep(user.id, caller.operation_id, now_ms, kept)
            call = self._acted(session, caller, call, advice, now_ms)
            witness(session, call)
        return call

    def _acted(self, session: DeskSession, caller: Caller, call: Call, advice: str, now_ms: int) -> Call:
        open_id = open_verification(session, caller.customer_id)
        verdict = judge(Findings(call.outage_id, advice, open_id), call.at_ms, now_ms)
        if verdict is Verdict.COVERED and call.outage_id is not None:
            repair = repair_of(session, self.company, call.outage_id)
            open_id = "" if repair is None else repair.order.id
        if verdict is Verdict.VERIFY and caller.opens:
            request = OpenRequest(
                "", VERIFICATION, call.customer_id, call.text, source=SOURCE, basis_ms=call.at_ms
            )
            open_id, verdict = self.reports.open(session, request, now_ms), Verdict.OPENED
        judged = replace(call, verdict=verdict.value, order_id="" if verdict is Verdict.ADVICE else open_id)
        if verdict in {Verdict.COVERED, Verdict.DUPLICATE}:
            self._attach(session, judged, now_ms)
        return judged

    def _attach(self, session: DeskSession, call: Call, now_ms: int) -> None:
        """The order knows of the call, and every screen hears that it came."""
        if call.order_id:
            attach(session, self.company, call.order_id, f"call {call.id[:8]}", call.at_ms, now_ms)
        told = {
            "call_id": call.id, "outage_id": call.outage_id, "order_id": call.order_id, "at": iso(call.at_ms),
        }  # fmt: skip
        session.feed.append(now_ms, [FeedEvent(ATTACHED, frozenset({call.grid_id}), json.dumps(told))])

    def _cell(self, user: User, customer_id: str) -> str:
        cell = self.reports.cell(customer_id)
        if cell is None or not user.scope.sees(cell):
            raise NotFound("customer.unknown", customer=customer_id)
        return cell


def _taken(session: DeskSession, user: User, caller: Caller) -> Call | None:
    """The call that this operation made before."""
    call_id = given_before(session, user.id, caller.operation_id, caller.digest)
    return None if call_id is None else session.calls.get(user.scope, call_id)
