"""Doubts that a batch gets on its way: late, a wrong clock, a frozen source."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.quality import ClockOffset, Doubts, time_doubts
from telemetry.readings import MISSING, Quality, ReadingBatch

START_MS = 1_795_300_000_000
QUARTER_MS = 900_000


def batch(
    at_ms: int, delay_ms: int = 1_000, value: int = 2300, quantity: str = "voltage_a_v"
) -> ReadingBatch:
    scaled = np.array([[value], [value + 1]], dtype=np.int64)
    return ReadingBatch("T1", "b", 1, at_ms, at_ms + delay_ms, ("m1", "m2"), (quantity,), (1,), scaled)


@pytest.mark.parametrize(
    ("delay_ms", "offset_ms", "doubts"),
    [
        (1_000, None, Quality.GOOD),
        (900_000, None, Quality.GOOD),
        (900_001, None, Quality.LATE),
        (900_001, 300_000, Quality.GOOD),
        (-600_000, None, Quality.GOOD),
        (-600_001, None, Quality.CLOCK_SUSPECT),
        (400 * 86_400_000 + 1, None, Quality.CLOCK_SUSPECT | Quality.LATE),
        (1_500_000, 1_500_000, Quality.CLOCK_SUSPECT),
        (-700_000, -700_000, Quality.CLOCK_SUSPECT),
    ],
)
def test_time_tells(delay_ms: int, offset_ms: int | None, doubts: Quality) -> None:
    assert time_doubts(batch(START_MS, delay_ms), offset_ms, 900_000) == doubts


def test_what_its_decoder_doubted_stays() -> None:
    marked = Doubts(900_000).marked(replace(batch(START_MS, 10**6), quality=Quality.ESTIMATED))
    assert marked.quality == Quality.ESTIMATED | Quality.LATE


@settings(max_examples=50, deadline=None)
@given(
    offset_ms=st.integers(-7_200_000, 7_200_000),
    backfill=st.lists(st.integers(3_600_000, 40 * 86_400_000), max_size=40),
    wild=st.integers(-(10**9), 10**9),
)
def test_an_offset_is_found_under_backfill_and_one_wild_time(
    offset_ms: int, backfill: list[int], wild: int
) -> None:
    clock = ClockOffset()
    for number in range(24):
        received_ms = START_MS + number * 600_000
        clock.hear(received_ms - offset_ms - 200 - number % 3 * 50, received_ms)
        for age_ms in backfill:
            clock.hear(received_ms - offset_ms - age_ms, received_ms + 1)
        if number == 10:
            clock.hear(received_ms - wild, received_ms + 2)
    assert clock.estimate_ms is not None
    assert abs(clock.estimate_ms - offset_ms) <= 400


def test_an_offset_needs_some_time() -> None:
    clock = ClockOffset()
    for number in range(3):
        assert clock.estimate_ms is None
        clock.hear(START_MS + number * 600_000, START_MS + number * 600_000)
    assert clock.estimate_ms == 0


def test_a_source_that_repeats_itself_for_an_hour_is_stale() -> None:
    doubts = Doubts(900_000)
    told = [doubts.marked(batch(START_MS + number * QUARTER_MS)).quality for number in range(8)]
    assert told[:4] == [Quality.GOOD] * 4
    assert told[-1] == Quality.STALE
    assert doubts.marked(batch(START_MS + 9 * QUARTER_MS, value=2301)).quality == Quality.GOOD


@pytest.mark.parametrize(
    ("value", "quantity"), [(0, "voltage_a_v"), (MISSING, "voltage_a_v"), (7, "energy_import_kwh")]
)
def test_what_may_stand_still_is_never_stale(value: int, quantity: str) -> None:
    doubts = Doubts(900_000)
    for number in range(12):
        told = doubts.marked(batch(START_MS + number * QUARTER_MS, value=value, quantity=quantity))
        assert told.quality == Quality.GOOD


def test_the_same_frame_again_is_no_repetition() -> None:
    doubts = Doubts(900_000)
    for _ in range(12):
        assert doubts.marked(batch(START_MS)).quality == Quality.GOOD


def test_one_meter_that_changes_is_enough() -> None:
    doubts = Doubts(900_000)
    for number in range(12):
        one = batch(START_MS + number * QUARTER_MS)
        one.scaled[1, 0] += number
        assert doubts.marked(one).quality == Quality.GOOD
