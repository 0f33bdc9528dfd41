"""Instants as people read them."""

from datetime import UTC, datetime


def iso_seconds(at_ms: int) -> str:
    """``2026-11-22T08:30:00Z``"""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
