"""``gridcrew network whose``: which customers have a telephone number, found by its keyed hash."""

import json

import click

from field_api.adapters.system_clock import wall_clock_ms
from gridcrew.network_reading import as_json, network_in_force, stored_networks
from gridcrew.sealed_networks import vault
from gridcrew.settings import Settings


@click.command(name="whose")
@click.argument("number")
@as_json
def command(number: str, as_json: bool) -> None:
    """Ids of customers in the network in force with that telephone NUMBER; on record, the number masked.

    Spaces and hyphens do not matter, parts of a number find nobody.
    """
    network = network_in_force(wall_clock_ms())
    rows = stored_networks().rows_with_number(network.content_hash, number, vault(Settings()))
    found = [network.customers.ids[row] for row in rows]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo("\n".join(found) if found else "nobody in the network has that number")
