"""The company's networks as commands open them: store, proposals, who changes, what is told."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import inspect

from field_api.adapters.system_clock import wall_clock_ms
from geo.adapters.database import open_database
from geo.adapters.network_proposals import SqlProposals
from geo.adapters.tables import PROPOSALS
from geo.changes import Author, Changed, NetworkChanges
from geo.differences import Differences
from geo.errors import GeoError
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings

note = click.option("--note", default="", help="Why; kept with the version.")


class House:
    """Opens what the commands of networks need."""

    def __init__(self) -> None:
        settings = Settings()
        engine = open_database(settings.database_location, "network")
        if not inspect(engine).has_table(PROPOSALS.name):
            raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
        self.store = open_networks(settings, engine)
        self.proposals = SqlProposals(engine)
        self.changes = NetworkChanges(self.store, self.proposals)


def author(why: str) -> Author:
    """The person at this machine, now."""
    return Author(getpass.getuser(), wall_clock_ms(), why)


@contextmanager
def refusals() -> Iterator[None]:
    """What the network room refuses is one line and a code."""
    try:
        yield
    except GeoError as problem:
        raise click.ClickException(str(problem)) from None


def change_document(changed: Changed) -> dict[str, Any]:
    """What a change came to."""
    version = changed.version
    return {
        "changed": version is not None,
        "network_hash": version.content_hash if version else None,
        "note": version.note if version else "",
        **difference_counts(changed.difference),
    }


def difference_counts(difference: Differences) -> dict[str, Any]:
    """Counts by table, and customers whose transformer changed."""
    tables = {name: counts for name, counts in difference.by_table().items() if any(counts.values())}
    return {"tables": tables, "moved_customers": [move.customer for move in difference.moved]}


def tell_change(changed: Changed) -> None:
    """The same as lines for people."""
    if changed.version is None:
        click.echo("nothing changed")
        return
    click.echo(f"{changed.version.content_hash} takes effect: {changed.version.note}")
    for name, counts in difference_counts(changed.difference)["tables"].items():
        click.echo(f"  {name}: {', '.join(f'{count} {what}' for what, count in counts.items() if count)}")
    if changed.difference.moved:
        click.echo(f"  customers that moved between transformers: {len(changed.difference.moved)}")
