"""``gridcrew backup FILE``"""

import json
from pathlib import Path
from typing import Final

import click

from field_api.adapters.system_clock import wall_clock_ms
from gridcrew.archive_file import BadArchive
from gridcrew.backup import BackupPlan, back_up
from gridcrew.backup_keys import KeysGo, KeysMissing, read_passphrase
from gridcrew.settings import Settings
from gridcrew.sqlite_snapshots import Busy

_TOLD: Final = {
    KeysGo.NONE: "keys: nothing in it is sealed",
    KeysGo.INSIDE: "keys: inside, readable: guard the file like them",
    KeysGo.WRAPPED: "keys: inside, wrapped; a restore needs the passphrase",
    KeysGo.APART: "keys: NOT inside; a restore needs --keys with the copy that you keep of people.keys",
}


@click.command(name="backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--with-secrets", is_flag=True, help="Keys and passwords too: guard the file like them.")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Its first line wraps the keys of sealed data, which then go along.",
)
@click.option("--keys-apart", is_flag=True, help="A copy of people.keys is kept elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="The manifest without its files, as JSON.")
def command(
    file: Path, with_secrets: bool, passphrase_file: Path | None, keys_apart: bool, as_json: bool
) -> None:
    """Copy everything into FILE (.tar.gz or .tar.zst) while the product runs.

    Readable by you alone. Customers in it are sealed: say what becomes of the keys. Readings kept in
    InfluxDB are that server's to back up.
    """
    settings = Settings()
    try:
        passphrase = "" if passphrase_file is None else read_passphrase(passphrase_file)
        plan = BackupPlan(
            settings.data_dir.absolute(), settings.database_location, with_secrets, wall_clock_ms(),
            settings.key_file, passphrase, keys_apart,
        )  # fmt: skip
        manifest = back_up(plan, file)
    except (BadArchive, Busy, KeysMissing, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    size = sum(note.size for note in manifest.files.values())
    told = {
        "file": str(file), "made_at": manifest.made_at, "files": len(manifest.files), "bytes": size,
        "packed_bytes": file.stat().st_size, "schemas": manifest.schemas, "left_out": manifest.left_out,
        "keys": manifest.keys,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(f"{file}: {len(manifest.files)} files, {size} bytes, as of {manifest.made_at}")
    click.echo(_TOLD[manifest.keys])
    if manifest.left_out:
        click.echo(f"left out: {len(manifest.left_out)} secrets ({', '.join(manifest.left_out[:3])}, …)")
