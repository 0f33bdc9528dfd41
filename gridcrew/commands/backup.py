"""``gridcrew backup FILE``"""

import json
from pathlib import Path

import click

from field_api.adapters.system_clock import wall_clock_ms
from gridcrew.archive_file import BadArchive
from gridcrew.backup import BackupPlan, back_up
from gridcrew.settings import Settings
from gridcrew.sqlite_snapshots import Busy


@click.command(name="backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-secrets", is_flag=True, help="Keys and passwords too: guard the file like them.")
@click.option("--json", "as_json", is_flag=True, help="The manifest without its files, as JSON.")
def command(file: Path, with_secrets: bool, as_json: bool) -> None:
    """Copy everything into FILE (.tar.gz or .tar.zst) while the product runs.

    Readable by you alone. Readings kept in InfluxDB are that server's to back up.
    """
    settings = Settings()
    plan = BackupPlan(settings.data_dir.absolute(), settings.database_location, with_secrets, wall_clock_ms())
    try:
        manifest = back_up(plan, file)
    except (BadArchive, Busy, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    size = sum(note.size for note in manifest.files.values())
    told = {
        "file": str(file), "made_at": manifest.made_at, "files": len(manifest.files), "bytes": size,
        "packed_bytes": file.stat().st_size, "schemas": manifest.schemas, "left_out": manifest.left_out,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(f"{file}: {len(manifest.files)} files, {size} bytes, as of {manifest.made_at}")
    if manifest.left_out:
        click.echo(f"left out: {len(manifest.left_out)} secrets ({', '.join(manifest.left_out[:3])}, …)")
