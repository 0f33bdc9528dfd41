"""Which reading store this installation has: the one place that chooses, for drain, web and tools."""

from pathlib import Path

from gridcrew.settings import Settings
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.ports import ReadingStore


def open_readings(settings: Settings) -> ReadingStore:
    """The store of readings, not yet connected. Of the embedded one only one process may write."""
    return EmbeddedReadingStore(readings_folder(settings))


def readings_folder(settings: Settings) -> Path:
    """Where the embedded store and its archive lie."""
    return settings.data_dir.absolute() / "readings"
