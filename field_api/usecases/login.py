"""Who is it? Passwords, browser sessions and bearer tokens; secrets are random and kept as hashes."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from field_api.people.audit_chain import Act
from field_api.people.users import User
from field_api.ports import Credential, Desk, Passwords

SESSION: Final = "session"
TOKEN: Final = "token"  # noqa: S105 (the word, not a secret)
MACHINE: Final = "machine"
BEARERS: Final = frozenset({TOKEN, MACHINE})
SESSION_MS: Final = 12 * 3_600_000
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Admission:
    """What a login gives; ``secret`` leaves the process once and is never kept."""

    user: User
    secret: str
    credential: Credential


@dataclass(frozen=True, slots=True)
class Identity:
    user: User
    credential: Credential


class Logins:
    """Admits and recognises people."""

    def __init__(self, desk: Desk, passwords: Passwords) -> None:
        self._desk = desk
        self.passwords = passwords

    def person(self, username: str, password: str) -> User | None:
        """Whose name and password these are; None for an unknown name, a wrong password (equally slow) or
        somebody who may not log in."""
        with self._desk.reading() as session:
            login = session.users.by_username(username)
        matches = self.passwords.matches(login.password_hash if login else None, password)
        return login.user if matches and login is not None and not login.user.disabled else None

    def begin_session(self, user: User, address: str, now_ms: int) -> Admission:
        """For a browser."""
        secret = new_secret()
        credential = Credential(
            hashed(secret), SESSION, user.id, new_secret(), created_ms=now_ms, expires_ms=now_ms + SESSION_MS
        )
        with self._desk.writing() as session:
            session.users.admit(credential)
            session.audit.append(now_ms, Act("login", "session", user.id, user.username, address))
        return Admission(user, secret, credential)

    def recognise(self, secret: str, kinds: Collection[str], now_ms: int) -> Identity | None:
        """The person behind a secret; rights are read anew each time."""
        with self._desk.reading() as session:
            found = session.users.holder(hashed(secret), now_ms)
        if found is None:
            return None
        credential, user = found
        return None if credential.kind not in kinds or user.disabled else Identity(user, credential)

    def leave(self, identity: Identity, address: str, now_ms: int) -> None:
        """End the session; a phone's token ends with all that could renew it."""
        user, credential = identity.user, identity.credential
        with self._desk.writing() as session:
            session.users.revoke(credential.secret_hash)
            if credential.family:
                session.refresh_tokens.revoke_family(credential.family)
            session.audit.append(now_ms, Act("logout", credential.kind, user.id, user.username, address))


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hashed(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
