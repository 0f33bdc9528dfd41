"""Fault 17: clocks jump by days, the machine's or a device's; timers go on, frames are kept and doubted."""

import os
import time
from pathlib import Path

import pytest

from gridcrew.broker import EmbeddedBroker, terminal_address
from telemetry.evidence import EvidenceKind
from telemetry.readings import Quality
from tests.faults.history import History
from tests.gateway.running import Installation, Publisher, await_true, readings_body

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
DAY_MS = 86_400_000
needs_faketime = pytest.mark.skipif(not FAKETIME.exists(), reason="needs libfaketime (Debian: faketime)")


def step_clock(file: Path, offset: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(offset + "\n", encoding="utf-8")
    draft.replace(file)


@needs_faketime
def test_steps_of_the_machines_clock_report_nobody_silent(
    site: Installation, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Three days forward, six back, while a terminal speaks each half second and is expected each three."""
    offset = tmp_path / "offset"
    step_clock(offset, "+0")
    site.start(
        LD_PRELOAD=str(FAKETIME), FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1",
        GRIDCREW_GATEWAY__HEARTBEAT_OVERDUE_S="3",
    )  # fmt: skip
    history = History()
    publisher = Publisher(terminal_address(site.settings), "T1")
    seq = 0
    for step in ("+0", "+3d", "-3d"):
        step_clock(offset, step)
        for _ in range(5):
            history.send(f"T1/b1/{seq}", readings=True)
            publisher.publish(seq, "gridcrew/v1/T1/readings", readings_body(seq, ["m1"]))
            seq += 1
            time.sleep(0.3)
    publisher.flush()
    history.acknowledge(f"T1/b1/{number}" for number in publisher.acknowledged)
    history.check(site)
    received = [row.evidence.received_ms for row in site.evidence.read(0)]
    assert max(received) - min(received) > 5 * DAY_MS, "the clock did not jump"
    assert not [row for row in site.evidence.read(0) if row.evidence.kind is EvidenceKind.SILENT]
    await_true(
        lambda: EvidenceKind.SILENT in [row.evidence.kind for row in site.evidence.read(0)],
        "its silence, once it is real",
    )
    publisher.close()


def test_frames_of_wrong_clocks_are_kept_and_doubted(site: Installation, broker: EmbeddedBroker) -> None:
    """A terminal that woke up in 1970, one that lives three days ahead, and one that is right."""
    now_ms = int(time.time() * 1000)
    history = History()
    site.start(GRIDCREW_GATEWAY__HEARTBEAT_OVERDUE_S="600")
    publisher = Publisher(terminal_address(site.settings), "T1")
    clocks = {"T1": 3_600_000, "T2": now_ms + 3 * DAY_MS, "T3": now_ms}
    for number, (terminal, at_ms) in enumerate(clocks.items()):
        history.send(f"{terminal}/b1/1", readings=True, acknowledged=True)
        body = readings_body(1, [f"{terminal}-m"], at_ms=at_ms)
        publisher.publish(number, f"gridcrew/v1/{terminal}/readings", body)
    publisher.flush()
    publisher.close()
    history.check(site)
    doubts = {
        terminal: next(iter(site.readings.series(f"{terminal}-m", 0, 2**52))).doubts for terminal in clocks
    }
    for terminal in ("T1", "T2"):
        assert all(Quality.CLOCK_SUSPECT in doubt for doubt in doubts[terminal].values()), terminal
        assert doubts[terminal], terminal
    assert not doubts["T3"]
    assert all(state.online for state in site.records.terminals()), "no wrong clock makes anybody silent"
    assert os.path.exists(site.folder / "gateway.ready")  # noqa: PTH110
