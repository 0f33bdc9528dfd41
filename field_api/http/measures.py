"""Counts of answered requests, for /metrics."""

from collections import Counter
from threading import Lock


class Measures:
    """Safe to share between threads; as many counters as there are operations and statuses."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()

    def count(self, operation: str, status: int) -> None:
        """One more answer."""
        with self._lock:
            self._answers[operation, status] += 1

    def answers(self) -> dict[tuple[str, int], int]:
        """Answers by operation and status so far."""
        with self._lock:
            return dict(self._answers)
