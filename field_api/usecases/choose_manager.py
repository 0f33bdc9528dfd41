"""A customer picks by card who manages their case; it binds while that manager can carry more (CUS-01).

By a case's number the open case goes to them; by a customer's number the open cases that are about this
customer alone, and those that follow. Work on an outage stays with the cell's manager. Cards have ids of
their own, which say nothing of the person outside this question.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY
from field_api.ports import Desk, DeskSession, OrderFilter, Sites, StoredOrder
from field_api.service.manager_cards import MAX_OPEN, ManagerCard, offered
from field_api.usecases.attach_calls import note
from field_api.usecases.errors import NotFound
from field_api.usecases.show_cards import ShowCards

CHOSEN = "manager_chosen"
MOST_CARDS = 10
MOST_CASES = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """``card`` has the case if ``bound``; else it carries too much, and the next best stand beside it."""

    bound: bool
    card: ManagerCard
    cases: tuple[str, ...] = ()
    """Numbers of the open cases that went to them."""
    instead: tuple[ManagerCard, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    grid_id: str
    customer_id: str
    """'' where a case was named, and nothing but the case is meant."""
    cases: tuple[StoredOrder, ...]


@dataclass(frozen=True, slots=True)
class ChooseManager:
    desk: Desk
    company: Company
    sites: Sites

    def cards(self, number: str, now_ms: int) -> Sequence[ManagerCard]:
        """Whom the customer of that number may pick, best first; none for a number that is nobody's."""
        with self.desk.reading() as session:
            asked = self._asked(session, number)
        return offered(self._all(asked, now_ms))[:MOST_CARDS] if asked is not None else ()

    def choose(self, number: str, card: str, now_ms: int) -> Choice:
        """The case goes to that manager, unless they carry as much as one may. Raises ``NotFound``."""
        with self.desk.reading() as session:
            asked = self._asked(session, number)
        known = self._all(asked, now_ms) if asked is not None else []
        picked = next((one for one in known if card_id(number, one) == card), None)
        if picked is None:
            raise NotFound("customer.no_card", card=card)
        with self.desk.writing() as session:
            asked = self._asked(session, number)
            if asked is None:
                raise NotFound("customer.no_case", number=number)
            theirs = [one for one in asked.cases if one.order.owner_id != picked.person_id]
            carries = session.orders.open_of_owner(picked.person_id)
            if (theirs and carries + len(theirs) > MAX_OPEN) or carries >= MAX_OPEN:
                instead = [one for one in offered(known) if one.person_id != picked.person_id]
                return Choice(False, picked, (), tuple(instead[:MOST_CARDS]))
            for one in theirs:
                session.orders.entrust(one.order.id, picked.person_id)
                note(session, self.company, one, CHOSEN, picked.name, now_ms)
            if asked.customer_id:
                session.choices.put(asked.customer_id, picked.person_id, now_ms)
        return Choice(True, picked, tuple(one.order.number for one in asked.cases))

    def _all(self, asked: _Asked, now_ms: int) -> list[ManagerCard]:
        return ShowCards(self.desk, self.company).all_of(WHOLE_COMPANY, asked.grid_id, now_ms)

    def _asked(self, session: DeskSession, number: str) -> _Asked | None:
        stored = session.orders.by_number(WHOLE_COMPANY, number)
        if stored is not None:
            return _Asked(stored.order.grid_id, "", (stored,)) if self._is_case(stored) else None
        site = self.sites.current()
        cell = None if site is None else site.cell_of_customer_id(number)
        if cell is None:
            return None
        wanted = OrderFilter(is_open=True, customer_id=number)
        found = session.orders.found(WHOLE_COMPANY, wanted, None, MOST_CASES)
        return _Asked(cell, number, tuple(filter(self._is_case, found)))

    def _is_case(self, stored: StoredOrder) -> bool:
        """Open, about one customer, and no job of an outage."""
        work_type = self.company.work_type(stored.order.type)
        order = stored.order
        return (
            self.company.runs(stored)
            and bool(order.customer_id)
            and not (order.outage_id or work_type.incident_job)
        )


def card_id(number: str, card: ManagerCard) -> str:
    """Of a card, as shown to whoever asked with that number."""
    return hashlib.blake2s(
        f"{number}\n{card.person_id}".encode("utf-8", "replace"), digest_size=8
    ).hexdigest()
