"""``gridcrew migrate``"""

import click

from gridcrew.migrations.runner import migrate_all
from gridcrew.settings import Settings


@click.command(name="migrate")
def command() -> None:
    """Bring the databases to this version; running it again changes nothing."""
    for owner, version in migrate_all(Settings().database_location).items():
        click.echo(f"{owner}: {version}")
