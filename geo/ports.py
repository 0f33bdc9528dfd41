"""What the network room asks of a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from geo.network import Network


@dataclass(frozen=True, slots=True)
class NetworkVersion:
    """A snapshot became the company's network at ``effective_ms`` (UTC epoch, milliseconds)."""

    content_hash: str
    effective_ms: int
    imported_ms: int
    source: str
    """Where it came from, in words: a folder, a package and its grid."""
    made_by: str = ""
    """Who made it take effect."""
    note: str = ""
    """What was done, and why: feeders approved, edits, a rollback."""


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A network that waits for approval, with what was found in it."""

    id: int
    content_hash: str
    made_ms: int
    made_by: str
    source: str
    judged: Mapping[str, Mapping[str, int]]
    """Per feeder: rule → how often it was broken, rows that were set aside included."""
    set_aside: int
    """Rows left out for an error."""
    settled_ms: int | None = None
    """When it was approved (in whole or in part) or dismissed; None: it waits."""
    outcome: str = ""


class Progress(Protocol):
    """Told how far a long reading has come, so that a person can be shown it."""

    def __call__(self, what: str, done: int, whole: int) -> None:
        """``done`` of ``whole`` lines or bytes of ``what`` (a file's name) are read."""


def unwatched(what: str, done: int, whole: int) -> None:
    """Nobody looks."""


class Seals(Protocol):
    """Keeps what is said of persons unreadable at rest."""

    def seal_block(self, plain: bytes, about: str) -> bytes:
        """Encrypted with the newest key, and bound to ``about``: under another name it does not open."""

    def unseal_block(self, sealed: bytes, about: str) -> bytes:
        """Raises ValueError for what was not sealed with a key of ours, or was altered."""

    def is_newest(self, sealed: bytes) -> bool:
        """Was the block sealed with the key that seals now?"""

    def digest_numbers(self, numbers: Sequence[str]) -> bytes:
        """``DIGEST_BYTES`` of each number's keyed hash, newest key, one after the other; '' is all zeros."""

    def number_digests(self, number: str) -> tuple[bytes, ...]:
        """The same of one number with each key of ours, to look for it."""


DIGEST_BYTES: Final = 8
"""Enough to find a number among millions; a chance match is as rare as 1 in 10^12 look-ups."""


class NetworkStore(Protocol):
    """Immutable snapshots and the table of when each took effect."""

    def put(self, network: Network, version: NetworkVersion) -> None:
        """Keep the snapshot (once per hash) and note its effective time; the same twice changes nothing."""

    def get(self, content_hash: str) -> Network:
        """The snapshot; raises ``UnknownElement`` for a hash never stored."""

    def keep(self, network: Network) -> None:
        """Keep the snapshot without making it take effect."""

    def versions(self) -> tuple[NetworkVersion, ...]:
        """All versions, oldest effective time first."""

    def effective(self, at_ms: int) -> NetworkVersion | None:
        """The version in force at that instant, or None before the first."""


class Proposals(Protocol):
    """Networks that wait for approval; they are snapshots of the store."""

    def add(
        self,
        content_hash: str,
        made_ms: int,
        made_by: str,
        source: str,
        judged: Mapping[str, Mapping[str, int]],
        set_aside: int,
    ) -> int:
        """Its number; the snapshot must be kept before."""

    def get(self, number: int) -> StoredProposal:
        """Raises ``UnknownElement``."""

    def listed(self, limit: int = 100) -> tuple[StoredProposal, ...]:
        """Newest first."""

    def settle(self, number: int, at_ms: int, outcome: str) -> None:
        """Note what became of it."""
