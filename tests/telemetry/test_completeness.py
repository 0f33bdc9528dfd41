"""The arithmetic of completeness: what is owed, what is counted, that packing loses nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.completeness import (
    DAY_MS,
    INTERVALS,
    REVIVED,
    SHARD_METERS,
    WHOLE_TERMINAL,
    Arrivals,
    Expectations,
    ExpectRule,
    MeterDay,
    Outcome,
    counted,
    day_of,
    day_start_ms,
    expected,
    no_counts,
    pack_counts,
    raster,
    totals,
    unpack_counts,
    unpacked,
)

DAY = day_of(1_795_300_000_000)
LATER_MS = day_start_ms(DAY + 2)


def test_a_day_is_a_day_in_china() -> None:
    """2026-11-22 begins at 2026-11-21T16:00:00Z."""
    start_ms = 1_795_276_800_000
    assert (day_of(start_ms), day_of(start_ms - 1)) == (DAY, DAY - 1)
    assert day_start_ms(DAY) == start_ms
    assert (raster(start_ms) % INTERVALS, raster(start_ms + DAY_MS - 1) % INTERVALS) == (0, 95)


@pytest.mark.parametrize("per_day", [1, 2, 24, 48, 95, 96, 97, 288, 1440, 86_400])
def test_what_is_owed_adds_up_and_begins_with_the_day(per_day: int) -> None:
    owed = expected(per_day, DAY, LATER_MS)
    assert (owed.sum(), owed[0] > 0) == (per_day, True)
    assert owed.max() - owed.min() <= 1


def test_only_intervals_that_have_ended_are_owed() -> None:
    noon_ms = day_start_ms(DAY) + DAY_MS // 2
    assert expected(96, DAY, noon_ms).sum() == 48
    assert expected(96, DAY, noon_ms + 899_999).sum() == 48
    assert expected(96, DAY, day_start_ms(DAY)).sum() == 0
    assert expected(96, DAY, 0).sum() == 0


def test_hourly_meters_owe_the_full_hours() -> None:
    assert np.flatnonzero(expected(24, DAY, LATER_MS)).tolist() == list(range(0, 96, 4))


runs = st.lists(
    st.tuples(
        st.sampled_from(["T1", "T2"]),
        st.integers(0, 3 * DAY_MS),
        st.sampled_from([*Outcome, REVIVED]),
        st.lists(st.tuples(st.integers(0, 600), st.integers(1, 300)), min_size=1, max_size=3),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_every_meter_of_every_run_is_counted_once(
    given_runs: list[tuple[str, int, int, list[tuple[int, int]]]],
) -> None:
    arrived = Arrivals.none()
    wanted: dict[tuple[str, int, int, int], int] = {}
    for terminal, at_ms, outcome, spans in given_runs:
        arrived.add(terminal, at_ms, outcome, np.array([(a, a + n) for a, n in spans], dtype=np.int32))
        for first, size in spans:
            for place in range(first, first + size):
                key = terminal, place, raster(at_ms), outcome
                wanted[key] = wanted.get(key, 0) + 1
    found: dict[tuple[str, int, int, int], int] = {}
    for run in unpacked(arrived.packed()):
        for place in range(run.first, run.behind):
            key = (
                run.block.terminal,
                run.block.shard * SHARD_METERS + place,
                run.block.day * INTERVALS + run.interval,
                run.outcome,
            )
            found[key] = found.get(key, 0) + 1
    assert found == wanted


def test_frames_without_meters_have_a_block_of_their_own() -> None:
    arrived = Arrivals.none()
    arrived.add("T1", LATER_MS, Outcome.DEAD, np.array([[WHOLE_TERMINAL, 0]], dtype=np.int32))
    (run,) = unpacked(arrived.packed())
    assert (run.block.shard, run.first, run.behind) == (WHOLE_TERMINAL, 0, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32), st.sets(st.sampled_from(list(Outcome))))
def test_packing_keeps_every_count(meters: int, seed: int, used: set[Outcome]) -> None:
    counts = no_counts(meters)
    for outcome in used:
        counts[outcome] = np.random.default_rng(seed).integers(0, 4, (meters, INTERVALS))
    assert (unpack_counts(pack_counts(counts)) == counts).all()


def test_a_count_stops_instead_of_running_over() -> None:
    counts = no_counts(1)
    counts[Outcome.ON_TIME, 0, 7] = 65_534
    counts = counted(counts, {(Outcome.ON_TIME, 0, 2): [7, 7, 7, 9], (Outcome.LATE, 1, 2): [7]})
    assert counts[Outcome.ON_TIME][:, [7, 9]].tolist() == [[65_535, 1], [3, 1]]
    assert counts[Outcome.LATE].sum() == counts[Outcome.LATE, 1, 7] == 1


def test_what_is_revived_leaves_the_dead_and_never_goes_below_none() -> None:
    counts = counted(no_counts(1), {(REVIVED, 0, 1): [3, 4], (Outcome.DEAD, 0, 1): [3, 3]})
    assert counts[Outcome.DEAD, 0, 3:5].tolist() == [1, 0]
    assert counts.shape[0] == len(Outcome)


def test_totals_name_the_worst_meter() -> None:
    counts = no_counts(3)
    counts[Outcome.ON_TIME, 0, :90] = 1
    counts[Outcome.LATE, 1, :10] = 2
    counts[Outcome.DEAD, 2, 0] = 7
    found = totals(counts)
    assert (found.meters, found.covered, found.least, found.late, found.dead) == (3, 100, 0, 20, 7)


def test_a_meters_day_balances() -> None:
    counts = np.zeros((len(Outcome), INTERVALS), dtype=np.int64)
    counts[Outcome.ON_TIME, :40] = 1
    counts[Outcome.LATE, 40:48] = 1
    counts[Outcome.DUPLICATE, 0] = 5
    day = MeterDay("m", DAY, expected(96, DAY, LATER_MS), counts)
    assert (day.received.sum(), day.stored.sum(), day.missing.sum(), day.share) == (53, 48, 48, 0.5)


def test_the_first_rule_that_fits_says_what_is_owed() -> None:
    rules = (ExpectRule(288, model="DTZ*"), ExpectRule(24, terminal="T-9?"), ExpectRule(1, door="file"))
    owed = Expectations(96, rules)
    assert owed.per_day("DTZ341") == 288
    assert owed.per_day("DDZ", "T-91") == 24
    assert owed.per_day("DDZ", "T-911", "file") == 1
    assert owed.per_day("DDZ", "T-911", "mqtt") == 96
