"""Which reading store this installation has: the one place that chooses, for drain, web and tools."""

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gridcrew.settings import Settings
from telemetry.adapters.embedded_feed import EmbeddedFeed
from telemetry.adapters.embedded_readings import EmbeddedReadingStore, ReadingArchive
from telemetry.alarm_ports import ReadingFeed
from telemetry.ports import ReadingStore
from telemetry.readings import Reading

if TYPE_CHECKING:
    from telemetry.adapters.influx_readings import InfluxReadingStore
    from telemetry.adapters.influx_server import InfluxAddress


def open_readings(settings: Settings) -> ReadingStore:
    """The store of readings, not yet connected. Of the embedded one only one process may write."""
    if settings.readings.store == "influxdb":
        return open_influx(settings)
    folder = readings_folder(settings)
    return EmbeddedReadingStore(folder, OldDays(folder / "archive"))


def readings_folder(settings: Settings) -> Path:
    """Where the embedded store and its archive lie."""
    return settings.data_dir.absolute() / "readings"


def open_influx(settings: Settings) -> "InfluxReadingStore":
    """The store of readings in InfluxDB, not yet connected."""
    # The client takes a second to load: only where it is used.
    readings = importlib.import_module("telemetry.adapters.influx_readings")
    store: InfluxReadingStore = readings.InfluxReadingStore(influx_address(settings), settings.influx.writers)
    return store


def open_feed(settings: Settings) -> ReadingFeed:
    """Readings in the order of their storing, for whoever watches them."""
    if settings.readings.store == "influxdb":
        server = importlib.import_module("telemetry.adapters.influx_server")
        feed = importlib.import_module("telemetry.adapters.influx_feed")
        found: ReadingFeed = feed.InfluxFeed(server.InfluxServer(influx_address(settings), connections=1))
        return found
    return EmbeddedFeed(readings_folder(settings))


def influx_address(settings: Settings) -> "InfluxAddress":
    """The server as the settings name it."""
    server = importlib.import_module("telemetry.adapters.influx_server")
    influx = settings.influx
    address: InfluxAddress = server.InfluxAddress(
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
    return address


class OldDays:
    """``ReadingArchive`` in Parquet files; what reads them is loaded when the first of them is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._archive: ReadingArchive | None = None

    def series(self, meter: str, from_ms: int, to_ms: int) -> Iterator[Reading]:
        """One meter's readings as written, in order of time."""
        if not self._folder.is_dir():
            return iter(())
        return self._loaded().series(meter, from_ms, to_ms)

    def _loaded(self) -> ReadingArchive:
        with self._loading:
            if self._archive is None:
                try:
                    parquet = importlib.import_module("telemetry.adapters.archive_parquet")
                except ImportError as problem:
                    text = f"{self._folder} holds old days; reading them needs pyarrow: gridcrew[archive]"
                    raise RuntimeError(text) from problem
                self._archive = parquet.ParquetArchive(self._folder)
            return self._archive
