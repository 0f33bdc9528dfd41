"""Fault 12: a power cut takes what was not synced. No PUBACK leaves before its frames are on the disk.

``strace`` writes down what the receiver asks of the system; with syncing switched off the check must fail.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History, Terminal
from tests.gateway.running import Installation, Publisher, await_true

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
PUBACK = r'"@\\2'
_CALL = re.compile(r"^(\d+)\s+(?:<\.\.\. )?(\w+)(?: resumed>|\()(.*)")


@contextmanager
def traced(pid: int, output: Path, *options: str) -> Iterator[None]:
    calls = "trace=pwritev,pwritev2,pwrite64,fdatasync,fsync,sendto"
    tracer = subprocess.Popen(  # its message tells that it is attached
        ["strace", "-f", "-p", str(pid), "-s", "4", "-e", calls, *options, "-o", str(output)],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert tracer.stderr is not None
    try:
        if b"attached" not in (line := tracer.stderr.readline()):
            pytest.skip(f"needs the right to trace a process: {line.decode().strip()}")
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)
        tracer.stderr.close()


def unsynced_acknowledgements(trace: str) -> list[str]:
    """PUBACKs sent by a thread whose last write was not synced yet."""
    dirty: dict[str, bool] = {}
    found = []
    for line in trace.splitlines():
        match = _CALL.match(line)
        # A call counts when it returns; a PUBACK when it is asked for.
        if match is None or (line.endswith("<unfinished ...>") and match[2] != "sendto"):
            continue
        thread, call, rest = match.groups()
        if call in {"pwritev", "pwritev2", "pwrite64"}:
            dirty[thread] = True
        elif call in {"fdatasync", "fsync"} and "= 0" in rest and "INJECTED" not in rest:
            dirty[thread] = False
        elif call == "sendto" and re.search(PUBACK, rest) and dirty.get(thread):
            found.append(line)
    return found


def run_traced(site: Installation, trace: Path, *options: str) -> str:
    history = History()
    process = site.start()
    publisher = Publisher(terminal_address(site.settings), "T1")
    with traced(process.pid, trace, *options):
        terminal = Terminal(history, publisher)
        for _ in range(60):
            terminal.send()
            time.sleep(0.01)
        terminal.finish()
        await_true(lambda: site.settled(60), "all frames")
    publisher.close()
    history.check(site)
    return trace.read_text(encoding="utf-8", errors="replace")


def test_frames_are_synced_before_they_are_acknowledged(
    site: Installation, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    trace = run_traced(site, tmp_path / "trace")
    assert len(re.findall(PUBACK, trace)) >= 5, "the trace shows no acknowledgements"
    assert re.search(r"pwritev2?\(", trace)
    assert unsynced_acknowledgements(trace) == []


def test_the_check_sees_it_when_nothing_is_synced(
    site: Installation, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Negative control: the kernel is never asked to sync, the process believes that it was."""
    trace = run_traced(site, tmp_path / "trace", "-e", "inject=fdatasync:retval=0")
    assert "INJECTED" in trace
    assert unsynced_acknowledgements(trace), f"the check is blind ({os.fspath(tmp_path)})"
