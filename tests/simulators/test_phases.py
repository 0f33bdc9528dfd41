"""Single phases fail: what is left below, meter by meter, and what the terminals then say."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from gateway.contract.payloads import Events, Readings
from gateway.contract.topics import EVENTS, READINGS
from geo.network import Network
from simulators.errors import NotPossible
from simulators.phases import delta_primaries, phase_bits, secondary
from simulators.physics import Physics
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from simulators.terminals import Habits, Publish
from tests.simulators.networks import village

START_MS = 1_795_300_000_000


def _phased(group: str, areas: int = 3) -> Network:
    """Meters A, B, C, three-phase in turn; every transformer of one vector group."""
    network = village(areas=areas, poles=2, meters_per_pole=4)
    phases = np.tile(np.array([1, 2, 4, 7], np.int8), len(network.meters) // 4)
    edges = replace(network.edges, extra={"vector_group": (group,) * len(network.edges)})
    return replace(network, edges=edges, meters=replace(network.meters, phases=phases))


@pytest.mark.parametrize(("group", "expected"), [("Dyn11", [0.49, 0.99, 0.49]), ("Yyn0", [0.0, 0.86, 0.86])])
def test_a_lost_medium_voltage_phase_is_turned_by_the_transformers(group: str, expected: list[float]) -> None:
    network = _phased(group)
    physics = Physics(network)
    physics.trip("F1", 0, phase_bits("A"))
    volts = physics.volts[network.node_row["pole2.1"]]
    assert volts.tolist() == pytest.approx(expected, abs=0.011)
    assert physics.volts[network.node_row["pole0.1"]].tolist() == [1, 1, 1]
    assert physics.volts[network.node_row["rmu2"]].tolist() == [0, 1, 1]
    physics.restore("F1")
    assert (physics.volts[physics.supplied_nodes] == 1).all()


def test_two_lost_phases_leave_no_voltage_behind_a_transformer() -> None:
    network = _phased("Dyn11")
    physics = Physics(network)
    physics.trip("F2", 0, phase_bits("AC"))
    assert physics.volts[network.node_row["low2"]].tolist() == [0, 0, 0]
    assert not physics.supplied_nodes[network.node_row["pole2.0"]]
    assert physics.volts[network.node_row["rmu2"]].tolist() == [0, 1, 0]


def test_phases_lost_at_two_places_are_lost_together() -> None:
    network = _phased("Dyn11")
    physics = Physics(network)
    physics.trip("L1.0", 0, phase_bits("A"))
    physics.trip("L1.1", 0, phase_bits("C"))
    assert physics.volts[network.node_row["pole1.0"]].tolist() == [0, 1, 1]
    assert physics.volts[network.node_row["pole1.1"]].tolist() == [0, 1, 0]


def test_a_lost_corner_of_a_delta_gives_two_halves() -> None:
    primary = np.array([[False, True, True], [True, False, True], [True, True, False], [True] * 3])
    given = secondary(primary, np.ones(4, bool))
    assert given.argmax(axis=1)[:3].tolist() == [1, 2, 0]
    assert np.sort(given, axis=1)[:3].tolist() == [pytest.approx([0.49, 0.49, 0.99], abs=0.011)] * 3
    assert given[3].tolist() == [1, 1, 1]


def test_the_share_of_delta_primaries_is_seeded_and_a_column_wins() -> None:
    network = village()
    assert np.array_equal(delta_primaries(network, 3), delta_primaries(network, 3))
    assert delta_primaries(_phased("Yyn0"), 3).any() is np.False_


@pytest.mark.parametrize("letters", ["", "D", "AA", "ab"])
def test_nonsense_for_phases_is_refused(letters: str) -> None:
    with pytest.raises(ValueError, match="expected one or more of A, B, C"):
        phase_bits(letters)


def test_a_node_has_no_single_phase_to_lose() -> None:
    with pytest.raises(NotPossible, match="single phases"):
        Physics(village()).trip("rmu0", 0, phase_bits("A"))


def test_terminals_tell_last_gasps_of_one_phase_and_voltages_of_the_others() -> None:
    network = _phased("Dyn11")
    habits = Habits(lost_last_gasps=0, own_gasp_arrives=1)
    grid = PracticeGrid(network, synthetic_profiles(), Chances(1, 0, habits), START_MS)
    now_ms = START_MS
    for _ in range(300):
        now_ms += 100
        grid.due(now_ms)
    done = grid.trip("L1.0", now_ms, phase_bits("B"))
    assert (done.customers, done.disturbed) == (2, 2)
    said: list[Publish] = []
    for _ in range(400):
        now_ms += 100
        said += [action for action in grid.due(now_ms) if isinstance(action, Publish)]
    events = [msgspec.json.decode(one.payload, type=Events) for one in said if one.channel == EVENTS]
    assert {event.device for frame in events for event in frame.events} == {"M1.0.1", "M1.1.1"}
    newest: dict[str, tuple[float | None, ...]] = {}
    for one in said:
        if one.channel == READINGS:
            frame = msgspec.json.decode(one.payload, type=Readings)
            newest.update(zip(frame.meters, (row[:3] for row in frame.values), strict=True))
    three = newest["M1.0.3"]
    assert three[1] == 0
    assert min(three[0] or 0, three[2] or 0) > 200
    assert newest["M1.0.1"] == (None, None, None)
    assert (newest["M1.0.0"][0] or 0) > 200
    truth = grid.take_truth()[-1]
    assert set(truth.lost) == {"M1.0.1", "M1.1.1"}
    assert set(truth.disturbed) == {"M1.0.3", "M1.1.3"}
