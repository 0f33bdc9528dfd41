"""Reading a network at the terminal: options that several commands share, a progress bar, the report."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import inspect

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.adapters.sources import Reading, read_source
from geo.adapters.tables import SNAPSHOTS
from geo.assemble import Assembled
from geo.cells import Cells
from geo.doors import DEFAULT_CELLS
from geo.errors import Finding
from geo.linkage import Linkage, LinkageRate
from geo.network import EdgeKind, Network
from geo.ports import Progress
from geo.rules import Severity
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from telemetry.adapters.event_files import iso

BAD_INPUT: Final = 2
MOST_FINDINGS_SHOWN: Final = 200
STORED: Final = "stored"
"""The word for the network in force, where a SOURCE is expected."""

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
language = click.option(
    "--language", type=click.Choice(["zh", "en"]), default="en", show_default=True, help="Of the findings."
)
grids = click.option(
    "--grids",
    default=DEFAULT_CELLS,
    show_default=True,
    type=click.IntRange(1, 200),
    help="Service grid cells to part a grid into that names none (simbench:, pandapower:).",
)
INSTANT: Final = click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"])
"""ISO-8601 with a zone (``Z``, ``+08:00``), or a day that begins at midnight UTC."""
mapping = click.option(
    "--mapping",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="TOML file that says what foreign layers and columns mean.",
)
set_aside = click.option(
    "--set-aside", is_flag=True, help="Leave rows with errors out (and tell them) instead of refusing all."
)


def instant_ms(given: datetime | None, now_ms: int) -> int:
    """Of an option of type ``INSTANT``; now where it was not given."""
    if given is None:
        return now_ms
    return int((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp() * 1000)


def stored_networks() -> SqlNetworkStore:
    """The prepared database of networks."""
    settings = Settings()
    engine = open_database(settings.database_location, "network")
    if not inspect(engine).has_table(SNAPSHOTS.name):
        raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    return open_networks(settings, engine)


def network_in_force(at_ms: int) -> Network:
    """The stored network of that instant."""
    store = stored_networks()
    version = store.effective(at_ms)
    if version is None:
        known = store.versions()
        raise click.ClickException(
            f"no network was in force then; the first one is from {iso(known[0].effective_ms)} on"
            if known
            else "no network is stored; run `gridcrew network import SOURCE` first"
        )
    return store.get(version.content_hash)


def read(source: str, grid_cells: int, mapping: Path | None = None, set_aside: bool = False) -> Assembled:
    """The network of a source, with a progress bar where somebody looks."""
    if ":" in source:
        click.echo(f"reading {source} …", err=True)
    with _watched() as progress:
        return read_source(source, reading=Reading(grid_cells, mapping, set_aside, progress))


@contextmanager
def _watched() -> Iterator[Progress]:
    """One bar per file, only on a terminal, never within what is printed."""
    bars: list[Any] = []
    reached: dict[str, int] = {}

    def progress(what: str, done: int, whole: int) -> None:
        if not sys.stderr.isatty():
            return
        if what not in reached:
            reached[what] = 0
            _finish(bars)
            bars.append(click.progressbar(length=whole, label=what, file=sys.stderr))
        bars[-1].update(done - reached[what])
        reached[what] = done

    try:
        yield progress
    finally:
        _finish(bars)


def _finish(bars: list[Any]) -> None:
    if bars:
        bars[-1].render_finish()


def accepted(assembled: Assembled, *, told: bool = False) -> Network:
    """The network; where it is refused, the command ends with its errors (unless ``told``) and code 2."""
    if assembled.network is None:
        errors = [found for found in assembled.findings if found.severity is Severity.ERROR]
        if not told:
            tell(errors)
        count = sum(found.more or 1 for found in errors)
        click.echo(f"Error: network refused: {count} error{'' if count == 1 else 's'}", err=True)
        raise click.exceptions.Exit(BAD_INPUT)
    return assembled.network


def tell(findings: Sequence[Finding], language: str = "en") -> None:
    """One line each to stderr."""
    for finding in findings[:MOST_FINDINGS_SHOWN]:
        message = finding.message_zh if language == "zh" else finding.message
        click.echo(finding.told(message), err=True)
    if len(findings) > MOST_FINDINGS_SHOWN:
        click.echo(f"and {len(findings) - MOST_FINDINGS_SHOWN} more; --json lists all", err=True)


def report(assembled: Assembled) -> dict[str, Any]:
    """Everything that was found, as JSON values."""
    network = assembled.network
    return {
        "accepted": network is not None,
        "network_hash": network.content_hash if network else None,
        "counts": counts(network) if network else None,
        "set_aside": assembled.set_aside,
        "findings": [finding_row(finding) for finding in assembled.findings],
        "feeders": {feeder: dict(rules) for feeder, rules in sorted(assembled.judged.items())},
        "linkage": linkage_rows(network) if network else None,
    }


def finding_row(finding: Finding) -> dict[str, Any]:
    """One finding as JSON values."""
    return {
        "severity": finding.severity.value,
        "rule": finding.rule,
        "file": finding.place,
        "line": finding.line,
        "element": finding.element,
        "feeder": finding.feeder,
        "message": finding.message,
        "message_zh": finding.message_zh,
    }


def linkage_rows(network: Network) -> list[dict[str, Any]]:
    """营配贯通率 of everybody and of each grid cell (INT-02)."""
    return [linkage_row(rate) for rate in Linkage(network).rates(Cells.of(network))]


def linkage_row(rate: LinkageRate) -> dict[str, Any]:
    """One rate as JSON values."""
    return {
        "grid_id": rate.cell,
        "name": rate.name,
        "customers": rate.customers,
        "linked": rate.linked,
        "share": rate.share,
        "gaps": dict(rate.gaps),
    }


def counts(network: Network) -> dict[str, int]:
    """How many of what."""
    return {
        "nodes": len(network.nodes),
        "edges": len(network.edges),
        "transformers": int((network.edges.kind == EdgeKind.TRANSFORMER).sum()),
        "meters": len(network.meters),
        "terminals": len(network.terminals),
        "customers": len(network.customers),
        "grids": len(Cells.of(network).ids),
    }


def summary(network: Network) -> str:
    """The same in one line."""
    return ", ".join(f"{count} {name}" for name, count in counts(network).items())
