"""Fault rules: hysteresis, duration, what explains what; the shipped limits at their edges."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.areas import Areas
from geo.network import Network
from telemetry.downsampling import Aggregate, Bucket
from telemetry.fault_rule import FaultRule, Limit, Measure, RuleRefused, read_rule, rules_of, shipped_rules
from telemetry.fault_watch import FaultWatch
from telemetry.faults import Track, Turn, step
from telemetry.line_loss import area_day, used_kwh
from telemetry.measured_frames import Frames
from telemetry.quantities import CATALOGUE
from telemetry.readings import MISSING, Quality, ReadingBatch
from telemetry.voltage_quality import VoltageTally
from tests.telemetry.nights import FEEDER

MINUTE = 60_000
QUARTER = 15 * MINUTE
RATED = replace(FEEDER, edges=replace(FEEDER.edges, rated_kva=np.full(len(FEEDER.edges), 100.0)))
AREA = tuple(meter for meter in FEEDER.meters.ids if meter.startswith("A1"))


def _batch(
    at_ms: int, meters: tuple[str, ...], quality: Quality = Quality.GOOD, **values: object
) -> ReadingBatch:
    """Each quantity one number for all, or one per meter; None is missing."""
    columns = []
    for name, given_values in values.items():
        listed = given_values if isinstance(given_values, list) else [given_values] * len(meters)
        scale = 10 ** CATALOGUE[name].decimals
        columns.append([MISSING if value is None else round(value * scale) for value in listed])
    return ReadingBatch(
        "TT-A1", "b", at_ms, at_ms, at_ms, meters, tuple(values),
        tuple(CATALOGUE[name].decimals for name in values), np.array(columns, np.int64).T, quality,
    )  # fmt: skip


class _Site:
    def __init__(self, network: Network = RATED) -> None:
        self.watch = FaultWatch(Areas(network), shipped_rules())
        self.frames = Frames(network)
        self.now_ms = 0

    def hours(self, hours: float, meters: tuple[str, ...], **values: object) -> None:
        """The same frame every quarter of an hour."""
        for _ in range(round(hours * 4) + 1):
            self.watch.look(self.frames.of(_batch(self.now_ms, meters, Quality.GOOD, **values)))
            self.now_ms += QUARTER

    def names(self) -> dict[tuple[str, str], str]:
        return {key: alarm.swallowed_by for key, alarm in self.watch.alarms(self.now_ms).items()}


def test_a_low_voltage_of_an_hour_is_raised_and_half_an_hour_of_good_ones_clears_it() -> None:
    site = _Site()
    site.hours(0.75, AREA[:1], voltage_a_v=197.9)
    assert site.names() == {}
    site.hours(0, AREA[:1], voltage_a_v=197.9)
    assert site.names() == {("under_voltage", AREA[0]): ""}
    site.hours(3, AREA[:1], voltage_a_v=199.0)
    assert site.names(), "between the limits nothing clears"
    site.hours(0.5, AREA[:1], voltage_a_v=200.1)
    assert site.names() == {}
    assert site.watch.cleared_ms == {("under_voltage", AREA[0]): site.now_ms - QUARTER}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"voltage_a_v": 235.5}, "over_voltage"),
        ({"voltage_a_v": 265.0}, "severe_over_voltage"),
        ({"voltage_a_v": 220.0, "voltage_b_v": 3.0, "voltage_c_v": 221.0}, "phase_loss"),
    ],
)
def test_faults_of_a_meter(values: dict[str, float], rule: str) -> None:
    site = _Site()
    site.hours(1, AREA[:1], **values)
    assert (rule, AREA[0]) in site.names()


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        ({"voltage_a_v": 198.0}, set()),
        ({"voltage_a_v": 235.4}, set()),
        ({"voltage_a_v": 5.0}, set()),
        ({"voltage_a_v": 230.0, "voltage_b_v": 132.0, "voltage_c_v": 230.0}, {"under_voltage"}),
        ({"voltage_a_v": None}, set()),
    ],
    ids=["lowest allowed", "highest allowed", "no supply at all", "a phase at 60 %", "not read"],
)
def test_limits_themselves_are_allowed_and_no_supply_is_an_outage(
    values: dict[str, object], rules: set[str]
) -> None:
    site = _Site()
    site.hours(2, AREA[:1], **values)
    assert {rule for rule, _ in site.names()} == rules


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"active_power_kw": 85.0, "reactive_power_kvar": 0.0}, "transformer_heavy_load"),
        ({"active_power_kw": 80.0, "reactive_power_kvar": 65.0}, "transformer_overload"),
        ({"current_a_a": 100.0, "current_b_a": 60.0, "current_c_a": 100.0}, "transformer_current_unbalance"),
        ({"neutral_current_a": 60.0}, "transformer_neutral_current"),
        ({"residual_current_ma": 310.0}, "residual_current"),
        ({"voltage_a_v": 230.0, "voltage_b_v": 230.0, "voltage_c_v": 215.0}, "voltage_unbalance"),
        ({"voltage_a_v": 197.0, "voltage_b_v": 197.0, "voltage_c_v": 197.0}, "transformer_under_voltage"),
        ({"voltage_a_v": 0.0, "voltage_b_v": 226.0, "voltage_c_v": 226.0}, "transformer_phase_loss"),
    ],
)
def test_faults_of_a_transformer_are_told_by_its_terminal(values: dict[str, float], rule: str) -> None:
    site = _Site()
    site.hours(2, ("TT-A1",), **values)
    assert (rule, "TA1") in site.names()


def test_unequal_currents_of_an_idle_transformer_are_nothing() -> None:
    site = _Site()
    site.hours(3, ("TT-A1",), current_a_a=5.0, current_b_a=0.1, current_c_a=9.0)
    assert site.names() == {}


def test_overload_swallows_heavy_load_and_the_low_voltages_below() -> None:
    site = _Site()
    for _ in range(9):
        site.watch.look(
            site.frames.of(_batch(site.now_ms, ("TT-A1",), active_power_kw=120.0, reactive_power_kvar=1.0))
        )
        site.hours(0, AREA[:1], voltage_a_v=190.0)
    assert site.names() == {
        ("transformer_overload", "TA1"): "",
        ("transformer_heavy_load", "TA1"): "transformer_overload",
        ("under_voltage", AREA[0]): "transformer_overload",
    }


def test_most_meters_of_an_area_are_the_transformers_fault() -> None:
    site = _Site()
    low = [195.0] * 5 + [220.0] * 3
    site.hours(1, AREA, voltage_a_v=low)
    names = site.names()
    assert names[("transformer_under_voltage", "TA1")] == ""
    assert {names[("under_voltage", meter)] for meter in AREA[:5]} == {"transformer_under_voltage"}
    gathered = site.watch.alarms(site.now_ms)[("transformer_under_voltage", "TA1")]
    assert (gathered.meters, gathered.worst) == (5, None)
    site.hours(0.5, AREA, voltage_a_v=[220.0] * 3 + [195.0] * 2 + [220.0] * 3)
    assert ("transformer_under_voltage", "TA1") not in site.names()


def test_what_lies_in_an_outage_is_explained_by_it() -> None:
    site = _Site()
    site.hours(1, AREA[:1], voltage_a_v=190.0)
    (alarm,) = site.watch.alarms(site.now_ms, {"TA1": "O-1"}).values()
    assert alarm.swallowed_by == "outage:O-1"


@pytest.mark.parametrize("quality", [Quality.OUT_OF_RANGE, Quality.STALE, Quality.CLOCK_SUSPECT])
def test_distrusted_values_raise_nothing(quality: Quality) -> None:
    site = _Site()
    for n in range(9):
        site.watch.look(site.frames.of(_batch(n * QUARTER, AREA[:1], quality, voltage_a_v=190.0)))
    assert site.watch.tracks == {}


def test_a_gap_breaks_the_proof() -> None:
    rule = next(rule for rule in shipped_rules() if rule.id == "under_voltage")
    track, turn = step(rule, None, 0, 190.0)
    track, turn = step(rule, track, 90 * MINUTE, 190.0)
    assert (track, turn) == (Track(90 * MINUTE, 90 * MINUTE, 190.0), None)


RULE = FaultRule(
    id="r", name_zh="", name_en="", subject="meter", measure=Measure.LOWEST_PHASE_V, severity="advice",
    raises=Limit(below=10.0, for_min=2), clears=Limit(above=12.0, for_min=2), gap_min=10, source="",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.sampled_from([5.0, 11.0, 15.0]), max_size=40))
def test_raised_and_cleared_take_turns_and_each_was_proven(values: list[float]) -> None:
    track, turns = None, []
    for minute, value in enumerate(values):
        track, turn = step(RULE, track, minute * MINUTE, value)
        if turn is not None:
            turns.append((turn, minute))
    assert [turn for turn, _ in turns] == [Turn.RAISED, Turn.CLEARED] * (len(turns) // 2) + [Turn.RAISED] * (
        len(turns) % 2
    )
    for turn, minute in turns:
        assert set(values[minute - 2 : minute + 1]) == {5.0 if turn is Turn.RAISED else 15.0}


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.sampled_from([5.0, 11.0, 15.0]), max_size=30))
def test_late_and_repeated_values_change_nothing(values: list[float]) -> None:
    track = None
    for minute, value in enumerate(values):
        track, _ = step(RULE, track, minute * MINUTE, value)
        again, turn = step(RULE, track, minute * MINUTE, 5.0) if track else (None, None)
        assert track is None or (again, turn) == (track, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("above = 1.0", "either below or above"),
        ('measure = "colour"', "measure"),
        ("colour = 1", "colour"),
    ],
)
def test_a_wrong_rule_is_refused_by_file_and_field(change: str, said: str) -> None:
    text = 'id="x"\nname_zh="x"\nname_en="x"\nsubject="meter"\nseverity="advice"\nsource="x"\n'
    extra = "" if "measure" in change else 'measure = "residual_ma"\n'
    where = change if "=" in change and not change.startswith("above") else ""
    limits = "[raises]\nbelow = 1.0\n" + (change if not where else "") + "\n[clears]\nabove = 1.0\n"
    with pytest.raises(RuleRefused, match=f"x.toml.*{said}"):
        read_rule(f"{text}{extra}{where}\n{limits}", "x.toml")


def test_limits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="clears"):
        FaultRule(
            id="r", name_zh="", name_en="", subject="meter", measure=Measure.RESIDUAL_MA, severity="advice",
            raises=Limit(above=10.0), clears=Limit(below=12.0), source="",
        )  # fmt: skip


def test_a_name_that_no_rule_has_is_refused() -> None:
    text = 'id="x"\nname_zh="x"\nname_en="x"\nsubject="transformer"\nseverity="advice"\nsource="x"\n'
    with pytest.raises(RuleRefused, match="'y'"):
        rules_of({"x.toml": f'{text}swallowed_by=["y"]\n'})


def _energy(kwh: str) -> Bucket:
    return Bucket(0, {"energy_import_kwh": Aggregate(1, Decimal(kwh))})


def test_line_loss_of_a_day() -> None:
    supplied = used_kwh(_energy("100"), _energy("200"))
    sold = [used_kwh(_energy("0"), _energy("45.5")), used_kwh(_energy("10"), _energy("57.5"))]
    assert area_day(supplied, sold).loss_percent == pytest.approx(7.0)


def test_a_meter_that_was_not_read_or_ran_backwards_is_no_loss() -> None:
    supplied = used_kwh(_energy("100"), _energy("200"))
    assert used_kwh(_energy("5"), _energy("4")) is None
    assert area_day(supplied, [Decimal(90), None]).loss_percent is None
    assert area_day(None, [Decimal(90)]).loss_percent is None


def test_voltage_pass_rate_counts_what_is_out_of_limits_by_area() -> None:
    tally, frames = VoltageTally(Areas(RATED)), Frames(RATED)
    meters = ("A111", "A112", "B111", "nobody")
    tally.count(frames.of(_batch(0, meters, voltage_a_v=[197.0, 220.0, 236.0, 1.0])), "2026-11-22")
    tally.count(frames.of(_batch(0, meters, voltage_a_v=[220.0, 0.0, None, 1.0])), "2026-11-22")
    rates = {key: counted.pass_rate_percent for key, counted in tally.taken().items()}
    assert rates == {("TA1", "2026-11-22"): pytest.approx(200 / 3), ("TB1", "2026-11-22"): 0.0}
    assert tally.taken() == {}
