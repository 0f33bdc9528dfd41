"""``gridcrew network identifiers``: what the crosswalk of foreign ids holds, and what it lacks."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Final

import click

from geo.matching import Matching, matching
from gridcrew.network_reading import INSTANT, accepted, as_json, grids, instant_ms, network_in_force, read

MOST_SHOWN: Final = 20


@click.command(name="identifiers")
@click.option("--network", "source", metavar="SOURCE", help="Look at this SOURCE, not at the stored network.")
@click.option("--at", type=INSTANT, help="As of when (now); a day begins at midnight UTC.")
@grids
@as_json
def command(source: str | None, at: datetime | None, grids: int, as_json: bool) -> None:
    """Foreign ids: what each system does not name, by transformer area; strangers, exchanges, conflicts."""
    now_ms = int(time.time() * 1000)
    at_ms = instant_ms(at, now_ms)
    network = network_in_force(now_ms) if source is None else accepted(read(source, grids))
    found = matching(network, at_ms)
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False, indent=2))
        return
    if not len(network.identifiers):
        click.echo("no foreign ids: the network has no identifiers.csv")
    for line in _lines(found):
        click.echo(line)


def _lines(found: Matching) -> Iterator[str]:
    for lack in found.unmatched:
        named = " ".join(lack.elements[:MOST_SHOWN]) + (" …" if lack.count > MOST_SHOWN else "")
        yield f"{lack.system}: {lack.area or '—'}: {lack.count} of {lack.of} {lack.kind} unmatched: {named}"
    for stranger in found.strangers:
        yield f"{stranger.system}: {stranger.foreign_id} names {stranger.own_id!r}, which is nothing of ours"
    for exchange in found.exchanges:
        turns = ", ".join(
            f"{foreign} = {own} ({first or '…'} – {last or '…'})"
            for foreign, own, first, last in exchange.spans
        )
        yield f"{exchange.system}: exchanged: {turns}"
    for conflict in found.conflicts:
        yield f"{conflict.system}: {conflict.foreign_id} names {' and '.join(conflict.own_ids)} at one time"
