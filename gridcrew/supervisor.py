"""Keep a set of processes running: start, watch, restart with back-off, stop in reverse order.

A process is ready when it prints a line ``<name> ready``. Its output goes to the terminal with its name in
front, and to ``logs/<name>.log`` in the data folder (bounded).
"""

import logging
import logging.handlers
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 5_000_000
LOG_FILES: Final = 3
STOP_S: Final = 8.0
STEADY_S: Final = 60.0
"""A process that ran this long has earned a fresh back-off."""
MAX_BACK_OFF_S: Final = 30.0
MOST_FALSE_STARTS: Final = 3
"""A program that ended this often before it ever was ready will not be ready."""


class NeverReady(RuntimeError):
    """A program kept ending at its start; the message carries its last words."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running: ``python -m <module> <arguments>``."""

    name: str
    arguments: Sequence[str]
    module: str = "gridcrew"


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[str]
    started_s: float
    failures: int = 0
    last_words: str = ""
    ready: threading.Event = field(default_factory=threading.Event)
    reader: threading.Thread | None = None


class Supervisor:
    """Runs programs until told to stop. Not started by its constructor."""

    def __init__(self, environment: Mapping[str, str], log_folder: Path, quiet: bool = False) -> None:
        self._environment = dict(environment)
        self._log_folder = log_folder
        self._quiet = quiet
        self._children: dict[str, _Child] = {}
        self._restart_at_s: dict[str, float] = {}
        self._stop = threading.Event()

    def start(self, program: Program) -> None:
        """Start a program; it is kept running from now on."""
        self._children[program.name] = self._launch(program, failures=0)

    def wait_ready(self, name: str, timeout_s: float) -> bool:
        """Wait for the program's ready line, watching the others; False when stop was asked.

        Raises ``NeverReady`` when time is up or the program keeps ending.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self._stop.is_set():
            child = self._children[name]
            if child.ready.wait(0.05):
                return True
            if child.failures >= MOST_FALSE_STARTS or time.monotonic() > deadline_s:
                raise NeverReady(f"{name} does not get ready: {child.last_words or 'it says nothing'}")
            self._watch()
        return False

    def request_stop(self) -> None:
        """Make ``run`` return; safe in a signal handler."""
        self._stop.set()

    def run(self, seconds: float | None) -> None:
        """Watch until stop is requested or the time is up."""
        deadline_s = None if seconds is None else time.monotonic() + seconds
        while not self._stop.wait(0.2):
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return
            self._watch()

    def stop(self) -> None:
        """Stop all, last started first: SIGTERM, then SIGKILL for what does not go in time."""
        for child in reversed(self._children.values()):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_S
        for child in self._children.values():
            _end(child.process, max(0.1, deadline_s - time.monotonic()))
            if child.reader:
                child.reader.join(1.0)

    def _watch(self) -> None:
        now_s = time.monotonic()
        for name, child in list(self._children.items()):
            if child.process.poll() is None:
                continue
            if name not in self._restart_at_s:
                self._restart_at_s[name] = now_s + self._back_off_s(child, now_s)
            elif now_s >= self._restart_at_s[name]:
                del self._restart_at_s[name]
                again = self._launch(child.program, child.failures)
                again.last_words = child.last_words
                self._children[name] = again

    def _back_off_s(self, child: _Child, now_s: float) -> float:
        child.failures = 0 if now_s - child.started_s > STEADY_S else child.failures + 1
        wait_s = float(min(MAX_BACK_OFF_S, 2.0**child.failures / 4))
        self._say(child.program.name, f"ended with code {child.process.returncode}; again in {wait_s:.1f} s")
        return wait_s

    def _launch(self, program: Program, failures: int) -> _Child:
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [*_die_with_parent(), sys.executable, "-m", program.module, *program.arguments],
            env=self._environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        child = _Child(program, process, time.monotonic(), failures)
        child.reader = threading.Thread(target=self._follow, args=(child,), daemon=True)
        child.reader.start()
        return child

    def _follow(self, child: _Child) -> None:
        name, stream = child.program.name, child.process.stdout
        if stream is None:
            return
        with stream, closing(_bounded_log(self._log_folder, name)) as log:
            for line in stream:
                text = line.rstrip("\n")
                log.emit(logging.makeLogRecord({"msg": text}))
                child.last_words = text or child.last_words
                if text.endswith(f"{name} ready"):
                    child.ready.set()
                elif not self._quiet:
                    self._say(name, text)

    def _say(self, name: str, text: str) -> None:
        # A line that is a JSON object stays one: somebody's log collector reads it.
        sys.stdout.write(f"{text}\n" if text.startswith("{") else f"{name:>8} | {text}\n")
        sys.stdout.flush()


def _end(process: subprocess.Popen[str], wait_s: float) -> None:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _die_with_parent() -> list[str]:
    """Where the system can do it, a child ends when its supervisor is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv and os.name == "posix" else []


def _bounded_log(folder: Path, name: str) -> logging.Handler:
    folder.mkdir(parents=True, exist_ok=True)
    log = logging.handlers.RotatingFileHandler(
        folder / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    log.setFormatter(_Lines("%(asctime)s %(message)s"))
    return log


class _Lines(logging.Formatter):
    """A child's lines with the time before them, but for those that tell their own as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        return text if text.startswith("{") else super().format(record)
