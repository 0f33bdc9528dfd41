"""``gridcrew gateway read``: poll one device once and show what it says."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.adapters.modbus.preview import NoAnswer, Preview, preview
from gateway.adapters.site_files import SiteFiles
from gateway.modbus.connections import ConnectionFile, DeviceEntry, parse_connection
from gateway.modbus.device_models import DeviceModel, parse_model
from gridcrew.settings import Settings

IMPLAUSIBLE: Final = 3


@click.command(name="read")
@click.argument("device")
@click.option(
    "--connection",
    "connection_file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Connection file to use, though it is not in the site's folder.",
)
@click.option(
    "--model",
    "model_file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Device model to try in place of the one that the connection file names.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(device: str, connection_file: Path | None, model_file: Path | None, as_json: bool) -> None:
    """Poll DEVICE (its id in a connection file) once and show raw and scaled values.

    Ends with 1 where it does not answer, 3 where its values cannot be true. Nothing is stored.
    """
    site = Settings().site_folder
    settings, entry = _entry(device, _connections(site, connection_file))
    model = _model(site, entry, model_file)
    try:
        found = preview(settings, entry, model)
    except NoAnswer as problem:
        raise click.ClickException(str(problem)) from problem
    if as_json:
        click.echo(json.dumps(_plain(found), ensure_ascii=False, indent=2))
    else:
        _show(found)
    if found.doubt:
        raise click.exceptions.Exit(IMPLAUSIBLE)


def _connections(site: Path, file: Path | None) -> Mapping[str, ConnectionFile]:
    if file is not None:
        try:
            return {file.stem: parse_connection(file.stem, file.read_text(encoding="utf-8"))}
        except ValueError as problem:
            raise click.ClickException(f"{file}: {problem}") from problem
    files = SiteFiles(site / "connections", parse_connection)
    for told in files.poll().refused.values():
        click.echo(f"Warning: {told}", err=True)
    return files.current


def _entry(device: str, connections: Mapping[str, ConnectionFile]) -> tuple[ConnectionFile, DeviceEntry]:
    known = [(settings, entry) for settings in connections.values() for entry in settings.device]
    found = next(((settings, entry) for settings, entry in known if entry.id == device), None)
    if found is None:
        ids = ", ".join(entry.id for _, entry in known[:20]) or "no device at all"
        raise click.ClickException(f"unknown device {device!r}: the connection files name {ids}")
    return found


def _model(site: Path, entry: DeviceEntry, file: Path | None) -> DeviceModel:
    if file is not None:
        try:
            return parse_model(file.stem, file.read_text(encoding="utf-8"))
        except ValueError as problem:
            raise click.ClickException(f"{file}: {problem}") from problem
    shelf = ModelShelf(site)
    shelf.poll()
    if entry.model in shelf.models:
        return shelf.models[entry.model]
    refused = shelf.refused.get(entry.model, "")
    names = ", ".join(sorted(shelf.models))
    raise click.ClickException(refused or f"model {entry.model!r} of {entry.id}: expected one of {names}")


def _show(found: Preview) -> None:
    for row in found.rows:
        value = "—" if row.value is None else f"{row.value:f}"
        click.echo(f"{row.name:<22} {value:>16} {row.unit:<5} {row.where:<28} {row.raw}")
    for name, told in {**found.infos, **{name: str(on) for name, on in found.states.items()}}.items():
        click.echo(f"{name:<22} {told}")
    for told in found.refused:
        click.echo(f"refused: {told}")
    click.echo(f"implausible: {found.doubt}" if found.doubt else "plausible")


def _plain(found: Preview) -> dict[str, Any]:
    return {
        "device": found.device,
        "plausible": not found.doubt,
        "doubt": found.doubt,
        "values": [
            {
                "quantity": row.name,
                "value": None if row.value is None else f"{row.value:f}",
                "unit": row.unit,
                "where": row.where,
                "raw": row.raw,
            }
            for row in found.rows
        ],
        "states": dict(found.states),
        "infos": dict(found.infos),
        "refused": list(found.refused),
    }
