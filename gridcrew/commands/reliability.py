"""``gridcrew reliability``: indices of a year, from a file of interruptions or from the live ledger."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import inspect

from geo.adapters.database import open_database
from geo.network import Network
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from gridcrew.zone_option import Zone
from telemetry import reliability_report
from telemetry.adapters.event_files import BadFile, instant_ms, read_interruptions
from telemetry.adapters.outage_ledger import OutageLedger
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.interruption_steps import episodes_of
from telemetry.interruptions import Ledger
from telemetry.reliability import Indices
from telemetry.reliability_parts import Division, parts_of
from telemetry.reliability_report import Year


@click.command(name="reliability")
@click.option(
    "--interruptions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="started_at,restored_at,customers,cause[,interruption_id]; without: the live ledger.",
)
@click.option("--customers", type=click.IntRange(min=1), help="Customers served (of the network).")
@click.option("--year", type=click.IntRange(1970, 9998), help="Calendar year (this one).")
@click.option("--zone", type=Zone(), help="Of the year (UTC), and of times in the file that name none.")
@click.option("--at", metavar="TIME", help="Until when open interruptions last, ISO-8601 (now).")
@click.option(
    "--by",
    type=click.Choice([division.value for division in Division if division is not Division.COMPANY]),
    help="Also each of these, the worst first (ledger only).",
)
@click.option("--customer", metavar="ID", help="One customer's interruptions instead (ledger only).")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(
    interruptions: Path | None, customers: int | None, year: int | None, zone: ZoneInfo | None,
    at: str | None, by: str | None, customer: str | None, as_json: bool,
) -> None:  # fmt: skip
    """SAIFI, SAIDI, ASAI and their kin after IEEE 1366 and DL/T 836.1; docs/reliability.md has the units."""
    within = zone or UTC
    wanted = Year(datetime.now(within).year if year is None else year, within)
    try:
        until_ms = time.time_ns() // 1_000_000 if at is None else instant_ms(at, "--at", "TIME")
        if interruptions is None:
            answer = _from_ledger(Settings(), customers, wanted, until_ms, by, customer)
        elif customers is None or by or customer:
            raise click.UsageError(
                "--customers is needed with --interruptions; a file has no parts and no single customers"
            )
        else:
            episodes = episodes_of(read_interruptions(interruptions, zone), until_ms)
            answer = reliability_report.of_list(episodes, customers, wanted)
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None
    answer = {"year": wanted.year, **answer}
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2) if as_json else _page(answer))


def _from_ledger(
    settings: Settings, customers: int | None, year: Year, until_ms: int, by: str | None, customer: str | None
) -> dict[str, Any]:
    network, ledger = _ledger(settings, until_ms)
    if customer is not None:
        if customer not in network.customer_row:
            raise click.ClickException(f"no customer {customer!r} in the network in force")
        return {"customer": customer} | reliability_report.of_customer(
            ledger, network.customer_row[customer], year
        )
    company = parts_of(network, Division.COMPANY, ledger)
    answer = reliability_report.of_ledger(ledger, company, year, customers)
    if by is not None:
        parts = parts_of(network, Division(by), ledger)
        answer["parts"] = reliability_report.by_part(ledger, parts, year)
    return answer


def _ledger(settings: Settings, until_ms: int) -> tuple[Network, Ledger]:
    location = settings.database_location
    engines = {name: open_database(location, name) for name in ("network", "outages")}
    if not inspect(engines["outages"]).has_table("outage_revision"):
        raise click.ClickException(f"no ledger at {location}; run gridcrew migrate, or give --interruptions")
    store = open_networks(settings, engines["network"])
    version = store.effective(until_ms)
    if version is None:
        raise click.ClickException(f"no network is in force at {location}: gridcrew network import SOURCE")
    network = store.get(version.content_hash)
    return network, OutageLedger(store, SqlOutageLog(engines["outages"])).ledger(network, until_ms)


def _page(answer: Mapping[str, Any]) -> str:
    simple = {name: value for name, value in answer.items() if not isinstance(value, dict | list)}
    lines = [f"{name:<24} {_number(value)}" for name, value in simple.items()]
    for name, value in answer.items():
        if isinstance(value, dict):
            lines += ["", name, *_indented(value)]
        elif isinstance(value, list):
            lines += ["", name, *(f"  {_row(row)}" for row in value)]
    return "\n".join(lines)


def _indented(indices: Mapping[str, Any]) -> list[str]:
    flat = {name: value for name, value in indices.items() if not isinstance(value, dict | list)}
    dates = indices.get("dates")
    parts = {name: value for name, value in indices.items() if isinstance(value, dict)}
    told = [f"  {name:<22} {_number(value)}" for name, value in flat.items()]
    for name, part in parts.items():
        told.append(f"  {name:<22} {'  '.join(f'{key} {_number(value)}' for key, value in part.items())}")
    return told + ([f"  {'dates':<22} {' '.join(dates) or '–'}"] if isinstance(dates, list) else [])


def _row(row: Mapping[str, Any]) -> str:
    """A part by its main indices, or an interruption by all it has."""
    if "ieee1366" not in row:
        return "  ".join(str(value) for value in row.values())
    indices: Indices = row["ieee1366"]
    main = "  ".join(f"{name} {_number(indices[name])}" for name in ("saifi", "saidi_min", "asai"))
    return f"{row['id'] or '(none)':<24} {row['customers']:>8}  {main}"


def _number(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
