"""A phone's short token and the one that renews it: each of these is used once and names its successor; a
lost answer may be asked for again for a minute; later reuse tells of a thief and ends them all (fault 28)."""

import uuid
from dataclasses import dataclass
from typing import Final

from field_api.people.audit_chain import Act
from field_api.people.ports import RefreshToken, Sealer
from field_api.people.users import User
from field_api.ports import Credential, Desk, DeskSession
from field_api.usecases.login import TOKEN, hashed, new_secret

ACCESS_MS: Final = 15 * 60_000
REFRESH_MS: Final = 30 * 24 * 3_600_000
GRACE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Both leave the process once and are kept as hashes only."""

    user: User
    token: str
    expires_ms: int
    refresh_token: str
    refresh_expires_ms: int


@dataclass(frozen=True, slots=True)
class RenewTokens:
    """Successors follow from their predecessor and a key of ours: nothing that could be stolen is stored, and
    yet the same question gets the same answer."""

    desk: Desk
    sealer: Sealer

    def begin(self, user: User, address: str, now_ms: int) -> TokenPair:
        """At a login with a password."""
        with self.desk.writing() as session:
            pair = self._give(session, user, new_secret(), uuid.uuid4().hex, now_ms)
            session.audit.append(now_ms, Act("login", "token", user.id, user.username, address))
        return pair

    def renew(self, secret: str, address: str, now_ms: int) -> TokenPair | None:
        """The next pair; None where the token is unknown, expired, or was used too long ago."""
        with self.desk.reading() as session:
            if session.refresh_tokens.get(hashed(secret)) is None:
                return None
        successor = self.sealer.derive("refresh", secret)
        with self.desk.writing() as session:
            old = session.refresh_tokens.get(hashed(secret))
            user = None if old is None else session.users.by_id(old.user_id)
            if old is None or user is None or user.disabled or old.expires_ms <= now_ms:
                return None
            if session.refresh_tokens.use(old.secret_hash, hashed(successor), now_ms):
                return self._give(session, user, successor, old.family, now_ms)
            if now_ms - (old.used_ms or 0) <= GRACE_MS:
                return self._again(session, user, successor)
            session.refresh_tokens.revoke_family(old.family)
            act = Act("token.reused", old.family, user.id, user.username, address)
            session.audit.append(now_ms, act)
        return None

    def _give(self, session: DeskSession, user: User, secret: str, family: str, now_ms: int) -> TokenPair:
        session.refresh_tokens.add(RefreshToken(hashed(secret), family, user.id, now_ms, now_ms + REFRESH_MS))
        token = self.sealer.derive("access", secret)
        session.users.admit(
            Credential(hashed(token), TOKEN, user.id, new_secret(), now_ms, now_ms + ACCESS_MS, family)
        )
        return TokenPair(user, token, now_ms + ACCESS_MS, secret, now_ms + REFRESH_MS)

    def _again(self, session: DeskSession, user: User, successor: str) -> TokenPair | None:
        kept = session.refresh_tokens.get(hashed(successor))
        if kept is None:
            return None
        token = self.sealer.derive("access", successor)
        return TokenPair(user, token, kept.created_ms + ACCESS_MS, successor, kept.expires_ms)
