"""Simulated terminals that speak the State Grid envelope, through a real broker into a real gateway."""

import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from gateway.contract.payloads import Event
from gateway.contract.topics import MAX_FRAME_BYTES
from gridcrew.broker import EmbeddedBroker, terminal_address
from simulators.adapters.mqtt_fleet import Broker
from simulators.frames import Boot
from simulators.metering import EMPTY_ROW, QUANTITIES
from simulators.practice import Chances, PracticeGrid
from simulators.profiles import synthetic_profiles
from simulators.state_grid import NUMERIC_IDS, SECONDS, TEXT_NUMBERS, EnvelopeSpeech, spelling_of
from telemetry.adapters.device_records import SqlDeviceRegistry
from telemetry.evidence import EvidenceKind, LoggedEvidence
from tests.gateway.running import await_true, installation
from tests.simulators.networks import village
from tests.simulators.test_mqtt_fleet import QUICK, playing

AT_MS = 1_795_300_000_500
ROW = (229.5, 230.5, 231.5, 1.25, 1.5, 1.75, *(None,) * (len(QUANTITIES) - 6))


def terminal_of(spelling: int) -> str:
    return next(name for number in range(99) if spelling_of(name := f"T{number}") == spelling)


def test_the_spellings_differ_as_real_ones_do() -> None:
    speech, boot = EnvelopeSpeech(), Boot("b")
    said = {
        spelling: msgspec.json.decode(
            next(speech.readings(boot, terminal_of(spelling), AT_MS, ["42"], [ROW])).payload
        )
        for spelling in range(4)
    }
    parts = {spelling: body["param"][0] for spelling, body in said.items()}
    assert parts[TEXT_NUMBERS]["data"]["PhV_phsA"] == "229.5"
    assert "type " in said[TEXT_NUMBERS]
    assert said[SECONDS]["timestamp"] == AT_MS // 1000
    assert parts[SECONDS]["data"]["timestamp"] == "2026-11-22 06:26:40"
    assert (parts[NUMERIC_IDS]["deviceId"], "vendorExt" in said[NUMERIC_IDS]) == (42, True)
    assert parts[0]["data"]["PhV_phsA"] == 229.5


@pytest.mark.parametrize("spelling", range(4))
def test_frames_stay_small_and_a_silent_meter_is_not_spoken_for(spelling: int) -> None:
    speech, terminal = EnvelopeSpeech(), terminal_of(spelling)
    meters = [f"{number:022}" for number in range(450)]
    rows = [ROW] * 449 + [EMPTY_ROW]
    said = [
        *speech.greeting(Boot("b"), terminal, meters, AT_MS),
        *speech.readings(Boot("b"), terminal, AT_MS, meters, rows),
        *speech.events(Boot("b"), terminal, [Event(AT_MS, meter, "power_off") for meter in meters[:20]]),
    ]
    assert max(len(one.payload) for one in said) < MAX_FRAME_BYTES
    read = [part for one in said if one.bulk for part in msgspec.json.decode(one.payload)["param"]]
    assert len(read) == 449


def test_what_they_say_is_stored_known_and_answered(tmp_path: Path) -> None:
    network = village(areas=8)
    assert {spelling_of(name) for name in network.terminals.ids} == {0, 1, 2, 3}
    chances = Chances(wrong_meters=0, habits=QUICK, speech=EnvelopeSpeech())
    grid = PracticeGrid(network, synthetic_profiles(), chances, time.time_ns() // 1_000_000)
    with installation(tmp_path / "var") as site, EmbeddedBroker(site.settings):
        site.start()
        meters = list(network.meters.ids)

        def locate() -> Broker:
            found = terminal_address(site.settings)
            return Broker(found.host, found.port, found.username, found.password)

        with playing(grid, locate, tmp_path) as fleet:
            await_true(lambda: len(site.readings.latest(meters)) == len(meters), "a reading of every meter")
            await_true(lambda: fleet.tally.heard >= 3 * len(network.terminals), "answers to the requests")
            grid.trip(network.edges.ids[int(network.terminals.edge[0])], time.time_ns() // 1_000_000)
            lost = {
                network.meters.ids[row] for row in range(len(meters)) if network.meters.terminal[row] == 0
            }
            await_true(lambda: lost <= told_off(site.evidence.read(0, 10_000)), "the last gasps")
        known = SqlDeviceRegistry(site.engine).get([*network.terminals.ids, *meters])
        assert {known[name].model for name in network.terminals.ids} == {"TTU"}
        assert {known[name].model for name in meters} == {"DDZY"}
        assert all(known[meter].parent for meter in meters)
        values = site.readings.latest(meters)[meters[-1]].values
        assert 190 < values["voltage_a_v"] < 240
        counters = site.records.counters()
        assert (counters.dead, site.dead_letters.listed()) == (0, ())


def told_off(rows: Iterable[LoggedEvidence]) -> set[str]:
    return {
        device
        for row in rows
        if row.evidence.kind is EvidenceKind.POWER_OFF
        for device in row.evidence.devices
    }
