"""Spans of time, by hand and against a plain calculation."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.downsampling import DAY_MS, HOUR_MS, QUARTER_MS, aggregate, begin_of, first_begin
from telemetry.readings import Quality, Reading

_times = st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=40, unique=True)


def reading(at_ms: int, quantity: str, value: Decimal, doubt: Quality = Quality.GOOD) -> Reading:
    return Reading("m1", "T1", at_ms, at_ms, {quantity: value}, {quantity: doubt} if doubt else {})


def test_an_hour_by_hand() -> None:
    values = ["230.1", "229.9", "230.4"]
    found = list(
        aggregate([reading(HOUR_MS + k, "voltage_a_v", Decimal(v)) for k, v in enumerate(values)], HOUR_MS)
    )
    assert [bucket.begin_ms for bucket in found] == [HOUR_MS]
    volts = found[0].values["voltage_a_v"]
    assert (volts.mean, volts.low, volts.high, volts.last) == (
        Decimal("230.1333"), Decimal("229.9"), Decimal("230.4"), Decimal("230.4"),
    )  # fmt: skip


def test_what_only_grows_has_its_last_value_and_no_mean() -> None:
    found = [reading(k * QUARTER_MS, "energy_import_kwh", Decimal(k)) for k in range(8)]
    hours = list(aggregate(found, HOUR_MS))
    energy = [bucket.values["energy_import_kwh"] for bucket in hours]
    assert [(one.last, one.mean) for one in energy] == [(Decimal(3), None), (Decimal(7), None)]


def test_doubts_of_a_span_are_those_of_any_value() -> None:
    some = [Quality.GOOD, Quality.LATE, Quality.STALE]
    (hour,) = aggregate(
        [reading(k, "frequency_hz", Decimal(50), doubt) for k, doubt in enumerate(some)], HOUR_MS
    )
    assert hour.values["frequency_hz"].doubt == Quality.LATE | Quality.STALE


@settings(max_examples=100, deadline=None)
@given(_times, st.sampled_from([QUARTER_MS, HOUR_MS, DAY_MS]), st.integers(-DAY_MS, DAY_MS))
def test_against_a_plain_calculation(times: list[int], every_ms: int, origin_ms: int) -> None:
    times = sorted(times)
    series = [reading(at_ms, "voltage_a_v", Decimal(at_ms % 5000) / 10) for at_ms in times]
    found = list(aggregate(series, every_ms, origin_ms))
    assert [bucket.begin_ms for bucket in found] == sorted({begin_of(t, every_ms, origin_ms) for t in times})
    assert sum(bucket.values["voltage_a_v"].count for bucket in found) == len(times)
    for bucket in found:
        assert (bucket.begin_ms - origin_ms) % every_ms == 0
        within = [one for one in series if bucket.begin_ms <= one.at_ms < bucket.begin_ms + every_ms]
        values = [one.values["voltage_a_v"] for one in within]
        mean = bucket.values["voltage_a_v"].mean
        assert mean is not None
        assert abs(Fraction(mean) - sum(map(Fraction, values), Fraction(0)) / len(values)) <= Fraction(
            1, 20_000
        )


@given(st.integers(-(10**13), 10**13), st.sampled_from([QUARTER_MS, DAY_MS]), st.integers(-DAY_MS, DAY_MS))
def test_the_first_beginning_is_the_first(from_ms: int, every_ms: int, origin_ms: int) -> None:
    first = first_begin(from_ms, every_ms, origin_ms)
    assert from_ms <= first < from_ms + every_ms
    assert begin_of(first, every_ms, origin_ms) == first
