"""Every crew in a thread of its own, mostly asleep; one more that logs them in, one after the other."""

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from simulators.adapters.camera import DrawnPictures
from simulators.adapters.field_client import HttpFieldDoor
from simulators.crews import Shift
from simulators.errors import UnknownElement
from simulators.field import FieldProblem, NotAdmitted, Refused
from simulators.practice import PracticeGrid

log = logging.getLogger(__name__)

PASSWORD: Final = "crew-demo"  # noqa: S105 (of the demo's crews, printed at its start)
RETRY_S: Final = (1.0, 30.0)
REFUSED_S: Final = 2.0
BASE_32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class GridRepairs:
    """Crews on site: what they see and mend is the practice grid's truth."""

    grid: PracticeGrid

    def look(self, near: str, reach: int) -> tuple[str, ...]:
        try:
            return self.grid.look(near, reach)
        except UnknownElement:
            return ()  # the order names something of another network version

    def mend(self, near: str, reach: int) -> tuple[str, ...]:
        try:
            return self.grid.repair(near, _now_ms(), reach).mended
        except UnknownElement:
            return ()


@dataclass(frozen=True, slots=True)
class CrewRoom:
    """Plays ``crew-01``, ``crew-02``, … up to ``most`` or the first whom the product does not know."""

    locate: Callable[[], str]
    grid: PracticeGrid
    most: int
    speed: float
    seed: int

    def run(self, stop: threading.Event) -> None:
        """Until ``stop`` is set."""
        crews: list[threading.Thread] = []
        for number in range(1, self.most + 1):
            door = HttpFieldDoor(self.locate, f"crew-{number:02d}", PASSWORD)
            crew = _logged_in(door, stop)
            if crew is None:
                break
            shift = Shift(
                crew, door, GridRepairs(self.grid), self.speed, self.seed, _now_ms, _new_id, DrawnPictures()
            )
            crews.append(threading.Thread(target=_work, args=(shift, door, stop), name=crew, daemon=True))
            crews[-1].start()
        log.info("%d crews on duty", len(crews))
        for thread in crews:
            thread.join()


def _logged_in(door: HttpFieldDoor, stop: threading.Event) -> str | None:
    """The crew's id; None where the login is refused or it is time to stop."""
    for wait_s in _back_off():
        try:
            return door.log_in()
        except (NotAdmitted, Refused) as problem:
            log.info("no further crew: %s", problem)
            return None
        except FieldProblem as problem:
            log.debug("the product cannot be reached yet: %s", problem)
            if stop.wait(wait_s):
                return None
    return None


def _work(shift: Shift, door: HttpFieldDoor, stop: threading.Event) -> None:
    waits = _back_off()
    while not stop.is_set():
        try:
            for wait_s in shift.routine():
                waits = _back_off()
                if stop.wait(wait_s):
                    return
        except NotAdmitted:
            if _logged_in(door, stop) is None:
                return
        except Refused as problem:
            log.info("%s", problem)
            stop.wait(REFUSED_S)
        except FieldProblem as problem:
            log.info("%s", problem)
            stop.wait(next(waits))


def _back_off() -> Iterator[float]:
    wait_s, most_s = RETRY_S
    while True:
        yield wait_s * random.uniform(0.5, 1)
        wait_s = min(wait_s * 2, most_s)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    """A ULID: the time in milliseconds, then 80 random bits, in Crockford's base 32."""
    number = (_now_ms() << 80) | secrets.randbits(80)
    return "".join(BASE_32[(number >> shift) & 31] for shift in range(125, -1, -5))
