"""Who is it? Passwords, browser sessions and machine tokens; secrets are random and kept as hashes."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from field_api.people import User
from field_api.ports import Credential, Desk, Passwords

SESSION: Final = "session"
TOKEN: Final = "token"  # noqa: S105 (the word, not a secret)
LIFETIME_MS: Final = {SESSION: 12 * 3_600_000, TOKEN: 30 * 24 * 3_600_000}
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

    def admit(self, username: str, password: str, kind: str, now_ms: int) -> Admission | None:
        """A new session or token, or None for an unknown name or a wrong password (equally slow)."""
        with self._desk.reading() as session:
            login = session.users.by_username(username)
        if not self.passwords.matches(login.password_hash if login else None, password) or login is None:
            return None
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        credential = Credential(
            secret_hash=_hashed(secret), kind=kind, user_id=login.user.id,
            csrf_token=secrets.token_urlsafe(_SECRET_BYTES), created_ms=now_ms,
            expires_ms=now_ms + LIFETIME_MS[kind],
        )  # fmt: skip
        with self._desk.writing() as session:
            session.users.admit(credential)
        return Admission(login.user, secret, credential)

    def recognise(self, secret: str, kind: str, now_ms: int) -> Identity | None:
        """The person behind a secret; rights are read anew each time."""
        with self._desk.reading() as session:
            credential = session.users.credential(_hashed(secret), now_ms)
            if credential is None or credential.kind != kind:
                return None
            user = session.users.by_id(credential.user_id)
        return None if user is None else Identity(user, credential)

    def leave(self, identity: Identity) -> None:
        """End the session."""
        with self._desk.writing() as session:
            session.users.revoke(identity.credential.secret_hash)


def _hashed(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
