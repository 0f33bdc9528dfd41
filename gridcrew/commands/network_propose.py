"""``gridcrew network propose``: bring a network in for approval, each feeder judged on its own."""

import json
from dataclasses import asdict

import click

from geo.adapters.sources import Reading, read_source
from geo.doors import DEFAULT_CELLS
from geo.proposals import FeederProposal
from gridcrew.network_house import House, author, note, refusals
from gridcrew.network_reading import as_json

MAX_SHOWN = 500


@click.command(name="propose")
@click.argument("source")
@click.option("--grids", default=DEFAULT_CELLS, show_default=True, type=click.IntRange(1, 200))
@note
@as_json
def command(source: str, grids: int, note: str, as_json: bool) -> None:
    """Read SOURCE and keep it for approval; nothing goes live. Rows with errors are set aside and told."""
    house, by = House(), author(note)
    with refusals():
        brought = read_source(source, grids, Reading(grids, set_aside=True))
        number = house.changes.propose(brought, source, by)
        listed = house.changes.look(house.proposals.get(number), by.now_ms)
    if as_json:
        findings = [str(finding) for finding in brought.findings[:MAX_SHOWN]]
        document = {
            "proposal": number,
            "set_aside": brought.set_aside,
            "feeders": [asdict(one) for one in listed],
        }
        click.echo(json.dumps(document | {"findings": findings}, ensure_ascii=False, indent=2))
        return
    for finding in brought.findings[:MAX_SHOWN]:
        click.echo(str(finding), err=True)
    click.echo(f"proposal {number}: {brought.set_aside} rows set aside")
    show(listed)
    click.echo(f"let what is ready go live: gridcrew network approve {number}")


def show(listed: tuple[FeederProposal, ...]) -> None:
    """One line a feeder."""
    for one in listed:
        counts = f"+{one.added} −{one.removed} ~{one.changed}"
        found = ", ".join(f"{rule} {count}" for rule, count in one.findings.items())
        together = f"  together with {', '.join(one.together)}" if one.together else ""
        click.echo(f"  {one.feeder or '(stations)'} {one.name}  {one.state}  {counts}  {found}{together}")
