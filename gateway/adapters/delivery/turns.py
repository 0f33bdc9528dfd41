"""A lock that lets the urgent go first: who only carries readings steps back while an event waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One holder at a time; not to be taken again by who holds it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = False
        self._urgent = 0

    @contextmanager
    def take(self, *, urgent: bool = False) -> Iterator[None]:
        """Hold it; ``urgent`` goes before all that are not."""
        with self._changed:
            self._urgent += urgent
            self._changed.wait_for(lambda: not self._held and (urgent or not self._urgent))
            self._urgent -= urgent
            self._held = True
        try:
            yield
        finally:
            with self._changed:
                self._held = False
                self._changed.notify_all()
