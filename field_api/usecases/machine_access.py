"""Tokens of other systems: named, limited to the role machine and to grid cells, with an end."""

import uuid
from dataclasses import dataclass
from typing import Final

from field_api.people.audit_chain import Act
from field_api.people.ports import MachineToken
from field_api.people.users import Role, User
from field_api.ports import Credential, Desk
from field_api.usecases.errors import Conflict, NotFound
from field_api.usecases.login import MACHINE, hashed, new_secret
from field_api.usecases.manage_users import check_cells

MAX_DAYS: Final = 400
DAY_MS: Final = 24 * 3_600_000
_NO_PASSWORD: Final = "-"  # noqa: S105 (no hash: nothing matches it)


@dataclass(frozen=True, slots=True)
class NewToken:
    """``secret`` is shown once and never kept."""

    token: MachineToken
    secret: str


@dataclass(frozen=True, slots=True)
class MachineAccess:
    """Each token has a user of its own, so that its cells are read anew at each request like a person's."""

    desk: Desk

    def make(
        self, name: str, grid_ids: tuple[str, ...], days: int, actor: tuple[str, str], now_ms: int
    ) -> NewToken:
        """No cells: the whole company. Raises ``Conflict`` for a name in use, ``NotPossible`` for cells."""
        username, secret = f"machine:{name}", new_secret()
        user = User(
            uuid.uuid4().hex, username, name, Role.MACHINE, None, tuple(sorted(set(grid_ids))), not grid_ids,
            "zh",
        )  # fmt: skip
        expires_ms = now_ms + days * DAY_MS
        with self.desk.writing() as session:
            check_cells(session, grid_ids)
            if session.users.by_username(username) is not None:
                raise Conflict("people.token_name_taken", name=name)
            session.users.put(user, _NO_PASSWORD, now_ms)
            session.users.admit(
                Credential(hashed(secret), MACHINE, user.id, new_secret(), now_ms, expires_ms)
            )
            details = {"cells": ",".join(grid_ids) or "whole company", "days": str(days)}
            session.audit.append(now_ms, Act("token.add", name, *actor, details=details))
        token = MachineToken(user.id, name, user.grid_ids, user.whole_company, now_ms, expires_ms)
        return NewToken(token, secret)

    def listed(self) -> tuple[MachineToken, ...]:
        """By name, expired ones too."""
        with self.desk.reading() as session:
            return session.machine_tokens.listed()

    def revoke(self, token: str, actor: tuple[str, str], now_ms: int) -> None:
        """By id or name, at once; raises ``NotFound``."""
        with self.desk.writing() as session:
            found = [one for one in session.machine_tokens.listed() if token in {one.id, one.name}]
            if not found:
                raise NotFound("people.no_token", token=token)
            session.users.remove(found[0].id)
            session.audit.append(now_ms, Act("token.revoke", found[0].name, *actor))
