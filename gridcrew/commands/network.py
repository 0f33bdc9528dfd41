"""``gridcrew network``: bring a network in, check it, follow it, take it out."""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from geo.adapters.network_store import SqlNetworkStore
from geo.adapters.targets import FORMATS, format_of, write_network
from geo.differences import Differences, differences
from geo.network import Network
from geo.ports import NetworkVersion
from gridcrew.lazy_group import LazyGroup
from gridcrew.network_house import author, note
from gridcrew.network_reading import (
    INSTANT,
    accepted,
    as_json,
    grids,
    instant_ms,
    language,
    mapping,
    network_in_force,
    read,
    report,
    set_aside,
    stored_networks,
    summary,
    tell,
)
from telemetry.adapters.event_files import iso

SUBCOMMANDS: Final = {
    "trace": "Follow an element: up, down, the way to another; isolate it, restore the rest.",
    "what-if": "Who would lose and gain supply by opening and closing.",
    "switch": "Enter what was switched by hand; list what is not in its normal position.",
    "diff": "What changed from one network to another.",
    "identifiers": "Foreign ids: unmatched, in conflict, exchanged.",
    "suspects": "Who is probably recorded at the wrong transformer or phase.",
    "whose": "Which customers have a telephone number.",
    "propose": "Bring a network in for approval, feeder by feeder.",
    "approve": "Let a proposal, or some feeders of it, go live.",
    "rollback": "Bring back an earlier version, whole or of some feeders.",
    "edit": "Correct rows by hand.",
    "versions": "What was in force when, who made it so, and why.",
}
other_network = click.option(
    "--network",
    "source",
    metavar="SOURCE",
    help="Look at this SOURCE, not at the stored network.",
)


@click.group(name="network", cls=LazyGroup, lazy=SUBCOMMANDS, prefix="gridcrew.commands.network_")
def command() -> None:
    """Import, check, compare, trace or export a network.

    A SOURCE is a folder of CSV files, a GeoPackage, GeoJSON, shapefile or folder of them (with --mapping
    where it is foreign), a CIM XML file or folder of them, simbench:CODE or pandapower:NAME (public reference
    grids), or pandapower:FILE.json.
    """


@command.command(name="import")
@click.argument("source")
@click.option("--effective", type=INSTANT, help="When it takes effect (now); a day begins at midnight UTC.")
@mapping
@set_aside
@grids
@language
@note
@as_json
def import_network(
    source: str, effective: datetime | None, mapping: Path | None, set_aside: bool, grids: int, language: str,
    note: str, as_json: bool,
) -> None:  # fmt: skip
    """Read SOURCE, check it and store it as the company's network; a network with errors is refused."""
    store = stored_networks()
    assembled = read(source, grids, mapping, set_aside)
    if not as_json:
        tell(assembled.findings, language)
    elif assembled.network is None:
        click.echo(json.dumps(report(assembled), ensure_ascii=False, indent=2))
    network = accepted(assembled, told=True)
    now_ms = int(time.time() * 1000)
    effective_ms = instant_ms(effective, now_ms)
    changed = _changed(store, network, effective_ms)
    if changed is None or not changed.nothing_changed:
        by = author(note)
        store.put(
            network,
            NetworkVersion(network.content_hash, effective_ms, by.now_ms, source, by.name, by.note),
        )
    if as_json:
        words = {"changes": None if changed is None else changed.counts()}
        click.echo(json.dumps(report(assembled) | words, ensure_ascii=False, indent=2))
        return
    click.echo(f"imported {network.content_hash}: {summary(network)}")
    if changed is not None:
        click.echo(f"against the network before: {changed.summary()}")
    if effective is not None:
        click.echo(_span(store, effective_ms))


def _span(store: SqlNetworkStore, effective_ms: int) -> str:
    """What a date forward or back comes to: another version may follow."""
    later = [version.effective_ms for version in store.versions() if version.effective_ms > effective_ms]
    return f"in force from {iso(effective_ms)} {f'until {iso(min(later))}' if later else 'on'}"


def _changed(store: SqlNetworkStore, network: Network, effective_ms: int) -> Differences | None:
    """Against the network that is in force then; None where there is none."""
    known = store.effective(effective_ms)
    return None if known is None else differences(store.get(known.content_hash), network)


@command.command()
@click.argument("source")
@mapping
@set_aside
@grids
@language
@as_json
def check(
    source: str, mapping: Path | None, set_aside: bool, grids: int, language: str, as_json: bool
) -> None:
    """Read SOURCE and print what is wrong with it; exit code 2 where it would be refused."""
    assembled = read(source, grids, mapping, set_aside)
    if as_json:
        click.echo(json.dumps(report(assembled), ensure_ascii=False, indent=2))
    else:
        tell(assembled.findings, language)
        if assembled.network is not None:
            click.echo(f"{assembled.network.content_hash}: {summary(assembled.network)}")
    accepted(assembled, told=True)


@command.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--as", "form", type=click.Choice(FORMATS), help="Format (by the suffix of PATH; csv).")
@other_network
@grids
def export(path: Path, form: str | None, source: str | None, grids: int) -> None:
    """Write the network to PATH, customers' data unmasked; importing it gives it again.

    A folder for csv, geojson and shp; a file for gpkg, cim (.xml) and pandapower (.json). What a format
    cannot hold is listed.
    """
    network = _network(source, grids)
    lost = write_network(network, path, form or format_of(path))
    for line in lost:
        click.echo(f"not held: {line}", err=True)
    click.echo(f"{network.content_hash} written to {path}")


def _network(source: str | None, grid_cells: int) -> Network:
    if source is not None:
        return accepted(read(source, grid_cells))
    return network_in_force(int(time.time() * 1000))
