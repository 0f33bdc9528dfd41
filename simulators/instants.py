"""Instants as the doors of the product spell them."""

from datetime import UTC, datetime


def iso(at_ms: int) -> str:
    """ISO-8601 in UTC with milliseconds, of UTC epoch milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
