"""How many requests a person or an address may make: a bucket that fills steadily, in shared memory."""

import hashlib
import struct
import time
from collections.abc import Callable
from typing import Final

from field_api.http.shared import Region, Shared

BURST_S: Final = 10.0
"""A bucket holds what flows in within so long."""
GROUPS: Final = 4_096
PER_GROUP: Final = 8
_GROUP: Final = struct.Struct("=" + "Qdd" * PER_GROUP)
_BUCKET: Final = struct.Struct("=Qdd")
"""Mark of the key (0: empty), level, and when that was, by the machine's monotonic clock."""


class Throttle:
    """Safe to share between threads and processes.

    A key's bucket is one of a group of eight, which forgets who asked longest ago: some ten thousand keys
    are told apart at once.
    """

    def __init__(
        self,
        per_s: float,
        burst: float | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        shared: Shared | None = None,
    ) -> None:
        self._per_s, self._most = per_s, per_s * BURST_S if burst is None else burst
        self._clock_s = clock_s
        self._buckets: Region = (shared or Shared()).region(GROUPS * _GROUP.size)

    def wait_s(self, key: str) -> float:
        """Take one; seconds until there would be one where the bucket is empty, else 0."""
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        mark = int.from_bytes(digest[:8], "big") | 1
        group = int.from_bytes(digest[8:], "big") % GROUPS * _GROUP.size
        with self._buckets.held() as memory:
            now_s = self._clock_s()
            found = _GROUP.unpack_from(memory, group)
            marks, times = found[0::3], found[2::3]
            if mark in marks:
                place = marks.index(mark)
                level = min(self._most, found[3 * place + 1] + (now_s - times[place]) * self._per_s)
            else:
                place, level = times.index(min(times)), self._most
            wait_s = 0.0 if level >= 1 else (1 - level) / self._per_s
            left = level - 1 if level >= 1 else level
            _BUCKET.pack_into(memory, group + place * _BUCKET.size, mark, left, now_s)
        return wait_s
