"""Feed events: what happened, in the very JSON that a GET answers, without what one person may do with it."""

from collections.abc import Sequence

from field_api.company import Company, OrderDocument
from field_api.deadlines.clocks import unchanged_until_ms
from field_api.organisation.cells import Crew
from field_api.people.users import WHOLE_COMPANY, User
from field_api.ports import DeskSession, FeedEvent, StoredOrder
from field_api.presentation import crew_resource, document, order_resource
from field_api.resources import OrderResource


def order_document(
    session: DeskSession, company: Company, stored: StoredOrder, now_ms: int, user: User
) -> str:
    """The order's JSON for somebody."""
    return order_documents(session, company, [stored], now_ms, user)[0]


def order_documents(
    session: DeskSession, company: Company, listed: Sequence[StoredOrder], now_ms: int, user: User
) -> list[str]:
    """The JSON of each, for somebody who looks; what they need is looked up once for all."""
    names = session.organisation.crew_names(WHOLE_COMPANY, {one.order.crew_id for one in listed})
    return [
        _document(one, company, names.get(one.order.crew_id, one.order.crew_id), now_ms, user)
        for one in listed
    ]


def _document(stored: StoredOrder, company: Company, crew_name: str, now_ms: int, user: User) -> str:
    """As it was told before, while nothing that it rests on has changed."""
    key, calendar = (stored.order.id, user), company.calendar()
    kept = company.documents.get(key)
    if (
        kept is not None
        and kept.stored is stored
        and kept.calendar is calendar
        and kept.crew_name == crew_name
        and kept.from_ms <= now_ms < kept.until_ms
    ):
        return kept.text
    text = document(order_resource(stored, company, crew_name, now_ms, user))
    until_ms = unchanged_until_ms(company.due_times(stored.order, stored.history, now_ms), now_ms)
    company.documents.put(key, OrderDocument(stored, crew_name, calendar, now_ms, until_ms, text))
    return text


def order_event(session: DeskSession, company: Company, order_id: str, now_ms: int) -> FeedEvent:
    """An order as it is now, for the people of its cell."""
    stored = _there(session, order_id)
    return _event(stored, _resource(session, company, stored, now_ms, None))


def order_told(
    session: DeskSession, company: Company, order_id: str, user: User, now_ms: int
) -> tuple[FeedEvent, str]:
    """An order as everybody is told it, and as it is answered to whoever changed it."""
    stored = _there(session, order_id)
    answer = _resource(session, company, stored, now_ms, user)
    return _event(stored, answer.model_copy(update={"transitions": None})), document(answer)


def order_answer(session: DeskSession, company: Company, order_id: str, user: User, now_ms: int) -> str:
    """An order as it is answered to whoever changed it, where everybody was told already."""
    return document(_resource(session, company, _there(session, order_id), now_ms, user))


def _resource(
    session: DeskSession, company: Company, stored: StoredOrder, now_ms: int, user: User | None
) -> OrderResource:
    """Made anew: what has just changed is kept by nobody yet."""
    crew_id = stored.order.crew_id
    names = session.organisation.crew_names(WHOLE_COMPANY, {crew_id})
    return order_resource(stored, company, names.get(crew_id, crew_id), now_ms, user)


def _event(stored: StoredOrder, told: OrderResource) -> FeedEvent:
    return FeedEvent("order", frozenset({stored.order.grid_id}), document(told))


def _there(session: DeskSession, order_id: str) -> StoredOrder:
    stored = session.orders.get(WHOLE_COMPANY, order_id)
    if stored is None:
        raise LookupError(f"order {order_id!r} vanished inside its own transaction")
    return stored


def crew_event(session: DeskSession, company: Company, crew: Crew) -> FeedEvent:
    """A crew as it is now, for the people of its cells."""
    return FeedEvent("crew", frozenset(crew.grid_ids), crew_document(session, company, crew))


def crew_document(session: DeskSession, company: Company, crew: Crew) -> str:
    """The crew's JSON."""
    return document(crew_resource(crew, session.orders.under_way_of(crew.id, waiting_state(company))))


def waiting_state(company: Company) -> str:
    """The state of an order that nobody has accepted yet."""
    opening = company.repair.rule(company.repair.opening)
    return opening.target if opening else ""
