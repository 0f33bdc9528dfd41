"""Which durable sessions we once had, so that a broker that lost one is found out and stays reported.

A session that vanished may have taken frames with it that devices saw acknowledged. The alarm stays until
somebody acknowledges it (``gridcrew gateway --acknowledge-sessions``) or its time is over; the count stays.
"""

import contextlib
import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Met:
    """What is known of one session; ``lost_ms`` 0: nothing to report."""

    losses: int = 0
    lost_ms: int = 0


class SessionMemory:
    """Remembers in one small file; any thread, and another process may acknowledge."""

    def __init__(self, file: Path, alarm_hours: float) -> None:
        """``alarm_hours``: how long a loss is shown unless it is acknowledged."""
        self._file = file
        self._alarm_ms = alarm_hours * HOUR_MS
        self._lock = threading.Lock()

    def meet(self, name: str, *, present: bool, now_ms: int) -> bool:
        """The broker answered; True where it had lost a session that we once had."""
        with self._lock:
            known = self._read()
            before = known.get(name)
            lost = before is not None and not present
            after = before or Met()
            if lost:
                after = Met(after.losses + 1, now_ms)
            if after != before:
                self._write({**known, name: after})
            return lost

    def alarm(self, name: str, now_ms: int) -> str:
        """What to look at; empty when there is nothing."""
        met = self._read().get(name)
        if met is None or not met.lost_ms or now_ms - met.lost_ms > self._alarm_ms:
            return ""
        since = datetime.fromtimestamp(met.lost_ms / 1000, UTC).isoformat(timespec="seconds")
        return f"the broker had lost our session at {since}: frames it had acknowledged may be missing"

    def losses(self, name: str) -> int:
        """How often the session was lost since the beginning."""
        return self._read().get(name, Met()).losses

    def acknowledge(self) -> tuple[str, ...]:
        """Somebody has seen it: no alarm any more; the names that had one."""
        with self._lock:
            known = self._read()
            alarmed = tuple(name for name, met in known.items() if met.lost_ms)
            if alarmed:
                self._write({name: replace(met, lost_ms=0) for name, met in known.items()})
            return alarmed

    def _read(self) -> dict[str, Met]:
        # A file that somebody damaged must not keep the gateway from working: then all is new.
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return {name: Met(**met) for name, met in found.items()}
        return {}

    def _write(self, known: dict[str, Met]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".new{os.getpid()}")
        draft.write_text(json.dumps({name: asdict(met) for name, met in known.items()}), encoding="utf-8")
        draft.replace(self._file)
