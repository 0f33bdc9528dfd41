"""Spans that outlive their readings in InfluxDB: computed as on reading, kept in a database of their own."""

from collections.abc import Iterator

import numpy as np
import pytest

from telemetry.adapters.influx_readings import InfluxReadingStore
from telemetry.adapters.influx_server import InfluxAddress
from telemetry.downsampling import DAY_MS, HOUR_MS, QUARTER_MS
from telemetry.readings import MISSING, Quality, ReadingBatch
from tests.influx import Influxd, influxd

MIDNIGHT_MS = 1_795_305_600_000 - 8 * HOUR_MS
"""In Shanghai."""
METERS = ("m1", "m 2,=", "m\\3")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx")) as started:
        yield started


def frames(step_ms: int = 5 * 60_000) -> list[ReadingBatch]:
    """A day and a half, with a gap and a doubt."""
    made = []
    for k in range(int(1.5 * DAY_MS) // step_ms):
        values = np.array([[2300 + (k + m) % 7, 100 + k] for m in range(3)], dtype=np.int64)
        if 20 <= k < 40:
            values[1] = MISSING
        made.append(
            ReadingBatch(
                "T1", "b", k, MIDNIGHT_MS + k * step_ms, MIDNIGHT_MS + k * step_ms + 9, METERS,
                ("voltage_a_v", "energy_import_kwh"), (1, 2), values,
                Quality.ESTIMATED if k == 5 else Quality.GOOD,
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("every_ms", [QUARTER_MS, HOUR_MS, DAY_MS])
def test_kept_spans_are_the_computed_ones(server: Influxd, every_ms: int) -> None:
    database = f"g{every_ms}"
    store = InfluxReadingStore(InfluxAddress(server.url, database, "v1"))
    store.write(frames())
    days = (MIDNIGHT_MS, MIDNIGHT_MS + 2 * DAY_MS)
    computed = {meter: store.aggregated(meter, *days, every_ms, MIDNIGHT_MS) for meter in METERS}
    for _ in range(2):
        assert store.keep_day(MIDNIGHT_MS) == 3
    assert {meter: store.aggregated(meter, *days, every_ms, MIDNIGHT_MS) for meter in METERS} == computed
    # What the retention of the readings does in the end:
    older = f"time < {MIDNIGHT_MS + DAY_MS}ms"
    server.query("DELETE FROM reading WHERE " + older, database)  # noqa: S608 (constants)
    assert store.series("m1", MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS) == ()
    assert {meter: store.aggregated(meter, *days, every_ms, MIDNIGHT_MS) for meter in METERS} == computed
    assert store.aggregated("m1", *days, every_ms, MIDNIGHT_MS + 60_000)[:1] != computed["m1"][:1], (
        "another grid"
    )
    store.close()


def test_late_values_replace_the_day_when_it_is_computed_again(server: Influxd) -> None:
    store = InfluxReadingStore(InfluxAddress(server.url, "late", "v1"))
    store.write(frames()[:12])
    store.keep_day(MIDNIGHT_MS)
    values = np.array([[9999, 5000]] * 3, dtype=np.int64)
    late = ReadingBatch(
        "T1", "b", 999, MIDNIGHT_MS + HOUR_MS - 60_000, MIDNIGHT_MS + DAY_MS, METERS,
        ("voltage_a_v", "energy_import_kwh"), (1, 2), values, Quality.LATE,
    )  # fmt: skip
    store.write([late])
    store.keep_day(MIDNIGHT_MS)
    expected = store.aggregated("m1", MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS, HOUR_MS, MIDNIGHT_MS)
    server.query("DROP MEASUREMENT reading", "late")
    kept = store.aggregated("m1", MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS, HOUR_MS, MIDNIGHT_MS)
    assert kept == expected
    assert kept[0].values["voltage_a_v"].count == 13
    assert kept[0].values["voltage_a_v"].doubt == Quality.LATE | Quality.ESTIMATED
    store.close()


def test_a_database_without_spans_has_none(server: Influxd) -> None:
    store = InfluxReadingStore(InfluxAddress(server.url, "empty", "v1"))
    assert store.aggregated("m1", 0, 2**52, DAY_MS) == ()
    assert store.keep_day(MIDNIGHT_MS) == 0
    store.close()
