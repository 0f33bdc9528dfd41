"""Passwords by argon2id, at the cost that OWASP names for interactive logins (19 MiB, two passes)."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$7tH7Ldm4ZI6QZTI4ZFVcWEV4nQGgfhEPPJyAVr/H5dM"
)
"""A hash of nothing anybody knows: checking it takes as long as checking a user's."""


class ArgonPasswords:
    """``Passwords`` by argon2-cffi."""

    def hashed(self, password: str) -> str:
        """A hash with its own salt."""
        return _HASHER.hash(password)

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Takes as long for an unknown user (None) as for a wrong password."""
        try:
            return _HASHER.verify(password_hash or _NOBODY, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False
