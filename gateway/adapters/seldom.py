"""Log lines about what may happen with every frame: a device that always errs must not fill the log."""

import logging
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 10.0


class Seldom:
    """One kind of line: told at once after a quiet time, then at most every ten seconds, for all that came.

    The caller sees to it that one thread at a time tells.
    """

    def __init__(
        self, log: logging.Logger, level: int, text: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``text`` has ``%d`` for how many since the last line and ``%s`` for the first of them."""
        self._log, self._level, self._text, self._clock = log, level, text, clock
        self._untold = 0
        self._first = ""
        self._next_s = float("-inf")

    def tell(self, times: int, first: str) -> None:
        """It happened so often (0: not at all); ``first`` describes the first of these."""
        if times and not self._untold:
            self._first = first
        self._untold += times
        self.rest()

    def rest(self) -> None:
        """Tell what was held back, once its time has come; call it now and then."""
        if not self._untold or self._clock() < self._next_s:
            return
        self._log.log(self._level, self._text, self._untold, self._first)
        self._untold, self._next_s = 0, self._clock() + EVERY_S
