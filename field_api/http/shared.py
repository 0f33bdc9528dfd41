"""Memory that all processes of the web see: limits and counts hold for all of them together.

Whoever starts the processes opens one file and hands it down; each maps its parts in the same order.
A lock is held for some microseconds at most, and goes with its process when that is killed.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Region:
    """Zeros at first; ``bytes`` is read and written by whoever holds it."""

    def __init__(self, size: int, file: int | None, offset: int) -> None:
        self.bytes = mmap.mmap(-1, size) if file is None else mmap.mmap(file, size, offset=offset)
        self._file, self._offset = file, offset
        self._lock = Lock()

    @contextmanager
    def held(self) -> Iterator[mmap.mmap]:
        """Alone among all threads of all processes."""
        with self._lock:
            if self._file is None:
                yield self.bytes
                return
            # The lock of a file is a process's, not a thread's.
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._offset)
            try:
                yield self.bytes
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._offset)


class Shared:
    """Gives regions out of one file; without a file they are this process's own."""

    def __init__(self, file: int | None = None) -> None:
        """``file``: descriptor of a file that is open for reading and writing."""
        self._file, self._end = file, 0

    def region(self, size: int) -> Region:
        """The next one, of so many bytes."""
        offset = self._end
        pages = -(-size // mmap.ALLOCATIONGRANULARITY)
        self._end += pages * mmap.ALLOCATIONGRANULARITY
        if self._file is not None and os.fstat(self._file).st_size < self._end:
            os.truncate(self._file, self._end)
        return Region(size, self._file, offset)
