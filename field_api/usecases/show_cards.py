"""The cards of a grid cell's possible managers, from the orders that each answers for (CUS-01)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.people.users import WHOLE_COMPANY, Scope
from field_api.ports import Desk, DeskSession, OrderFilter
from field_api.service.manager_cards import ManagerCard, offered
from field_api.usecases.errors import NotFound
from field_api.validity import holding

LOOKED_BACK: Final = 2_000
"""Newest orders that count, of those in sight."""


@dataclass(frozen=True, slots=True)
class ShowCards:
    desk: Desk
    company: Company

    def __call__(self, scope: Scope, grid_id: str, now_ms: int) -> Sequence[ManagerCard]:
        """Managers in sight of somebody who sees the cell, best first; raises ``NotFound``."""
        return offered(self.all_of(scope, grid_id, now_ms))

    def all_of(self, scope: Scope, grid_id: str, now_ms: int) -> list[ManagerCard]:
        """With those who carry too much; raises ``NotFound``."""
        if not scope.sees(grid_id):
            raise NotFound("organisation.no_cell", cell=grid_id)
        with self.desk.reading() as session:
            if grid_id not in {cell.id for cell in session.organisation.cells(WHOLE_COMPANY)}:
                raise NotFound("organisation.no_cell", cell=grid_id)
            there = session.establishment.read()
            people = {one.person_id for one in holding(there.assignments, now_ms) if scope.sees(one.grid_id)}
            return self._cards(session, scope, {p: there.person[p].name for p in people})

    def _cards(self, session: DeskSession, scope: Scope, names: dict[str, str]) -> list[ManagerCard]:
        stored = session.orders.found(scope, OrderFilter(), None, LOOKED_BACK)
        done: dict[str, list[str]] = {person: [] for person in names}
        for one in stored:
            if one.order.owner_id in done and not self.company.runs(one):
                done[one.order.owner_id].append(one.order.id)
        rated = session.ratings.of_orders([order_id for orders in done.values() for order_id in orders])
        carries = session.orders.open_by_owner()
        return [
            ManagerCard(
                person, names[person], len(orders), carries.get(person, 0),
                tuple(rated[order_id].mean for order_id in orders if order_id in rated),
            )
            for person, orders in done.items()
        ]  # fmt: skip
