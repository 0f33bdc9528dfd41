"""``gridcrew network versions``: what was in force when, who made it so, and why."""

import json

import click

from gridcrew.network_house import House
from gridcrew.network_reading import as_json
from telemetry.instants import iso_seconds


@click.command(name="versions")
@as_json
def command(as_json: bool) -> None:
    """All versions, oldest first; each holds until the next one."""
    listed = [
        {
            "effective_at": iso_seconds(version.effective_ms),
            "network_hash": version.content_hash,
            "made_at": iso_seconds(version.imported_ms),
            "made_by": version.made_by,
            "source": version.source,
            "note": version.note,
        }
        for version in House().store.versions()
    ]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for row in listed:
        click.echo("  ".join(value for value in row.values() if value))
