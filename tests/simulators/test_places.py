"""Wrong records: seeded, near, and only between public areas."""

import numpy as np

from simulators.places import NEAR_AREAS, terminal_nodes, true_places
from tests.simulators.networks import village


def test_the_share_of_wrong_meters_is_kept_and_seeded() -> None:
    network = village(areas=10, poles=4, meters_per_pole=10)
    places = true_places(network, 0.05, seed=3)
    assert len(places.wrong) == 20
    again = true_places(network, 0.05, seed=3)
    assert np.array_equal(places.node, again.node)
    assert not np.array_equal(places.wrong, true_places(network, 0.05, seed=4).wrong)


def test_a_wrong_meter_hangs_in_a_near_area_and_the_others_where_recorded() -> None:
    network = village(areas=10, poles=4, meters_per_pole=10)
    places = true_places(network, 0.1, seed=1)
    moved = np.flatnonzero(places.node != network.meters.node)
    assert np.array_equal(moved, places.wrong)
    apart = np.abs(places.area[moved] - network.meters.terminal[moved])
    assert apart.min() >= 1
    assert apart.max() <= NEAR_AREAS  # the areas stand in a row
    for meter in moved:
        name = network.nodes.ids[places.node[meter]]
        assert name.startswith(f"pole{places.area[meter]}.")


def test_one_area_alone_has_no_neighbour_to_be_confused_with() -> None:
    assert true_places(village(areas=1), 1.0, seed=1).wrong.size == 0


def test_a_terminal_stands_on_the_low_voltage_side() -> None:
    network = village(areas=3)
    assert [network.nodes.ids[row] for row in terminal_nodes(network)] == ["low0", "low1", "low2"]
