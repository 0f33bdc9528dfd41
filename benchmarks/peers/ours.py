"""Our own gateway process with readings into InfluxDB, on a site's broker, in a data folder of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.servers import program
from gateway.adapters.mqtt.door import BrokerAddress, create_sessions
from geo.adapters.database import open_database
from gridcrew.broker import gateway_sessions
from gridcrew.migrations.runner import migrate
from gridcrew.settings import Settings


def environment(folder: Path, mqtt_port: int, influx_port: int | None) -> dict[str, str]:
    """Settings of an installation on these servers, as environment variables; no InfluxDB: embedded store."""
    told = {
        "GRIDCREW_DATA_DIR": str(folder),
        "GRIDCREW_CONFIG": str(folder / "none"),
        "GRIDCREW_MQTT__URL": f"mqtt://127.0.0.1:{mqtt_port}",
    }
    if influx_port is None:
        return told
    return told | {
        "GRIDCREW_READINGS__STORE": "influxdb",
        "GRIDCREW_INFLUX__API": "v1",
        "GRIDCREW_INFLUX__URL": f"http://127.0.0.1:{influx_port}",
        "GRIDCREW_INFLUX__DATABASE": "gridcrew",
    }


def prepare(folder: Path, mqtt_port: int) -> None:
    """The database and the durable sessions, so that the broker keeps what comes from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"mqtt://127.0.0.1:{mqtt_port}"
    settings = Settings.model_validate({"data_dir": folder, "mqtt": {"url": url}})
    migrate(open_database(str(folder), "gateway"), "gateway")
    create_sessions(BrokerAddress.from_url(url), gateway_sessions(settings))


@contextmanager
def our_gateway(folder: Path, told: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``gridcrew gateway`` on a folder that ``prepare`` made."""
    command = [sys.executable, "-m", "gridcrew", "gateway"]
    with program(command, Path.cwd(), str(folder / "gateway.log"), **(dict(os.environ) | told)) as process:
        yield process
