"""People are added and changed from the command line of the machine itself."""

import uuid
from dataclasses import dataclass
from typing import Final

from field_api.people import COMPANY_ROLES, WHOLE_COMPANY, Role, User
from field_api.ports import Clock, Desk, DeskSession, Passwords
from field_api.usecases.errors import Conflict, NotFound, NotPossible

MIN_PASSWORD: Final = 8


@dataclass(frozen=True, slots=True)
class NewUser:
    username: str
    name: str
    role: Role
    crew_id: str | None
    grid_ids: tuple[str, ...]
    language: str
    password: str


@dataclass(frozen=True, slots=True)
class ManageUsers:
    desk: Desk
    passwords: Passwords
    clock: Clock

    def add(self, new: NewUser) -> User:
        """The new person; raises ``Conflict`` for a name already taken, ``NotPossible`` for the rest."""
        _check_password(new.password)
        hashed = self.passwords.hashed(new.password)
        with self.desk.writing() as session:
            if session.users.by_username(new.username) is not None:
                raise Conflict(f"user {new.username!r} exists already")
            user = _user(session, new)
            session.users.put(user, hashed, self.clock())
        return user

    def change_password(self, username: str, password: str) -> None:
        """All sessions and tokens of the person end."""
        _check_password(password)
        hashed = self.passwords.hashed(password)
        with self.desk.writing() as session:
            login = session.users.by_username(username)
            if login is None:
                raise NotFound(f"no user {username!r}")
            session.users.put(login.user, hashed, self.clock())

    def listed(self) -> tuple[User, ...]:
        """Everybody, by name."""
        with self.desk.reading() as session:
            return session.users.listed()


def _check_password(password: str) -> None:
    if len(password) < MIN_PASSWORD:
        raise NotPossible(f"a password has at least {MIN_PASSWORD} characters, this one {len(password)}")


def _user(session: DeskSession, new: NewUser) -> User:
    grids = new.grid_ids
    if new.role is Role.CREW:
        crew = session.organisation.crew(WHOLE_COMPANY, new.crew_id or "")
        if crew is None:
            known = ", ".join(one.id for one in session.organisation.crews(WHOLE_COMPANY)) or "none"
            raise NotPossible(f"--crew {new.crew_id!r}: no such crew; known: {known}")
        grids = grids or crew.grid_ids
    cells = {cell.id for cell in session.organisation.cells(WHOLE_COMPANY)}
    if unknown := sorted(set(grids) - cells):
        raise NotPossible(
            f"--grid: unknown {', '.join(unknown)}; known: {', '.join(sorted(cells)) or 'none'}"
        )
    whole_company = not grids and new.role in COMPANY_ROLES
    return User(
        uuid.uuid4().hex, new.username, new.name, new.role, new.crew_id, grids, whole_company, new.language
    )
