"""``gridcrew restore FILE``"""

from pathlib import Path
from typing import Final

import click

from gridcrew.archive_file import BadArchive
from gridcrew.backup_keys import KeysGiven, KeysMissing, read_passphrase
from gridcrew.restoring import CannotRestore, restore
from gridcrew.settings import Settings

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--passphrase-file", type=_FILE, help="Opens the keys that went along wrapped.")
@click.option("--keys", "keys_file", type=_FILE, help="The copy of people.keys that was kept elsewhere.")
@click.option("--without-keys", is_flag=True, help="They are lost: restore what is not sealed.")
def command(file: Path, passphrase_file: Path | None, keys_file: Path | None, without_keys: bool) -> None:
    """Put a backup FILE into the empty data folder of the settings, whole or not at all."""
    settings = Settings()
    try:
        passphrase = "" if passphrase_file is None else read_passphrase(passphrase_file)
        given = KeysGiven(passphrase, keys_file, without_keys)
        manifest = restore(
            file, settings.data_dir.absolute(), settings.database_location, settings.key_file, given
        )
    except (BadArchive, CannotRestore, KeysMissing, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{settings.data_dir}: {len(manifest.files)} files, as of {manifest.made_at}")
    if without_keys:
        click.echo("without keys: customers' names, phones and addresses are lost; import the network again")
    if manifest.left_out:
        click.echo(f"not in the backup, bring from where you keep them: {', '.join(manifest.left_out[:5])}")
    click.echo("next: gridcrew migrate")
