"""``gridcrew user token``: tokens of other systems."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from field_api.adapters.sql_desk import SqlDesk
from field_api.adapters.system_clock import wall_clock_ms
from field_api.instants import iso
from field_api.usecases.errors import Refused
from field_api.usecases.machine_access import MAX_DAYS, MachineAccess
from field_api.usecases.manage_users import CONSOLE
from geo.adapters.database import open_database
from gridcrew.english import in_english
from gridcrew.settings import Settings


@click.group(name="token")
def command() -> None:
    """Tokens of other systems: role machine, named, with an end."""


@command.command()
@click.argument("name")
@click.option("--grid", "grids", multiple=True, help="A cell that it sees; none: the whole company.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=365, show_default=True)
def add(name: str, grids: tuple[str, ...], days: int) -> None:
    """Make a token; it is shown this once."""
    with _machines() as machines:
        made = machines.make(name, grids, days, _actor(), wall_clock_ms())
    click.echo(made.secret)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_tokens(as_json: bool) -> None:
    """Names, cells and ends; never the tokens themselves."""
    with _machines() as machines:
        listed = machines.listed()
    if as_json:
        rows = [
            {"id": one.id, "name": one.name, "grid_ids": one.grid_ids, "expires_at": iso(one.expires_ms)}
            for one in listed
        ]
        click.echo(json.dumps(rows))
        return
    for one in listed:
        cells = "whole company" if one.whole_company else ", ".join(one.grid_ids)
        click.echo(f"{one.name}\t{cells}\tuntil {iso(one.expires_ms)}")


@command.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Refused from its next request on."""
    with _machines() as machines:
        machines.revoke(name, _actor(), wall_clock_ms())
    click.echo(f"revoked {name}")


def _actor() -> tuple[str, str]:
    return CONSOLE, getpass.getuser()


@contextmanager
def _machines() -> Iterator[MachineAccess]:
    engine = open_database(Settings().database_location, "desk")
    try:
        yield MachineAccess(SqlDesk(engine))
    except Refused as problem:
        raise click.ClickException(in_english(problem)) from problem
    finally:
        engine.dispose()
