"""The Modbus door against simulated meters: real sockets, real files, changes while it runs."""

import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.backpressure import Pressure
from gateway.frames import Lane
from simulators.adapters.modbus_meters import Fault, SimulatedBus, meters_of
from simulators.modbus_maps import MAPS
from telemetry.evidence import EvidenceKind
from tests.gateway.modbus_site import Site, wait_for

NAMES = dict(enumerate(MAPS, start=1))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _device(unit: int, model: str, every_s: float = 0.2, more: str = "") -> str:
    return f'id = "M{unit}"; unit = {unit}; model = "{model}"; every_s = {every_s}{more}'


@pytest.mark.parametrize("rtu", [False, True], ids=["tcp", "rtu_over_tcp"])
def test_every_shipped_model_reads_its_meter(site: Site, rtu: bool) -> None:
    with SimulatedBus(meters_of(NAMES), rtu=rtu) as bus:
        kind = "rtu_over_tcp" if rtu else "tcp"
        site.connection("line", bus.port, [_device(unit, name) for unit, name in NAMES.items()], kind=kind)
        with site.door() as door:
            wait_for(lambda: all(site.taken.answers(f"M{unit}") for unit in NAMES), "an answer of each")
            assert door.ready
            assert door.trouble == ""
        for unit, name in NAMES.items():
            decoded = site.decoded(f"M{unit}")[0]
            assert decoded.refusal == ""
            assert decoded.problems == (), name
            (batch,) = decoded.batches
            values = dict(zip(batch.quantities, batch.scaled[0].tolist(), strict=True))
            scales = dict(zip(batch.quantities, batch.decimals, strict=True))
            now = bus.moment(unit, batch.at_ms)
            assert batch.terminal == "line"
            assert values["voltage_a_v"] / 10 ** scales["voltage_a_v"] == pytest.approx(
                now.voltage_v[0], abs=0.2
            )
            assert values["current_c_a"] / 10 ** scales["current_c_a"] == pytest.approx(
                now.current_a[2], rel=0.02
            )
            if "active_power_kw" in values:
                told = values["active_power_kw"] / 10 ** scales["active_power_kw"]
                assert told == pytest.approx(now.total_kw, rel=0.02)
            if "energy_import_kwh" in values:
                told = values["energy_import_kwh"] / 10 ** scales["energy_import_kwh"]
                assert told == pytest.approx(now.import_kwh, abs=0.2)
            assert [fact.kind for fact in decoded.evidence] == [EvidenceKind.ALIVE]
        asked = {function for meter in bus.meters.values() for function in meter.functions}
        assert asked <= {1, 2, 3, 4}


def test_a_device_comes_changes_and_goes_without_touching_the_others(site: Site) -> None:
    """M1's polls go on without a gap and the connection stays the same throughout."""
    with SimulatedBus(meters_of({1: "acrel-adw300", 2: "acrel-adw300"})) as bus, site.door():
        stays = _device(1, "acrel-adw300", 0.1)
        site.connection("line", bus.port, [stays])
        wait_for(lambda: len(site.taken.answers("M1")) > 3, "M1")
        site.connection("line", bus.port, [stays, _device(2, "acrel-adw300", 0.1)])
        wait_for(lambda: site.taken.answers("M2"), "M2 is added")
        site.connection("line", bus.port, [stays, _device(2, "acrel-adw300", 0.1, "; ct = 40")])
        wait_for(lambda: site.taken.answers("M2")[-1].ct == 40, "M2 has its ratio")
        site.connection("line", bus.port, [stays, _device(2, "acrel-adw300", 0.1, "; enabled = false")])
        before = -1
        while before != (before := len(site.taken.polls("M2"))):
            time.sleep(2.5)
        first, last = site.taken.answers("M1")[3], site.taken.answers("M1")[-1]
        times = [poll.at for poll in site.taken.answers("M1")]
        assert last.at - first.at > 4000
        assert max(later - earlier for earlier, later in pairwise(times[3:])) < 900
        assert len(times) > (times[-1] - times[0]) / 100 * 0.9
        assert bus.connections == 1


def test_a_file_that_is_wrong_harms_nothing(site: Site) -> None:
    with SimulatedBus(meters_of({1: "acrel-adw300", 2: "acrel-adw300"})) as bus, site.door() as door:
        site.connection("line", bus.port, [_device(1, "acrel-adw300"), _device(2, "no-such-model")])
        wait_for(lambda: site.taken.answers("M1"), "M1")
        wait_for(lambda: "devices/no-such-model.toml" in door.trouble, "the missing model is named")
        site.connection("line", bus.port, [_device(1, "acrel-adw300"), "unit = 2"])
        wait_for(lambda: "line.toml: device[1]: " in door.trouble, "the file is refused with its field")
        before = len(site.taken.answers("M1"))
        wait_for(lambda: len(site.taken.answers("M1")) > before + 3, "M1 goes on")
        site.connection("other", bus.port, [_device(1, "acrel-adw300")])
        wait_for(lambda: "is a device of line.toml already" in door.trouble, "the second M1 is named")
        assert bus.connections == 1


def test_silence_and_return_are_told_at_the_change(site: Site) -> None:
    with SimulatedBus(meters_of({1: "acrel-adw300", 2: "acrel-adw300"})) as bus, site.door():
        site.connection("line", bus.port, [_device(1, "acrel-adw300"), _device(2, "acrel-adw300")])
        wait_for(lambda: site.taken.answers("M1") and site.taken.answers("M2"), "both")
        bus.fault(1, Fault("dead"))
        wait_for(lambda: any(poll.silent for poll in site.taken.polls("M1")), "silence of M1")
        time.sleep(1.0)
        assert sum(bool(poll.silent) for poll in site.taken.polls("M1")) == 1
        assert not any(poll.silent for poll in site.taken.polls("M2"))
        bus.fault(1, None)
        wait_for(lambda: site.taken.polls("M1")[-1].blocks, "M1 is back", 30)
        kinds = [fact.kind for decoded in site.decoded("M1") for fact in decoded.evidence]
        assert kinds == [EvidenceKind.ALIVE, EvidenceKind.SILENT, EvidenceKind.ALIVE]
        lanes = [
            lane for lane, frame in site.taken.frames if frame.topic == "M1" and b'"silent"' in frame.body
        ]
        assert lanes == [Lane.EVENTS]


def test_an_illegal_register_is_named_once_and_the_rest_goes_on(site: Site) -> None:
    with SimulatedBus(meters_of({1: "acrel-adw300"})) as bus, site.door() as door:
        bus.fault(1, Fault("refuse", 27))
        site.connection("line", bus.port, [_device(1, "acrel-adw300")])
        wait_for(lambda: len(site.taken.answers("M1")) > 3, "answers")
        named = [refused for poll in site.taken.answers("M1") for refused in poll.refused]
        assert [(str(table), address, count, code) for table, address, count, code in named] == [
            ("holding", 27, 1, 2)
        ]
        batch = site.decoded("M1")[0].batches[0]
        assert "current_b_a" not in batch.quantities
        assert {"voltage_a_v", "current_a_a", "energy_import_kwh"} <= set(batch.quantities)
        assert "holding 27 refused with exception 2 (illegal data address)" in door.trouble
        refused = door.counters()["refused"]
        before = len(site.taken.answers("M1"))
        wait_for(lambda: len(site.taken.answers("M1")) > before + 3, "more answers")
        assert door.counters()["refused"] == refused


def test_an_implausible_first_reading_says_which_order_would_fit(site: Site) -> None:
    swapped = (Path("gateway/devices/eastron-sdm630.toml")).read_text(encoding="utf-8")
    site.model("swapped", swapped.replace('order = "ABCD"', 'order = "CDAB"'))
    with SimulatedBus(meters_of({1: "eastron-sdm630"})) as bus, site.door() as door:
        site.connection("line", bus.port, [_device(1, "swapped")])
        wait_for(lambda: "with order ABCD" in door.trouble, "advice")
        assert "M1: voltage_a_v: expected 150 to 280 V" in door.trouble
        wait_for(lambda: len(site.taken.answers("M1")) > 2, "it goes on being polled")
    assert sum(bool(poll.doubt) for poll in site.taken.answers("M1")) == 1


def test_while_the_spool_takes_nothing_polls_wait_and_none_is_lost(site: Site) -> None:
    with SimulatedBus(meters_of({1: "acrel-adw300"})) as bus, site.door() as door:
        site.connection("line", bus.port, [_device(1, "acrel-adw300", 0.1)])
        wait_for(lambda: site.taken.answers("M1"), "M1")
        site.taken.broken = True
        wait_for(lambda: "polls wait for the spool" in door.trouble, "the spool's trouble")
        asked = bus.meters[1].requests
        wait_for(lambda: bus.meters[1].requests > asked + 6, "polling goes on into the queue")
        site.taken.broken = False
        wait_for(lambda: not door.trouble, "the spool takes again")
        wait_for(lambda: door.counters()["frames"] >= door.counters()["answers"] - 2, "what waited is there")
        times = [poll.at for poll in site.taken.answers("M1")]
        assert times == sorted(set(times))
        assert max(later - earlier for earlier, later in pairwise(times)) < 600


def test_pressure_slows_and_stops_polling(site: Site) -> None:
    with SimulatedBus(meters_of({1: "acrel-adw300"})) as bus, site.door():
        site.taken.step = Pressure.HOLD_BULK
        site.connection("line", bus.port, [_device(1, "acrel-adw300", 0.1)])
        time.sleep(3)
        assert bus.meters[1].requests == 0
        site.taken.step = Pressure.SLOW
        wait_for(lambda: len(site.taken.answers("M1")) > 4, "slow polls")
        times = [poll.at for poll in site.taken.answers("M1")[1:5]]
        assert all(later - earlier > 250 for earlier, later in pairwise(times))


def test_a_line_that_is_away_is_told_and_taken_up_again(site: Site) -> None:
    meters = meters_of({1: "acrel-adw300"})
    with site.door() as door:
        with SimulatedBus(meters) as bus:
            port = bus.port
            site.connection("line", port, [_device(1, "acrel-adw300")])
            wait_for(lambda: site.taken.answers("M1"), "M1")
        wait_for(lambda: any(poll.silent and not poll.link for poll in site.taken.polls("M1")), "lost line")
        assert f"127.0.0.1:{port}" in door.trouble
        before = len(site.taken.answers("M1"))
        with SimulatedBus(meters_of({1: "acrel-adw300"}), port=port):
            wait_for(lambda: len(site.taken.answers("M1")) > before, "M1 is back", 30)
            wait_for(lambda: not door.trouble, "nothing to tell")


def test_a_device_that_refuses_everything_is_alive_without_values(site: Site) -> None:
    """The wrong model for a meter: its refusals prove life, and each register is named once."""
    with SimulatedBus(meters_of({1: "eastron-sdm630"})) as bus, site.door() as door:
        site.connection("line", bus.port, [_device(1, "acrel-adl400", 0.1)])
        wait_for(lambda: len(site.taken.polls("M1")) > 3, "polls")
        refused = door.counters()["refused"]
        wait_for(lambda: len(site.taken.polls("M1")) > 8, "more polls")
        assert door.counters()["refused"] >= refused + 4
    polls = site.taken.polls("M1")
    assert len(polls[0].refused) == 7
    assert not any(poll.refused or poll.silent or poll.blocks for poll in polls[1:])
    assert not any(decoded.batches or decoded.refusal for decoded in site.decoded("M1"))


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
def test_a_serial_line(site: Site) -> None:
    """A pair of pseudo terminals is the wire; behind it meters that speak RTU."""
    port_file = site.folder / "ttyMeters"
    with SimulatedBus(meters_of({3: "acrel-adw300", 4: "eastron-sdm630"}), rtu=True) as bus:
        wire = subprocess.Popen(["socat", f"pty,raw,echo=0,link={port_file}", f"tcp:127.0.0.1:{bus.port}"])
        try:
            wait_for(port_file.exists, "the serial port")
            site.serial(
                "line",
                port_file,
                [_device(3, "acrel-adw300"), _device(4, "eastron-sdm630"), _device(5, "acrel-adw300")],
            )
            with site.door() as door:
                wait_for(lambda: len(site.taken.answers("M3")) > 3 and site.taken.answers("M4"), "answers")
                wait_for(lambda: any(poll.silent for poll in site.taken.polls("M5")), "nobody at 5")
                assert door.trouble == ""
        finally:
            wire.kill()
            wire.wait(5)
    (batch,) = site.decoded("M4")[0].batches
    assert batch.scaled[0, 0] == pytest.approx(bus.moment(4, batch.at_ms).voltage_v[0] * 10, abs=2)
