"""``gridcrew check``: is this installation healthy?"""

import json
import sys
from dataclasses import asdict

import click

from gridcrew.health import examine
from gridcrew.settings import Settings


@click.command(name="check")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(as_json: bool) -> None:
    """Look at every part of this installation; exit code 1 if one is not well."""
    checks = examine(Settings())
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=2))
    else:
        for check in checks:
            click.echo(f"{'ok  ' if check.healthy else 'FAIL'} {check.name:<13} {check.says}")
    sys.exit(0 if all(check.healthy for check in checks) else 1)
