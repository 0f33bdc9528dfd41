"""Counts of answered requests, for /metrics: of all processes of the web together."""

from collections.abc import Iterable
from typing import Final

from field_api.http.shared import Shared

STATUSES: Final = range(100, 600)


class Measures:
    """A counter for each operation and status. Safe to share between threads and processes."""

    def __init__(self, operations: Iterable[str], shared: Shared) -> None:
        self._rows = {name: row for row, name in enumerate(sorted(operations))}
        self._region = shared.region(len(self._rows) * len(STATUSES) * 8 or 1)
        self._counts = memoryview(self._region.bytes).cast("Q")

    def count(self, operation: str, status: int) -> None:
        """One more answer."""
        place = self._rows[operation] * len(STATUSES) + STATUSES.index(status)
        with self._region.held():
            self._counts[place] += 1

    def answers(self) -> dict[tuple[str, int], int]:
        """Answers by operation and status so far."""
        counts = self._counts.tolist()
        return {
            (name, status): count
            for name, row in self._rows.items()
            for status, count in zip(STATUSES, counts[row * len(STATUSES) :], strict=False)
            if count
        }
