"""Once a night, beside the gateway: old days into the archive, spans of time kept. A process of its own."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from gridcrew.settings import Settings

log = logging.getLogger(__name__)

_LOOK_S: Final = 300.0
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
NIGHT_BEGINS_MS: Final = 2 * _HOUR_MS
"""Of the local day: the day before has settled, the morning is far."""
_LOCAL_MS: Final = 8 * _HOUR_MS
_END_S: Final = 5.0


def work_of(settings: Settings) -> Sequence[str]:
    """What ``gridcrew`` is to be called with each night; empty where there is nothing to do."""
    if settings.readings.store == "influxdb":
        return ("readings", "downsample")
    return ("readings", "archive") if settings.readings.archive_after_days else ()


def night_of(now_ms: int) -> int:
    """Number of the night that has begun last; it changes at 02:00 local time."""
    return (now_ms + _LOCAL_MS - NIGHT_BEGINS_MS) // _DAY_MS


class Nightly:
    """A thread that starts the work of each night and looks after it until ``stop``."""

    def __init__(
        self,
        command: Sequence[str],
        stop: threading.Event,
        now_ms: Callable[[], int],
        look_s: float = _LOOK_S,
    ) -> None:
        self._command = command
        self._stop = stop
        self._now_ms = now_ms
        self._look_s = look_s
        self._thread = threading.Thread(target=self._run, name="nightly", daemon=True)

    def start(self) -> None:
        """Return at once. The first night is the next one."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, after ``stop``."""
        self._thread.join(_END_S)

    def _run(self) -> None:
        done = night_of(self._now_ms())
        while not self._stop.wait(self._look_s):
            night = night_of(self._now_ms())
            if night > done:
                done = night
                self._work()

    def _work(self) -> None:
        with subprocess.Popen(self._command) as process:  # noqa: S603 (our own command)
            while process.poll() is None:
                if self._stop.wait(0.2):
                    process.terminate()
                    break
            process.wait(_END_S)
        if process.returncode:
            log.warning("the work of the night ended with code %d: %s", process.returncode, self._command)


def start_nightly(settings: Settings, stop: threading.Event) -> None:
    """Start it if this installation has any such work."""
    work = work_of(settings)
    if work:
        Nightly(["nice", sys.executable, "-m", "gridcrew", *work], stop, _wall_clock_ms).start()


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000
