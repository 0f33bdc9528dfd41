"""How many requests a person or an address may make: a bucket that fills steadily. Bounded, in memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

MAX_KEYS: Final = 10_000
BURST_S: Final = 10.0
"""A bucket holds what flows in within so long."""


class Throttle:
    """Safe to share between threads; forgets who asked longest ago."""

    def __init__(
        self, per_s: float, burst: float | None = None, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._most = per_s, per_s * BURST_S if burst is None else burst
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, key: str) -> float:
        """Take one; seconds until there would be one where the bucket is empty, else 0."""
        now_s = self._clock_s()
        with self._lock:
            level, at_s = self._buckets.get(key, (self._most, now_s))
            level = min(self._most, level + (now_s - at_s) * self._per_s)
            wait_s = 0.0 if level >= 1 else (1 - level) / self._per_s
            self._buckets[key] = (level - 1 if level >= 1 else level, now_s)
            self._buckets.move_to_end(key)
            while len(self._buckets) > MAX_KEYS:
                self._buckets.popitem(last=False)
        return wait_s
