"""Learned rates between ``gridcrew outage learn`` and the detector: one file of the site."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gridcrew.private_files import write_private
from gridcrew.settings import Settings
from telemetry.inference_model import InferenceModel
from telemetry.learned_rates import EVERY, Learned, Rate

FILE: Final = "learned_rates.toml"
Shown = dict[str, float | int]
_NAMES: Final = ("miss", "false_alarm", "blocked")


class RatesRefused(ValueError):
    """A file of rates that cannot be used; names the file and the field."""


def write_rates(file: Path, learned: Learned) -> None:
    """Replace the file."""
    rates = dict(
        zip(_NAMES, (learned.miss.get(EVERY, Rate()), learned.false_alarm, learned.blocked), strict=True)
    )
    lines = [
        f"# Written by gridcrew outage learn on {datetime.now(UTC).date()}; read when the detector starts."
    ]
    lines += [f"{name} = {{ hits = {rate.hits}, of = {rate.of} }}" for name, rate in rates.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_private(file, ("\n".join(lines) + "\n").encode())


def detection_model(settings: Settings) -> InferenceModel:
    """The model with the site's learned rates, where there are any. Raises ``RatesRefused``."""
    file = settings.site_folder / FILE
    if not file.exists():
        return InferenceModel()
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        rates = [_rate(file, name, read.get(name)) for name in _NAMES]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RatesRefused(f"{file}: {problem}") from None
    return Learned({EVERY: rates[0]}, {}, rates[1], rates[2]).moved(InferenceModel())


def _rate(file: Path, name: str, found: object) -> Rate:
    counts = [found.get(key) for key in ("hits", "of")] if isinstance(found, dict) else []
    match counts:
        case [int(hits), int(of)] if 0 <= hits <= of:
            return Rate(hits, of)
    raise RatesRefused(f"{file}: {name}: expected {{ hits = N, of = M }} with N ≤ M, found {found!r}")
