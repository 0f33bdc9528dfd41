"""Foreign configurations become our files: what is taken, what is told, and that the files read a meter."""

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result

from gateway.importing.names import meaning
from gateway.modbus.connections import ConnectionFile, parse_connection
from gateway.modbus.device_models import DeviceModel, parse_model
from gridcrew.commands.gateway_import_config import command as import_config
from gridcrew.commands.gateway_read import command as read
from simulators.adapters.modbus_meters import SimulatedBus, meters_of
from tests.commands import invoke

CASES = Path(__file__).parent / "cases" / "modbus"


def _run(*arguments: str | Path) -> Result:
    return invoke(import_config, [str(one) for one in arguments])


def _imported(out: Path, *arguments: str | Path) -> dict[str, list[str]]:
    done = _run(*arguments, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    report: dict[str, list[str]] = json.loads(done.output)
    return report


def _model(out: Path, name: str) -> DeviceModel:
    file = out / "devices" / f"{name}.toml"
    return parse_model(name, file.read_text(encoding="utf-8"))


def _connection(out: Path, name: str) -> ConnectionFile:
    file = out / "connections" / f"{name}.toml"
    return parse_connection(name, file.read_text(encoding="utf-8"))


def _told(report: dict[str, list[str]], *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in report["untaken"])


def test_telegraf_register_style(tmp_path: Path) -> None:
    report = _imported(tmp_path, CASES / "telegraf_register" / "telegraf.conf")
    line = _connection(tmp_path, "127-0-0-1-5020")
    assert (line.kind, line.host, line.port, line.timeout_s) == ("tcp", "127.0.0.1", 5020, 1.0)
    assert [(one.id, one.unit, one.every_s) for one in line.device] == [("feeder-7", 1, 30.0)]
    model = _model(tmp_path, "imported-feeder-7")
    found = {
        entry.name: (str(entry.where), entry.address, entry.type, str(entry.scale))
        for entry in model.quantity
    }
    assert found["voltage_a_v"] == ("input", 0, "f32", "1")
    assert found["active_power_kw"] == ("input", 52, "f32", "0.001")
    assert found["energy_import_kwh"] == ("input", 72, "f32", "1")
    serial = _connection(tmp_path, "dev-ttyusb0")
    assert (serial.kind, serial.path, serial.baud, serial.parity) == ("serial", "/dev/ttyUSB0", 19_200, "E")
    assert serial.device[0].every_s == 60
    pump = {entry.name: entry for entry in _model(tmp_path, "imported-pump").quantity}
    assert (pump["voltage_a_v"].type, pump["voltage_a_v"].scale) == ("u16", Decimal("0.1"))
    assert (pump["energy_import_kwh"].type, pump["energy_import_kwh"].order) == ("i32", "CDAB")
    assert _told(report, "inputs.modbus[0].input_registers[7]", "max_demand")
    assert _told(report, "inputs.modbus[0].busy_retries")
    assert _told(report, "inputs.modbus[1].coils[0]", "motor_run")
    assert _told(report, "temperature", "INT8L")
    assert _told(report, "inputs.cpu")
    assert _told(report, "outputs")


def test_telegraf_request_style(tmp_path: Path) -> None:
    report = _imported(tmp_path, CASES / "telegraf_request" / "telegraf.conf")
    line = _connection(tmp_path, "10-4-0-9-4001")
    assert (line.kind, line.timeout_s) == ("rtu_over_tcp", 0.5)
    assert [(one.id, one.unit) for one in line.device] == [("acrel-3", 3), ("acrel-4", 4)]
    first = {entry.name: entry for entry in _model(tmp_path, "imported-acrel-3").quantity}
    assert set(first) == {"voltage_a_v", "voltage_b_v", "active_power_kw", "energy_import_kwh"}
    assert first["active_power_kw"].scale == Decimal("0.001")
    assert _model(tmp_path, "imported-acrel-4").quantity[0].order == "DCBA"
    assert _told(report, "request[0].tags")
    assert _told(report, "request[0].measurement")
    assert _told(report, "f16", "FLOAT16")


def test_thingsboard(tmp_path: Path) -> None:
    report = _imported(tmp_path, CASES / "thingsboard" / "modbus.json")
    line = _connection(tmp_path, "192-168-7-20-502")
    assert [(one.id, one.unit, one.every_s) for one in line.device] == [("ADW300 feeder 2", 2, 15.0)]
    found = {entry.name: entry for entry in _model(tmp_path, "imported-adw300-feeder-2").quantity}
    assert {name: (entry.address, entry.type, entry.scale) for name, entry in found.items()} == {
        "voltage_a_v": (20, "u16", Decimal("0.1")),
        "current_a_a": (26, "u16", Decimal("0.01")),
        "active_power_kw": (36, "i32", Decimal("0.001")),
        "energy_import_kwh": (62, "i32", Decimal("0.01")),
    }
    assert all(entry.order == "CDAB" for entry in found.values())
    for place in ("attributeUpdates[0]", "rpc[0]"):
        assert _told(report, place, "only reads")
    assert _told(report, "attributes[0]", "string")
    assert _told(report, "timeseries[4]", "relay")
    assert _told(report, "slave:")
    assert _told(report, "sendDataOnlyOnChange")


def test_modpoll_needs_a_host_and_its_files_read_the_meter(tmp_path: Path) -> None:
    file = CASES / "modpoll" / "sdm630.csv"
    assert _run(file, "--out", tmp_path).exit_code == 2
    with SimulatedBus(meters_of({5: "eastron-sdm630"})) as bus:
        report = _imported(tmp_path, file, "--host", "127.0.0.1", "--port", str(bus.port))
        assert _told(report, "line 15", "setpoint", "only reads")
        assert _told(report, "line 16", "alarm")
        line = tmp_path / "connections" / f"127-0-0-1-{bus.port}.toml"
        model = tmp_path / "devices" / "imported-sdm630.toml"
        shown = invoke(read, ["sdm630", "--connection", str(line), "--model", str(model), "--json"])
        assert shown.exit_code == 0, shown.output
        values = {row["quantity"]: row["value"] for row in json.loads(shown.output)["values"]}
        now = bus.moment(5, time.time_ns() // 1_000_000)
        assert float(values["voltage_c_v"]) == pytest.approx(now.voltage_v[2], abs=0.2)
        assert float(values["active_power_kw"]) == pytest.approx(now.total_kw, rel=0.01)
        assert float(values["energy_export_kwh"]) == pytest.approx(now.export_kwh, abs=0.1)


def test_importing_again_changes_nothing_and_the_edited_names_count(tmp_path: Path) -> None:
    file = CASES / "telegraf_register" / "telegraf.conf"
    first = _imported(tmp_path, file)
    assert first["written"]
    assert _imported(tmp_path, file)["written"] == []
    names = tmp_path / "import-names.toml"
    told = names.read_text(encoding="utf-8").replace(
        '"max_demand" = ""', '"max_demand" = "neutral_current_a"'
    )
    names.write_text(told.replace('"frequency" = "frequency_hz"', '"frequency" = ""'), encoding="utf-8")
    again = _imported(tmp_path, file)
    assert [Path(path).name for path in again["written"]] == ["imported-feeder-7.toml"]
    quantities = {entry.name for entry in _model(tmp_path, "imported-feeder-7").quantity}
    assert "neutral_current_a" in quantities
    assert "frequency_hz" not in quantities
    assert _imported(tmp_path, file)["written"] == []


def test_a_file_that_was_changed_by_hand_is_not_replaced(tmp_path: Path) -> None:
    file = CASES / "telegraf_register" / "telegraf.conf"
    _imported(tmp_path, file)
    model = tmp_path / "devices" / "imported-pump.toml"
    model.write_text(model.read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    refused = _run(file, "--out", tmp_path)
    assert refused.exit_code == 1
    assert "changed by hand" in refused.output
    assert "imported-pump.toml" in refused.output
    assert _run(file, "--out", tmp_path, "--force").exit_code == 0
    assert "# mine" not in model.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.conf", "[agent]", "inputs.modbus: expected at least one"),
        ("a.conf", "[[inputs.modbus]]\ncontroller = 5", "inputs.modbus[0].controller: expected text"),
        (
            "a.conf",
            "[[inputs.modbus]]\ncontroller = 'tcp://h:1'\ntimeout = 'soon'",
            "timeout: expected a duration",
        ),
        ("a.json", "[]", "master.slaves: expected"),
        ("a.json", "{", "not JSON"),
        ("a.csv", "ref,a,1,uint16,r", "no line `device,NAME,UNIT`"),
        ("a.csv", "device,a,1\npoll,registers,0,1,BE_BE", "line 2: expected one of coil"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_and_nothing_is_written(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    refused = _run(file, "--out", tmp_path / "out", "--host", "h")
    assert refused.exit_code == 1
    assert said in refused.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "unit", "quantity", "scale"),
    [
        ("voltage_L2", "", "voltage_b_v", 1),
        ("Ua", "V", "voltage_a_v", 1),
        ("phaseCCurrent", "mA", "current_c_a", Decimal("0.001")),
        ("Total active power", "W", "active_power_kw", Decimal("0.001")),
        ("power_factor", "", "power_factor", 1),
        ("reactive_power", "kvar", "reactive_power_kvar", 1),
        ("energy_export_total", "Wh", "energy_export_kwh", Decimal("0.001")),
        ("apparent_power", "VA", "", 1),
        ("voltage", "V", "", 1),
        ("gas_pressure", "bar", "", 1),
    ],
)
def test_what_names_mean(name: str, unit: str, quantity: str, scale: Decimal) -> None:
    found = meaning(name, unit, {})
    assert (found.quantity, found.scale) == (quantity, scale)
