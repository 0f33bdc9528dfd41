"""The door of a broker's refusals: its log, followed from where it was left, counted, handed over as frames.

What was read is remembered only after the findings are on disk; a log that was rotated meanwhile is read to
its end first. A flood of refusals becomes a few rows: one per threat and source each ``REPORT_S``.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from gateway.adapters.threaded import Threaded
from gateway.codecs.security import SECURITY, frames_of
from gateway.frames import Lane
from gateway.ports import Intake, SpoolUnavailable
from gateway.security import Finding, Tally, Threat, finding

log = logging.getLogger(__name__)

POLL_S: Final = 0.5
REPORT_S: Final = 5.0
MAX_LINES: Final = 20_000
"""Read at once; the rest at the next poll."""
MAX_BEHIND_BYTES: Final = 16 * 1024 * 1024
"""Further back than this nothing is read: the newest refusals matter."""
MAX_LINE_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Source:
    """A log file and how its lines are read."""

    file: Path
    read: Callable[[str], Finding | None]


class SecurityLogDoor(Threaded):
    """``Door`` that follows log files of brokers and of the doorkeeper."""

    name = SECURITY
    required = False

    def __init__(self, sources: tuple[Source, ...], places_file: Path, intake: Intake) -> None:
        """``places_file``: where it is remembered how far each log was read."""
        self.trouble = ""
        self._followers = [_Follower(source) for source in sources]
        self._places_file = places_file
        self._intake = intake
        self._tally = Tally()
        self._reported = 0
        self._skipped = 0
        self._last_report_s = -REPORT_S
        super().__init__(self.name)

    @property
    def ready(self) -> bool:
        """True while it reads; a log that does not exist yet is no trouble."""
        return self.alive and not self.trouble

    def counters(self) -> Mapping[str, int]:
        """Findings handed over since the start, and bytes of logs that were skipped."""
        return {"findings": self._reported, "skipped_bytes": self._skipped}

    def _run(self) -> None:
        self._remember_places()
        while not self._stop.wait(POLL_S):
            try:
                self._step()
                self.trouble = ""
            except (OSError, SpoolUnavailable) as problem:
                if self.trouble != str(problem):
                    log.warning("%s: %s", self.name, problem)
                self.trouble = str(problem)
        for follower in self._followers:
            follower.close()

    def _step(self) -> None:
        for follower in self._followers:
            for found in follower.poll():
                self._tally.add(found)
            self._skipped += follower.take_skipped()
        now_s = time.monotonic()
        if len(self._tally) and now_s - self._last_report_s >= REPORT_S:
            self._report(self._tally.take())
            self._last_report_s = now_s

    def _report(self, findings: tuple[Finding, ...]) -> None:
        try:
            self._intake.take(Lane.EVENTS, frames_of(findings, SECURITY, time.time_ns() // 1_000_000))
        except SpoolUnavailable:
            for found in findings:
                self._tally.add(found)
            raise
        self._reported += sum(found.count for found in findings)
        places = {str(follower.source.file): follower.place() for follower in self._followers}
        draft = self._places_file.with_suffix(".new")
        draft.write_text(json.dumps(places), encoding="utf-8")
        draft.replace(self._places_file)

    def _remember_places(self) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            places = json.loads(self._places_file.read_text(encoding="utf-8"))
            for follower in self._followers:
                inode, offset = places.get(str(follower.source.file), (0, 0))
                follower.begin_at(int(inode), int(offset))


class _Follower:
    """Reads whole lines of one file as they come."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._handle: IO[bytes] | None = None
        self._begin = (0, 0)
        self._skipped = 0

    def begin_at(self, inode: int, offset: int) -> None:
        """Where reading ended before, if it still is that file."""
        self._begin = (inode, offset)

    def place(self) -> tuple[int, int]:
        """(inode, offset) up to which lines were read."""
        if self._handle is None:
            return self._begin
        return os.fstat(self._handle.fileno()).st_ino, self._handle.tell()

    def take_skipped(self) -> int:
        skipped, self._skipped = self._skipped, 0
        return skipped

    def poll(self) -> list[Finding]:
        """What the lines that were added say."""
        if self._handle is None and not self._open():
            return []
        found = self._read()
        if self._was_rotated():
            found += self._read()
            self.close()
        return found

    def close(self) -> None:
        if self._handle is not None:
            self._begin = self.place()
            self._handle.close()
            self._handle = None

    def _open(self) -> bool:
        try:
            self._handle = self.source.file.open("rb")
        except FileNotFoundError:
            return False
        state = os.fstat(self._handle.fileno())
        inode, offset = self._begin
        start = offset if inode == state.st_ino and offset <= state.st_size else 0
        self._skipped += max(0, state.st_size - MAX_BEHIND_BYTES - start)
        self._handle.seek(max(start, state.st_size - MAX_BEHIND_BYTES))
        return True

    def _read(self) -> list[Finding]:
        if self._handle is None:
            return []
        found = []
        for _ in range(MAX_LINES):
            line = self._handle.readline(MAX_LINE_BYTES)
            if not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
                # Half a line: its writer has not finished it.
                self._handle.seek(-len(line), os.SEEK_CUR)
                break
            told = self.source.read(line.decode("utf-8", errors="replace"))
            if told is not None:
                found.append(told)
        return found

    def _was_rotated(self) -> bool:
        if self._handle is None:
            return False
        here = os.fstat(self._handle.fileno())
        try:
            there = self.source.file.stat()
        except FileNotFoundError:
            return True
        return there.st_ino != here.st_ino or there.st_size < self._handle.tell()


def read_own_line(line: str) -> Finding | None:
    """A line of the doorkeeper's findings: ``[threat, source, text, count]``."""
    with contextlib.suppress(ValueError, TypeError):
        threat, source, text, count = json.loads(line)
        return finding(Threat(threat), str(source), str(text), int(count))
    return None
