"""What is particular to the embedded store: other processes, kill -9, forgetting, versions."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest

from telemetry.adapters import reading_rosters
from telemetry.adapters.embedded_feed import EmbeddedFeed
from telemetry.adapters.embedded_readings import EmbeddedReadingStore, ReadingsTooNew
from telemetry.readings import MISSING
from tests.contracts.test_reading_store import batch

WRITER = """
import sys
from pathlib import Path
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from tests.contracts.test_reading_store import batch
store = EmbeddedReadingStore(Path(sys.argv[1]))
for seq in range(int(sys.argv[2]), 10**6):
    store.write([batch(seq, 1000 * seq, {"m1": (seq, 1), "m2": (seq, 2)})])
    print(seq, flush=True)
"""


def test_what_was_written_survives_kill_9_and_others_read_meanwhile(tmp_path: Path) -> None:
    reader = EmbeddedReadingStore(tmp_path)
    acknowledged = 0
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            until_s = time.monotonic() + 0.3
            while time.monotonic() < until_s or not acknowledged:
                acknowledged = int(writer.stdout.readline())
                assert reader.latest(["m2"])["m2"].at_ms >= 1000 * acknowledged
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        times = [reading.at_ms for reading in reader.series("m1", 0, 2**52, limit=100_000)]
        assert times[:acknowledged] == [1000 * seq for seq in range(1, acknowledged + 1)]
        acknowledged = len(times)
    reader.close()


def test_old_batches_are_forgotten_in_portions(tmp_path: Path) -> None:
    store = EmbeddedReadingStore(tmp_path)
    store.write([batch(1, 1000, {"m1": (1, 1), "m2": (1, 1)})])
    store.write([batch(seq, 1000 * seq, {"m1": (seq, 1), "m2": (MISSING, MISSING)}) for seq in range(2, 11)])
    assert store.forget_before(received_ms=5_000, limit=2) == 2
    assert store.forget_before(received_ms=5_000) == 2
    assert store.forget_before(received_ms=5_000) == 0
    assert [reading.at_ms for reading in store.series("m1", 0, 2**52)] == [1000 * seq for seq in range(5, 11)]
    assert set(store.latest(["m1", "m2"])) == {"m1"}, "its only reading is gone"
    store.close()


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    connection = sqlite.connect(tmp_path / "readings.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    store = EmbeddedReadingStore(tmp_path)
    with pytest.raises(ReadingsTooNew, match="version 99"):
        store.latest(["m1"])
    with pytest.raises(ReadingsTooNew, match="version 99"):
        store.write([batch(1, 1, {"m1": (1, 1)})])
    store.close()


def test_a_reader_that_came_first_sees_what_is_written_later(tmp_path: Path) -> None:
    reader, writer = EmbeddedReadingStore(tmp_path), EmbeddedReadingStore(tmp_path)
    assert reader.latest(["m1"]) == {}
    writer.write([batch(1, 1000, {"m1": (1, 1)})])
    assert reader.latest(["m1"])["m1"].at_ms == 1000
    reader.close()
    writer.close()


def test_a_writer_that_comes_back_knows_what_it_stored(tmp_path: Path) -> None:
    """Rosters, starts and newest readings are read from the file again."""
    for seq in range(1, 5):
        store = EmbeddedReadingStore(tmp_path)
        rows = {"m1": (seq, 1), "m2": (MISSING, MISSING) if seq > 2 else (seq, 1)}
        assert store.write([batch(seq, 1000 * seq, rows)]) == 1
        assert store.write([batch(seq, 1000 * seq, rows)]) == 0
        store.close()
    store = EmbeddedReadingStore(tmp_path)
    found = store.latest(["m1", "m2"])
    assert (found["m1"].at_ms, found["m2"].at_ms) == (4000, 2000)
    store.close()
    connection = sqlite.connect(tmp_path / "readings.db")
    assert connection.execute("SELECT count(*) FROM rosters").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM starts").fetchone() == (1,)
    connection.close()


def test_a_group_of_any_size_is_stored_as_if_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with repeats within and between groups, several rosters, and little room to remember them."""
    monkeypatch.setattr(reading_rosters, "MAX_CACHED", 3)
    meters = [("m1", "m2"), ("m1",), ("m3", "m4", "m5"), ("m2", "m6")]
    batches = [
        batch(
            seq % 61,
            1000 * (seq * 7 % 53),
            dict.fromkeys(meters[seq % 4], (seq, MISSING if seq % 5 else 1)),
        )
        for seq in range(150)
    ]
    together, single = EmbeddedReadingStore(tmp_path / "together"), EmbeddedReadingStore(tmp_path / "single")
    assert [together.write(batches[:7]), together.write(batches[7:90]), together.write(batches[90:])] == [
        7,
        54,
        0,
    ]
    assert sum(single.write([one]) for one in batches) == 61
    for meter in ("m1", "m2", "m3", "m4", "m5", "m6"):
        assert together.series(meter, 0, 2**52) == single.series(meter, 0, 2**52)
        assert together.latest([meter]) == single.latest([meter])
    together.close()
    feed = EmbeddedFeed(tmp_path / "together").after(0)
    assert [position for position, _ in feed] == list(range(1, 62)), "numbered without gaps, in order"
    assert [one.seq for _, one in feed] == list(range(61))
    again = EmbeddedReadingStore(tmp_path / "together")
    assert again.latest(["m1", "m6"]) == single.latest(["m1", "m6"])
    again.close()
    single.close()
