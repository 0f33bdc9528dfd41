"""``gridcrew gateway gaps``: which files of other installations are missing."""

import json

import click

from gateway.adapters.files.crossing_import import load_received
from gateway.crossing import CrossingRefused, told
from gridcrew.settings import Settings


@click.command(name="gaps")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(as_json: bool) -> None:
    """Name the exported files that have not arrived, with what the other side runs to send them again."""
    try:
        received = load_received(Settings().data_dir.absolute())
    except (CrossingRefused, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    gaps = received.gaps()
    if as_json:
        click.echo(json.dumps(gaps, indent=2))
    elif gaps:
        click.echo(told(gaps))
    else:
        click.echo(f"nothing is missing of {len(received.streams)} streams")
