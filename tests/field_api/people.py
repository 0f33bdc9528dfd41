"""People beyond the demo's, for tests."""

from field_api.people.users import Role, User
from tests.field_api.world import Person, World

PASSWORD = "a long enough one"


def hire(world: World, name: str, role: Role, grids: tuple[str, ...] = ()) -> Person:
    """Somebody with that role, logged in; without cells for the whole company."""
    user = User(name, name, name, role, None, grids, not grids, "zh")
    with world.services.desk.writing() as session:
        session.users.put(user, world.services.logins.passwords.hashed(PASSWORD), world.clock())
    return world.log_in(name, PASSWORD)


def acts(world: World) -> list[tuple[str, str, str]]:
    """Action, subject and actor of all that is on record, oldest first."""
    with world.services.desk.reading() as session:
        return [(row.act.action, row.act.subject, row.act.actor_name) for row in session.audit.all_rows()]
