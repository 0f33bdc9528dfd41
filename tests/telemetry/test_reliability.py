"""REL-01: indices against hand-worked examples of IEEE 1366 and DL/T 836.1."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import reliability
from telemetry.interruption_steps import Interruption, episodes_of
from telemetry.reliability import (
    HOUR_MS,
    MINUTE_MS,
    Episodes,
    Indices,
    InterruptionCause,
    Period,
    Totals,
    part_of_table,
    year_period,
)

YEAR = year_period(2026, UTC)
NOON = YEAR.start_ms + 100 * 24 * HOUR_MS
FAULT = InterruptionCause.FAULT


def _after(minutes: float) -> int:
    return NOON + round(minutes * MINUTE_MS)


def _rows(*rows: tuple[float, int], cause: InterruptionCause = FAULT) -> list[Interruption]:
    return [Interruption(NOON, _after(minutes), n, cause) for minutes, n in rows]


def _steps(*rows: tuple[float, int]) -> Episodes:
    return episodes_of(_rows(*rows), NOON)


def ieee1366(steps: Episodes, customers: int, period: Period) -> Indices:
    return part_of_table(reliability.ieee1366(Totals.of(steps, np.array([float(customers)]), period)), 0)


def dlt836(steps: Episodes, customers: int, period: Period) -> Indices:
    return part_of_table(reliability.dlt836(Totals.of(steps, np.array([float(customers)]), period)), 0)


def _durations(steps: Episodes) -> set[tuple[int, int]]:
    minutes = (steps.duration_ms // MINUTE_MS).tolist()
    return set(zip(minutes, steps.customers.tolist(), strict=True))


def test_the_known_answer_of_ieee_1366() -> None:
    steps = _steps((8.17, 200), (71.3, 600), (30.3, 25), (267.2, 90), (120, 700), (10, 1500), (40, 100))
    indices = ieee1366(steps, 2000, YEAR)
    assert indices["saifi"] == pytest.approx(1.6075)
    assert indices["saidi_min"] == pytest.approx(86.11, abs=0.005)
    assert indices["caidi_min"] == pytest.approx(53.57, abs=0.005)
    assert indices["asai"] == pytest.approx(0.999836, abs=5e-7)


def test_five_minutes_are_momentary_and_a_millisecond_more_is_sustained() -> None:
    steps = _steps((5, 70), (5 + 1 / MINUTE_MS, 30))
    indices = ieee1366(steps, 100, YEAR)
    assert (indices["saifi"], indices["maifi"]) == (0.3, 0.7)


def test_three_minutes_are_short() -> None:
    steps = _steps((3, 70), (3 + 1 / MINUTE_MS, 30))
    indices = dlt836(steps, 100, YEAR)
    assert (indices["saifi_1"], indices["saifi_4"]) == (1.0, 0.3)


def test_nothing_interrupted_has_no_mean_duration() -> None:
    assert ieee1366(_steps(), 10, YEAR)["caidi_min"] is None
    assert ieee1366(_steps(), 10, YEAR)["asai"] == 1.0
    assert dlt836(_steps(), 10, YEAR)["caidi_1_h"] is None


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([(0, 30, 60), (0, 90, 40)], id="groups with their own return"),
        pytest.param([(0, 30, 100), (30, 90, 40)], id="stretches with the number still out"),
    ],
)
def test_steps_of_one_interruption_count_each_customer_once(rows: list[tuple[int, int, int]]) -> None:
    steps = episodes_of((Interruption(_after(a), _after(b), n, FAULT, "I-1") for a, b, n in rows), NOON)
    assert _durations(steps) == {(30, 60), (90, 40)}
    indices = ieee1366(steps, 1000, YEAR)
    assert indices["saifi"] == pytest.approx(0.1)
    assert indices["saidi_min"] == pytest.approx((60 * 30 + 40 * 90) / 1000)


def test_the_same_rows_without_an_id_are_two_interruptions() -> None:
    rows = [Interruption(NOON, _after(30), 100, FAULT), Interruption(_after(30), _after(90), 40, FAULT)]
    assert ieee1366(episodes_of(rows, NOON), 1000, YEAR)["saifi"] == pytest.approx(0.14)


def test_an_open_interruption_lasts_until_now() -> None:
    steps = episodes_of([Interruption(NOON, None, 7, FAULT)], _after(42))
    assert steps.ended_ms.tolist() == [_after(42)]


def test_variants_of_dlt_836() -> None:
    rows = [
        *_rows((60, 100), cause=InterruptionCause.FAULT),
        *_rows((120, 50), cause=InterruptionCause.EXTERNAL),
        *_rows((240, 30), cause=InterruptionCause.PLANNED),
        *_rows((30, 20), cause=InterruptionCause.RATIONING),
    ]
    indices = dlt836(episodes_of(rows, NOON), 1000, YEAR)
    assert indices["customer_hours"] == pytest.approx(100 + 100 + 120 + 10)
    assert indices["saidi_1_h"] == pytest.approx(0.330)
    assert indices["saidi_2_h"] == pytest.approx(0.230)
    assert indices["saidi_3_h"] == pytest.approx(0.320)
    assert indices["saidi_f_h"] == pytest.approx(0.200)
    assert indices["saidi_s_h"] == pytest.approx(0.130)
    assert indices["saifi_1"] == pytest.approx(0.2)
    assert indices["asai_1_percent"] == pytest.approx((1 - 0.33 / 8760) * 100)


def test_an_interruption_over_new_year_counts_where_it_begins_and_lasts_in_both() -> None:
    before, after = YEAR.end_ms - HOUR_MS, YEAR.end_ms + 2 * HOUR_MS
    steps = episodes_of([Interruption(before, after, 10, FAULT)], NOON)
    old, new = (ieee1366(steps, 10, year_period(year, UTC)) for year in (2026, 2027))
    assert (old["saifi"], old["saidi_min"]) == (1.0, 60.0)
    assert (new["saifi"], new["saidi_min"]) == (0.0, 120.0)


def test_a_year_begins_at_midnight_of_its_zone() -> None:
    assert YEAR.start_ms - year_period(2026, timezone(timedelta(hours=8))).start_ms == 8 * HOUR_MS


ROWS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 50)), max_size=12)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_customer_time_is_kept_and_no_step_is_negative(rows: list[tuple[int, int, int]]) -> None:
    listed = [Interruption(_after(a), _after(a + d), n, FAULT, "I-1") for a, d, n in rows]
    steps = episodes_of(listed, NOON)
    assert (steps.duration_ms >= 0).all()
    assert (steps.customers > 0).all()
    assert (steps.duration_ms * steps.customers).sum() == sum(d * n * MINUTE_MS for _, d, n in rows)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, parts=st.integers(1, 4))
def test_parts_add_up_to_the_whole(rows: list[tuple[int, int, int]], parts: int) -> None:
    steps = episodes_of([Interruption(_after(a), _after(a + d), n, FAULT) for a, d, n in rows], NOON)
    labels = (np.arange(len(steps)) % parts).astype(np.int32)
    split = replace(steps, part=labels)
    by_part = reliability.dlt836(Totals.of(split, np.full(parts, 100.0), YEAR))
    whole = dlt836(steps, 100 * parts, YEAR)
    assert by_part["customer_hours"].sum() == pytest.approx(whole["customer_hours"])
    assert by_part["saifi_1"].mean() == pytest.approx(whole["saifi_1"])


def test_a_part_without_customers_has_no_indices() -> None:
    table = reliability.ieee1366(Totals.of(_steps(), np.array([10.0, 0.0]), YEAR))
    assert part_of_table(table, 0)["saifi"] == 0.0
    assert part_of_table(table, 1)["saifi"] is None
