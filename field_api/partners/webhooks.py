"""Telling other systems what happens: who wants which events where, when it is tried again, when no more.

Each event is sent at least once per subscription under a key that never changes, signed so that the receiver
can prove that it came from us and when.
"""

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from field_api.saying import Saying

KINDS: Final = ("outage", "order", "crew", "notice", "ticket")
MAX_ATTEMPTS: Final = 8
MAX_FAILURES: Final = 20
"""In a row; then the subscription is disabled and somebody told."""
MAX_WAITING: Final = 10_000
"""Of one subscription; more is dropped with the subscription, which must then read what it missed."""
KEEP_SETTLED_MS: Final = 7 * 24 * 3_600_000
_FIRST_WAIT_MS: Final = 5_000
_LONGEST_WAIT_MS: Final = 3_600_000
_PORTS: Final = {"http": 80, "https": 443}


class HookState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"
    """Failed too often; somebody must look and enable it."""


class BadTarget(Saying, ValueError):
    """An address that nothing is ever sent to; says why."""


class NotTrusted(Saying, OSError):
    """Whoever answered could not prove to be the host; may be put right, and is tried again."""


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    kinds: frozenset[str]
    grid_ids: frozenset[str]
    """Cells whose events it gets; empty: the whole company's."""
    sealed_secret: str
    made_by: str
    made_ms: int
    after_id: int
    """The feed's event up to which it was served."""
    state: HookState = HookState.ACTIVE
    failures: int = 0
    """In a row."""
    problem: str = ""

    def wants(self, kind: str, grid_ids: Collection[str]) -> bool:
        """Is an event of that kind and those cells for it?"""
        return kind in self.kinds and (not self.grid_ids or not self.grid_ids.isdisjoint(grid_ids))


@dataclass(frozen=True, slots=True)
class Posted:
    """One event on its way to one subscription."""

    id: int
    key: str
    webhook_id: str
    event_id: int
    body: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class TargetRules:
    """Where webhooks may go at all: hosts by name, and whether to addresses inside."""

    hosts: frozenset[str]
    """``*.example.cn`` stands for all below; empty allows none."""
    private: bool = False
    authorities: str = ""
    """File (PEM) of authorities whose certificates are believed besides those that the machine knows."""

    def check(self, url: str) -> tuple[str, str, int]:
        """Scheme, host and port of an allowed address; raises ``BadTarget``."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as problem:
            raise BadTarget("webhook.no_https_url") from problem
        host = (parts.hostname or "").rstrip(".").lower()
        if parts.scheme not in _PORTS or not host or parts.username or parts.password or parts.fragment:
            raise BadTarget("webhook.no_https_url")
        if not any(_matches(host, pattern) for pattern in self.hosts):
            raise BadTarget("webhook.host_not_allowed", host=host)
        return parts.scheme, host, port or _PORTS[parts.scheme]

    def check_address(self, address: str) -> None:
        """Of a host as it was resolved; raises ``BadTarget`` for one inside unless that is allowed."""
        found = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and (inner := found.ipv4_mapped or found.sixtofour):
            found = inner
        if found.is_multicast or found.is_unspecified or _is_broadcast(found):
            raise BadTarget("webhook.nobodys_address", address=address)
        if not self.private and (not found.is_global or _is_nat64(found)):
            raise BadTarget("webhook.private_address", address=address)


NOWHERE: Final = TargetRules(frozenset())


def _matches(host: str, pattern: str) -> bool:
    pattern = pattern.lower().rstrip(".")
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _is_broadcast(found: IPv4Address | IPv6Address) -> bool:
    return str(found) == "255.255.255.255"


def _is_nat64(found: IPv4Address | IPv6Address) -> bool:
    return str(found).startswith("64:ff9b:")


def signature(secret: str, key: str, at_s: int, body: bytes) -> str:
    """``v1=<hex>``: HMAC-SHA256 over ``<at>.<key>.<body>``; a receiver refuses an old ``at``."""
    signed = f"{at_s}.{key}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def next_attempt_ms(attempts: int, now_ms: int, jitter: float) -> int | None:
    """When it is tried again after ``attempts`` failures; None: no more. ``jitter`` in [0, 1)."""
    if attempts >= MAX_ATTEMPTS:
        return None
    wait_ms = min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS * 4 ** (attempts - 1))
    return now_ms + int(wait_ms * (1 + jitter / 4))


class Webhooks(Protocol):
    """Subscriptions and what waits for them, within one transaction."""

    def listed(self) -> tuple[Webhook, ...]: ...

    def get(self, webhook_id: str) -> Webhook | None: ...

    def put(self, webhook: Webhook) -> None: ...

    def remove(self, webhook_id: str) -> bool:
        """With all that waits for it."""

    def queue(self, webhook_id: str, posted: Sequence[Posted], due_ms: int) -> None:
        """A key already known is dropped."""

    def due(self, webhook_id: str, now_ms: int, limit: int) -> tuple[Posted, ...]:
        """Oldest first."""

    def settle(self, posted_id: int, state: str, problem: str, now_ms: int) -> None: ...

    def postpone(self, posted_id: int, due_ms: int, problem: str) -> None:
        """Count a failed attempt."""

    def waiting(self) -> Mapping[str, int]:
        """Per subscription."""

    def prune(self, before_ms: int) -> None:
        """Forget what was settled before."""
