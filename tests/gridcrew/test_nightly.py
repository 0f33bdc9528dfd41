"""The work of the night: what it is, when it is due, and that it ends with the gateway."""

import sys
import threading
from pathlib import Path

from gridcrew.nightly import Nightly, night_of, work_of
from gridcrew.settings import Settings
from tests.gateway.running import await_true

MIDNIGHT_UTC_MS = 1_795_305_600_000
HOUR_MS = 3_600_000


def test_the_night_changes_at_two_in_shanghai() -> None:
    at_two_ms = MIDNIGHT_UTC_MS + 18 * HOUR_MS
    assert night_of(at_two_ms) == night_of(at_two_ms - 1) + 1
    assert night_of(at_two_ms) == night_of(at_two_ms + 24 * HOUR_MS - 1)


def test_only_what_an_installation_needs() -> None:
    assert work_of(Settings()) == ()
    assert work_of(Settings.model_validate({"readings": {"archive_after_days": 90}})) == (
        "readings",
        "archive",
    )
    assert work_of(Settings.model_validate({"readings": {"store": "influxdb"}})) == ("readings", "downsample")


def test_it_works_once_a_night_and_ends_in_time(tmp_path: Path) -> None:
    noted, now = tmp_path / "noted", [MIDNIGHT_UTC_MS]
    code = f"import time; open({str(noted)!r}, 'a').write('x'); time.sleep(60 if {{}} else 0)"
    stop = threading.Event()
    command = [sys.executable, "-c", code.format("False")]
    nightly = Nightly(command, stop, lambda: now[0], look_s=0.01)
    nightly.start()
    assert not stop.wait(0.1)
    assert not noted.exists(), "the night has not come"
    for nights in ("x", "xx"):
        now[0] += 24 * HOUR_MS
        await_text(noted, nights)
    command[2] = code.format("True")
    now[0] += 24 * HOUR_MS
    await_text(noted, "xxx")
    stop.set()
    nightly.join()
    assert noted.read_text() == "xxx"


def await_text(file: Path, text: str) -> None:
    await_true(lambda: file.exists() and file.read_text() == text, f"{text} in {file}")
