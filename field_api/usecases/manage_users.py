"""People are added and changed from the command line of the machine itself; each change is on record."""

import uuid
from dataclasses import dataclass, replace
from typing import Final

from field_api.organisation.establishment import Changes
from field_api.people.audit_chain import Act
from field_api.people.masking import mask_phone
from field_api.people.password_rules import password_problem
from field_api.people.ports import Sealer
from field_api.people.users import COMPANY_ROLES, WHOLE_COMPANY, Role, User
from field_api.ports import Clock, Desk, DeskSession, Login, Passwords
from field_api.usecases.errors import Conflict, NotFound, NotPossible

CONSOLE: Final = "console"


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
    actor: str = CONSOLE
    """Who sits at the console, as the system names them."""

    def add(self, new: NewUser) -> User:
        """The new person; raises ``Conflict`` for a name already taken, ``NotPossible`` for the rest."""
        _check_password(new.password, new.username)
        hashed = self.passwords.hashed(new.password)
        with self.desk.writing() as session:
            if session.users.by_username(new.username) is not None:
                raise Conflict("user.exists", user=new.username)
            user = _placed(session, _user(new), new.crew_id, new.grid_ids)
            session.users.put(user, hashed, self.clock())
            self._record(session, "user.add", user, role=user.role.value, cells=_cells(user))
        return user

    def change_password(self, username: str, password: str) -> None:
        """All sessions and tokens of the person end; failed logins are forgiven."""
        _check_password(password, username)
        hashed = self.passwords.hashed(password)
        with self.desk.writing() as session:
            login = _known(session, username)
            session.users.put(login.user, hashed, self.clock())
            self._record(session, "user.password", login.user)

    def place(self, username: str, role: Role, crew_id: str | None, grid_ids: tuple[str, ...]) -> User:
        """Give a person another role, crew or cells; it holds from their next request on."""
        with self.desk.writing() as session:
            user = _placed(session, replace(_known(session, username).user, role=role), crew_id, grid_ids)
            session.users.change(user)
            self._record(session, "user.place", user, role=role.value, cells=_cells(user))
        return user

    def switch(self, username: str, disabled: bool) -> None:
        """Lock a person out, or let them in again; what they did stays theirs."""
        with self.desk.writing() as session:
            user = replace(_known(session, username).user, disabled=disabled)
            session.users.change(user)
            self._record(session, "user.disable" if disabled else "user.enable", user)

    def keep_phone(self, username: str, phone: str, sealer: Sealer) -> None:
        """Encrypted, with a keyed hash to find it by; '' forgets it."""
        with self.desk.writing() as session:
            user = _known(session, username).user
            digest = sealer.digests(phone)[0] if phone else ""
            session.users.keep_phone(user.id, sealer.seal(phone), digest)
            self._record(session, "user.phone", user, phone=mask_phone(phone))

    def with_phone(self, phone: str, sealer: Sealer) -> tuple[User, ...]:
        """Whose number that is, found without opening any."""
        with self.desk.reading() as session:
            found = (session.users.by_id(one) for one in session.users.by_phone(sealer.digests(phone)))
            return tuple(user for user in found if user is not None)

    def reseal(self, sealer: Sealer) -> int:
        """Everything that is sealed, anew with the newest key; how many there were."""
        with self.desk.writing() as session:
            sealed = session.users.sealed_phones()
            for user_id, text in sealed.items():
                plain = sealer.unseal(text)
                session.users.keep_phone(user_id, sealer.seal(plain), sealer.digests(plain)[0])
            count = len(sealed) + _reseal_people(session, sealer)
            act = Act("keys.rotate", "people", CONSOLE, self.actor, details={"sealed": str(count)})
            session.audit.append(self.clock(), act)
        return count

    def listed(self) -> tuple[User, ...]:
        """Everybody, by name."""
        with self.desk.reading() as session:
            return session.users.listed()

    def _record(self, session: DeskSession, action: str, user: User, **details: str) -> None:
        act = Act(action, user.username, CONSOLE, self.actor, details=details)
        session.audit.append(self.clock(), act)


def _reseal_people(session: DeskSession, sealer: Sealer) -> int:
    """Of the organisation, as they are stored: this desk has no keys of its own."""
    pairs = []
    for one in session.establishment.read().people:
        if one.phone:
            plain = sealer.unseal(one.phone) if sealer.is_sealed(one.phone) else one.phone
            pairs.append((one, replace(one, phone=sealer.seal(plain))))
    if pairs:
        session.establishment.change(Changes({}, {"people": tuple(pairs)}, {}))
    return len(pairs)


def change_own_password(
    desk: Desk, passwords: Passwords, user: User, old: str, new: str, now_ms: int
) -> bool:
    """False for a wrong old one; raises ``NotPossible`` for an unfit new one. Ends all their sessions."""
    with desk.reading() as session:
        login = _known(session, user.username)
    if not passwords.matches(login.password_hash, old):
        return False
    _check_password(new, user.username)
    if old == new:
        raise NotPossible("password.same_as_before")
    hashed = passwords.hashed(new)
    with desk.writing() as session:
        session.users.put(login.user, hashed, now_ms)
        session.audit.append(now_ms, Act("user.password", user.username, user.id, user.username))
    return True


def _check_password(password: str, username: str) -> None:
    problem = password_problem(password, username)
    if problem is not None:
        raise NotPossible.of(problem)


def _known(session: DeskSession, username: str) -> Login:
    login = session.users.by_username(username)
    if login is None:
        raise NotFound("user.unknown", user=username)
    return login


def _user(new: NewUser) -> User:
    return User(uuid.uuid4().hex, new.username, new.name, new.role, None, (), False, new.language)


def _placed(session: DeskSession, user: User, crew_id: str | None, grids: tuple[str, ...]) -> User:
    """With the crew and cells; a crew's people see its cells where none are named."""
    if user.role is Role.CREW:
        crew = session.organisation.crew(WHOLE_COMPANY, crew_id or "")
        if crew is None:
            known = tuple(one.id for one in session.organisation.crews(WHOLE_COMPANY))
            if not known:
                raise NotPossible("user.no_crews_yet")
            raise NotPossible("user.no_crew", crew=crew_id or "", known=known)
        grids = grids or crew.grid_ids
    check_cells(session, grids)
    whole_company = not grids and user.role in COMPANY_ROLES
    return replace(user, crew_id=crew_id, grid_ids=grids, whole_company=whole_company)


def check_cells(session: DeskSession, grids: tuple[str, ...]) -> None:
    """Raises ``NotPossible`` for a cell that the company does not have."""
    cells = {cell.id for cell in session.organisation.cells(WHOLE_COMPANY)}
    if unknown := sorted(set(grids) - cells):
        if not cells:
            raise NotPossible("user.no_cells_yet")
        raise NotPossible("user.no_cells", unknown=tuple(unknown), known=tuple(sorted(cells)))


def _cells(user: User) -> str:
    return "whole company" if user.whole_company else ",".join(user.grid_ids)
