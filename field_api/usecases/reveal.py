"""Personal data unmasked: one customer for a reason, or the phones of an accepted order for its crew.

Every look is on record. An accepted order is a reason of its own; its phones go with it, at the latest after
a day (the phone app wipes them then).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from field_api.company import Company
from field_api.orders.transfers import TRANSFER
from field_api.people.audit_chain import Act
from field_api.people.masking import mask_text
from field_api.people.ports import Reveal
from field_api.people.users import Role, Scope, User
from field_api.ports import Desk, DeskSession, Sites, StoredOrder
from field_api.projection import Site
from field_api.usecases.errors import Forbidden, NotFound, Refused
from field_api.usecases.supply import Supply

HOUR_MS: Final = 3_600_000
PER_HOUR: Final = 30
"""Reveals of single customers that one person may make in an hour."""
KEEP_MS: Final = 24 * HOUR_MS
"""How long an order's phones may be kept after it was accepted."""
MOST_CONTACTS: Final = 500
ORDER: Final = "order:"
"""How the reason of an order's phones begins."""


class Reason(StrEnum):
    CALL = "call"
    """The customer called, or must be called back."""
    ORDER = "order"
    """Work at the customer's."""
    SAFETY = "safety"
    """Danger to life: nobody waits for an order."""
    KEY_CUSTOMER = "key_customer"
    COMPLAINT = "complaint"


class TooMany(Refused):
    """More looks than work explains; ``wait_s`` until the next."""

    def __init__(self, wait_s: int) -> None:
        super().__init__("people.too_many_reveals", wait_s=wait_s)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Person:
    """Unmasked."""

    customer_id: str
    name: str
    phone: str
    address: str


@dataclass(frozen=True, slots=True)
class Contacts:
    people: tuple[Person, ...]
    wipe_ms: int
    """When the phone app must have forgotten them, unless the order closes before."""


@dataclass(frozen=True, slots=True)
class RevealCustomer:
    desk: Desk
    sites: Sites
    company: Company

    def __call__(
        self, user: User, customer_id: str, reason: Reason, reference: str, address: str, now_ms: int
    ) -> Person:
        """Raises ``NotFound`` outside the person's cells, ``Forbidden`` for a crew without such an order."""
        person = _person_in(self.sites, user.scope, customer_id)
        told = mask_text(f"{reason.value} {reference}".strip())
        with self.desk.writing() as session:
            if user.role is Role.CREW:
                self._check_own_order(session, user, reason, reference)
            if session.reveals.count(user.id, now_ms - HOUR_MS, ORDER) >= PER_HOUR:
                raise TooMany(HOUR_MS // 1000)
            session.reveals.add([Reveal(now_ms, user.id, customer_id, told)])
            act = Act("reveal", customer_id, user.id, user.username, address, {"reason": told})
            session.audit.append(now_ms, act)
        return person

    def _check_own_order(self, session: DeskSession, user: User, reason: Reason, reference: str) -> None:
        stored = session.orders.get(user.scope, reference) if reason is Reason.ORDER else None
        if stored is None or stored.order.crew_id != user.crew_id or not self.company.runs(stored):
            raise Forbidden("people.reveal_names_order")


@dataclass(frozen=True, slots=True)
class OrderContacts:
    desk: Desk
    sites: Sites
    company: Company
    supply: Supply

    def __call__(self, user: User, order_id: str, address: str, now_ms: int) -> Contacts:
        """Raises ``NotFound`` outside the person's cells, ``Forbidden`` unless it is their accepted order."""
        with self.desk.reading() as session:
            stored = session.orders.get(user.scope, order_id)
        if stored is None:
            raise NotFound("order.unknown", order=order_id)
        return self.of(user, stored, address, now_ms)

    def of(self, user: User, stored: StoredOrder, address: str, now_ms: int) -> Contacts:
        """The same of an order that the person may see."""
        wipe_ms = _wipe_ms(user, stored, self.company.runs(stored), now_ms)
        people = self._people(user, stored)
        reason = f"{ORDER}{stored.order.id}"
        with self.desk.reading() as session:
            seen = session.reveals.known(user.id, reason)
        if not seen.issuperset(one.customer_id for one in people):
            self._record(user, stored, people, reason, address, now_ms)
        return Contacts(people, wipe_ms)

    def _record(
        self,
        user: User,
        stored: StoredOrder,
        people: Iterable[Person],
        reason: str,
        address: str,
        now_ms: int,
    ) -> None:
        with self.desk.writing() as session:
            # Asked again: another request of the same phone may have been faster.
            seen = session.reveals.known(user.id, reason)
            fresh = [one for one in people if one.customer_id not in seen]
            session.reveals.add([Reveal(now_ms, user.id, one.customer_id, reason) for one in fresh])
            if fresh:
                details = {"customers": str(len(fresh)), "order": stored.order.number}
                act = Act("reveal.order", stored.order.id, user.id, user.username, address, details)
                session.audit.append(now_ms, act)

    def _people(self, user: User, stored: StoredOrder) -> tuple[Person, ...]:
        """The order's customer; for an outage those out in its cell and the person's, urgent ones first."""
        order = stored.order
        if order.customer_id:
            return (_person_in(self.sites, Scope(frozenset({order.grid_id})), order.customer_id),)
        revision = self.supply.newest(order.outage_id) if order.outage_id else None
        if revision is None:
            return ()
        site = self.sites.of(revision.network_hash)
        rows = self.supply.impact(revision).customers
        if not user.scope.whole_company:
            rows = site.customers_in(rows, user.scope.grid_ids | {order.grid_id})
        return tuple(_person(site, int(row)) for row in rows[:MOST_CONTACTS])


def _wipe_ms(user: User, stored: StoredOrder, runs: bool, now_ms: int) -> int:
    if stored.order.crew_id != user.crew_id:
        raise Forbidden("order.of_another_crew")
    if not runs:
        raise Forbidden("people.contacts_wiped_at_closing")
    accepted_ms = _accepted_ms(stored)
    if accepted_ms is None:
        raise Forbidden("people.accept_first")
    if now_ms >= accepted_ms + KEEP_MS:
        raise Forbidden("people.contacts_wiped_after_a_day")
    return accepted_ms + KEEP_MS


def _accepted_ms(stored: StoredOrder) -> int | None:
    """When whoever has it now accepted it."""
    accepted: int | None = None
    for entry in stored.history:
        if entry.step == TRANSFER:
            accepted = None
        elif entry.step == "accept":
            accepted = entry.at_ms
    return accepted


def _person_in(sites: Sites, scope: Scope, customer_id: str) -> Person:
    site = sites.current()
    cell = None if site is None else site.cell_of_customer_id(customer_id)
    if site is None or cell is None or not scope.sees(cell):
        raise NotFound("customer.unknown", customer=customer_id)
    return _person(site, site.network.customer_row[customer_id])


def _person(site: Site, row: int) -> Person:
    customers = site.network.customers
    return Person(customers.ids[row], customers.name[row], customers.phone[row], customers.address[row])
