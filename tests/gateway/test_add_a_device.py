"""docs/add-a-device.md, followed to the letter against a meter that no shipped model knows."""

import re
import struct
from pathlib import Path

import pytest

from gridcrew.broker import EmbeddedBroker
from gridcrew.commands.gateway_read import command as read
from simulators.adapters.modbus_meters import SimulatedBus, SimulatedMeter
from simulators.modbus_loads import Load, Moment
from simulators.modbus_maps import MeterMap
from tests.commands import invoke
from tests.gateway.running import Installation, await_true

PAGE = Path(__file__).parents[2] / "docs" / "add-a-device.md"
CT = 40


def _low_word_first(fmt: str, value: float) -> list[int]:
    packed = struct.pack(fmt, round(value))
    return [int.from_bytes(packed[2:], "big"), int.from_bytes(packed[:2], "big")]


def _village(now: Moment) -> dict[int, list[int]]:
    """The register list at the head of the page, on the secondary side of a 200/5 transformer."""
    frequency = struct.pack(">f", now.frequency_hz)
    return {
        40: [round(volt * 10) for volt in now.voltage_v],
        50: [word for ampere in now.current_a for word in _low_word_first(">I", ampere / CT * 1000)],
        60: _low_word_first(">i", now.total_kw / CT * 1000),
        70: _low_word_first(">I", now.import_kwh / CT * 100),
        80: [int.from_bytes(frequency[:2], "big"), int.from_bytes(frequency[2:], "big")],
    }


def _files() -> dict[str, str]:
    found = re.findall(r"^```toml file=(\S+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return dict(found)


@pytest.fixture
def village() -> SimulatedBus:
    return SimulatedBus([SimulatedMeter(7, MeterMap(frozenset({3}), _village), Load.random(3))])


def test_the_page_followed_to_the_letter(
    site: Installation, broker: EmbeddedBroker, village: SimulatedBus
) -> None:
    """Files of the page into the site's folder of a running gateway; a reading is in the store."""
    files = _files()
    assert set(files) == {"devices/village-meter.toml", "connections/village.toml"}
    site.start()
    with village as bus:
        for name, content in files.items():
            # The page's address is the reader's own; everything else stands as it is printed.
            told = content.replace("192.168.1.20", "127.0.0.1").replace("port = 502", f"port = {bus.port}")
            file = site.settings.site_folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(told, encoding="utf-8")
        shown = invoke(read, ["M-1001"], env={"GRIDCREW_DATA_DIR": str(site.folder)})
        assert shown.exit_code == 0, shown.output
        assert shown.output.endswith("plausible\n")
        await_true(lambda: "M-1001" in site.readings.latest(["M-1001"]), "a reading in the store")
    reading = site.readings.latest(["M-1001"])["M-1001"]
    values, now = reading.values, bus.moment(7, reading.at_ms)
    assert float(values["voltage_b_v"]) == pytest.approx(now.voltage_v[1], abs=0.2)
    assert float(values["current_c_a"]) == pytest.approx(now.current_a[2], rel=0.02)
    assert float(values["active_power_kw"]) == pytest.approx(now.total_kw, rel=0.02)
    assert float(values["energy_import_kwh"]) == pytest.approx(now.import_kwh, abs=0.5)
    assert float(values["frequency_hz"]) == pytest.approx(now.frequency_hz, abs=0.011)
    assert reading.terminal == "VILLAGE-1"
    assert bus.meters[7].functions == {3}


def test_a_model_in_the_wrong_order_is_told_which_would_fit(tmp_path: Path, village: SimulatedBus) -> None:
    files = _files()
    model = tmp_path / "village-meter.toml"
    model.write_text(files["devices/village-meter.toml"].replace('"CDAB"', '"ABCD"'), encoding="utf-8")
    with village as bus:
        connection = tmp_path / "village.toml"
        told = files["connections/village.toml"].replace("192.168.1.20", "127.0.0.1")
        connection.write_text(told.replace("port = 502", f"port = {bus.port}"), encoding="utf-8")
        shown = invoke(read, ["M-1001", "--connection", str(connection), "--model", str(model)])
    assert shown.exit_code == 3, shown.output
    assert "with order CDAB for 32-bit values all would be plausible" in shown.output


def test_a_meter_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with SimulatedBus([]) as nobody:
        connection = tmp_path / "village.toml"
        told = _files()["connections/village.toml"].replace("192.168.1.20", "127.0.0.1")
        told = told.replace("port = 502", f"port = {nobody.port}").replace("1.0", "0.2")
        connection.write_text(told.replace("village-meter", "eastron-sdm630"), encoding="utf-8")
        silent = invoke(read, ["M-1001", "--connection", str(connection)])
        unknown = invoke(read, ["M-9", "--connection", str(connection)])
    assert silent.exit_code == 1
    assert silent.output == "Error: M-1001: unit 7: no answer within 0.2 s\n"
    assert unknown.exit_code == 1
    assert "unknown device 'M-9': the connection files name M-1001" in unknown.output
