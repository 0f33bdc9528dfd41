"""``gridcrew gateway import-config``: files of other Modbus gateways → our device and connection files."""

import json
from pathlib import Path

import click

from gateway.adapters.modbus.import_files import ChangedByHand, write_imported
from gateway.importing.foreign import Foreign, ForeignFileRefused, ForeignLine
from gateway.importing.modpoll import read_modpoll
from gateway.importing.names import read_names
from gateway.importing.telegraf import read_telegraf
from gateway.importing.thingsboard import read_thingsboard
from gateway.importing.writing import NAMES_FILE, Imported, write_files
from gateway.site_toml import SiteFileRefused
from gridcrew.settings import Settings

FORMATS = {".toml": "telegraf", ".conf": "telegraf", ".json": "thingsboard", ".csv": "modpoll"}


@click.command(name="import-config")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["telegraf", "thingsboard", "modpoll"]),
    help="Whose file it is; else by its ending: .conf or .toml, .json, .csv.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into (the site's folder: then the gateway polls at once).",
)
@click.option("--host", default="", help="modpoll only: the host that its --tcp names.")
@click.option("--port", default=502, type=click.IntRange(1, 65_535), help="modpoll only: its --tcp-port.")
@click.option("--serial", default="", help="modpoll only: the port that its --serial names.")
@click.option("--force", is_flag=True, help="Replace files that were changed by hand.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def command(
    file: Path,
    kind: str | None,
    out: Path | None,
    host: str,
    port: int,
    serial: str,
    force: bool,
    as_json: bool,
) -> None:
    """Turn FILE (Telegraf, ThingsBoard gateway, modpoll) into device and connection files.

    Everything without equivalent is reported. Names of values are guessed; edit import-names.toml in the
    output folder and import again. Doing it again changes nothing that did not change.
    """
    folder = out or Settings().site_folder
    kind = kind or FORMATS.get(file.suffix.lower())
    try:
        content = file.read_text(encoding="utf-8")
        names_file = folder / NAMES_FILE
        names = read_names(names_file.read_text(encoding="utf-8")) if names_file.exists() else {}
        done = write_files(_read(kind, content, _line(kind, host, port, serial)), file.name, names)
        written = write_imported(folder, done.files, NAMES_FILE, force=force)
    except (ForeignFileRefused, SiteFileRefused, ChangedByHand, UnicodeDecodeError, OSError) as problem:
        raise click.ClickException(f"{file}: {problem}") from problem
    files = {
        "written": [str(path) for path in written.written],
        "unchanged": [str(path) for path in written.unchanged],
    }
    if as_json:
        report = {**files, "taken": done.taken, "untaken": done.untaken}
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show(done, files)


def _line(kind: str | None, host: str, port: int, serial: str) -> ForeignLine:
    if kind == "modpoll" and not host and not serial:
        raise click.UsageError("modpoll's file names no host: give --host (and --port), or --serial")
    return ForeignLine("serial", path=serial) if serial else ForeignLine("tcp", host, port)


def _read(kind: str | None, content: str, line: ForeignLine) -> Foreign:
    match kind:
        case "telegraf":
            return read_telegraf(content)
        case "thingsboard":
            return read_thingsboard(content)
        case "modpoll":
            return read_modpoll(content, line)
        case _:
            raise click.UsageError("whose file is it? give --format telegraf, thingsboard or modpoll")


def _show(done: Imported, files: dict[str, list[str]]) -> None:
    for line in done.taken:
        click.echo(f"taken     {line}")
    for line in done.untaken:
        click.echo(f"left out  {line}")
    for what, paths in files.items():
        for path in paths:
            click.echo(f"{what:<9} {path}")
    click.echo(f"{len(done.taken)} values taken, {len(done.untaken)} things left out")
