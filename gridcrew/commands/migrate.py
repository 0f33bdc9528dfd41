"""``gridcrew migrate``"""

import click

from gridcrew.migrations.runner import migrate_all
from gridcrew.sealed_networks import seal_networks
from gridcrew.settings import Settings


@click.command(name="migrate")
def command() -> None:
    """Bring the databases to this version; running it again changes nothing."""
    settings = Settings()
    for owner, version in migrate_all(settings.database_location).items():
        click.echo(f"{owner}: {version}")
    if sealed := seal_networks(settings):
        click.echo(f"network: {sealed} snapshots sealed with {settings.key_file}")
