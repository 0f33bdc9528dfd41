"""Examples name what tripping them really costs."""

import numpy as np

from simulators.examples import PER_KIND, examples
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from tests.simulators.networks import village


def test_every_example_costs_what_it_says() -> None:
    network = village()
    found = examples(network, network.meters.node, seed=1)
    kinds = [example.kind for example in found]
    assert set(kinds) == {"breaker", "cable", "transformer", "line"}  # the tie is open, so no switch
    assert max(map(kinds.count, kinds)) <= PER_KIND
    assert [example.customers for example in found] == sorted((one.customers for one in found), reverse=True)
    for example in found:
        grid = PracticeGrid(network, synthetic_profiles(), Chances(wrong_meters=0), 1_795_300_000_000)
        assert grid.trip(example.element, 1_795_300_000_001).customers == example.customers > 0


def test_examples_are_seeded() -> None:
    network = village(areas=30)
    first = examples(network, network.meters.node, seed=1)
    assert first == examples(network, network.meters.node, seed=1)
    assert first != examples(network, network.meters.node, seed=2)
    assert not examples(network, np.empty(0, np.int32), seed=1)
