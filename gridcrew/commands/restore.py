"""``gridcrew restore FILE``"""

from pathlib import Path

import click

from gridcrew.archive_file import BadArchive
from gridcrew.restoring import CannotRestore, restore
from gridcrew.settings import Settings


@click.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def command(file: Path) -> None:
    """Put a backup FILE into the empty data folder of the settings, whole or not at all."""
    settings = Settings()
    try:
        manifest = restore(file, settings.data_dir.absolute(), settings.database_location)
    except (BadArchive, CannotRestore, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{settings.data_dir}: {len(manifest.files)} files, as of {manifest.made_at}")
    if manifest.left_out:
        click.echo(f"not in the backup, bring from where you keep them: {', '.join(manifest.left_out[:5])}")
    click.echo("next: gridcrew migrate")
