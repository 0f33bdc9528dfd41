"""What every door with one thread of its own has in common: it begins, it is alive, it is asked to end."""

import threading
from abc import ABC, abstractmethod


class Threaded(ABC):
    """``_run`` is the thread's work; it returns soon after ``_stop`` is set."""

    def __init__(self, thread_name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=thread_name, daemon=True)

    @abstractmethod
    def _run(self) -> None:
        """Until ``_stop``."""

    def start(self) -> None:
        """Return at once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False once its thread has ended, which only ``stop`` or a fault of the program brings about."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float) -> None:
        """Take no more, finish what is in hand, let go."""
        self._stop.set()
        self._thread.join(timeout_s)
