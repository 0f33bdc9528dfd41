"""Lines on their way to InfluxDB: sent again if lost, halved if refused, until only bad ones remain."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from telemetry.adapters.influx_server import InfluxServer, LinesRefused, LinesTooLarge
from telemetry.ports import ReadingsAway

_PAUSE_S: Final = 0.1
_FIRST_WAIT_S: Final = 0.5
MAX_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that the server will never take."""

    place: int
    """Its place among the lines that were to be delivered."""
    line: bytes
    reason: str


def deliver(server: InfluxServer, lines: bytes) -> list[BadLine]:
    """Store all lines but the bad ones, which are answered; raises ReadingsAway."""
    bad: list[BadLine] = []
    waiting = [(0, lines)]
    while waiting:
        place, part = waiting.pop()
        try:
            _post(server, part)
        except (LinesRefused, LinesTooLarge) as problem:
            halves = list(_halves(place, part))
            if len(halves) == 1:
                bad.append(BadLine(place, part, str(problem)))
            else:
                waiting.extend(reversed(halves))
    return bad


def _post(server: InfluxServer, lines: bytes) -> None:
    """A reply that was lost costs another try at once; what lasts longer is the caller's to wait for."""
    for last in (False, True):
        try:
            server.write(lines)
        except ReadingsAway as problem:
            if last or problem.retry_after_s:
                raise
            time.sleep(random.uniform(0, _PAUSE_S))
        else:
            return


def _halves(place: int, lines: bytes) -> Iterator[tuple[int, bytes]]:
    split = lines.split(b"\n")
    if not split[-1]:
        split.pop()
    middle = (len(split) + 1) // 2
    for begin, half in ((0, split[:middle]), (middle, split[middle:])):
        if half:
            yield place + begin, b"\n".join(half)


class Patience:
    """When to knock again: waits double, with jitter; what the server itself asks for comes first."""

    def __init__(self) -> None:
        self._troubles = 0
        self._again_s = 0.0
        self._reason = ""

    def check(self, now_s: float) -> None:
        """Raises ReadingsAway while it is too early."""
        if now_s < self._again_s:
            raise ReadingsAway(f"{self._reason} (asking again in {self._again_s - now_s:.1f} s)")

    def trouble(self, problem: ReadingsAway, now_s: float) -> None:
        """The server was away."""
        if now_s < self._again_s:
            return  # another request of the same trouble
        self._troubles += 1
        longest = min(MAX_WAIT_S, _FIRST_WAIT_S * 2 ** min(self._troubles - 1, 10))
        wait_s = min(problem.retry_after_s, MAX_WAIT_S) or random.uniform(longest / 2, longest)
        self._again_s, self._reason = now_s + wait_s, str(problem)

    def success(self) -> None:
        """The server answers."""
        self._troubles, self._again_s = 0, 0.0
