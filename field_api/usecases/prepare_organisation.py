"""An organisation to begin with: cells from the network, a crew for each, people and duties; logins."""

from dataclasses import dataclass
from typing import Final

from field_api.organisation.cells import AreaKind, Crew, CrewState, GridCell
from field_api.organisation.default import default_organisation, is_default, missing_of, team_of
from field_api.organisation.establishment import Establishment, changes
from field_api.people.users import WHOLE_COMPANY, Role, User
from field_api.ports import Desk, DeskSession, Passwords
from field_api.projection import Site

DEMO_ROLES: Final = ((Role.ADMIN, "管理员"), (Role.DISPATCHER, "指挥员"), (Role.VIEWER, "值班观察员"))
DEMO_NAMES: Final = frozenset(role.value for role, _ in DEMO_ROLES)
"""Their passwords are known to everybody."""


@dataclass(frozen=True, slots=True)
class DemoLogin:
    username: str
    password: str
    role: str
    name: str


@dataclass(frozen=True, slots=True)
class _Person:
    user: User
    password: str


def prepare_organisation(desk: Desk, site: Site, area: AreaKind = AreaKind.URBAN) -> tuple[Crew, ...]:
    """Make what is missing: every cell of the network, a crew based in the middle of each, people for them.

    What is already there stays as somebody may have changed it, and nobody is invented beside a real
    organisation. Without such a crew a cell's work would reach nobody (ORG-02).
    """
    with desk.writing() as session:
        known = {cell.id for cell in session.organisation.cells(WHOLE_COMPANY)}
        cells = site.cells
        for cell, name, name_en in zip(cells.ids, cells.names, cells.names_en, strict=True):
            if cell not in known:
                box = site.cell_bounds(cell)
                session.organisation.put_cell(GridCell(cell, name, name_en, area, box))
        crews = _crews(session)
        _people(session, crews)
        return crews


def prepare_demo_users(desk: Desk, passwords: Passwords, language: str, now_ms: int) -> tuple[DemoLogin, ...]:
    """The demo's people: an administrator, a dispatcher, a viewer, and one login for each crew."""
    with desk.reading() as session:
        crews = session.organisation.crews(WHOLE_COMPANY)
        known = {user.username for user in session.users.listed()}
    people = [*_office(language), *(_crew_member(crew, language) for crew in crews)]
    missing = [person for person in people if person.user.username not in known]
    hashes = {password: passwords.hashed(password) for password in {person.password for person in missing}}
    with desk.writing() as session:
        for person in missing:
            session.users.put(person.user, hashes[person.password], now_ms)
    return tuple(
        DemoLogin(person.user.username, person.password, person.user.role.value, person.user.name)
        for person in people
    )


def _crews(session: DeskSession) -> tuple[Crew, ...]:
    crews = session.organisation.crews(WHOLE_COMPANY)
    manned = {grid_id for crew in crews for grid_id in crew.grid_ids}
    taken = {crew.id for crew in crews}
    names = (f"crew-{ordinal:02d}" for ordinal in range(1, 10_000))
    free = (name for name in names if name not in taken)
    cells = session.organisation.cells(WHOLE_COMPANY)
    invented = is_default(session.establishment.read())
    for cell in cells:
        if cell.id not in manned:
            team = team_of(cells, cell.id) if invented else ""
            session.organisation.put_crew(_crew(next(free), cell, team))
    return session.organisation.crews(WHOLE_COMPANY)


def _people(session: DeskSession, crews: tuple[Crew, ...]) -> None:
    """Invented people for cells and crews that have none, as long as no real organisation was imported."""
    there = session.establishment.read()
    if is_default(there):
        wanted = default_organisation(session.organisation.cells(WHOLE_COMPANY), crews)
        session.establishment.change(changes(Establishment(), missing_of(wanted, there)))


def _crew(identifier: str, cell: GridCell, unit_id: str) -> Crew:
    west, south, east, north = cell.bounds
    name, middle = f"{cell.name}抢修班", ((west + east) / 2, (south + north) / 2)
    return Crew(identifier, name, (cell.id,), CrewState.FREE, *middle, 0, unit_id)


def _office(language: str) -> tuple[_Person, ...]:
    return tuple(
        _Person(User(role.value, role.value, name, role, None, (), True, language), f"{role.value}-demo")
        for role, name in DEMO_ROLES
    )


def _crew_member(crew: Crew, language: str) -> _Person:
    user = User(crew.id, crew.id, crew.name, Role.CREW, crew.id, crew.grid_ids, False, language)
    return _Person(user, "crew-demo")
