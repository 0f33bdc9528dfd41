"""The practice grid over time: who says what after a fault, and what was really so."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest

from gateway.contract.payloads import Command, Events, Readings, Status
from gateway.contract.topics import EVENTS, MAX_FRAME_BYTES, READINGS, STATUS
from geo.network import Network
from simulators.errors import NotPossible
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from simulators.terminals import GASPS_PER_FRAME, Action, Connect, Drop, Habits, Publish
from tests.simulators.networks import village

START_MS = 1_795_300_000_000
CERTAIN = Habits(lost_last_gasps=0, lost_power_ons=0, own_gasp_arrives=1)
PROFILES = synthetic_profiles()
SAID = {READINGS: Readings, EVENTS: Events, STATUS: Status}


@dataclass
class Play:
    """A practice grid with its own clock, and all that its terminals did."""

    grid: PracticeGrid
    now_ms: int = START_MS
    done: list[tuple[int, Action]] = field(default_factory=list)

    def run(self, seconds: float) -> list[tuple[int, Action]]:
        """Let time pass; answers what happened in it."""
        first, end_ms = len(self.done), self.now_ms + round(seconds * 1000)
        while self.now_ms < end_ms:
            self.now_ms += 100
            self.done += [(self.now_ms, action) for action in self.grid.due(self.now_ms)]
        return self.done[first:]


def _play(network: Network, habits: Habits = CERTAIN, seed: int = 1, wrong: float = 0) -> Play:
    return Play(PracticeGrid(network, PROFILES, Chances(seed, wrong, habits), START_MS))


def _said(happened: list[tuple[int, Action]], channel: str) -> list[tuple[int, int, msgspec.Struct]]:
    return [
        (at_ms, action.terminal, msgspec.json.decode(action.payload, type=SAID[channel]))
        for at_ms, action in happened
        if isinstance(action, Publish) and action.channel == channel
    ]


def _events(happened: list[tuple[int, Action]], kind: str) -> list[str]:
    return [
        event.device
        for _, _, frame in _said(happened, EVENTS)
        if isinstance(frame, Events)
        for event in frame.events
        if event.kind == kind
    ]


def test_every_terminal_connects_beats_and_reads_all_its_meters_in_each_interval() -> None:
    network = village()
    play = _play(network)
    happened = play.run(33)
    assert sorted(action.terminal for _, action in happened if isinstance(action, Connect)) == [0, 1, 2, 3]
    beats = Counter(terminal for _, terminal, _ in _said(happened, STATUS))
    assert all(2 <= beats[terminal] <= 3 for terminal in range(4))
    read = Counter(
        meter
        for _, _, frame in _said(play.run(15), READINGS)
        if isinstance(frame, Readings)
        for meter in frame.meters
    )
    assert read == dict.fromkeys(network.meters.ids, 1)


def test_no_frame_is_too_large_and_no_sequence_number_comes_twice() -> None:
    happened = _play(village(areas=2, poles=30, meters_per_pole=15)).run(60)
    sent = [action for _, action in happened if isinstance(action, Publish)]
    assert max(len(action.payload) for action in sent) <= MAX_FRAME_BYTES
    named = [
        (action.terminal, body["boot"], body["seq"])
        for action in sent
        if "seq" in (body := msgspec.json.decode(action.payload))
    ]
    assert len(named) == len(set(named))


def test_a_dead_line_brings_last_gasps_in_small_groups_while_the_terminal_lives_on() -> None:
    play = _play(village(areas=2, poles=3, meters_per_pole=20))
    play.run(20)
    outcome = play.grid.trip("L1.1", play.now_ms)
    tripped_ms = play.now_ms
    assert outcome.customers == 40
    happened = play.run(60)
    out = {f"M1.{pole}.{number}" for pole in (1, 2) for number in range(20)}
    gasps = _events(happened, "power_off")
    assert Counter(gasps) == dict.fromkeys(out, 1)
    for at_ms, _, frame in _said(happened, EVENTS):
        assert isinstance(frame, Events)
        assert len(frame.events) <= GASPS_PER_FRAME
        assert at_ms > tripped_ms
        assert all(tripped_ms <= int(event.at) <= tripped_ms + 1_000 for event in frame.events)
    nulls = {
        meter
        for _, _, frame in _said(happened, READINGS)
        if isinstance(frame, Readings)
        for meter, row in zip(frame.meters, frame.values, strict=True)
        if set(row) == {None}
    }
    assert nulls == out
    assert not [action for _, action in happened if isinstance(action, Drop)]


def test_a_dead_transformer_carries_its_terminal_until_the_gasps_are_out_then_it_falls_silent() -> None:
    play = _play(village(areas=2))
    play.run(20)
    tripped_ms = play.now_ms
    play.grid.trip("T0", play.now_ms)
    happened = play.run(200)
    mine = [(at_ms, action) for at_ms, action in happened if action.terminal == 0]
    assert [type(action) for _, action in mine].count(Drop) == 1
    dropped_ms, last = mine[-1]
    assert isinstance(last, Drop)
    assert 60_000 <= dropped_ms - tripped_ms <= 90_200
    assert not _said(mine, READINGS)  # the super-capacitor is for last gasps
    assert set(_events(mine, "power_off")) == {"TTU0", *(f"M0.{p}.{n}" for p in range(3) for n in range(5))}


def test_power_returns_with_a_new_start_its_own_word_and_every_meters() -> None:
    play = _play(village(areas=2))
    play.run(20)
    play.grid.trip("T0", play.now_ms)
    play.run(120)
    restored_ms = play.now_ms
    assert play.grid.restore("T0", play.now_ms).customers == 15
    mine = [(at_ms, action) for at_ms, action in play.run(60) if action.terminal == 0]
    at_ms, first = mine[0]
    assert isinstance(first, Connect)
    assert 3_000 <= at_ms - restored_ms <= 8_200
    boots = {msgspec.json.decode(action.payload)["boot"] for _, action in mine if isinstance(action, Publish)}
    assert len(boots) == 1
    old = {
        msgspec.json.decode(action.payload)["boot"]
        for at_ms, action in play.done
        if isinstance(action, Publish) and action.terminal == 0 and at_ms < restored_ms
    }
    assert not boots & old
    assert Counter(_events(mine, "power_on")) == dict.fromkeys(
        ["TTU0", *(f"M0.{p}.{n}" for p in range(3) for n in range(5))], 1
    )


def test_a_short_interruption_keeps_the_terminals_boot() -> None:
    play = _play(village(areas=2))
    play.run(20)
    play.grid.trip("T0", play.now_ms)
    play.run(10)
    play.grid.restore("T0", play.now_ms)
    happened = play.run(120)
    assert not [action for _, action in happened if isinstance(action, Connect | Drop)]
    assert "TTU0" in _events(happened, "power_on")
    assert {terminal for _, terminal, _ in _said(play.run(15), READINGS)} == {0, 1}


def test_lost_last_gasps_are_a_share_and_seeded() -> None:
    habits = Habits(lost_last_gasps=0.4)

    def heard(seed: int) -> set[str]:
        play = _play(village(areas=1, poles=20, meters_per_pole=50), habits, seed)
        play.run(5)
        play.grid.trip("T0", play.now_ms)
        return set(_events(play.run(70), "power_off")) - {"TTU0"}

    assert 0.55 < len(heard(1)) / 1000 < 0.65
    assert heard(1) == heard(1)
    assert heard(1) != heard(2)


def test_a_blocked_terminal_says_nothing_and_nothing_of_its_meters_arrives() -> None:
    play = _play(village(), Habits(blocked_terminals=0.5))
    blocked = play.grid.state().blocked
    assert len(blocked) == 2
    play.run(20)
    play.grid.trip("breaker", play.now_ms)
    play.run(20)
    play.grid.restore("breaker", play.now_ms)
    play.run(60)
    silent = {play.grid.network.terminal_row[identifier] for identifier in blocked}
    assert not silent & {action.terminal for _, action in play.done}
    assert play.grid.speaking == frozenset(range(4)) - silent


def test_a_wrong_record_is_heard_where_it_is_recorded_and_dark_where_it_hangs() -> None:
    network = village(areas=4, poles=3, meters_per_pole=10)
    play = _play(network, wrong=0.2)
    places = play.grid.places
    play.run(20)
    play.grid.trip("T1", play.now_ms)
    (entry,) = play.grid.take_truth()
    truly = {network.meters.ids[row] for row in np.flatnonzero(places.area == 1)}
    assert set(entry.lost) == truly
    strangers = {network.meters.ids[row] for row in places.wrong if places.area[row] == 1}
    assert strangers
    for _, terminal, frame in _said(play.run(70), EVENTS):
        assert isinstance(frame, Events)
        for event in frame.events:
            row = network.meter_row.get(event.device)
            assert row is None or network.meters.terminal[row] == terminal
    assert strangers <= set(_events(play.done, "power_off"))


def test_the_same_commands_lead_to_the_same_words() -> None:
    def words() -> list[tuple[int, Action]]:
        play = _play(village(), Habits(lost_last_gasps=0.3), seed=7, wrong=0.1)
        play.run(10)
        play.grid.trip("F1", play.now_ms)
        play.run(30)
        play.grid.repair("T2", play.now_ms, 9)
        play.run(30)
        return play.done

    assert words() == words()


def test_a_ping_is_answered_for_the_living_the_dead_and_the_unknown() -> None:
    play = _play(village(areas=2))
    play.run(20)
    play.grid.trip("L0.2", play.now_ms)
    play.run(30)
    ping = Command(v=1, id="p", command="ping", devices=("M0.0.0", "M0.2.0", "M1.0.0", "TTU0"))
    play.grid.command(0, msgspec.json.encode(ping), play.now_ms)
    play.grid.command(0, b'{"v":1,"command":"open"}', play.now_ms)
    happened = play.run(3)
    assert _events(happened, "alive") == ["M0.0.0", "TTU0"]
    assert _events(happened, "silent") == ["M0.2.0", "M1.0.0"]


def test_a_repair_mends_the_nearest_failure_and_finding_nothing_is_no_error() -> None:
    play = _play(village())
    play.grid.trip("L2.1", play.now_ms)
    assert play.grid.repair("T0", play.now_ms, 1).mended == ()
    assert play.grid.look("T2", 1) == ("L2.1",)
    done = play.grid.repair("T2", play.now_ms, 1)
    assert (done.mended, done.customers) == (("L2.1",), 10)
    with pytest.raises(NotPossible):
        play.grid.restore("L2.1", play.now_ms)
    assert [entry.change for entry in play.grid.take_truth()] == ["trip", "mend"]
    assert play.grid.state().customers_out == 0
