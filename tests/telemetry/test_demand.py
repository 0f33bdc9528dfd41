"""The recent greatest demand of a transformer, from readings of its terminal."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.influx_readings import InfluxReadingStore
from telemetry.adapters.influx_server import InfluxAddress
from telemetry.demand import DAYS, MeasuredDemand
from telemetry.downsampling import DAY_MS, QUARTER_MS
from telemetry.quantities import CATALOGUE
from telemetry.readings import Quality, ReadingBatch
from tests.ports import free_port
from tests.telemetry.nights import FEEDER

NOW_MS = 1_764_000_000_000
TERMINAL = FEEDER.terminals.ids[0]
ROW = int(FEEDER.terminals.edge[0])
ROWS = np.array([ROW], np.int32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedReadingStore]:
    opened = EmbeddedReadingStore(tmp_path)
    yield opened
    opened.close()


def _write(
    store: EmbeddedReadingStore, at_ms: int, values: Mapping[str, str], quality: Quality = Quality.GOOD
) -> None:
    decimals = tuple(CATALOGUE[name].decimals for name in values)
    scaled = [int(Decimal(text).scaleb(fine)) for text, fine in zip(values.values(), decimals, strict=True)]
    store.write([ReadingBatch(
        TERMINAL, "b", at_ms, at_ms, at_ms, (TERMINAL,), tuple(values), decimals,
        np.array([scaled], np.int64), quality,
    )])  # fmt: skip


def _power(active_kw: str, reactive_kvar: str) -> dict[str, str]:
    return {"active_power_kw": active_kw, "reactive_power_kvar": reactive_kvar}


def _demand(store: EmbeddedReadingStore) -> dict[int, float]:
    return dict(MeasuredDemand(store, FEEDER, NOW_MS)(ROWS))


def test_the_greatest_quarter_counts_whichever_way_it_flows(store: EmbeddedReadingStore) -> None:
    assert _demand(store) == {}
    _write(store, NOW_MS - DAY_MS, _power("60", "80"))
    _write(store, NOW_MS - 2 * DAY_MS, _power("-120", "50"))
    assert _demand(store) == {ROW: pytest.approx(130.0)}


def test_phases_come_before_powers(store: EmbeddedReadingStore) -> None:
    volts = {f"voltage_{phase}_v": "200.0" for phase in "abc"}
    amperes = {f"current_{phase}_a": "100.0" for phase in "abc"}
    _write(store, NOW_MS - QUARTER_MS, volts | amperes | _power("1", "1"))
    assert _demand(store) == {ROW: pytest.approx(60.0)}


@pytest.mark.parametrize("doubt", [Quality.STALE, Quality.CLOCK_SUSPECT, Quality.OUT_OF_RANGE])
def test_what_is_old_doubtful_or_half_read_tells_nothing(store: EmbeddedReadingStore, doubt: Quality) -> None:
    _write(store, NOW_MS - (DAYS + 1) * DAY_MS, _power("60", "80"))
    _write(store, NOW_MS - DAY_MS, _power("600", "800"), doubt)
    _write(store, NOW_MS - 2 * DAY_MS, {"active_power_kw": "60"})
    assert _demand(store) == {}


def test_a_store_that_is_away_leaves_the_capacity() -> None:
    nowhere = InfluxReadingStore(InfluxAddress(f"http://127.0.0.1:{free_port()}", "g", "v1", timeout_s=1))
    assert MeasuredDemand(nowhere, FEEDER, NOW_MS)(ROWS) == {}
    nowhere.close()
