"""Instants at the doors: UTC epoch milliseconds inside, ISO-8601 with ``Z`` outside."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS


def iso(at_ms: int) -> str:
    """``2026-11-22T08:30:00.125Z``"""
    at = EPOCH + timedelta(milliseconds=at_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(at_ms: int | None) -> str | None:
    """As ``iso``; None stays None."""
    return None if at_ms is None else iso(at_ms)


def milliseconds(at: datetime) -> int:
    """Epoch milliseconds of an aware datetime, rounded down; ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no zone: write Z or an offset")
    return (at - EPOCH) // _MS
