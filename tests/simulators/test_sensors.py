"""Switch terminals and fault indicators: positions and passages under their own ids, none for one phase."""

from dataclasses import replace

import msgspec
import numpy as np

from gateway.contract.payloads import Events
from gateway.contract.topics import EVENTS
from geo.network import Network, SensorKind, Sensors
from simulators.phases import phase_bits
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from simulators.sensors import way_to
from simulators.terminals import Connect, Publish
from tests.simulators.networks import village

START_MS = 1_795_300_000_000


def _sensed() -> Network:
    """A switch terminal at the breaker and the tie, fault indicators at three feeder sections."""
    network = village(areas=3)
    at = {"FTU-breaker": "breaker", "FTU-tie": "tie", "FPI-0": "F0", "FPI-1": "F1", "FPI-2": "F2"}
    kinds = [SensorKind.SWITCH] * 2 + [SensorKind.FAULT_INDICATOR] * 3
    edges = np.array([network.edge_row[edge] for edge in at.values()], np.int32)
    return replace(network, sensors=Sensors(tuple(at), edges, np.array(kinds, np.int8)))


class Play:
    def __init__(self) -> None:
        self.network = _sensed()
        chances = Chances(seed=3, wrong_meters=0, sensors=True)
        self.grid = PracticeGrid(self.network, synthetic_profiles(), chances, START_MS)
        self.now_ms = START_MS
        self.first = len(self.network.terminals)

    def run(self, seconds: float) -> list[tuple[str, str]]:
        """(device, kind) of what sensors told meanwhile."""
        told: list[tuple[str, str]] = []
        for _ in range(round(seconds * 10)):
            self.now_ms += 100
            for action in self.grid.due(self.now_ms):
                if isinstance(action, Publish) and action.terminal >= self.first and action.channel == EVENTS:
                    frame = msgspec.json.decode(action.payload, type=Events)
                    told += [(event.device, event.kind) for event in frame.events]
        return told


def test_switches_tell_where_they_stand_at_the_start_and_when_they_move() -> None:
    play = Play()
    assert set(play.run(5)) == {("FTU-breaker", "switch_closed"), ("FTU-tie", "switch_open")}
    play.grid.trip("breaker", play.now_ms)
    assert play.run(5) == [("FTU-breaker", "switch_open")]
    play.grid.restore("breaker", play.now_ms)
    assert play.run(5) == [("FTU-breaker", "switch_closed")]


def test_a_short_circuit_passes_the_indicators_on_its_way_and_no_other() -> None:
    play = Play()
    play.run(5)
    play.grid.trip("T1", play.now_ms)
    told = play.run(5)
    assert {kind for _, kind in told} == {"fault_passage"}
    assert {device for device, _ in told} <= {"FPI-0", "FPI-1"}
    assert told


def test_one_lost_phase_moves_no_switch_and_passes_no_indicator() -> None:
    play = Play()
    play.run(5)
    play.grid.trip("F1", play.now_ms, phase_bits("A"))
    assert play.run(10) == []


def test_every_speaker_connects_under_its_own_id() -> None:
    play = Play()
    ids = play.grid.speaker_ids()
    connected = [
        ids[action.terminal] for _ in range(50) for action in play.grid.due(play.now_ms + 5_000)
        if isinstance(action, Connect)
    ]  # fmt: skip
    assert sorted(connected) == sorted((*play.network.terminals.ids, *play.network.sensors.ids))


def test_the_way_of_the_current_ends_where_it_failed() -> None:
    network = _sensed()
    usable = network.edges.closed
    way = [network.edges.ids[row] for row in way_to(network, usable, "L1.1")]
    assert way == ["breaker", "F0", "F1", "T1", "L1.0"]
    assert len(way_to(network, usable, "breaker")) == 0
    assert len(way_to(network, usable, "tie")) == 0
