"""The disk below the spool: how full it is, how long that will do, and some space kept in hand.

The ballast is a file of that space. It is given up when a write finds the disk full, so that events and the
ledger can go on; until it is there again, nothing but events is taken.
"""

import errno
import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.backpressure import Pressure, capacity_s, pressure

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
RATE_S: Final = 300.0
_STEP_S: Final = 10.0
_LEAST_RATE_BYTES_S: Final = 1.0


class Ballast:
    """A file that takes ``size_bytes`` of the disk, or none at all if that is 0."""

    def __init__(self, file: Path, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes

    @property
    def missing(self) -> bool:
        """Given up, or not made yet."""
        return self._size_bytes > 0 and not self._file.exists()

    def restore(self) -> None:
        """Take the space if there is twice as much."""
        total, used = _usage(self._file.parent)
        if not self.missing or total - used < 2 * self._size_bytes:
            return
        draft = self._file.with_suffix(".new")
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as handle:
                os.posix_fallocate(handle.fileno(), 0, self._size_bytes)
            draft.replace(self._file)
        except OSError as problem:
            log.warning("no room for the ballast: %s", problem)
            draft.unlink(missing_ok=True)

    def release(self) -> bool:
        """Give the space up; whether there was any."""
        try:
            self._file.unlink()
        except OSError:
            return False
        log.error("the disk is full: released the ballast of %d MB", self._size_bytes // 1_000_000)
        return True


class Disk:
    """How full the folders' disks are. Any thread; looks at most each second."""

    def __init__(self, folders: Sequence[Path], ballast: Ballast) -> None:
        self._folders = folders
        self._ballast = ballast
        self._lock = threading.Lock()
        self._looked_s = float("-inf")
        self._pressure = Pressure.FREE
        self._fullest = (1, 0)
        self._taken: deque[tuple[float, int]] = deque()

    def pressure(self) -> Pressure:
        """What must wait now."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._looked_s >= LOOK_S:
                self._looked_s = now_s
                self._look()
            return self._pressure

    def _look(self) -> None:
        self._fullest = fullest(self._folders)
        total, used = self._fullest
        before = self._pressure
        measured = pressure(used / total, before)
        if self._ballast.missing and measured < Pressure.HOLD_BULK:
            self._ballast.restore()
        self._pressure = Pressure.EVENTS_ONLY if self._ballast.missing else measured
        if self._pressure != before:
            said = log.warning if self._pressure > before else log.info
            said("disk %.1f %% used: %s", 100 * used / total, self._pressure.name)

    def full(self, problem: BaseException | None) -> bool:
        """A write failed for this; True if it was for want of space and some was given up just now."""
        if not isinstance(problem, OSError) or problem.errno not in {errno.ENOSPC, errno.EDQUOT}:
            return False
        with self._lock:
            self._looked_s = float("-inf")
        return self._ballast.release()

    def took(self, count_bytes: int) -> None:
        """So much was spooled just now."""
        with self._lock:
            now_s = time.monotonic() // _STEP_S * _STEP_S
            if self._taken and self._taken[-1][0] == now_s:
                self._taken[-1] = now_s, self._taken[-1][1] + count_bytes
            else:
                self._taken.append((now_s, count_bytes))
            while self._taken[0][0] < now_s - RATE_S:
                self._taken.popleft()

    def gauges(self) -> dict[str, int]:
        """Pressure, used share in thousandths, intake per second, and how long the room will do."""
        step = self.pressure()
        with self._lock:
            total, used = self._fullest
            since_s = time.monotonic() - RATE_S
            taken = [(at_s, count) for at_s, count in self._taken if at_s >= since_s]
        span_s = max(_STEP_S, time.monotonic() - taken[0][0]) if taken else 1.0
        rate = sum(count for _, count in taken) / span_s
        return {
            "pressure": int(step),
            "disk_used_permille": 1000 * used // total,
            "intake_bytes_per_s": round(rate),
            "capacity_s": capacity_s(total, used, max(rate, _LEAST_RATE_BYTES_S)),
            "ballast_missing": int(self._ballast.missing),
        }


def fullest(folders: Sequence[Path]) -> tuple[int, int]:
    """Of the disks below these folders the one with the largest share used, as (total, used) bytes."""
    return max(map(_usage, folders), key=lambda usage: usage[1] / usage[0])


def _usage(folder: Path) -> tuple[int, int]:
    """(bytes that we may use in all, of those used) of the disk below the folder."""
    usage = shutil.disk_usage(next(near for near in (folder, *folder.parents) if near.exists()))
    return max(1, usage.used + usage.free), usage.used
