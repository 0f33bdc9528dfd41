"""What the desk keeps about people's doings: the audit record, failed logins, tokens, reveals, findings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from field_api.people.audit_chain import Act, AuditRow
from field_api.people.findings import PersonFinding
from field_api.people.lockout import Failures


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows; empty or None: any."""

    action: str = ""
    actor_id: str = ""
    subject: str = ""
    """A thing's id, also where the row says of what kind it is (`order_id=…`)."""
    since_ms: int | None = None
    until_ms: int | None = None


class AuditLog(Protocol):
    """Append only."""

    def append(self, at_ms: int, act: Act) -> AuditRow:
        """The row, linked to the newest one."""

    def newest(self) -> AuditRow | None: ...

    def listed(self, wanted: AuditFilter, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        """Newest first, before that sequence number."""

    def all_rows(self, after: int = 0) -> Iterator[AuditRow]:
        """Oldest first, in pages."""


class LoginFailures(Protocol):
    def of(self, keys: Sequence[str]) -> dict[str, Failures]: ...

    def keep(self, key: str, failures: Failures) -> None: ...

    def forget(self, keys: Sequence[str]) -> None: ...

    def prune(self, before_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a phone renews its short token with; each is used once, its successor goes on."""

    secret_hash: str
    family: str
    """Of one login: all that followed from it."""
    user_id: str
    created_ms: int
    expires_ms: int
    successor_hash: str = ""
    used_ms: int | None = None


class RefreshTokens(Protocol):
    def add(self, token: RefreshToken) -> None: ...

    def get(self, secret_hash: str) -> RefreshToken | None: ...

    def use(self, secret_hash: str, successor_hash: str, at_ms: int) -> bool:
        """Note its successor unless it has one; was it noted?"""

    def revoke_family(self, family: str) -> None:
        """End them and the short tokens that came from them."""

    def prune(self, before_ms: int) -> None:
        """Forget what had expired or been used before that instant."""


@dataclass(frozen=True, slots=True)
class MachineToken:
    """Another system's token, without its secret."""

    id: str
    """Also the id of the user that stands for the system."""
    name: str
    grid_ids: tuple[str, ...]
    whole_company: bool
    created_ms: int
    expires_ms: int


class MachineTokens(Protocol):
    def listed(self) -> tuple[MachineToken, ...]:
        """By name, expired ones too."""


@dataclass(frozen=True, slots=True)
class Reveal:
    at_ms: int
    user_id: str
    customer_id: str
    reason: str


class Reveals(Protocol):
    """Who saw whose personal data unmasked. Append only."""

    def add(self, reveals: Sequence[Reveal]) -> None: ...

    def count(self, user_id: str, since_ms: int, except_reason: str) -> int:
        """How many a person made since then, but for reasons that begin with ``except_reason``."""

    def known(self, user_id: str, reason: str) -> frozenset[str]:
        """Customers that this person saw for that very reason."""


class PeopleFindings(Protocol):
    def add(self, finding: PersonFinding) -> None: ...

    def get(self, finding_id: str) -> PersonFinding | None: ...

    def replace(self, finding: PersonFinding, was: str) -> bool:
        """Keep the new one if the stored is still in the state ``was``."""

    def of_person(self, person_id: str, before_ms: int | None, limit: int) -> tuple[PersonFinding, ...]:
        """Newest first."""

    def listed(self, before_ms: int | None, limit: int) -> tuple[PersonFinding, ...]:
        """Everybody's, newest first."""


class Sealer(Protocol):
    """Keeps personal data unreadable at rest."""

    def seal(self, plain: str) -> str: ...

    def unseal(self, sealed: str) -> str:
        """Raises ValueError for what was not sealed with a key of ours."""

    def is_sealed(self, text: str) -> bool:
        """Does it look like what ``seal`` makes?"""

    def digests(self, plain: str) -> tuple[str, ...]:
        """Keyed hashes to search by, the newest key's first."""

    def derive(self, purpose: str, secret: str) -> str:
        """A secret that follows from another one only for who has the key."""
