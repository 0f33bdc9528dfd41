"""The gateway's two processes: the receiver (broker → spool → acknowledgement) and its child, the drain.

They share nothing but the spool and a pipe: ``e``, ``b``, ``f`` a group was spooled in the lane of events,
bulk or backfill, ``h`` all doors are open, ``d`` they are not; the end of the pipe, however the receiver
ended, ends the drain. Locks on files keep a second receiver, or a drain that outlived its receiver, from
writing beside them.
"""

import contextlib
import fcntl
import json
import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from gateway.adapters.delivery.disk import Ballast, Disk, fullest
from gateway.adapters.delivery.drain import Drain, Signals
from gateway.adapters.delivery.intake import SpoolIntake
from gateway.adapters.delivery.spool import SEGMENT_BYTES, SegmentSpool
from gateway.adapters.mqtt.door import MqttDoor
from gateway.frames import Lane
from gateway.ports import Door, Spool

log = logging.getLogger(__name__)

DRAIN_READY: Final = b"drain ready\n"
START_S: Final = 180.0
"""One that dies is noticed at once; one that is only slow would be slower still if it began again."""
PREDECESSOR_S: Final = 30.0
STOP_DOORS_S: Final = 2.0
STOP_DRAIN_S: Final = 2.5
SEGMENTS_ON_DISK: Final = 64
LEAST_SEGMENT_BYTES: Final = 512 * 1024
_WATCH_S: Final = 0.1
_WAKE: Final = {Lane.EVENTS: b"e", Lane.BULK: b"b", Lane.BACKFILL: b"f"}
_HEARING, _DEAF = b"h", b"d"


class GatewayFailed(RuntimeError):
    """The gateway cannot start or go on; the text says why."""


class Receiver:
    """Runs all doors and the drain until told to stop."""

    def __init__(
        self,
        folder: Path,
        make_doors: Callable[[SpoolIntake], Sequence[Door]],
        drain_command: Sequence[str],
        ballast_bytes: int = 0,
        prepare: Callable[[Mapping[Lane, Spool]], object] = lambda _: None,
    ) -> None:
        """``ballast_bytes``: space kept in hand for a full disk; ``prepare`` runs before any door opens."""
        self._prepare = prepare
        self._folder = folder
        self._drain_command = drain_command
        self._spools = open_spools(folder)
        self._ready_file = folder / "gateway.ready"
        self._drain: subprocess.Popen[bytes] | None = None
        disk = Disk(spool_folders(folder), Ballast(ballast_file(folder), ballast_bytes))
        self._doors = make_doors(SpoolIntake(self._spools, self._wake_drain, disk))

    def run(self, stop: threading.Event, say_ready: Callable[[], None]) -> None:
        """Until ``stop``; ``say_ready`` is called once, when all is connected. Raises GatewayFailed."""
        with locked(self._folder / "gateway.lock", wait_s=0):
            self._ready_file.unlink(missing_ok=True)
            self._prepare(self._spools)
            self._start_drain(stop)
            try:
                for door in self._doors:
                    door.start()
                self._watch(stop, say_ready)
            finally:
                self._end()

    def _watch(self, stop: threading.Event, say_ready: Callable[[], None]) -> None:
        said, was_ready = False, False
        while not stop.wait(_WATCH_S):
            if self._drain is None or self._drain.poll() is not None:
                raise GatewayFailed("the drain ended by itself; what it said stands above")
            dead = [door.name for door in self._doors if not door.alive]
            if dead:
                raise GatewayFailed(f"the door {dead[0]} ended by itself; what it said stands above")
            ready = all(door.ready for door in self._doors if door.required)
            if ready != was_ready:
                was_ready = ready
                self._tell_drain(_HEARING if ready else _DEAF)
                self._show(ready)
            if ready and not said:
                said = True
                say_ready()

    def _show(self, ready: bool) -> None:
        if not ready:
            self._ready_file.unlink(missing_ok=True)
            return
        missing = [
            door.name for door in self._doors if isinstance(door, MqttDoor) and door.session_was_missing
        ]
        if missing:
            log.warning("the broker did not know our session (%s): frames may be missing", ", ".join(missing))
        draft = self._ready_file.with_suffix(".new")
        draft.write_text(json.dumps({"pid": os.getpid(), "session_was_missing": missing}), encoding="utf-8")
        draft.replace(self._ready_file)

    def _start_drain(self, stop: threading.Event) -> None:
        self._drain = subprocess.Popen(  # noqa: S603 (our own program)
            self._drain_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        if self._drain.stdin is None or self._drain.stdout is None:
            raise GatewayFailed("the drain has no pipes")
        os.set_blocking(self._drain.stdin.fileno(), False)
        if not _answers(self._drain.stdout, stop):
            self._end()
            raise GatewayFailed("the drain did not start; what it said stands above")

    def _wake_drain(self, lane: Lane) -> None:
        self._tell_drain(_WAKE[lane])

    def _tell_drain(self, word: bytes) -> None:
        # A full pipe means that the drain has words enough to read; a closed one that the watch will see it.
        if self._drain is not None and self._drain.stdin is not None:
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ValueError):
                os.write(self._drain.stdin.fileno(), word)

    def _end(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        enders = [
            threading.Thread(target=door.stop, args=(STOP_DOORS_S,)) for door in self._doors if door.alive
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        for spool in self._spools.values():
            spool.close()
        if self._drain is not None:
            _end_child(self._drain)


def run_drain(
    folder: Path, make: Callable[[Mapping[Lane, Spool]], Drain], words: IO[bytes], answer: IO[bytes]
) -> None:
    """The child: drains until ``words`` end. Waits for a predecessor that still finishes its group."""
    signals = Signals.new()
    with locked(folder / "drain.lock", wait_s=PREDECESSOR_S):
        spools = open_spools(folder)
        drain = make(spools)
        answer.write(DRAIN_READY)
        answer.flush()
        threading.Thread(target=_listen, args=(words, signals), daemon=True).start()
        drain.run(signals)
        for spool in spools.values():
            spool.close()


def _listen(words: IO[bytes], signals: Signals) -> None:
    while heard := os.read(words.fileno(), 4096):
        hearing, deaf = heard.rfind(_HEARING), heard.rfind(_DEAF)
        if hearing != deaf:
            (signals.hearing.set if hearing > deaf else signals.hearing.clear)()
        for lane, word in _WAKE.items():
            if word in heard:
                signals.wake[lane].set()
    signals.end()


def open_spools(folder: Path) -> dict[Lane, SegmentSpool]:
    """The spools of a data folder, one per lane."""
    total, _ = fullest(spool_folders(folder))
    # Only whole segments are let go of: on a small disk they must be small.
    segment_bytes = min(SEGMENT_BYTES, max(LEAST_SEGMENT_BYTES, total // SEGMENTS_ON_DISK))
    return {lane: SegmentSpool(spool_folder(folder, lane), segment_bytes) for lane in Lane}


def spool_folder(folder: Path, lane: Lane) -> Path:
    """Where the spool of a lane lies in a data folder."""
    return folder / "spool" / lane


def spool_folders(folder: Path) -> tuple[Path, ...]:
    """The folders whose disks must not run full."""
    return folder, folder / "spool", *(spool_folder(folder, lane) for lane in Lane)


def ballast_file(folder: Path) -> Path:
    """Where the space lies that is kept in hand for a full disk."""
    return folder / "spool" / "ballast"


def readings_folder(folder: Path) -> Path:
    """Where the embedded reading store lies in a data folder."""
    return folder / "readings"


@contextlib.contextmanager
def locked(file: Path, wait_s: float) -> Iterator[None]:
    """Hold the lock of ``file``; raises GatewayFailed when another holds it longer than ``wait_s``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline_s = time.monotonic() + wait_s
    with file.open("w", encoding="utf-8") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline_s:
                    raise GatewayFailed(f"another gateway works on this folder ({file})") from None
                time.sleep(0.05)
        yield


def _answers(drain: IO[bytes], stop: threading.Event) -> bool:
    """Is it ready? Also true where nobody waits for it any more."""
    deadline_s = time.monotonic() + START_S
    while not stop.is_set():
        if select.select([drain], [], [], _WATCH_S)[0]:
            return drain.readline() == DRAIN_READY
        if time.monotonic() >= deadline_s:
            return False
    return True


def _end_child(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        child.wait(STOP_DRAIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
