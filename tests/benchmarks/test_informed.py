"""The yardstick's bound: the sweep agrees with the sum over all sets of faults, and knows what it should."""

import itertools

import numpy as np
import pytest

from benchmarks.accuracy.conditions import FIELD, LATE, Condition
from benchmarks.accuracy.grids import Grid
from benchmarks.accuracy.informed import MOST_FAULTS, places_dead, posterior
from benchmarks.accuracy.nights import draw_night, fault_chances
from benchmarks.accuracy.scoring import Tally
from benchmarks.accuracy.trial import stage
from geo.network import Float64, Int32

TOWN = Grid("simbench", "1-MV-semiurb--0-sw", stars=True)
SEED = 3


def _dead(feeder: Int32, chance: Float64, own: Float64, worth: Float64) -> Float64:
    """[nodes] P(dead) by enumeration of all sets of at most three faults, none above another."""
    ways = [_way_up(feeder, v) for v in range(len(feeder))]
    total, dead = 0.0, np.zeros(len(feeder))
    for count in range(1, MOST_FAULTS + 1):
        for chosen in itertools.combinations(range(len(feeder)), count):
            if any(a != b and a in ways[b] for a in chosen for b in chosen):
                continue
            below = np.array([bool(ways[v] & set(chosen)) for v in range(len(feeder))])
            weight = worth[count] * np.prod(chance[list(chosen)]) * np.exp(own[below].sum())
            total, dead = total + weight, dead + weight * below
    return dead / total


def _way_up(feeder: Int32, v: int) -> set[int]:
    way = {v}
    while feeder[v] >= 0:
        v = int(feeder[v])
        way.add(v)
    return way


def test_the_sweep_is_the_sum_over_all_sets_of_faults() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        nodes = int(rng.integers(3, 9))
        feeder = np.array([-1, *(rng.integers(-1, v) for v in range(1, nodes))], dtype=np.int32)
        chance, own = rng.random(nodes) * (rng.random(nodes) < 0.8), rng.normal(0, 3, nodes)
        if not chance.any():
            continue
        below = own.copy()
        for v in range(nodes - 1, 0, -1):
            if feeder[v] >= 0:
                below[feeder[v]] += below[v]
        worth = np.array([0.0, *rng.random(MOST_FAULTS)])
        found = posterior(np.arange(nodes), feeder, chance, below, worth)
        assert found == pytest.approx(_dead(feeder, chance, own, worth), abs=1e-9)


def test_faults_are_drawn_by_the_chances_that_the_bound_believes() -> None:
    place = stage(TOWN).place
    chance = fault_chances(place.supply)
    drawn = [draw_night(place, FIELD, SEED, number).faults for number in range(300)]
    edges = np.concatenate(drawn)
    sizes = place.supply.customers_below
    expected = float((chance * np.log(np.maximum(sizes, 1))).sum())
    fed = {int(edge): node for node, edge in enumerate(place.supply.feeding_edge) if edge >= 0}
    found = np.log([sizes[fed[int(edge)]] for edge in edges])
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / np.sqrt(len(found)))


@pytest.mark.parametrize("condition", [FIELD, LATE])
def test_what_was_heard_is_never_contradicted(condition: Condition) -> None:
    place = stage(TOWN).place
    tally = Tally()
    for number in range(8):
        night = draw_night(place, condition, SEED, number)
        said = places_dead(place, condition, night)
        here = night.where == place.network.meters.node
        gasped = (night.signals.meter_off.received_s <= condition.judged_s) & night.dead & here
        assert said[gasped].all()
        tally.add(said, night.dead_by_record)
    assert tally.f1 > 0.9
