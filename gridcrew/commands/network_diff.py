"""``gridcrew network diff A B``: what changed from one network to another."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import click

from geo.differences import Change, Differences, differences
from geo.network import Network
from gridcrew.network_reading import STORED, accepted, as_json, grids, network_in_force, read

MOST_LINES: Final = 200


@click.command(name="diff")
@click.argument("before")
@click.argument("after")
@grids
@as_json
def command(before: str, after: str, grids: int, as_json: bool) -> None:
    """What AFTER adds, removes and changes against BEFORE, and which customers moved.

    Both are a SOURCE as for import, or the word `stored` for the network in force.
    """
    found = differences(_network(before, grids), _network(after, grids))
    if as_json:
        click.echo(json.dumps(_report(found), ensure_ascii=False, indent=2))
        return
    lines = _lines(found)
    for line in islice(lines, MOST_LINES):
        click.echo(line)
    if next(lines, None) is not None:
        click.echo("and more; --json lists all")
    click.echo(found.summary())


def _network(source: str, grid_cells: int) -> Network:
    if source == STORED:
        return network_in_force(int(time.time() * 1000))
    return accepted(read(source, grid_cells))


def _lines(found: Differences) -> Iterator[str]:
    for name, table in found.tables.items():
        yield from (f"+ {name} {identifier}" for identifier in table.added)
        yield from (f"- {name} {identifier}" for identifier in table.removed)
        yield from (f"~ {name} {change.id}: {_fields(change)}" for change in table.changed)
    for move in found.moved:
        yield f"> customer {move.customer}: {' '.join(move.before) or '—'} → {' '.join(move.after) or '—'}"


def _fields(change: Change) -> str:
    return ", ".join(f"{name} {before!r} → {after!r}" for name, (before, after) in change.fields.items())


def _report(found: Differences) -> dict[str, Any]:
    tables = {
        name: {
            "added": table.added,
            "removed": table.removed,
            "changed": [{"id": change.id, "fields": dict(change.fields)} for change in table.changed],
        }
        for name, table in found.tables.items()
    }
    moved = [{"customer": move.customer, "before": move.before, "after": move.after} for move in found.moved]
    return {"nothing_changed": found.nothing_changed, "tables": tables, "moved": moved}
