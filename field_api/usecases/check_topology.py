"""Records that outages contradict become field checks: one a customer, a few at a time (INT-05)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, Sites
from field_api.usecases.errors import NotFound, NotPossible
from field_api.usecases.open_order import OpenRequest, place_order, spot_of
from field_api.usecases.tell import order_event
from geo.network import Network
from telemetry.mapping_suspects import Suspect

TYPE: Final = "topology_check"
MAX_OPEN: Final = 20
"""At a time, in the whole company: checks must not crowd out repairs."""
AGAIN_MS: Final = 90 * 24 * 3_600_000
"""Who was looked at is left alone for so long: the record's correction takes its time."""

SuspectsOf = Callable[[Network], Sequence[Suspect]]


@dataclass(frozen=True, slots=True)
class CheckTopology:
    """Opens checks of what several outages contradicted; single contradictions stay a list."""

    desk: Desk
    company: Company
    sites: Sites
    suspects_of: SuspectsOf

    def __call__(self, now_ms: int) -> tuple[str, ...]:
        """Ids of the orders that were opened."""
        site = self.sites.current()
        if site is None:
            return ()
        sure = [suspect for suspect in self.suspects_of(site.network) if suspect.sure]
        if not sure:
            return ()
        with self.desk.writing() as session:
            room = MAX_OPEN - len(session.orders.open_of(WHOLE_COMPANY, [TYPE]))
            new = [one for one in sure if not self._looked_at(session, one.customer, now_ms)]
            opened = [self._open(session, one, now_ms) for one in new[: max(0, room)]]
            found = tuple(order_id for order_id in opened if order_id is not None)
            session.feed.append(
                now_ms, [order_event(session, self.company, order_id, now_ms) for order_id in found]
            )
        return found

    def _looked_at(self, session: DeskSession, customer_id: str, now_ms: int) -> bool:
        orders = session.orders.of_customer(WHOLE_COMPANY, customer_id)
        return any(one.order.type == TYPE and now_ms - one.order.created_ms < AGAIN_MS for one in orders)

    def _open(self, session: DeskSession, suspect: Suspect, now_ms: int) -> str | None:
        site, work_type = self.sites.current(), self.company.work_type(TYPE)
        spot = None if site is None else spot_of(site, work_type.subject, suspect.customer)
        if spot is None:
            return None
        answers = {"transformer_expected": suspect.transformer}
        if suspect.candidates:
            answers["transformer_suspected"] = suspect.candidates[0].transformer
        request = OpenRequest("", TYPE, suspect.customer, _evidence(suspect), answers, source="finding")
        try:
            return place_order(session, work_type, spot, request, None, now_ms)
        except (NotPossible, NotFound):
            return None


def _evidence(suspect: Suspect) -> str:
    listed = ", ".join(suspect.contradicted[:5])
    more = f", +{len(suspect.contradicted) - 5}" if len(suspect.contradicted) > 5 else ""
    return f"{len(suspect.contradicted)} outages contradict the record: {listed}{more}"
