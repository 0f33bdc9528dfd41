"""Somebody writes into a register: checked, placed in its grid cell, opening the work that follows."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from field_api.company import Company
from field_api.orders.work import Subject
from field_api.people.users import Scope, User
from field_api.ports import Desk, DeskSession, Sites
from field_api.projection import Site
from field_api.saying import Term
from field_api.service.registering import About, Entry, Register, problems
from field_api.usecases.errors import Conflict, Forbidden, NotFound, NotPossible
from field_api.usecases.open_order import OpenRequest, place_order, spot_of
from field_api.usecases.tell import order_event

MAX_HELD: Final = 10_000
"""Entries of one register about one thing at a time."""


@dataclass(frozen=True, slots=True)
class Written:
    entry: Entry
    order_id: str
    """The order that follows from it; '' where none does."""


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """Adds and ends entries."""

    desk: Desk
    company: Company
    sites: Sites
    registers: Mapping[str, Register]

    def register(self, user: User, name: str) -> Register:
        """The register if the person may read it; raises ``NotFound`` or ``Forbidden``."""
        found = self.registers.get(name)
        if found is None:
            raise NotFound("register.unknown", register=name, known=tuple(self.registers))
        if user.role not in found.reads:
            raise Forbidden(
                "register.role_cannot_read", role=Term("role", user.role.value), register=found.named
            )
        return found

    def add(
        self, user: User, name: str, subject_id: str, document: Mapping[str, Any], now_ms: int
    ) -> Written:
        """Keep an entry; raises a kind of ``Refused``."""
        register = self._writable(user, name)
        if found := problems(register, document):
            raise NotPossible("register.bad_entry", problems=found)
        with self.desk.writing() as session:
            grid_id = self._cell(session, user.scope, register, subject_id)
            entry = Entry(uuid.uuid4().hex, name, subject_id, grid_id, document, user.id, user.name, now_ms)
            if register.one_at_once:
                for before in session.registers.held(user.scope, name, now_ms, subject_id, "", MAX_HELD):
                    session.registers.end(before.id, now_ms)
            session.registers.add(entry)
            order_id = self._opened(session, register, entry, now_ms)
        return Written(entry, order_id)

    def end(self, user: User, entry_id: str, now_ms: int) -> None:
        """An entry holds no longer; raises a kind of ``Refused``."""
        with self.desk.writing() as session:
            entry = session.registers.get(user.scope, entry_id)
            if entry is None or user.role not in self.registers[entry.register].reads:
                raise NotFound("register.no_entry", entry=entry_id)
            self._writable(user, entry.register)
            if not session.registers.end(entry_id, now_ms):
                raise Conflict("register.ended")

    def _writable(self, user: User, name: str) -> Register:
        register = self.register(user, name)
        if user.role not in register.writes:
            raise Forbidden(
                "register.role_cannot_write", role=Term("role", user.role.value), register=register.named
            )
        return register

    def _cell(self, session: DeskSession, scope: Scope, register: Register, subject_id: str) -> str:
        grid_id = self._found(session, register.about, subject_id)
        if grid_id is None or not scope.sees(grid_id):
            raise NotFound(
                "register.no_subject", kind=Term("subject", register.about.value), subject=subject_id
            )
        return grid_id

    def _found(self, session: DeskSession, about: About, subject_id: str) -> str | None:
        if about is About.VILLAGE:
            villages = session.establishment.read().villages
            return next((one.grid_id for one in villages if one.id == subject_id), None)
        site = self.sites.current()
        if site is None:
            raise NotPossible("network.none_yet")
        return (
            site.cell_of_customer_id(subject_id) if about is About.CUSTOMER else _known_cell(site, subject_id)
        )

    def _opened(self, session: DeskSession, register: Register, entry: Entry, now_ms: int) -> str:
        site = self.sites.current()
        if not register.opens or site is None:
            return ""
        work_type = self.company.work_type(register.opens)
        spot = spot_of(site, Subject(register.about.value), entry.subject_id)
        if spot is None:
            return ""
        request = OpenRequest(
            "", work_type.name, entry.subject_id, f"{register.name} {entry.id}", source="register"
        )
        order_id = place_order(session, self.company, spot, request, None, now_ms)
        session.feed.append(now_ms, [order_event(session, self.company, order_id, now_ms)])
        return order_id


def _known_cell(site: Site, grid_id: str) -> str | None:
    return grid_id if grid_id in site.cells.ids else None
