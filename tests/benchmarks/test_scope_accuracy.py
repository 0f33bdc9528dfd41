"""The yardstick itself: that nights are as described, scores are right, and a quick run ends well."""

import numpy as np
import pytest

from benchmarks.accuracy.calibration import bands, calibration_error, wilson_interval
from benchmarks.accuracy.conditions import (
    BATCHES,
    CONDITIONS,
    FIELD,
    HARSH,
    LATE,
    PLAIN,
    SKEWED,
    STORM,
    SWITCHED,
)
from benchmarks.accuracy.contestants import Answer
from benchmarks.accuracy.disturbances import transferred
from benchmarks.accuracy.grids import GRIDS, Grid
from benchmarks.accuracy.nights import Place, draw_night
from benchmarks.accuracy.scoring import Tally
from benchmarks.accuracy.signals import Heard
from benchmarks.accuracy.supply import find_supply
from benchmarks.accuracy.tables import OURS, Report
from benchmarks.accuracy.trial import PHYSICAL, Block, run_block, stage
from benchmarks.scope_accuracy import measure
from geo.network import Network

STREET = Grid("pandapower", "ieee_european_lv_asymmetric")
TOWN = Grid("simbench", "1-MV-semiurb--0-sw", stars=True)
SEED = 3


@pytest.fixture(scope="module")
def town() -> Place:
    return stage(TOWN).place


def test_a_night_is_drawn_alike_by_the_same_number(town: Place) -> None:
    one, same, other = (draw_night(town, FIELD, SEED, number) for number in (4, 4, 5))
    assert np.array_equal(one.faults, same.faults)
    assert np.array_equal(one.signals.meter_off.received_s, same.signals.meter_off.received_s)
    assert not np.array_equal(one.signals.meter_off.received_s, other.signals.meter_off.received_s)


def test_nights_have_the_losses_of_their_condition(town: Place) -> None:
    nights = [draw_night(town, PLAIN, SEED, number) for number in range(40)]
    dead = np.concatenate([night.dead for night in nights])
    gasped = np.concatenate([np.isfinite(night.signals.meter_off.received_s) for night in nights])
    beats = np.concatenate([np.isfinite(night.signals.meter_alive.received_s) for night in nights])
    assert gasped[dead].mean() == pytest.approx(1 - PLAIN.miss, abs=0.02)
    assert gasped[~dead].mean() == pytest.approx(PLAIN.false_alarm, abs=3e-4)
    assert beats[~dead].mean() == pytest.approx(PLAIN.heartbeat, abs=0.01)
    assert not beats[dead].any()
    assert all(len(np.unique(np.concatenate(night.below))) == sum(map(len, night.below)) for night in nights)


def test_records_are_wrong_and_areas_deaf_by_their_share(town: Place) -> None:
    nights = [draw_night(town, HARSH, SEED, number) for number in range(60)]
    meter_area = town.supply.area[town.network.meters.node]
    areas = len(np.unique(meter_area))
    assert np.mean([len(night.deaf_areas) / areas for night in nights]) == pytest.approx(
        HARSH.blocked, abs=0.02
    )
    for night in nights:
        recorded_deaf = np.isin(meter_area, night.deaf_areas)
        heard = np.isfinite(night.signals.meter_before.received_s)
        assert np.mean(heard == recorded_deaf) < 2 * HARSH.mapping  # only those who hang elsewhere
    assert any((night.dead != night.dead_by_record).any() for night in nights)


def test_nothing_is_heard_before_it_is_delivered(town: Place) -> None:
    for condition in (FIELD, LATE, BATCHES, SKEWED):
        signals = draw_night(town, condition, SEED, 2).signals
        for at_s in condition.instants_s:
            heard = signals.heard(at_s)
            assert heard.until_s <= at_s
            assert heard.meter_off_s.max() <= at_s
            assert heard.meter_alive_s.max() <= at_s


def test_a_storm_has_many_faults(town: Place) -> None:
    assert len(draw_night(town, STORM, SEED, 1).faults) >= 15


def test_switches_stand_otherwise_than_recorded_and_all_are_supplied(town: Place) -> None:
    recorded = town.network.edges.closed
    closed = transferred(town.supply, SWITCHED.transfers, np.random.default_rng(SEED))
    assert np.sum(closed & ~recorded) == np.sum(recorded & ~closed) == SWITCHED.transfers
    moved = find_supply(town.network, closed)
    assert len(moved.order) == len(town.supply.order)
    assert not np.array_equal(moved.feeder, town.supply.feeder)


def test_scores_count_customers_by_hand() -> None:
    said, truth = np.array([True, True, False, False]), np.array([True, False, True, False])
    tally = Tally()
    tally.add(said, truth)
    assert (tally.precision, tally.recall, tally.f1) == (0.5, 0.5, 0.5)
    tally.add(truth, truth)
    assert tally.f1 == pytest.approx(6 / 8)


def test_bands_and_intervals_of_known_cases() -> None:
    assert wilson_interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    said = np.repeat([0.05, 0.95], 1000)
    honest = np.concatenate((np.arange(1000) < 50, np.arange(1000) < 950))
    found = bands(said, honest)
    assert [band.inside for band in found] == [True, True]
    assert calibration_error(found) == pytest.approx(0, abs=1e-9)
    assert calibration_error(bands(said, ~honest)) == pytest.approx(0.9)


class Silent:
    """A contestant that never says anything."""

    name = "silent"

    def __init__(self, network: Network) -> None:
        self._meters = len(network.meters)

    def answer(self, heard: Heard) -> Answer:
        nobody = np.zeros(self._meters, dtype=np.bool_)
        assert len(heard.meter_off_s) == self._meters
        return Answer(nobody, nobody, np.empty(0, np.int32))


def test_another_method_competes_by_its_name() -> None:
    block = Block(STREET, PLAIN, 0, 2, SEED, (f"{__name__}:Silent",), (60.0,))
    scores = run_block(block).scores
    assert scores[str(STREET), "plain", 60.0, "silent", PHYSICAL].recall == 0
    assert scores[str(STREET), "plain", 60.0, OURS, PHYSICAL].recall > 0


def test_a_quick_run_beats_the_rules_and_fills_every_table() -> None:
    conditions = (PLAIN, FIELD, BATCHES)
    outcome = measure([TOWN, STREET], conditions, scenarios=6, seed=SEED, processes=1)
    report = Report(outcome, conditions)
    for row in report.main_rows():
        assert float(row["F1 by record"] or 0) > float(row["rule F1"] or 0), row["condition"]
        assert float(row["rule F1"] or 0) > float(row["naive F1"] or 0)
    plain = report.tally("plain", 60.0)
    assert plain.f1 > 0.98
    assert len(report.instant_rows()) == sum(len(condition.instants_s) for condition in conditions)
    assert report.size_rows()
    assert report.detection_rows()
    assert len(report.grid_rows()) == 2
    assert report.time_chart().svg().endswith("</svg>\n")
    assert "polyline" in report.calibration_chart().svg()


def test_there_are_enough_grids_and_names_are_unique() -> None:
    assert len(GRIDS) >= 6
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS) >= 12
