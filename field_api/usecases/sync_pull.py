"""What has changed for a phone since it last asked: orders to keep, and orders to forget.

A crew's phone holds its own open orders, everybody else's those of their grid cells. Orders come whole; one
that has left (closed, handed on, withdrawn) comes as its id and the reason. Sent twice is as good as once.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from field_api.company import Company
from field_api.orders.incidents import SCOPE_CHANGED
from field_api.orders.transfers import TRANSFER, crews_in_turn
from field_api.people.users import WHOLE_COMPANY, Role, User
from field_api.ports import Desk, DeskSession, LoggedEvent, OrderFilter, PageAfter, Sites, StoredOrder
from field_api.sync_cursor import Basis, Place, place_of, where_to_go_on

EVENTS_AT_ONCE: Final = 500
MARGIN_MS: Final = 60_000
"""A transaction that began before an answer may end after it."""
CLOSED, ELSEWHERE = "closed", "elsewhere"


@dataclass(frozen=True, slots=True)
class Pulled:
    reset: bool
    """The phone forgets the orders that it holds before it takes these."""
    more: bool
    next: Place
    begins: bool
    """The first page of everything: what comes with every phone belongs here."""
    kept: tuple[StoredOrder, ...]
    gone: tuple[tuple[str, str], ...]
    """Ids of orders that are not this phone's any more, and why."""
    held: frozenset[str] = frozenset()
    """Orders among ``kept`` that the phone had before: what never changes of them need not come again."""


class PullChanges:
    """Answers phones; safe to share between threads."""

    def __init__(self, desk: Desk, company: Company, sites: Sites) -> None:
        self.desk, self.company, self.sites = desk, company, sites
        self._kinds = _digest(_shown(company))

    def __call__(self, user: User, cursor: str | None, limit: int, now_ms: int) -> Pulled:
        """At most ``limit`` orders."""
        basis = Basis(_digest(_identity(user)), self._network(), self._kinds)
        with self.desk.reading() as session:
            # The events first: what is read of orders afterwards is never older than they are.
            feed = session.feed
            newest = feed.newest_id()
            place, reset = where_to_go_on(place_of(cursor), basis, feed.oldest_id(), newest)
            if place.whole:
                pulled = self._page(session, user, place, limit, reset=reset)
            else:
                pulled = self._changes(session, user, place, limit, newest)
        return replace(pulled, next=replace(pulled.next, at_ms=now_ms))

    def _network(self) -> str:
        site = self.sites.current()
        return "" if site is None else site.network.content_hash

    def _page(self, session: DeskSession, user: User, place: Place, limit: int, *, reset: bool) -> Pulled:
        wanted = OrderFilter(is_open=True, crew_id=_crew(user) or "")
        found = session.orders.found(user.scope, wanted, place.page, limit + 1)
        rows, more = found[:limit], len(found) > limit
        page = PageAfter(rows[-1].order.created_ms, rows[-1].order.id) if more else None
        return Pulled(reset, more, replace(place, page=page, whole=more), place.page is None, rows, ())

    def _changes(self, session: DeskSession, user: User, place: Place, limit: int, newest: int) -> Pulled:
        """Up to the event ``newest``; those that came meanwhile are the next pull's."""
        if place.feed == newest:
            return Pulled(False, False, place, False, (), ())
        events = session.feed.read(place.feed, EVENTS_AT_ONCE)
        ids: list[str] = []
        last = place.feed
        for event in events:
            fresh = [one for one in self._touched(session, user, event) if one not in ids]
            if ids and len(ids) + len(fresh) > limit:
                break
            ids += fresh
            last = event.id
        kept, gone = self._sorted(session, user, ids)
        more = last < newest
        held = frozenset(one.order.id for one in kept if _came_ms(one) < place.at_ms - MARGIN_MS)
        return Pulled(False, more, replace(place, feed=last), False, kept, gone, held)

    @staticmethod
    def _touched(session: DeskSession, user: User, logged: LoggedEvent) -> Sequence[str]:
        """Orders that an event is about."""
        event = logged.event
        if event.name not in {"order", "outage"}:
            return ()
        identifier = str(json.loads(event.data)["id"])
        if not user.scope.sees_any(event.grid_ids):
            return (identifier,) if event.name == "order" and _ever_had(session, user, identifier) else ()
        if event.name == "order":
            return (identifier,)
        of_outage = session.orders.of_outage(user.scope, identifier)
        return [one.order.id for one in of_outage if _crew(user) in {None, one.order.crew_id}]

    def _sorted(
        self, session: DeskSession, user: User, ids: Collection[str]
    ) -> tuple[tuple[StoredOrder, ...], tuple[tuple[str, str], ...]]:
        kept, gone = [], []
        found = session.orders.some(user.scope, ids)
        for order_id in ids:
            stored = found.get(order_id)
            if stored is None or _crew(user) not in {None, stored.order.crew_id}:
                gone.append((order_id, ELSEWHERE))
            elif self.company.runs(stored):
                kept.append(stored)
            else:
                gone.append((order_id, CLOSED))
        return tuple(kept), tuple(gone)


def _shown(company: Company) -> list[object]:
    """What of the work types shows on a phone."""
    kinds = company.work_types.values()
    return [[one.name, [rule.name for rule in one.steps], one.states, one.form] for one in kinds]


def _came_ms(stored: StoredOrder) -> int:
    """When whoever has it got it, or it became about another place."""
    came = [entry.at_ms for entry in stored.history if entry.step in {TRANSFER, SCOPE_CHANGED}]
    return max([stored.order.created_ms, *came])


def _crew(user: User) -> str | None:
    """Whose orders the phone holds; None: those of the grid cells."""
    return user.crew_id if user.role is Role.CREW else None


def _ever_had(session: DeskSession, user: User, order_id: str) -> bool:
    """Has the person's crew that order of another cell, or had it once? Then the phone is to hear of it."""
    stored = session.orders.get(WHOLE_COMPANY, order_id) if _crew(user) else None
    return stored is not None and user.crew_id in crews_in_turn(stored.first_crew, stored.history)


def _identity(user: User) -> list[object]:
    return [user.id, user.crew_id, user.whole_company, sorted(user.grid_ids)]


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]
