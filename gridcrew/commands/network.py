"""``gridcrew network``: bring a network in, check it, follow it, take it out."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import inspect

from geo.adapters.csv_folder import write_folder
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.adapters.sources import read_source
from geo.adapters.tables import SNAPSHOTS
from geo.assemble import Assembled
from geo.cells import DEFAULT_CELLS, Cells
from geo.errors import Finding
from geo.network import EdgeKind, Network, NodeKind
from geo.ports import NetworkVersion
from geo.rules import Severity
from geo.tracing import Element, Feeding, find
from gridcrew.settings import Settings

BAD_INPUT: Final = 2
MOST_FINDINGS_SHOWN: Final = 200

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
grids = click.option(
    "--grids",
    default=DEFAULT_CELLS,
    show_default=True,
    type=click.IntRange(1, 200),
    help="Service grid cells to part a grid into that names none (simbench:, pandapower:).",
)
other_network = click.option(
    "--network",
    "source",
    metavar="SOURCE",
    help="Look at this folder or reference grid, not at the stored one.",
)


@click.group(name="network")
def command() -> None:
    """Import, check, trace or export a network.

    A SOURCE is a folder of CSV files, simbench:CODE or pandapower:NAME (public reference grids).
    """


@command.command(name="import")
@click.argument("source")
@click.option(
    "--effective",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="When it takes effect, UTC (now).",
)
@grids
@as_json
def import_network(source: str, effective: datetime | None, grids: int, as_json: bool) -> None:
    """Read SOURCE, check it and store it as the company's network; a network with errors is refused."""
    store = _store()
    assembled = _read(source, grids)
    if not as_json:
        _tell(assembled.findings)
    elif assembled.network is None:
        click.echo(json.dumps(_report(assembled), ensure_ascii=False, indent=2))
    network = _accepted(assembled)
    now_ms = int(time.time() * 1000)
    effective_ms = now_ms if effective is None else int(effective.replace(tzinfo=UTC).timestamp() * 1000)
    known = store.effective(effective_ms)
    if known is None or known.content_hash != network.content_hash:
        store.put(network, NetworkVersion(network.content_hash, effective_ms, now_ms, source))
    if as_json:
        click.echo(json.dumps(_report(assembled), ensure_ascii=False, indent=2))
    else:
        click.echo(f"imported {network.content_hash}: {_summary(network)}")


@command.command()
@click.argument("source")
@grids
@as_json
def check(source: str, grids: int, as_json: bool) -> None:
    """Read SOURCE and print what is wrong with it; exit code 2 where it would be refused."""
    assembled = _read(source, grids)
    if as_json:
        click.echo(json.dumps(_report(assembled), ensure_ascii=False, indent=2))
    else:
        _tell(assembled.findings)
        if assembled.network is not None:
            click.echo(f"{assembled.network.content_hash}: {_summary(assembled.network)}")
    _accepted(assembled)


@command.command()
@click.argument("element")
@click.option("--up", "wanted", flag_value="up", help="The way from the source to the element.")
@click.option("--down", "wanted", flag_value="down", help="What loses supply with the element.")
@click.option("--customers", "wanted", flag_value="customers", help="Who loses supply with the element.")
@other_network
@grids
@as_json
def trace(element: str, wanted: str | None, source: str | None, grids: int, as_json: bool) -> None:
    """Follow ELEMENT (id of an edge, node, meter, terminal, sensor, customer) with the normal switches."""
    feeding = Feeding.normal(_network(source, grids))
    found = find(feeding.network, element)
    answers: dict[str, Callable[[Feeding, Element], list[dict[str, Any]]]] = {
        "up": _up,
        "down": _down,
        "customers": _customers,
    }
    chosen = [wanted] if wanted else ["up"]
    answer: dict[str, Any] = {name: answers[name](feeding, found) for name in chosen}
    answer["customers_below"] = len(feeding.customers_lost_with(found))
    if as_json:
        head = {"element": element, "type": found.type, "network_hash": feeding.network.content_hash}
        click.echo(json.dumps(head | answer, ensure_ascii=False, indent=2))
        return
    for row in answer[chosen[0]]:
        click.echo("  ".join(str(value) for value in row.values() if value != ""))
    click.echo(f"customers below: {answer['customers_below']}")


@command.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@other_network
@grids
def export(folder: Path, source: str | None, grids: int) -> None:
    """Write the network into FOLDER as CSV files, customers' data unmasked; importing them gives it again."""
    network = _network(source, grids)
    write_folder(network, folder)
    click.echo(f"{network.content_hash} written to {folder}")


def _store() -> SqlNetworkStore:
    engine = open_database(Settings().database_location, "network")
    if not inspect(engine).has_table(SNAPSHOTS.name):
        raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    return SqlNetworkStore(engine)


def _network(source: str | None, grid_cells: int) -> Network:
    if source is not None:
        return _accepted(_read(source, grid_cells))
    store = _store()
    version = store.effective(int(time.time() * 1000))
    if version is None:
        raise click.ClickException("no network is stored; run `gridcrew network import SOURCE` first")
    return store.get(version.content_hash)


def _read(source: str, grid_cells: int) -> Assembled:
    if ":" in source:
        click.echo(f"reading {source} …", err=True)
    return read_source(source, grid_cells)


def _accepted(assembled: Assembled) -> Network:
    if assembled.network is None:
        errors = sum(finding.severity is Severity.ERROR for finding in assembled.findings)
        click.echo(f"Error: network refused: {errors} errors", err=True)
        raise click.exceptions.Exit(BAD_INPUT)
    return assembled.network


def _tell(findings: Sequence[Finding]) -> None:
    for finding in findings[:MOST_FINDINGS_SHOWN]:
        click.echo(str(finding), err=True)
    if len(findings) > MOST_FINDINGS_SHOWN:
        click.echo(f"and {len(findings) - MOST_FINDINGS_SHOWN} more; --json lists all", err=True)


def _report(assembled: Assembled) -> dict[str, Any]:
    network = assembled.network
    return {
        "accepted": network is not None,
        "network_hash": network.content_hash if network else None,
        "counts": _counts(network) if network else None,
        "findings": [
            {
                "severity": finding.severity.value,
                "rule": finding.rule,
                "file": finding.place,
                "line": finding.line,
                "element": finding.element,
                "message": finding.message,
            }
            for finding in assembled.findings
        ],
    }


def _counts(network: Network) -> dict[str, int]:
    return {
        "nodes": len(network.nodes),
        "edges": len(network.edges),
        "transformers": int((network.edges.kind == EdgeKind.TRANSFORMER).sum()),
        "meters": len(network.meters),
        "terminals": len(network.terminals),
        "customers": len(network.customers),
        "grids": len(Cells.of(network).ids),
    }


def _summary(network: Network) -> str:
    return ", ".join(f"{count} {name}" for name, count in _counts(network).items())


def _up(feeding: Feeding, element: Element) -> list[dict[str, Any]]:
    rows = []
    for position in feeding.path(feeding.node_of(element)).tolist():
        edge = int(feeding.tree.edge[position])
        if edge >= 0:
            rows.append(_edge_row(feeding.network, edge))
        rows.append(_node_row(feeding.network, int(feeding.tree.node[position])))
    return rows


def _down(feeding: Feeding, element: Element) -> list[dict[str, Any]]:
    lost = feeding.lost_with(element)
    edges = feeding.tree.edge[lost].tolist()
    return [_edge_row(feeding.network, edge) for edge in edges if edge >= 0]


def _customers(feeding: Feeding, element: Element) -> list[dict[str, Any]]:
    rows = feeding.customers_lost_with(element).tolist()
    return [{"id": feeding.network.customers.ids[row]} for row in sorted(rows)]


def _edge_row(network: Network, edge: int) -> dict[str, Any]:
    edges = network.edges
    return {"id": edges.ids[edge], "kind": EdgeKind(edges.kind[edge]).name.lower(), "name": edges.name[edge]}


def _node_row(network: Network, node: int) -> dict[str, Any]:
    nodes = network.nodes
    return {"id": nodes.ids[node], "kind": NodeKind(nodes.kind[node]).name.lower(), "name": nodes.name[node]}
