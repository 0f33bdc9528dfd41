"""What a site has learned, between ``gridcrew outage learn`` and whoever concludes: two files of the site."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from gridcrew.private_files import write_private
from gridcrew.settings import Settings
from telemetry.calibration import Calibration, parsed, written
from telemetry.inference_model import InferenceModel
from telemetry.site_rates import EVERY, Faults, Learned, Rate

FILE: Final = "learned_rates.toml"
CALIBRATION_FILE: Final = "learned_calibration.toml"
Shown = dict[str, float | int]
_NAMES: Final = ("miss", "false_alarm", "blocked")
_SINCE: Final = "since_ms"


class RatesRefused(click.ClickException):
    """A file of rates or of the calibration that cannot be used; names the file and the field."""


def write_rates(file: Path, learned: Learned) -> None:
    """Replace the file."""
    rates = dict(
        zip(_NAMES, (learned.miss.get(EVERY, Rate()), learned.false_alarm, learned.blocked), strict=True)
    )
    lines = [f"# {_remark()}"] + [
        f"{name} = {{ hits = {rate.hits}, of = {rate.of} }}" for name, rate in rates.items()
    ]
    lines.append(f"faults = {{ number = {learned.faults.number}, days = {learned.faults.days} }}")
    _write(file, "\n".join(lines) + "\n")


def write_calibration(file: Path, calibration: Calibration, now_ms: int) -> None:
    """Replace the file; what is told from now on is told through it."""
    _write(file, written(calibration, (_remark(),)) + f"{_SINCE} = {now_ms}\n")


def calibrated_since_ms(settings: Settings) -> int:
    """Since when the site has a calibration of its own; 0 where it has none. Raises ``RatesRefused``."""
    file = settings.site_folder / CALIBRATION_FILE
    since = _read(file).get(_SINCE) if file.exists() else 0
    if not isinstance(since, int):
        raise RatesRefused(f"{file}: {_SINCE}: expected milliseconds, found {since!r}")
    return since


def detection_model(settings: Settings) -> InferenceModel:
    """The model that ships, with what the site has learned and set. Raises ``RatesRefused``."""
    model = InferenceModel()
    if (file := settings.site_folder / FILE).exists():
        model = _learned(file).moved(model)
    if (file := settings.site_folder / CALIBRATION_FILE).exists():
        model = replace(model, calibration=_calibration(file))
    if (usual := settings.detector.usual_faults) is not None:
        model = replace(model, usual_faults=usual)
    return model


def _learned(file: Path) -> Learned:
    read = _read(file)
    rates = [_rate(file, name, read.get(name)) for name in _NAMES]
    faults = _faults(file, read["faults"]) if "faults" in read else Faults()
    return Learned({EVERY: rates[0]}, {}, rates[1], rates[2], {}, faults)


def _calibration(file: Path) -> Calibration:
    try:
        return parsed(_read(file))
    except ValueError as problem:
        raise RatesRefused(f"{file}: {problem}") from None


def _read(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RatesRefused(f"{file}: {problem}") from None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_private(file, text.encode())


def _remark() -> str:
    return f"Written by gridcrew outage learn on {datetime.now(UTC).date()}; read when the detector starts."


def _rate(file: Path, name: str, found: object) -> Rate:
    match _values(found, ("hits", "of")):
        case [int(hits), int(of)] if 0 <= hits <= of:
            return Rate(hits, of)
    raise RatesRefused(f"{file}: {name}: expected {{ hits = N, of = M }} with N ≤ M, found {found!r}")


def _faults(file: Path, found: object) -> Faults:
    match _values(found, ("number", "days")):
        case [int(number), int(days) | float(days)] if number >= 0 and days >= 0:
            return Faults(number, float(days))
    raise RatesRefused(f"{file}: faults: expected {{ number = N, days = D }}, found {found!r}")


def _values(found: object, names: tuple[str, str]) -> list[object]:
    return [found.get(name) for name in names] if isinstance(found, dict) else []
