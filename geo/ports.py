"""What the network room asks of a store."""

from dataclasses import dataclass
from typing import Protocol

from geo.network import Network


@dataclass(frozen=True, slots=True)
class NetworkVersion:
    """A snapshot became the company's network at ``effective_ms`` (UTC epoch, milliseconds)."""

    content_hash: str
    effective_ms: int
    imported_ms: int
    source: str
    """Where it came from, in words: a folder, a package and its grid."""


class NetworkStore(Protocol):
    """Immutable snapshots and the table of when each took effect."""

    def put(self, network: Network, version: NetworkVersion) -> None:
        """Keep the snapshot (once per hash) and note its effective time; the same twice changes nothing."""

    def get(self, content_hash: str) -> Network:
        """The snapshot; raises ``UnknownElement`` for a hash never stored."""

    def versions(self) -> tuple[NetworkVersion, ...]:
        """All versions, oldest effective time first."""

    def effective(self, at_ms: int) -> NetworkVersion | None:
        """The version in force at that instant, or None before the first."""
