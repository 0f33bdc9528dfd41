"""What meters read: plausible, at the resolution of real meters, and silent without supply."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.network import Int32, Network
from simulators.metering import EMPTY_ROW, QUANTITIES, Metering, Row, equipment
from simulators.profiles import LoadCurve, synthetic_profiles
from telemetry.quantities import CATALOGUE
from tests.simulators.networks import village

START_MS = 1_795_300_000_000
PROFILES = synthetic_profiles()
NETWORK = village(areas=2)
EVERYBODY: Int32 = np.arange(len(NETWORK.meters), dtype=np.int32)


def _metering(network: Network = NETWORK, seed: int = 1) -> Metering:
    return Metering(equipment(network, PROFILES, seed), LoadCurve(PROFILES), seed)


def _read(metering: Metering, now_ms: int, meters: Int32 = EVERYBODY) -> list[Row]:
    return metering.rows(meters, np.ones(len(meters), bool), now_ms)


def test_every_quantity_is_in_the_catalogue_and_every_value_in_its_range_and_resolution() -> None:
    for row in _read(_metering(), START_MS):
        for name, value in zip(QUANTITIES, row, strict=True):
            quantity = CATALOGUE[name]
            assert value is not None
            assert quantity.low <= value <= quantity.high
            assert -int(Decimal(repr(value)).as_tuple().exponent) <= quantity.decimals
            if name.startswith("voltage"):
                assert 198.0 <= value <= 235.4  # GB/T 12325 for 220 V


def test_a_meter_without_supply_answers_with_nothing() -> None:
    answering = EVERYBODY % 2 == 0
    rows = _metering().rows(EVERYBODY, answering, START_MS)
    assert [row is not EMPTY_ROW for row in rows] == answering.tolist()


def test_a_single_phase_meter_reads_its_phase_only() -> None:
    meters = replace(NETWORK.meters, phases=np.full(len(EVERYBODY), 2, np.int8))
    row = _read(_metering(replace(NETWORK, meters=meters)), START_MS)[0]
    assert [value is None for value in row[:6]] == [True, False, True, True, False, True]


def test_power_current_and_power_factor_belong_together() -> None:
    for row in _read(_metering(), START_MS):
        value = {name: number for name, number in zip(QUANTITIES, row, strict=True) if number is not None}
        apparent = sum(value[f"voltage_{p}_v"] * value[f"current_{p}_a"] for p in "abc") / 1000
        assert abs(apparent * value["power_factor"] - value["active_power_kw"]) < 0.01


@given(st.lists(st.tuples(st.integers(1_000, 5_000_000), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_counter_never_falls_and_stands_while_there_is_no_supply(waits: list[tuple[int, bool]]) -> None:
    metering, now_ms, on = _metering(), START_MS, True
    last = metering.energy_centi_kwh(EVERYBODY, now_ms)
    for wait_ms, wanted in waits:
        now_ms += wait_ms
        if on and not wanted:
            last = metering.energy_centi_kwh(EVERYBODY, now_ms)
            metering.interrupted(EVERYBODY, now_ms)
        if wanted and not on:
            metering.returned(EVERYBODY, now_ms)
            assert np.array_equal(metering.energy_centi_kwh(EVERYBODY, now_ms), last)
        on = wanted
        if on:
            found = metering.energy_centi_kwh(EVERYBODY, now_ms)
            assert np.all(found >= last)
            last = found


def test_the_columns_of_the_network_are_used_and_bad_ones_are_not() -> None:
    count = len(EVERYBODY)
    columns = {
        "p_kw": ("7.5", "nonsense", "nan", "-2") + ("",) * (count - 4),
        "profile": ("business",) * count,
    }
    behind = equipment(replace(NETWORK, meters=replace(NETWORK.meters, extra=columns)), PROFILES, 1)
    assert behind.rated_w[:5].tolist() == [7500, 3000, 3000, 2000, 3000]
    assert set(behind.profile.tolist()) == {PROFILES.names.index("business")}
