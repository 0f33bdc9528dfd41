"""``Door`` of the inbox: exports dropped as files, one way, without any network.

A file is taken in slices; each slice lies in the spool before the next is read, and only when all of them do
is the file moved to ``done``. Death in between reads the file again: its slices carry the same names, so the
ledger drops what it has. Events go before readings; on a disk that runs full no file is picked up.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.adapters.delivery.fault_points import fault_point
from gateway.adapters.files.folder import Dropped, InboxFolder, readable
from gateway.adapters.files.reading import Rejected, Tally, frame_of, sifted, slices
from gateway.adapters.files.sources import LiveSources
from gateway.adapters.threaded import Threaded
from gateway.backpressure import Pressure
from gateway.exports.lines import FileRefused
from gateway.exports.matching import match
from gateway.exports.parsing import FindId
from gateway.exports.sources import FileSource, SourceKind
from gateway.frames import Frame, Lane
from gateway.ports import Intake, SpoolUnavailable

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
SETTLE_S: Final = 2.0
GROUP_FRAMES: Final = 32
HEAD_BYTES: Final = 65_536
MAX_FILE_BYTES: Final = 8 * 1024**3
_RETRY_S: Final = 1.0
_HOUSEKEEPING_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_NOBODY: Final = "_nobody"
"""Where in ``working`` a file lies that no source fits; no source has such a name."""

TakeCrossing = Callable[[Path, Callable[[Lane, Sequence[Frame]], None]], list[str]]
"""Takes a file of another installation: answers the reasons against it, or none; raises FileRefused."""


class Interrupted(RuntimeError):
    """The door was told to stop in the middle of a file, which stays in ``working``."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the inbox is looked after."""

    settle_s: float = SETTLE_S
    """A file whose size and time have not changed for so long is complete."""
    poll_s: float = POLL_S
    rest: float = 0.5
    """How long to rest after a slice of readings, as a share of the time it took: other doors share the
    process, and what they bring is more urgent."""
    done_s: float = 30 * _DAY_S
    refused_s: float = 90 * _DAY_S


class FileDropDoor(Threaded):
    """Reads one inbox, one file at a time."""

    required = False
    name = "file:inbox"

    def __init__(
        self,
        folder: Path,
        sources: LiveSources,
        find_id: Callable[[], FindId],
        intake: Intake,
        take_crossing: TakeCrossing,
        keeping: Keeping = Keeping(),
    ) -> None:
        """``find_id`` gives the crosswalk in force."""
        self._inbox = InboxFolder(folder, keeping.settle_s)
        self._sources = sources
        self._find_id = find_id
        self._intake = intake
        self._take_crossing = take_crossing
        self._keeping = keeping
        self._trouble = ""
        self._ready = False
        self._counts: Counter[str] = Counter()
        self._next_housekeeping_s = 0.0
        super().__init__(self.name)

    @property
    def ready(self) -> bool:
        """True while the inbox can be read."""
        return self._ready

    @property
    def trouble(self) -> str:
        """What keeps files waiting, and which source files are wrong."""
        return "; ".join(filter(None, (self._trouble, *self._sources.problems().values())))

    def counters(self) -> Mapping[str, int]:
        """Files and lines, taken and refused; frames handed over; lines with unmatched ids."""
        names = ("files", "refused_files", "lines", "refused_lines", "unmatched_lines", "frames")
        return {name: self._counts[name] for name in names}

    def _run(self) -> None:
        """A file in hand when it is stopped is read on (again) at the next start."""
        while not self._stop.is_set():
            try:
                self._look()
                self._ready = True
            except Interrupted:
                return
            except OSError as problem:
                self._ready = False
                self._tell(f"inbox: {problem}")
            self._stop.wait(self._keeping.poll_s)

    def _look(self) -> None:
        self._inbox.prepare()
        if self._intake.pressure() >= Pressure.SLOW:
            self._tell("files wait: the disk is filling up")
            return
        trouble = ""
        for source_name, path in self._inbox.unfinished():
            trouble = self._read_named(source_name, path) or trouble
        for dropped in self._inbox.complete():
            trouble = self._pick_up(dropped) or trouble
            if self._stop.is_set() or self._intake.pressure() >= Pressure.SLOW:
                break
        self._tell(trouble)
        self._keep_house()

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("%s: %s", self.name, trouble)
        self._trouble = trouble

    def _pick_up(self, dropped: Dropped) -> str:
        """Take one file; why it must wait, or nothing."""
        broken = self._sources.problems()
        if dropped.folder in broken and dropped.folder not in self._sources.current():
            return f"{dropped.folder}/{dropped.name} waits: {broken[dropped.folder]}"
        with dropped.path.open("rb") as handle:
            head = handle.read(HEAD_BYTES)
        found = match(self._sources.current(), dropped.folder, dropped.name, head)
        path = self._inbox.pick_up(dropped, found.source.name if found.source else _NOBODY)
        fault_point("file_picked_up")
        if found.source is None:
            self._refuse(path, [found.why])
        else:
            self._read(found.source, path)
        return ""

    def _read_named(self, source_name: str, path: Path) -> str:
        source = self._sources.current().get(source_name)
        if source_name == _NOBODY:
            self._refuse(path, ["source: expected one that fits, found none; drop the file again"])
            return ""
        if source is None:
            return f"working/{source_name}/{readable(path.name)} waits: there is no source {source_name}"
        self._read(source, path)
        return ""

    def _read(self, source: FileSource, path: Path) -> None:
        """One file to its end; what is wrong with it as a whole refuses it."""
        try:
            _check_size(path)
            if source.kind is SourceKind.CROSSING:
                self._read_crossing(path)
            else:
                self._read_lines(source, path)
        except FileRefused as problem:
            self._refuse(path, [str(problem)])
        except (Interrupted, OSError):
            raise
        except Exception as problem:
            log.exception("reading %s failed", path.name)
            self._refuse(path, [f"the reader failed: {type(problem).__name__}: {problem}"])

    def _refuse(self, path: Path, reasons: list[str]) -> None:
        log.warning("%s refused: %s", readable(path.name), reasons[0])
        self._inbox.refuse(path, reasons)
        self._counts["refused_files"] += 1

    def _read_crossing(self, path: Path) -> None:
        reasons = self._take_crossing(path, self._take)
        if reasons:
            self._refuse(path, reasons)
            return
        self._inbox.finish(path, [], None)
        self._counts["files"] += 1

    def _read_lines(self, source: FileSource, path: Path) -> None:
        tally, rejected, group = Tally(), Rejected(path), list[Frame]()
        name, mtime_ms = readable(path.name), path.stat().st_mtime_ns // 1_000_000
        lane = Lane.EVENTS if source.of_events else Lane.BACKFILL
        with path.open("rb") as handle, closing(rejected):
            for part in slices(source, handle, tally):
                began_s = time.monotonic()
                whole, bad = sifted(source, part, self._find_id(), tally)
                rejected.add(part.header, bad)
                frame = frame_of(source, whole, name, mtime_ms, time.time_ns() // 1_000_000)
                group += [frame] if frame is not None else []
                if len(group) >= GROUP_FRAMES:
                    self._take(lane, group)
                    group = []
                if lane is not Lane.EVENTS:
                    self._stop.wait((time.monotonic() - began_s) * self._keeping.rest)
        if group:
            self._take(lane, group)
        fault_point("file_before_done")
        self._inbox.finish(path, tally.report(), rejected.path)
        self._note(name, tally)

    def _note(self, name: str, tally: Tally) -> None:
        self._counts["files"] += 1
        self._counts["lines"] += tally.lines
        self._counts["refused_lines"] += tally.bad
        self._counts["unmatched_lines"] += tally.unmatched.total()
        log.info("%s: %d lines, %d of them refused", name, tally.lines, tally.bad)

    def _take(self, lane: Lane, frames: Sequence[Frame]) -> None:
        """Into the spool, however long that takes; raises Interrupted."""
        while not self._stop.is_set():
            try:
                if self._intake.pressure() < Pressure.HOLD_BULK or lane is Lane.EVENTS:
                    self._intake.take(lane, frames)
                    self._counts["frames"] += len(frames)
                    self._trouble = ""
                    fault_point("file_group_taken")
                    return
                self._tell("a file waits in the middle: the disk is filling up")
            except SpoolUnavailable as problem:
                self._tell(f"a file waits in the middle: {problem}")
            self._stop.wait(_RETRY_S)
        raise Interrupted

    def _keep_house(self) -> None:
        if time.monotonic() >= self._next_housekeeping_s:
            self._next_housekeeping_s = time.monotonic() + _HOUSEKEEPING_S
            self._inbox.forget(self._keeping.done_s, self._keeping.refused_s)


def _check_size(path: Path) -> None:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FileRefused(f"file: expected at most {MAX_FILE_BYTES} bytes")
