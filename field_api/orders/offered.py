"""Which steps of an order one person may take now: what their role may do, on an order that is theirs.

A step that then needs a picture, an answer or supply at every meter is offered all the same: it says what is
missing. One that this person can never take now is not.
"""

from field_api.orders.work import HistoryEntry, Order, WorkType, legal_steps
from field_api.people.users import Role, User

OTHER_PERSON = "other_person"
"""A step's need that somebody judges who did not do the work."""


def offered_steps(
    work_type: WorkType, state: str, order: Order, history: tuple[HistoryEntry, ...], user: User
) -> tuple[str, ...]:
    """In the work type's order; none on an order of another crew, or outside the person's cells."""
    if not is_theirs(order, user):
        return ()
    had_a_hand = any(entry.by == user.id for entry in history[1:])
    legal = set(legal_steps(work_type, state))
    return tuple(
        rule.name
        for rule in work_type.steps
        if rule.name in legal and user.role in rule.roles and not (had_a_hand and OTHER_PERSON in rule.needs)
    )


def is_theirs(order: Order, user: User) -> bool:
    """A crew steps its own orders, everybody else those of their grid cells."""
    if user.role is Role.CREW:
        return order.crew_id == user.crew_id
    return user.scope.sees(order.grid_id)
