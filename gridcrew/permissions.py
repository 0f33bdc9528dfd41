"""Which role may call which operation of the API, as the operations themselves say it."""

from field_api.http.app import all_operations
from field_api.people.users import Role


def role_rows() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Name, method and path, roles in the order of ``Role``; ``everybody`` where no login is needed."""
    return tuple(
        (one.name, f"{one.method} {one.documented_path}", _may(one.roles, one.public))
        for one in sorted(all_operations(demo=True), key=lambda one: (one.documented_path, one.method))
    )


def _may(roles: frozenset[Role], public: bool) -> tuple[str, ...]:
    return ("everybody",) if public else tuple(role.value for role in Role if role in roles)
