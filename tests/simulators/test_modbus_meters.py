"""Simulated Modbus meters, read by a foreign client (mbpoll)."""

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator

import pytest

from simulators.adapters.modbus_meters import Fault, SimulatedBus, meters_of
from simulators.modbus_loads import PERIOD_S, Load
from simulators.modbus_maps import MAPS

UNITS = dict(enumerate(MAPS, start=1))

needs_mbpoll = pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")


@pytest.fixture
def bus() -> Iterator[SimulatedBus]:
    with SimulatedBus(meters_of(UNITS)) as running:
        yield running


def _mbpoll(
    bus: SimulatedBus, unit: int, address: int, count: int, kind: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mbpoll", "-0", "-1", "-B", "-o", "0.5", "-a", str(unit), "-r", str(address), "-c", str(count),
         "-t", kind, "-p", str(bus.port), "127.0.0.1"],
        capture_output=True, text=True, timeout=10, check=False,
    )  # fmt: skip


def _values(answer: subprocess.CompletedProcess[str]) -> list[float]:
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return [float(found) for found in re.findall(r"^\[\d+\]:\s+(-?[\d.]+)", answer.stdout, re.MULTILINE)]


def test_energy_is_the_integral_of_power() -> None:
    load = Load.random(7)
    energy, step_s = load.at(0).import_kwh, 0.5
    for place in range(int(PERIOD_S / step_s)):
        energy += load.at((place + 0.5) * step_s).total_kw * step_s / 3600
    assert energy == pytest.approx(load.at(PERIOD_S).import_kwh, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_power_fits_voltage_and_current(seed: int) -> None:
    now = Load.random(seed).at(1234.5)
    apparent = sum(volt * ampere for volt, ampere in zip(now.voltage_v, now.current_a, strict=True)) / 1000
    assert now.total_kw == pytest.approx(apparent * now.power_factor)


@needs_mbpoll
@pytest.mark.parametrize(
    ("name", "address", "kind", "factor"),
    [
        ("acrel-adw300", 20, "4", 0.1),
        ("acrel-adl400", 97, "4", 0.1),
        ("acrel-adl400-float", 0x0800, "4:float", 1),
        ("chint-dtsu666", 0x2006, "4:float", 0.1),
        ("eastron-sdm630", 0, "3:float", 1),
    ],
)
def test_mbpoll_reads_the_voltages_of_every_map(
    bus: SimulatedBus, name: str, address: int, kind: str, factor: float
) -> None:
    unit = next(unit for unit, given in UNITS.items() if given == name)
    volts = [value * factor for value in _values(_mbpoll(bus, unit, address, 3, kind))]
    assert len(volts) == 3
    assert all(226 <= volt <= 234 for volt in volts)


@needs_mbpoll
def test_mbpoll_meets_each_fault(bus: SimulatedBus) -> None:
    bus.fault(1, Fault("dead"))
    assert "timed out" in _mbpoll(bus, 1, 20, 3, "4").stderr
    bus.fault(1, Fault("refuse", 21))
    assert "Illegal data address" in _mbpoll(bus, 1, 20, 3, "4").stderr
    assert len(_values(_mbpoll(bus, 1, 26, 3, "4"))) == 3
    bus.fault(1, Fault("late", 900))
    assert _mbpoll(bus, 1, 20, 3, "4").returncode != 0
    bus.fault(1, None)
    assert len(_values(_mbpoll(bus, 1, 20, 3, "4"))) == 3


@needs_mbpoll
def test_meters_cannot_be_written(bus: SimulatedBus) -> None:
    before = dict(bus.registers(1))
    written = subprocess.run(
        ["mbpoll", "-0", "-a", "1", "-r", "20", "-t", "4", "-p", str(bus.port), "127.0.0.1", "7"],
        capture_output=True, text=True, timeout=10, check=False,
    )  # fmt: skip
    assert written.returncode != 0
    assert bus.registers(1).keys() == before.keys()
    assert _values(_mbpoll(bus, 1, 20, 1, "4"))[0] > 2000


def test_a_stuck_meter_repeats_itself(bus: SimulatedBus) -> None:
    bus.registers(5)
    bus.fault(5, Fault("stuck"))
    first = dict(bus.registers(5))
    assert bus.registers(5) == first
    assert struct.unpack(">f", b"".join(word.to_bytes(2, "big") for word in first[0]))[0] == pytest.approx(
        230, abs=4
    )
