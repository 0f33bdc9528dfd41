"""``gridcrew network what-if``: open these, close those, and nothing moves but the answer."""

import json
from collections.abc import Iterator
from typing import Any

import click

from geo.errors import GeoError
from geo.told import Telling
from geo.what_if import what_if
from gridcrew.live_grid import at_option, moment
from gridcrew.network_reading import as_json, grids
from telemetry.adapters.event_files import iso


@click.command(name="what-if")
@click.option("--open", "to_open", multiple=True, metavar="ID", help="An edge to open; repeatable.")
@click.option(
    "--close", "to_close", multiple=True, metavar="ID",
    help="An edge to close, A~B for a jumper between two nodes, ~A for a generator at one; repeatable.",
)  # fmt: skip
@at_option
@click.option("--network", "source", metavar="SOURCE", help="Look at this SOURCE, not at the stored network.")
@grids
@as_json
def command(
    to_open: tuple[str, ...], to_close: tuple[str, ...], at: str | None, source: str | None, grids: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Say who would lose and gain supply, by which switch they would be fed, and which loops would arise."""
    if not to_open and not to_close:
        raise click.UsageError("nothing to open or close: give --open or --close")
    asked = moment(source, grids, at)
    try:
        found = what_if(asked.grid, to_open, to_close)
    except GeoError as problem:
        raise click.ClickException(str(problem)) from None
    everyone = len(found.after.network.customers)
    answer = {"at": iso(asked.at_ms)} | Telling(found.after, max_ids=everyone).consequence(found)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    for line in _lines(answer):
        click.echo(line)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"lose supply: {_people(answer['loses'])}"
    yield f"gain supply: {_people(answer['gains'])}"
    for moved in answer["moves"]:
        yield f"fed by {moved['to_feeder'] or '—'} instead of {moved['from_feeder'] or '—'}: {_people(moved)}"
    for loop in answer["loops"]:
        what = "joins two sources" if loop["joins_sources"] else "closes a loop"
        yield f"{loop['closing']} {what}: {' '.join(loop['edges'])}"
    if answer["on_generators"]["customers"]:
        yield f"on generators: {_people(answer['on_generators'])}"
    for feed in answer["back_feeds"]:
        yield f"back-feed  {feed['kind']} {feed['id']} {feed['told']}".rstrip()


def _people(told: dict[str, Any]) -> str:
    shown = told["customer_ids"][:10]
    more = " …" if told["customers"] > len(shown) else ""
    return f"{told['customers']}{'  ' if shown else ''}{' '.join(shown)}{more}"
