"""Somebody who had no hand in it writes down what the customer says of a closed order (CUS-02)."""

from dataclasses import dataclass
from typing import Final

from field_api.company import Company
from field_api.people.users import Role, User
from field_api.ports import Desk
from field_api.service.ratings import Rating, rates_own_work
from field_api.usecases.errors import Conflict, Forbidden, NotFound

MAY_TAKE: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.GRID_MANAGER, Role.SUPERVISOR})


@dataclass(frozen=True, slots=True)
class TakeRating:
    desk: Desk
    company: Company

    def __call__(
        self, user: User, order_id: str, service: int, result: int, words: str, now_ms: int
    ) -> Rating:
        """The rating as kept; the same again changes nothing. Raises a kind of ``Refused``."""
        rating = Rating(order_id, service, result, words, now_ms, user.id, user.name)
        with self.desk.writing() as session:
            stored = session.orders.get(user.scope, order_id)
            if stored is None:
                raise NotFound("order.unknown", order=order_id)
            if user.role not in MAY_TAKE or rates_own_work(user, stored.order, stored.history):
                raise Forbidden("rating.own_work")
            if self.company.runs(stored):
                raise Conflict("rating.not_closed")
            before = session.ratings.of_order(order_id)
            if before is None:
                session.ratings.add(rating)
                return rating
        if (before.service, before.result, before.words) != (service, result, words):
            raise Conflict("rating.given", number=stored.order.number)
        return before

    def of_order(self, user: User, order_id: str) -> Rating:
        """Raises ``NotFound`` where there is none, or none that the person may see."""
        with self.desk.reading() as session:
            stored = session.orders.get(user.scope, order_id)
            rating = session.ratings.of_order(order_id) if stored is not None else None
        if rating is None:
            raise NotFound("rating.unknown", order=order_id)
        return rating
