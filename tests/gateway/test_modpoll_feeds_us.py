"""modpoll, a foreign Modbus client, polls a simulated meter and publishes to a broker that we observe."""

import subprocess
from pathlib import Path

import pytest

from gateway.codecs import flat
from gateway.codecs.foreign import Meaning, Signal, Signals
from gateway.frames import Frame
from gateway.observers import read_observer
from gateway.site_toml import SiteFileRefused
from gridcrew.broker import EmbeddedBroker
from simulators.adapters.modbus_meters import SimulatedBus, meters_of
from tests.gateway.mosquitto import OBSERVER, PASSWORD, SITE, running_mosquitto
from tests.gateway.running import await_true, installation

MODPOLL = Path(__file__).parents[2] / ".peers" / "bin" / "modpoll"
CONFIG = Path(__file__).parent / "cases" / "modbus" / "modpoll" / "sdm630.csv"
CLIENT_ID = "gridcrew-modpoll"
OBSERVED = """
format = "flat"
signals = "modpoll"
terminal = "VILLAGE-1"
device_pattern = "modpoll/(?P<device>[^/]+)/data"
[broker]
url = "mqtt://127.0.0.1:{port}"
client_id = "{client_id}"
username = "{user}"
password_file = "secret"
[[topics]]
filter = "modpoll/+/data"
"""
SIGNALS = """
[quantities]
"voltage_a|V" = "voltage_a_v"
"voltage_b|V" = "voltage_b_v"
"voltage_c|V" = "voltage_c_v"
"current_a|A" = "current_a_a"
"power_total|W" = { quantity = "active_power_kw", factor = 0.001 }
"energy_import|kWh" = "energy_import_kwh"
"energy_export|kWh" = "energy_export_kwh"
"""


@pytest.mark.skipif(not MODPOLL.exists(), reason="modpoll is not installed (make peers)")
def test_modpoll_feeds_us(tmp_path: Path) -> None:
    with (
        running_mosquitto(tmp_path / "foreign") as broker,
        installation(tmp_path / "var") as site,
        EmbeddedBroker(site.settings),
        SimulatedBus(meters_of({5: "eastron-sdm630"})) as bus,
    ):
        folder = site.settings.site_folder
        for name, content in (
            ("observers/modpoll.toml", OBSERVED.format(port=broker.port, client_id=CLIENT_ID, user=OBSERVER)),
            ("signals/modpoll.toml", SIGNALS),
            ("secret", PASSWORD),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        # It publishes nothing of a device whose last request was refused, so not the registers to write.
        config = tmp_path / "sdm630.csv"
        config.write_text(CONFIG.read_text(encoding="utf-8").partition("poll,holding_register")[0])
        site.start()
        await_true(lambda: f"Sending SUBACK to {CLIENT_ID}" in broker.log(), "the subscription")
        feeder = subprocess.Popen(
            [str(MODPOLL), "-f", str(config), "--tcp", "127.0.0.1", "--tcp-port", str(bus.port), "-d",
             "--timestamp", "-r", "1", "--interval", "0.05", "--mqtt-host", "127.0.0.1",
             "--mqtt-port", str(broker.port), "--mqtt-user", SITE, "--mqtt-pass", PASSWORD,
             "--mqtt-qos", "1", "--mqtt-version", "5.0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await_true(lambda: "sdm630" in site.readings.latest(["sdm630"]), "a reading")
        finally:
            feeder.kill()
            feeder.wait(10)
        found = site.readings.latest(["sdm630"])["sdm630"]
        now = bus.moment(5, found.at_ms)
    assert found.terminal == "VILLAGE-1"
    assert float(found.values["voltage_a_v"]) == pytest.approx(now.voltage_v[0], abs=0.2)
    assert float(found.values["active_power_kw"]) == pytest.approx(now.total_kw, rel=0.02)
    assert float(found.values["energy_import_kwh"]) == pytest.approx(now.import_kwh, abs=0.5)


def test_flat_frames_are_read_exactly_and_nonsense_is_refused() -> None:
    meaning = Meaning(Signals({"u|V": Signal("voltage_a_v")}, {}, {}))
    body = b'{"u|V": 231.45, "other": 1, "timestamp": 1795321905.362}'
    decoded = flat.decode(Frame("modpoll/m1/data", body, 1_795_321_906_000, "mqtt:x"), "T1", "m1", meaning)
    (batch,) = decoded.batches
    assert (batch.meters, batch.at_ms, batch.scaled.tolist()) == (("m1",), 1_795_321_905_362, [[23145]])
    assert decoded.problems == ("'other' is not in the table of signals",)
    without_time = flat.decode(
        Frame("t", b'{"u|V": 231.4}', 1_795_321_906_000, "mqtt:x"), "T1", "m1", meaning
    )
    assert without_time.batches[0].at_ms == 1_795_321_906_000
    for wrong in (b"", b"[1]", b"\xff", b'{"u|V": '):
        assert flat.decode(Frame("t", wrong, 1, "mqtt:x"), "T1", "m1", meaning).refusal


def test_a_flat_observer_must_say_where_the_device_stands() -> None:
    told = OBSERVED.format(port=1883, client_id="c", user="u")
    assert read_observer("modpoll", told).device("modpoll/m1/data") == "m1"
    with pytest.raises(SiteFileRefused, match="device_pattern, terminal: expected with format flat"):
        read_observer("modpoll", told.replace('terminal = "VILLAGE-1"\n', ""))
