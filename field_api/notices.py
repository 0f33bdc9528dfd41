"""Notices on their way: what is announced, to whom, and how far it has come."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_ATTEMPTS: Final = 8
_FIRST_WAIT_MS: Final = 1_000
_MAX_WAIT_MS: Final = 300_000


class NoticeState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One text for many people."""

    id: str
    outage_id: str
    incident_id: str
    kind: str
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Posting:
    """One announcement to one person; ``key`` is unique for ever."""

    key: str
    recipient: str
    grid_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A posting with its place in the outbox and its announcement."""

    id: int
    posting: Posting
    announcement: Announcement
    state: NoticeState
    attempts: int


def next_attempt(attempts: int, now_ms: int) -> int | None:
    """When to try again after ``attempts`` failures, doubling from 1 s to 5 min; None: give up."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return now_ms + min(_MAX_WAIT_MS, _FIRST_WAIT_MS << (attempts - 1))
