"""``gridcrew network propose``: bring a network in for approval, each feeder judged on its own."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from geo.proposals import FeederProposal
from gridcrew.network_house import House, author, note, refusals
from gridcrew.network_reading import accepted, as_json, finding_row, grids, language, mapping, read, tell


@click.command(name="propose")
@click.argument("source")
@mapping
@grids
@language
@note
@as_json
def command(source: str, mapping: Path | None, grids: int, language: str, note: str, as_json: bool) -> None:
    """Read SOURCE and keep it for approval; nothing goes live. Rows with errors are set aside and told."""
    house, by = House(), author(note)
    brought = read(source, grids, mapping, set_aside=True)
    if not as_json:
        tell(brought.findings, language)
    accepted(brought, told=True)
    with refusals():
        number = house.changes.propose(brought, source, by)
        listed = house.changes.look(house.proposals.get(number), by.now_ms)
    if as_json:
        document = {
            "proposal": number,
            "set_aside": brought.set_aside,
            "feeders": [asdict(one) for one in listed],
            "findings": [finding_row(finding) for finding in brought.findings],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
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
