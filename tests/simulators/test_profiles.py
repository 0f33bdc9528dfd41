"""Energy is the exact sum of the load, across steps, midnights and years; SimBench's table is read right."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.adapters.profiles import TABLE, SimbenchProfiles, SyntheticProfiles, profile_source
from simulators.errors import SimulatorError
from simulators.profiles import QUANTUM, STEP_MS, STEPS, LoadCurve, Profiles, centi_kwh, moment

SEED = np.random.default_rng(5)
CURVE = LoadCurve(Profiles(("a", "b"), SEED.integers(0, 1_000_000, (2, STEPS)).astype(np.int32)))

instants = st.integers(1_710_000_000_000, 1_990_000_000_000)


def _ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type,misc]


@given(instants, st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_energy_between_two_instants_is_the_sum_of_power_times_time(start_ms: int, quarters: int) -> None:
    start_ms -= start_ms % STEP_MS
    steps = [start_ms + number * STEP_MS for number in range(quarters + 1)]
    drawn = sum(CURVE.factor(at_ms) * 1_000_000 * STEP_MS for at_ms in steps[:-1]) / QUANTUM
    assert np.all(np.abs(CURVE.quanta(steps[-1]) - CURVE.quanta(start_ms) - drawn) <= 1)


@given(instants, st.integers(0, 400 * 86_400_000))
@settings(max_examples=100, deadline=None)
def test_counters_never_fall(start_ms: int, later_ms: int) -> None:
    rated = np.array([3, 2_000_000], np.int64)
    before, after = (centi_kwh(rated, CURVE.quanta(at_ms)) for at_ms in (start_ms, start_ms + later_ms))
    assert np.all(after >= before)
    assert np.all(before >= 0)


def test_one_kilowatt_for_an_hour_is_one_kilowatt_hour() -> None:
    always = LoadCurve(Profiles(("full",), np.full((1, STEPS), 1_000_000, np.int32)))
    start_ms = _ms(2026, 11, 22, 3)
    drawn = [centi_kwh(np.array([1000]), always.quanta(start_ms + wait))[0] for wait in (0, 3_600_000)]
    assert drawn[1] - drawn[0] == 100


def test_the_year_is_read_by_chinas_clock_and_skips_29_february_where_there_is_none() -> None:
    assert moment(_ms(2025, 12, 31, 16)).step == 0  # 00:00 on 1 January 2026 in China
    assert moment(_ms(2025, 12, 31, 16) - 1).step == STEPS - 1
    before, after = moment(_ms(2026, 2, 28, 16) - 1), moment(_ms(2026, 2, 28, 16))
    assert after.step - before.step == 97
    assert after.skipped - before.skipped == 1
    leap = moment(_ms(2028, 2, 28, 16))
    assert leap.step - moment(_ms(2028, 2, 28, 16) - 1).step == 1


def test_simbench_profiles_are_those_of_the_package() -> None:
    source = profile_source(["H0-A", "G0-M"])
    assert isinstance(source, SimbenchProfiles)
    profiles = source.load(["H0-A", "G0-M", "no such profile"])
    assert set(profiles.names) == {"H0-A", "G0-M"}
    assert profiles.factors.shape == (2, STEPS)
    # G0-M at 00:00 on 1 January 2016 stands in the table's first row.
    assert profiles.factors[profiles.row("G0-M"), 0] == 275_641
    assert profiles.row("no such profile") == profiles.row("H0-A")


def test_a_network_without_profiles_gets_the_built_in_days() -> None:
    assert isinstance(profile_source(["", "unheard of"]), SyntheticProfiles)
    profiles = profile_source([]).load([])
    assert profiles.factors.shape == (2, STEPS)
    assert 0 < profiles.factors.min() <= profiles.factors.max() < 1_000_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time;H0-A_pload\nx;1\nx;much\n", r"LoadProfile.csv:3: expected numbers"),
        ("time;H0-A_pload\nx;1\n", "expected 35136 quarters of an hour, found 1"),
        ("time;H0-A_pload\nx\n", r"LoadProfile.csv:2: expected numbers"),
    ],
)
def test_an_unreadable_table_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / TABLE.name
    table.write_text(text, encoding="ascii")
    with pytest.raises(SimulatorError, match=told):
        SimbenchProfiles(table).load(["H0-A"])
