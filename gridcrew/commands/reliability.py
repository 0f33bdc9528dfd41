"""``gridcrew reliability``: indices of a year, from a file of interruptions or from the live ledger."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy import inspect

from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.network import Network
from geo.tree import EnergisedTree
from gridcrew.settings import Settings
from telemetry.adapters.event_files import BadFile, instant_ms, read_interruptions
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.interruptions import equivalent_customers, ledger_indices, ledger_of
from telemetry.outages import OutageRevision
from telemetry.reliability import Indices, Interruption, Period, dlt836, ieee1366, steps_of, year_period
from telemetry.scope import OutageScope, scope_of
from telemetry.supply import Switches, positions_of, supply_tree

TREES_KEPT: Final = 32


@click.command(name="reliability")
@click.option(
    "--interruptions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="started_at,restored_at,customers,cause[,interruption_id]; without: the live ledger.",
)
@click.option("--customers", type=click.IntRange(min=1), help="Customers served (of the network).")
@click.option("--year", required=True, type=click.IntRange(1970, 9998), help="Calendar year.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of the year, e.g. Asia/Shanghai.")
@click.option("--at", metavar="TIME", help="Until when open interruptions last, ISO-8601 (now).")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(
    interruptions: Path | None, customers: int | None, year: int, zone: str, at: str | None, as_json: bool
) -> None:
    """SAIFI, SAIDI, ASAI and their kin after IEEE 1366 and DL/T 836.1; docs/reliability.md has the units."""
    try:
        period = year_period(year, _zone(zone))
        until_ms = time.time_ns() // 1_000_000 if at is None else instant_ms(at, "--at", "TIME")
        if interruptions is None:
            answer = _from_ledger(Settings(), customers, period, until_ms)
        elif customers is None:
            raise click.UsageError("--customers is needed with --interruptions")
        else:
            answer = _from_file(read_interruptions(interruptions), customers, period, until_ms)
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None
    answer = {"year": year, **answer}
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2) if as_json else _table(answer))


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(f"no time zone {name!r}; expected a name such as Asia/Shanghai") from None


def _from_file(
    interruptions: Sequence[Interruption], customers: int, period: Period, until_ms: int
) -> dict[str, Any]:
    steps = steps_of(interruptions, until_ms)
    return {
        "customers": customers,
        "ieee1366": ieee1366(steps, customers, period),
        "dlt836": dlt836(steps, customers, period),
    }


def _from_ledger(
    settings: Settings, customers: int | None, period: Period, until_ms: int
) -> Mapping[str, Any]:
    location = settings.database_location
    engines = {name: open_database(location, name) for name in ("network", "outages")}
    if not inspect(engines["outages"]).has_table("outage_revision"):
        raise click.ClickException(f"no ledger at {location}; run gridcrew migrate, or give --interruptions")
    store, log = SqlNetworkStore(engines["network"]), SqlOutageLog(engines["outages"])
    version = store.effective(until_ms)
    if version is None:
        raise click.ClickException(f"no network is in force at {location}: gridcrew network import SOURCE")
    network = store.get(version.content_hash)
    heads = [logged.revision for logged in log.current(open_only=False)]
    chains = ([logged.revision for logged in log.revisions(head.outage_id)] for head in heads)
    ledger = ledger_of(chains, _Projection(store).scope, until_ms)
    served = customers or len(network.customers)
    equivalent = equivalent_customers(network)
    return {
        "customers": served,
        "equivalent_customers": equivalent,
        **ledger_indices(ledger, served, max(equivalent, 1), period),
    }


class _Projection:
    """Scopes of revisions, with the few networks and trees that they need."""

    def __init__(self, store: SqlNetworkStore) -> None:
        self._network = lru_cache(maxsize=2)(store.get)
        self._tree = lru_cache(maxsize=TREES_KEPT)(self._supply)

    def _supply(self, content_hash: str, switches: Switches) -> EnergisedTree:
        network = self._network(content_hash)
        return supply_tree(network, positions_of(network, switches))

    def scope(self, revision: OutageRevision) -> tuple[Network, OutageScope]:
        network = self._network(revision.network_hash)
        return network, scope_of(network, self._tree(revision.network_hash, revision.switches), revision)


def _table(answer: Mapping[str, Any]) -> str:
    lines = [f"{name:<24} {answer[name]}" for name in answer if not isinstance(answer[name], dict)]
    for name in (name for name in answer if isinstance(answer[name], dict)):
        indices: Indices = answer[name]
        lines += ["", name, *(f"  {key:<22} {_number(value)}" for key, value in indices.items())]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"
