"""Old days of the embedded store as Parquet: exact, transparent, never lost, whenever the program dies."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pysqlite3.dbapi2 as sqlite
import pytest

from gridcrew.stores import OldDays
from telemetry.adapters import archiving
from telemetry.adapters.archive_parquet import Part, write_parts
from telemetry.adapters.archiving import ArchiveDiffers, archive_before
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.downsampling import DAY_MS, HOUR_MS
from telemetry.readings import MISSING, Quality, Reading, ReadingBatch

START_MS = 1_793_491_200_000
"""A midnight, UTC."""
METERS = tuple(f"m{number}" for number in range(12))


def opened(folder: Path) -> EmbeddedReadingStore:
    return EmbeddedReadingStore(folder, OldDays(folder / "archive"))


def fill(store: EmbeddedReadingStore, days: int = 3) -> None:
    """Random batches: several terminals, rosters, scales, gaps, doubts, restatements, very large counters."""
    chance = random.Random(7)
    seq = 0
    for hour in range(0, 24 * days, 3):
        at_ms = START_MS + hour * HOUR_MS
        for terminal in ("T1", "T2"):
            seq += 1
            meters = tuple(chance.sample(METERS, chance.randint(1, len(METERS))))
            quantities = ("voltage_a_v", "energy_import_kwh", "frequency_hz")[: chance.randint(1, 3)]
            shape = (len(meters), len(quantities))
            cells = [
                chance.choice([MISSING, 0, -1, 2301, 10**17, 2**63 - 1]) for _ in range(shape[0] * shape[1])
            ]
            doubts = np.array([chance.choice([0, 0, 4]) for _ in cells], dtype=np.uint8).reshape(shape)
            batch = ReadingBatch(
                terminal, "b", seq, at_ms, at_ms + seq, meters, quantities,
                tuple(chance.choice([0, 2, 4, 12]) for _ in quantities),
                np.array(cells, dtype=np.int64).reshape(shape),
                chance.choice([Quality.GOOD, Quality.LATE]), chance.choice([None, doubts]),
            )  # fmt: skip
            store.write([batch])


def one_value(quantity: str, decimals: int, scaled: int) -> ReadingBatch:
    """Of meter m1 at START_MS."""
    values = np.array([[scaled]], dtype=np.int64)
    return ReadingBatch("T1", "b", 1, START_MS, START_MS, ("m1",), (quantity,), (decimals,), values)


def everything(store: EmbeddedReadingStore) -> dict[str, tuple[Reading, ...]]:
    return {meter: store.series(meter, 0, 2**52) for meter in METERS}


def test_the_archive_reads_the_same(tmp_path: Path) -> None:
    store = opened(tmp_path)
    fill(store)
    before, latest = everything(store), store.latest(METERS)
    spans = store.aggregated("m3", START_MS, START_MS + 3 * DAY_MS, DAY_MS)
    moved = list(archive_before(tmp_path, START_MS + 2 * DAY_MS + 5))
    assert [day.day_ms for day in moved] == [START_MS, START_MS + DAY_MS]
    assert [day.batches for day in moved] == [16, 16]
    assert sorted(file.name for file in (tmp_path / "archive").iterdir()) == [
        "2026-11-01.parquet", "2026-11-02.parquet",
    ]  # fmt: skip
    assert everything(store) == before
    assert store.latest(METERS) == latest
    assert store.aggregated("m3", START_MS, START_MS + 3 * DAY_MS, DAY_MS) == spans
    assert store.series("m3", START_MS + DAY_MS, START_MS + 2 * DAY_MS) == tuple(
        reading for reading in before["m3"] if START_MS + DAY_MS <= reading.at_ms < START_MS + 2 * DAY_MS
    )
    assert list(archive_before(tmp_path, START_MS + 2 * DAY_MS)) == []
    assert len(list(archive_before(tmp_path, START_MS + 9 * DAY_MS))) == 1
    assert everything(store) == before
    assert store.latest(METERS) == latest, "even when nothing is left in the file"
    store.close()


def test_what_comes_late_for_an_archived_day(tmp_path: Path) -> None:
    store = opened(tmp_path)
    one = ReadingBatch(
        "T1", "b", 1, START_MS, START_MS, ("m1", "m2"), ("voltage_a_v", "frequency_hz"), (1, 2),
        np.array([[2301, 5000], [2302, 5001]]),
    )  # fmt: skip
    store.write([one])
    assert len(list(archive_before(tmp_path, START_MS + DAY_MS))) == 1
    late = replace(
        one, seq=2, received_ms=START_MS + 9 * DAY_MS, quantities=("voltage_a_v",), decimals=(1,),
        scaled=np.array([[2200], [MISSING]]), quality=Quality.LATE,
    )  # fmt: skip
    store.write([late])
    for _ in range(2):
        (reading,) = store.series("m1", 0, 2**52)
        assert reading.values == {"voltage_a_v": Decimal(220), "frequency_hz": Decimal(50)}
        assert reading.doubts == {"voltage_a_v": Quality.LATE}
        assert store.latest(["m2"])["m2"].values["voltage_a_v"] == Decimal("230.2")
        assert len(list(archive_before(tmp_path, START_MS + DAY_MS))) in {0, 1}
    assert (tmp_path / "archive" / "2026-11-01.2.parquet").exists()
    store.close()


def test_other_programs_read_exact_decimals(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([one_value("energy_import_kwh", 2, 10**17 + 1)])
    store.close()
    (day,) = archive_before(tmp_path, START_MS + DAY_MS)
    (row,) = pq.read_table(day.file).to_pylist()
    assert row == {
        "meter": "m1", "terminal": "T1", "at_ms": START_MS, "received_ms": START_MS,
        "energy_import_kwh": Decimal("1000000000000000.01"),
    }  # fmt: skip


def test_nothing_is_deleted_when_the_copy_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    fill(store, days=1)
    before = everything(store)

    def lossy(file: Path, scales: Mapping[str, int], doubtful: bool, parts: Iterable[Part]) -> int:
        return write_parts(file, scales, doubtful, list(parts)[:-1])

    monkeypatch.setattr(archiving, "write_parts", lossy)
    with pytest.raises(ArchiveDiffers, match="nothing was deleted"):
        list(archive_before(tmp_path, START_MS + DAY_MS))
    assert everything(store) == before
    monkeypatch.undo()
    assert len(list(archive_before(tmp_path, START_MS + DAY_MS))) == 1
    assert everything(store) == before
    assert not list((tmp_path / "archive").glob("*.draft"))
    store.close()


DYING = """
import os, sys
from pathlib import Path
from telemetry.adapters import archiving
from telemetry.adapters.archive_parquet import Part, write_parts
place = sys.argv[2]
if place != "none":
    owner, name = (os, "rename") if place == "rename" else (archiving, place)
    inner = getattr(archiving, name) if owner is archiving else None
    if place == "rename":
        Path.rename = lambda *_: os._exit(9)
    else:
        def die(*arguments):
            inner(*arguments)
            os._exit(9)
        setattr(archiving, name, die)
for day in archiving.archive_before(Path(sys.argv[1]), int(sys.argv[3])):
    pass
"""


@pytest.mark.parametrize("place", ["write_parts", "same_parts", "rename", "_sync"])
def test_death_at_any_step_loses_nothing(tmp_path: Path, place: str) -> None:
    store = opened(tmp_path)
    fill(store)
    before = everything(store)
    command = [sys.executable, "-c", DYING, str(tmp_path), place, str(START_MS + 2 * DAY_MS)]
    assert subprocess.run(command, check=False, env=os.environ).returncode == 9
    assert everything(store) == before
    assert list(archive_before(tmp_path, START_MS + 2 * DAY_MS))
    assert everything(store) == before
    store.close()


def test_a_file_of_version_1_is_brought_up_to_date_in_place(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([one_value("voltage_a_v", 1, 2301)])
    store.close()
    with sqlite.connect(tmp_path / "readings.db") as connection:
        connection.executescript(
            "ALTER TABLE batches DROP COLUMN quality; ALTER TABLE batches DROP COLUMN doubts; "
            "PRAGMA user_version=1;"
        )
    connection.close()
    store = opened(tmp_path)
    assert store.latest(["m1"])["m1"].values == {"voltage_a_v": Decimal("230.1")}, "read as it is"
    assert list(archive_before(tmp_path, START_MS + DAY_MS)) == []
    doubtful = replace(one_value("voltage_a_v", 1, 2302), seq=2, at_ms=START_MS + 1, quality=Quality.STALE)
    store.write([doubtful])
    assert [reading.doubts for reading in store.series("m1", 0, 2**52)] == [
        {},
        {"voltage_a_v": Quality.STALE},
    ]
    store.close()


def test_without_pyarrow_an_archive_is_not_passed_over(tmp_path: Path) -> None:
    """Old days that cannot be read are said, not shown as nothing."""
    (tmp_path / "archive").mkdir()
    hidden = tmp_path / "hidden"
    (hidden / "pyarrow").mkdir(parents=True)
    (hidden / "pyarrow" / "__init__.py").write_text("raise ImportError('hidden')", encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from gridcrew.stores import OldDays\n"
        "from telemetry.adapters.embedded_readings import EmbeddedReadingStore as Store\n"
        "Store(Path(sys.argv[1]), OldDays(Path(sys.argv[1]) / 'archive')).series('m', 0, 9)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(hidden)},
    )  # fmt: skip
    assert "needs pyarrow: gridcrew[archive]" in answer.stderr
    shutil.rmtree(hidden)
