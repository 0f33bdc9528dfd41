"""Which reading store this installation has: the one place that chooses, for drain, web and tools."""

import importlib
from pathlib import Path

from gridcrew.settings import Settings
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.ports import ReadingStore


def open_readings(settings: Settings) -> ReadingStore:
    """The store of readings, not yet connected. Of the embedded one only one process may write."""
    if settings.readings.store == "influxdb":
        return _influx(settings)
    return EmbeddedReadingStore(readings_folder(settings))


def _influx(settings: Settings) -> ReadingStore:
    # The client takes a second to load: only where it is used.
    server = importlib.import_module("telemetry.adapters.influx_server")
    readings = importlib.import_module("telemetry.adapters.influx_readings")
    influx = settings.influx
    address = server.InfluxAddress(
        url=influx.url,
        database=influx.database,
        api=influx.api,
        org=influx.org,
        token=influx.token,
        username=influx.username,
        password=influx.password,
        timeout_s=influx.timeout_s,
        keep_s=int(settings.readings.keep_days * 86_400),
    )
    store: ReadingStore = readings.InfluxReadingStore(address, influx.writers)
    return store


def readings_folder(settings: Settings) -> Path:
    """Where the embedded store and its archive lie."""
    return settings.data_dir.absolute() / "readings"
