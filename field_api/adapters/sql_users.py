"""Users, sessions and tokens in the desk's tables."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from field_api.adapters.people_tables import refresh_tokens, user_phones
from field_api.adapters.tables import credentials, user_cells, users
from field_api.people.users import Role, User
from field_api.ports import Credential, Login

MAX_CREDENTIALS_PER_USER: Final = 50
_HOLDER: Final = (
    select(
        credentials, users.c.id, users.c.username, users.c.name, users.c.role, users.c.crew_id,
        users.c.whole_company, users.c.language, users.c.disabled, user_cells.c.grid_id,
    )
    .join_from(credentials, users, users.c.id == credentials.c.user_id)
    .outerjoin(user_cells, user_cells.c.user_id == users.c.id)
    .where(
        credentials.c.secret_hash == bindparam("secret_hash"), credentials.c.expires_ms > bindparam("now_ms")
    )
    .order_by(user_cells.c.grid_id)
)  # fmt: skip
"""A row for each grid cell of the person; one where they have none."""


class SqlUsers:
    """``Users`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_username(self, username: str) -> Login | None:
        row = self._connection.execute(select(users).where(users.c.username == username)).first()
        return None if row is None else Login(self._user(row), row.password_hash)

    def by_id(self, user_id: str) -> User | None:
        row = self._connection.execute(select(users).where(users.c.id == user_id)).first()
        return None if row is None else self._user(row)

    def listed(self) -> tuple[User, ...]:
        rows = self._connection.execute(select(users).order_by(users.c.username)).all()
        return tuple(self._user(row) for row in rows)

    def put(self, user: User, password_hash: str, created_ms: int) -> None:
        for old in self._connection.scalars(select(users.c.id).where(users.c.username == user.username)):
            self._forget(old)
        self._forget(user.id)
        self._connection.execute(
            insert(users).values(
                id=user.id, username=user.username, name=user.name, role=user.role.value,
                crew_id=user.crew_id, whole_company=user.whole_company, language=user.language,
                password_hash=password_hash, created_ms=created_ms, disabled=user.disabled,
            )
        )  # fmt: skip
        self._give_cells(user)

    def change(self, user: User) -> None:
        values = {
            "name": user.name, "role": user.role.value, "crew_id": user.crew_id, "disabled": user.disabled,
            "whole_company": user.whole_company, "language": user.language,
        }  # fmt: skip
        self._connection.execute(update(users).where(users.c.id == user.id).values(**values))
        self._connection.execute(delete(user_cells).where(user_cells.c.user_id == user.id))
        self._give_cells(user)
        if user.disabled:
            self._throw_out(user.id)

    def remove(self, user_id: str) -> None:
        self._forget(user_id)
        self.keep_phone(user_id, "", "")

    def keep_phone(self, user_id: str, sealed: str, digest: str) -> None:
        self._connection.execute(delete(user_phones).where(user_phones.c.user_id == user_id))
        if sealed:
            self._connection.execute(
                insert(user_phones).values(user_id=user_id, sealed=sealed, digest=digest)
            )

    def sealed_phones(self) -> Mapping[str, str]:
        rows = self._connection.execute(select(user_phones)).all()
        return {row.user_id: row.sealed for row in rows}

    def by_phone(self, digests: Collection[str]) -> tuple[str, ...]:
        query = select(user_phones.c.user_id).where(user_phones.c.digest.in_(digests))
        return tuple(self._connection.scalars(query.order_by(user_phones.c.user_id)))

    def admit(self, credential: Credential) -> None:
        mine = credentials.c.user_id == credential.user_id
        self._connection.execute(
            delete(credentials).where(mine, credentials.c.expires_ms <= credential.created_ms)
        )
        newest = select(credentials.c.secret_hash).where(mine).order_by(credentials.c.created_ms.desc())
        kept = list(self._connection.scalars(newest.limit(MAX_CREDENTIALS_PER_USER - 1)))
        self._connection.execute(delete(credentials).where(mine, credentials.c.secret_hash.not_in(kept)))
        self._connection.execute(
            insert(credentials).values(
                secret_hash=credential.secret_hash, kind=credential.kind, user_id=credential.user_id,
                csrf_token=credential.csrf_token, created_ms=credential.created_ms,
                expires_ms=credential.expires_ms, family=credential.family,
            )
        )  # fmt: skip

    def holder(self, secret_hash: str, now_ms: int) -> tuple[Credential, User] | None:
        rows = self._connection.execute(_HOLDER, {"secret_hash": secret_hash, "now_ms": now_ms}).all()
        if not rows:
            return None
        cells = (row.grid_id for row in rows if row.grid_id is not None)
        return Credential(*rows[0][: len(credentials.c)]), _user(rows[0], cells)

    def revoke(self, secret_hash: str) -> None:
        self._connection.execute(delete(credentials).where(credentials.c.secret_hash == secret_hash))

    def _give_cells(self, user: User) -> None:
        cells = [{"user_id": user.id, "grid_id": grid_id} for grid_id in user.grid_ids]
        if cells:
            self._connection.execute(insert(user_cells), cells)

    def _throw_out(self, user_id: str) -> None:
        for table in (credentials, refresh_tokens):
            self._connection.execute(delete(table).where(table.c.user_id == user_id))

    def _forget(self, user_id: str) -> None:
        self._throw_out(user_id)
        self._connection.execute(delete(user_cells).where(user_cells.c.user_id == user_id))
        self._connection.execute(delete(users).where(users.c.id == user_id))

    def _user(self, row: Row[Any]) -> User:
        query = select(user_cells.c.grid_id).where(user_cells.c.user_id == row.id)
        return _user(row, self._connection.scalars(query.order_by(user_cells.c.grid_id)))


def _user(row: Row[Any], cells: Iterable[str]) -> User:
    return User(
        row.id, row.username, row.name, Role(row.role), row.crew_id, tuple(cells), row.whole_company,
        row.language, row.disabled,
    )  # fmt: skip
