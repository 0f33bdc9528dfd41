"""``gridcrew network approve``: let a proposal, or some feeders of it, go live."""

import json
from dataclasses import asdict

import click

from gridcrew.commands.network_propose import show
from gridcrew.network_house import House, author, change_document, note, refusals, tell_change
from gridcrew.network_reading import as_json
from telemetry.instants import iso_seconds


@click.command(name="approve")
@click.argument("number", type=int, required=False)
@click.option(
    "--feeder", "feeders", multiple=True, help="Only these (and what must go with them); repeatable."
)
@click.option("--stations", is_flag=True, help="With --feeder: what belongs to no feeder, too.")
@click.option("--dismiss", is_flag=True, help="Let nothing of it go live.")
@note
@as_json
def command(
    number: int | None, feeders: tuple[str, ...], stations: bool, dismiss: bool, note: str, as_json: bool
) -> None:
    """Let what is sound in proposal NUMBER go live; the rest keeps its last good version.

    Without NUMBER: list what waits, feeder by feeder.
    """
    house, by = House(), author(note)
    if number is None:
        _list(house, by.now_ms, as_json)
        return
    with refusals():
        if dismiss:
            house.changes.dismiss(number, by)
            click.echo(json.dumps({"dismissed": number}) if as_json else f"proposal {number} is dismissed")
            return
        wanted = [*feeders, *([""] if stations else [])] or None
        changed = house.changes.approve(number, wanted, by)
    if as_json:
        click.echo(json.dumps(change_document(changed), ensure_ascii=False, indent=2))
    else:
        tell_change(changed)


def _list(house: House, now_ms: int, as_json: bool) -> None:
    waiting = [one for one in house.proposals.listed() if one.settled_ms is None]
    if as_json:
        listed = [
            {
                "proposal": one.id, "made_at": iso_seconds(one.made_ms), "made_by": one.made_by,
                "source": one.source,
                "feeders": [asdict(feeder) for feeder in house.changes.look(one, now_ms)],
            }
            for one in waiting
        ]  # fmt: skip
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for one in waiting:
        click.echo(f"proposal {one.id} of {iso_seconds(one.made_ms)} by {one.made_by}: {one.source}")
        show(house.changes.look(one, now_ms))
    if not waiting:
        click.echo("nothing waits for approval")
