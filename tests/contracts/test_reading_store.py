"""What every reading store must do; each adapter joins by a line in ``STORES``."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.influx_readings import InfluxReadingStore
from telemetry.adapters.influx_server import InfluxAddress
from telemetry.downsampling import DAY_MS, HOUR_MS, QUARTER_MS
from telemetry.ports import ReadingStore
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality, ReadingBatch
from tests.influx import Influxd, influxd, v2_front

STORES = ("embedded", "influx-v1", "influx-v2")
START_MS = 1_795_305_600_000
"""A midnight, UTC."""
_numbers = itertools.count(1)
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx")) as started:
        yield started


@pytest.fixture(scope="module")
def front(server: Influxd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with v2_front(tmp_path_factory.mktemp("nginx"), server) as url:
        yield url


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReadingStore]:
    opened: ReadingStore
    if request.param == "embedded":
        opened = EmbeddedReadingStore(tmp_path)
    else:
        database = f"t{next(_numbers)}"
        v1 = request.param == "influx-v1"
        url = request.getfixturevalue("server").url if v1 else request.getfixturevalue("front")
        opened = InfluxReadingStore(InfluxAddress(url, database, "v1" if v1 else "v2"))
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


def partial(seq: int, received_ms: int, values: dict[str, int], **more: Any) -> ReadingBatch:
    """Some quantities of meter m1 at START_MS."""
    return ReadingBatch(
        more.pop("terminal", "T1"), "b1", seq, START_MS, received_ms, ("m1",), tuple(values),
        tuple(CATALOGUE[name].decimals for name in values), np.array([list(values.values())]), **more,
    )  # fmt: skip


def test_a_restatement_replaces_quantity_by_quantity(store: ReadingStore) -> None:
    store.write([partial(1, START_MS + 1, {"voltage_a_v": 2301, "energy_import_kwh": 100})])
    store.write([partial(2, START_MS + 2, {"energy_import_kwh": 101, "frequency_hz": 5001})])
    expected = {
        "voltage_a_v": Decimal("230.1"),
        "energy_import_kwh": Decimal("1.01"),
        "frequency_hz": Decimal("50.01"),
    }
    assert store.latest(["m1"])["m1"].values == expected
    assert [reading.values for reading in store.series("m1", 0, 2**52)] == [expected]
    assert store.latest(["m1"])["m1"].received_ms == START_MS + 2


def test_a_restatement_in_the_same_write_holds(store: ReadingStore) -> None:
    """Whatever order a store gives the frames of a backlog: the last said of an instant stays the last."""
    rows = [{"m1": (n, n), "m2": (n, n)} if n % 2 else {"m2": (n, n)} for n in range(1, 9)]
    store.write([batch(n, 1000 * (1 + n % 3), values) for n, values in enumerate(rows, start=1)])
    found = {
        meter: [
            (reading.at_ms, reading.values["energy_import_kwh"]) for reading in store.series(meter, 0, 2**52)
        ]
        for meter in ("m1", "m2")
    }
    assert found["m1"] == [(1000, Decimal("0.03")), (2000, Decimal("0.07")), (3000, Decimal("0.05"))]
    assert found["m2"] == [(1000, Decimal("0.06")), (2000, Decimal("0.07")), (3000, Decimal("0.08"))]


def test_the_newest_received_holds_between_two_paths(store: ReadingStore) -> None:
    store.write([partial(1, START_MS + 9, {"voltage_a_v": 2309}, terminal="T1")])
    store.write([partial(1, START_MS + 5, {"voltage_a_v": 2305, "frequency_hz": 5000}, terminal="T2")])
    found = store.series("m1", 0, 2**52)
    assert [reading.values for reading in found] == [
        {"voltage_a_v": Decimal("230.9"), "frequency_hz": Decimal(50)}
    ]
    assert store.latest(["m1"])["m1"] == found[0]
    assert found[0].terminal == "T1"


def test_a_repeated_frame_does_not_undo_a_restatement(store: ReadingStore) -> None:
    first = partial(1, START_MS + 1, {"voltage_a_v": 2301})
    store.write([first, partial(2, START_MS + 2, {"voltage_a_v": 2302})])
    assert store.write([first]) == 0
    assert store.latest(["m1"])["m1"].values == {"voltage_a_v": Decimal("230.2")}


def test_doubts_come_back_with_their_values(store: ReadingStore) -> None:
    whole = batch(1, START_MS, {"m1": (1, 2), "m2": (3, MISSING)})
    doubts = np.array([[Quality.ESTIMATED, 0], [0, Quality.STALE]], dtype=np.uint8)
    store.write([replace(whole, quality=Quality.LATE, doubts=doubts)])
    store.write([replace(batch(2, START_MS + 1, {"m3": (1, 2)}), doubts=doubts[:1])])
    store.write([batch(3, START_MS + 2, {"m4": (1, 2)})])
    found = store.latest(["m1", "m2", "m3", "m4"])
    assert found["m1"].doubts == {
        "voltage_a_v": Quality.LATE | Quality.ESTIMATED,
        "energy_import_kwh": Quality.LATE,
    }
    assert found["m2"].doubts == {"voltage_a_v": Quality.LATE}
    assert found["m3"].doubts == {"voltage_a_v": Quality.ESTIMATED}
    assert found["m4"].doubts == {}
    assert [store.series(meter, 0, 2**52)[0].doubts for meter in found] == [
        reading.doubts for reading in found.values()
    ]


@pytest.mark.parametrize("later_ms", [2_000, 2 * HOUR_MS])
def test_a_good_value_puts_a_doubtful_one_right(store: ReadingStore, later_ms: int) -> None:
    both = {"voltage_a_v": 2301, "energy_import_kwh": 100}
    store.write([partial(1, START_MS + 1, both, quality=Quality.ESTIMATED)])
    store.write([partial(2, START_MS + later_ms, {"voltage_a_v": 2300})])
    assert store.latest(["m1"])["m1"].doubts == {"energy_import_kwh": Quality.ESTIMATED}


def test_a_write_may_be_under_way_while_the_next_is_prepared(store: ReadingStore) -> None:
    first = store.begin([batch(1, 1000, {"m1": (1, 1)})])
    second = store.begin([batch(2, 2000, {"m1": (2, 2)})])
    assert (first.result(), second.result()) == (1, 1)
    assert [reading.at_ms for reading in store.series("m1", 0, 2**52)] == [1000, 2000]


def test_spans_of_time(store: ReadingStore) -> None:
    step_ms = 5 * 60_000
    store.write(
        [batch(k + 1, START_MS + k * step_ms, {"m1": (2300 + k % 2, 100 + k)}) for k in range(12 * 24 * 2)]
    )
    store.write([partial(1, START_MS + HOUR_MS, {"voltage_a_v": 2200}, terminal="T9", quality=Quality.LATE)])
    quarters = store.aggregated("m1", START_MS, START_MS + DAY_MS, QUARTER_MS)
    assert [bucket.begin_ms for bucket in quarters] == list(range(START_MS, START_MS + DAY_MS, QUARTER_MS))
    volts = quarters[0].values["voltage_a_v"]
    assert (volts.count, volts.low, volts.high, volts.last) == (
        3, Decimal(220), Decimal("230.1"), Decimal("230"),
    )  # fmt: skip
    assert volts.mean == (Decimal("680.1") / 3).quantize(Decimal("0.0001"))
    assert volts.doubt == Quality.LATE
    energy = quarters[1].values["energy_import_kwh"]
    assert (energy.last, energy.mean, energy.doubt) == (Decimal("1.05"), None, Quality.GOOD)
    hours = store.aggregated("m1", START_MS + 1, START_MS + 2 * HOUR_MS + 1, HOUR_MS)
    assert [bucket.begin_ms for bucket in hours] == [START_MS + HOUR_MS, START_MS + 2 * HOUR_MS]
    shanghai = store.aggregated("m1", START_MS, START_MS + DAY_MS, DAY_MS, START_MS - 8 * HOUR_MS)
    assert [(day.begin_ms, day.values["voltage_a_v"].count) for day in shanghai] == [
        (START_MS + 16 * HOUR_MS, 288)
    ]
    assert store.aggregated("nobody", 0, 2**52, DAY_MS) == ()


HOSTILE = (
    "a,b",
    "a b", "a=b", 'a"b', "a'b", "a\\", "\\", "a\nb", "a\\nb", "a\tb", "表 计,1", "%", "%41", "", ",", "=",
    " ", "m1' OR '1'='1", "m1'; DROP MEASUREMENT reading; --", "/.*/", "x\\'", "😀", "é̂\u2028",
    "reading,meter=m1 voltage_a_v=0",
)  # fmt: skip


def test_ids_are_stored_literally(store: ReadingStore) -> None:
    rows = {meter: (place, place) for place, meter in enumerate(HOSTILE)}
    store.write([batch(1, START_MS, rows, terminal="T 1,x=\\")])
    found = store.latest([*HOSTILE, "m1"])
    assert set(found) == set(HOSTILE)
    for place, meter in enumerate(HOSTILE):
        (reading,) = store.series(meter, 0, 2**52)
        assert (reading.meter, reading.terminal) == (meter, "T 1,x=\\")
        assert reading.values["voltage_a_v"] == Decimal(place) / 10
    assert store.series("m1", 0, 2**52) == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    meter=st.text(max_size=64),
    value=st.integers(-(2**63) + 1, 2**63 - 1),
    decimals=st.integers(0, 18),
)
def test_any_id_and_any_number_come_back_exactly(
    store: ReadingStore, meter: str, value: int, decimals: int
) -> None:
    at_ms = START_MS + next(_numbers)
    rows = {meter: (value, MISSING)}
    store.write([batch(at_ms, at_ms, rows, decimals=(decimals, 2))])
    (reading,) = store.series(meter, at_ms, at_ms + 1)
    assert reading.values == {"voltage_a_v": Decimal(value).scaleb(-decimals, Context(prec=40))}


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
    failures: list[str] = []
    meters = [f"m{number}" for number in range(1_200)]
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = store.latest(meters).values()
            times = {reading.at_ms for reading in found}
            half = [reading.meter for reading in found if len(reading.values) != 2]
            # InfluxDB shows points while it is still writing them; a file shows one moment.
            one_moment = not half and len(times) <= 2 and len(found) in {0, 600, 1_200}
            if isinstance(store, EmbeddedReadingStore) and not one_moment:
                failures.append(f"{len(found)} readings of {times}, half of {half[:3]}")

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
