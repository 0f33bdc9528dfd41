"""What the worker's process does beside claiming outages, in a thread of its own: a slow disk or a silent
partner delays no order."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from field_api.ports import Clock

_POLL_S: Final = 0.5
_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Chore:
    """Something to do again and again; what goes wrong is logged and tried again at its next time."""

    name: str
    every_ms: int
    do: Callable[[int], object]
    done_ms: int = field(default=-(2**62))


@dataclass(slots=True)
class Sideline:
    """Its chores one after the other, each when its time has come."""

    chores: Sequence[Chore]
    clock: Clock

    def run(self, stop: threading.Event) -> None:
        """Until told to stop."""
        while not stop.wait(_POLL_S):
            self.turn()

    def turn(self) -> None:
        """One round."""
        for chore in self.chores:
            now_ms = self.clock()
            if now_ms - chore.done_ms < chore.every_ms:
                continue
            chore.done_ms = now_ms
            try:
                chore.do(now_ms)
            except Exception as problem:  # noqa: BLE001 (one chore must not end the others)
                _LOG.warning("%s: %s: %s", chore.name, type(problem).__name__, problem)
