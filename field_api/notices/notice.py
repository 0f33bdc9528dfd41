"""Notices on their way: what is announced, to whom, and how far it has come."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_ATTEMPTS: Final = 30
"""Two hours; a provider that is down for an evening loses nothing that still matters."""
LEASE_MS: Final = 120_000
"""A notice taken by a process that died is taken again after so long, with the same key."""
_FIRST_WAIT_MS: Final = 1_000
_MAX_WAIT_MS: Final = 300_000


class NoticeState(StrEnum):
    """``pending`` → ``queued`` → ``sending`` → ``sent`` → ``delivered`` → ``read``, or an end before that."""

    PENDING = "pending"
    """Waits for a dispatcher's click."""
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    """The channel took it."""
    DELIVERED = "delivered"
    """The provider says that it arrived."""
    READ = "read"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """Newer words took its place before it left."""
    REJECTED = "rejected"
    """A dispatcher said no."""


WAITING: Final = (NoticeState.PENDING, NoticeState.QUEUED)
ON_THE_WAY: Final = (*WAITING, NoticeState.SENDING)
NEVER_LEFT: Final = (NoticeState.WITHDRAWN, NoticeState.REJECTED)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One text for many people."""

    id: str
    outage_id: str
    incident_id: str
    kind: str
    at_ms: int
    text: str
    expected_ms: int | None = None
    """When supply is back, as the text says."""
    feeder: str = ""
    """The feeder whose hold stops it."""
    customers: int = 0
    """Size of the whole scope at that time, and below how many of them are key customers."""
    key_customers: int = 0


@dataclass(frozen=True, slots=True)
class Posting:
    """One announcement to one person; ``key`` is unique for ever."""

    key: str
    recipient: str
    """Id of a customer, or ``staff:`` and the name in the call list."""
    grid_id: str
    channel: str
    urgency: int = 3
    """``field_api.notices.rules.Urgency``"""
    due_ms: int | None = None
    """None: at once."""
    state: NoticeState = NoticeState.QUEUED


@dataclass(frozen=True, slots=True)
class Notice:
    """A posting with its place in the outbox and its announcement."""

    id: int
    posting: Posting
    announcement: Announcement
    state: NoticeState
    attempts: int


def provider_key(key: str) -> str:
    """What a provider gets as idempotency key: it tells nothing of our ids and has a length that all take."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def next_attempt(attempts: int, now_ms: int) -> int | None:
    """When to try again after ``attempts`` failures, doubling from 1 s to 5 min; None: give up."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return now_ms + min(_MAX_WAIT_MS, _FIRST_WAIT_MS << min(attempts - 1, 20))
