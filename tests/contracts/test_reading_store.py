"""What every reading store must do; each adapter joins by a line in ``STORES``."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.ports import ReadingStore
from telemetry.readings import MISSING, ReadingBatch

STORES: dict[str, Callable[[Path], ReadingStore]] = {"embedded": EmbeddedReadingStore}
NAMES = ("voltage_a_v", "energy_import_kwh")


def batch(
    seq: int,
    at_ms: int,
    rows: dict[str, tuple[int, int]],
    terminal: str = "T1",
    decimals: tuple[int, int] = (1, 2),
) -> ReadingBatch:
    return ReadingBatch(
        terminal=terminal,
        boot="b1",
        seq=seq,
        at_ms=at_ms,
        received_ms=at_ms + 7,
        meters=tuple(rows),
        quantities=NAMES,
        decimals=decimals,
        scaled=np.array(list(rows.values()), dtype=np.int64).reshape(len(rows), 2),
    )


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReadingStore]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def test_an_empty_store_answers(store: ReadingStore) -> None:
    assert store.latest(["m1"]) == {}
    assert store.series("m1", 0, 10**15) == ()
    assert store.write([]) == 0


def test_values_come_back_exactly(store: ReadingStore) -> None:
    assert store.write([batch(1, 1000, {"m1": (2301, 99_999_999_999_999), "m2": (-1, MISSING)})]) == 1
    found = store.latest(["m1", "m2", "m3"])
    assert found["m1"].values == {
        "voltage_a_v": Decimal("230.1"),
        "energy_import_kwh": Decimal("999999999999.99"),
    }
    assert found["m2"].values == {"voltage_a_v": Decimal("-0.1")}
    assert (found["m1"].terminal, found["m1"].at_ms, found["m1"].received_ms) == ("T1", 1000, 1007)
    assert set(found) == {"m1", "m2"}


def test_writing_the_same_batch_again_changes_nothing(store: ReadingStore) -> None:
    first = batch(1, 1000, {"m1": (2301, 1)})
    assert store.write([first]) == 1
    assert store.write([first, batch(2, 2000, {"m1": (2302, 2)}), batch(2, 2000, {"m1": (9999, 9)})]) == 1
    assert [reading.values["voltage_a_v"] for reading in store.series("m1", 0, 10**6)] == [
        Decimal("230.1"),
        Decimal("230.2"),
    ]


def test_the_newest_is_by_device_time_not_by_arrival(store: ReadingStore) -> None:
    store.write([batch(2, 2000, {"m1": (2302, 2)})])
    store.write([batch(1, 1000, {"m1": (2301, 1)})])
    assert store.latest(["m1"])["m1"].at_ms == 2000
    assert [reading.at_ms for reading in store.series("m1", 0, 10**6)] == [1000, 2000]


def test_a_meter_that_did_not_answer_keeps_its_last_reading(store: ReadingStore) -> None:
    store.write([batch(1, 1000, {"m1": (2301, 1), "m2": (2311, 1)})])
    store.write([batch(2, 2000, {"m1": (2302, 2), "m2": (MISSING, MISSING)})])
    store.write([batch(3, 3000, {"m1": (2303, 2)})])
    found = store.latest(["m1", "m2"])
    assert (found["m1"].at_ms, found["m2"].at_ms) == (3000, 1000)
    assert [reading.at_ms for reading in store.series("m2", 0, 10**6)] == [1000]


def test_changing_rosters_terminals_and_scales(store: ReadingStore) -> None:
    store.write([batch(1, 1000, {"m1": (1, 1), "m2": (2, 2)})])
    store.write([batch(2, 2000, {"m2": (3, 3), "m1": (4, 4)})])
    store.write([batch(3, 3000, {"m9": (5, 5)}), batch(4, 4000, {"m9": (6, 6), "m1": (7, 7)})])
    store.write([batch(1, 5000, {"m1": (12345, 8)}, terminal="T2", decimals=(4, 2))])
    volts = [str(reading.values["voltage_a_v"]) for reading in store.series("m1", 0, 10**6)]
    assert volts == ["0.1", "0.4", "0.7", "1.2345"]
    assert store.latest(["m1"])["m1"].terminal == "T2"
    assert store.latest(["m9"])["m9"].at_ms == 4000


def test_series_bounds_and_limit(store: ReadingStore) -> None:
    store.write([batch(number, number * 1000, {"m1": (number, 0)}) for number in range(1, 11)])
    assert [reading.at_ms for reading in store.series("m1", 3000, 6000)] == [3000, 4000, 5000]
    assert [reading.at_ms for reading in store.series("m1", 0, 10**9, limit=2)] == [1000, 2000]


def test_all_or_none(store: ReadingStore) -> None:
    broken = batch(2, 2000, {"m1": (1, 1), "m2": (2, 2)})
    object.__setattr__(broken, "terminal", object())
    with pytest.raises(Exception, match=r".+"):
        store.write([batch(1, 1000, {"m1": (1, 1)}), broken])
    assert store.latest(["m1"]) == {}
    assert store.write([batch(1, 1000, {"m1": (1, 1)})]) == 1
    assert store.latest(["m1"])["m1"].at_ms == 1000


def test_many_meters_and_readers_beside_the_writer(store: ReadingStore) -> None:
    meters = [f"m{number}" for number in range(1_200)]
    failures: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            times = [reading.at_ms for reading in store.latest(meters).values()]
            if len(set(times)) > 2 or len(times) not in {0, 600, 1_200}:
                failures.append(f"{len(times)} readings of {set(times)}")

    reader = threading.Thread(target=read)
    reader.start()
    for seq in range(1, 6):
        halves = [
            batch(2 * seq + half, 1000 * seq, dict.fromkeys(meters[half::2], (seq, 0))) for half in (0, 1)
        ]
        store.write(halves)
    done.set()
    reader.join()
    assert not failures
    assert {reading.at_ms for reading in store.latest(meters).values()} == {5000}
