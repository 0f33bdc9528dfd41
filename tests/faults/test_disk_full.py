"""Fault 10: the disk below the spool runs full; nothing is acknowledged that is not kept."""

import errno
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters.delivery.service import ballast_file
from gridcrew.broker import EmbeddedBroker, terminal_address
from tests.faults.history import History, event_body
from tests.gateway.running import Installation, Publisher, await_true, readings_body


@pytest.fixture
def small_disk(site: Installation) -> Iterator[Path]:
    """A file system of its own below the spool."""
    folder = site.folder / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    site.close()
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all that is left."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as handle:
        for size in (1 << 20, 4096):
            try:
                while True:
                    handle.write(b"x" * size)
            except OSError as problem:
                assert problem.errno == errno.ENOSPC
    return filler


def test_a_full_disk_costs_time_not_frames(
    site: Installation, broker: EmbeddedBroker, small_disk: Path
) -> None:
    """Events live on the ballast, readings wait at the broker; both are whole once there is room."""
    site.start(GRIDCREW_GATEWAY__BALLAST_MB="4")
    history = History()
    publisher = Publisher(terminal_address(site.settings), "T1")
    await_true(lambda: ballast_file(site.folder).exists(), "the ballast")
    for seq in range(10):
        history.send(f"T1/b1/{seq}", readings=True)
        publisher.publish(seq, "gridcrew/v1/T1/readings", readings_body(seq, ["m1"]))
    await_true(lambda: site.settled(10), "frames on a healthy disk")
    filler = fill(small_disk)
    time.sleep(1.2)  # The disk is looked at each second.
    for seq in range(10, 40):
        history.send(f"T1/b1/{seq}", readings=True)
        publisher.publish(seq, "gridcrew/v1/T1/readings", readings_body(seq, ["m1"] * 1))
    for seq in range(40, 60):
        history.send(f"T1/b1/{seq}")
        publisher.publish(seq, "gridcrew/v1/T1/events", event_body(seq))
    publisher.flush()
    history.acknowledge(f"T1/b1/{number}" for number in publisher.acknowledged)
    await_true(lambda: site.records.counters().stored >= 30, "events on a full disk")
    assert not ballast_file(site.folder).exists(), "the space kept in hand was used"
    assert site.records.counters().stored == 30, "readings were taken though nothing but events is"
    filler.unlink()
    history.check(site, wait_s=30)
    await_true(lambda: ballast_file(site.folder).exists(), "the ballast again")
    publisher.close()


def test_a_disk_that_fills_up_slowly_leaves_readings_to_the_broker(
    site: Installation, broker: EmbeddedBroker, small_disk: Path
) -> None:
    """85 %: the bulk session goes, the events session stays, and everything comes when there is room."""
    site.start(GRIDCREW_GATEWAY__BALLAST_MB="0")
    history = History()
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (21 << 20))
    await_true(lambda: "EVENTS_ONLY" in site.log() or "HOLD_BULK" in site.log(), "the step of back-pressure")
    publisher = Publisher(terminal_address(site.settings), "T1")
    await_true(lambda: "readings wait at the broker" in site.log(), "the bulk session goes")
    for seq in range(30):
        history.send(f"T1/b1/{seq}", readings=seq < 20)
        body = readings_body(seq, ["m1"]) if seq < 20 else event_body(seq)
        publisher.publish(seq, f"gridcrew/v1/T1/{'readings' if seq < 20 else 'events'}", body)
    publisher.flush()
    history.acknowledge(f"T1/b1/{number}" for number in publisher.acknowledged)
    await_true(lambda: site.records.counters().stored >= 10, "the events")
    assert site.records.counters().stored == 10
    filler.unlink()
    history.check(site, wait_s=30)
    publisher.close()
