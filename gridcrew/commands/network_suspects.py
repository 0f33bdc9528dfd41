"""``gridcrew network suspects``: customers and meters that are probably recorded at the wrong place."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from sqlalchemy import inspect

from field_api.adapters.system_clock import wall_clock_ms
from geo.adapters.database import open_database
from geo.network import ABSENT, Network
from gridcrew.network_reading import as_json, network_in_force
from gridcrew.settings import Settings
from gridcrew.stores import open_readings
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.mapping_suspects import Suspect, places_of, suspects_of, wrong_areas
from telemetry.voltage_comparison import Compared, VoltageComparison
from telemetry.voltage_matching import Fit


@click.command(name="suspects")
@click.option(
    "--voltage-days",
    default=0,
    type=click.IntRange(0, 60),
    help="Also compare voltages of so many days: with areas that come into question, with phases.",
)
@click.option("--meter", "meters", multiple=True, help="Compare these meters' voltages; repeatable.")
@as_json
def command(voltage_days: int, meters: tuple[str, ...], as_json: bool) -> None:
    """List whom outages contradicted: each is a check in the field, never corrected silently."""
    settings, network = Settings(), network_in_force(wall_clock_ms())
    unknown = [meter for meter in meters if meter not in network.meter_row]
    if unknown:
        raise click.ClickException(f"no meter {unknown[0]!r} in the network in force")
    listed = _suspects(settings, network)
    document: dict[str, Any] = {
        "suspects": [_document(one) for one in listed],
        "wrong_areas": [{"transformer": name, "customers": n} for name, n in wrong_areas(listed)],
    }
    if voltage_days:
        comparison = VoltageComparison(network, open_readings(settings), wall_clock_ms(), voltage_days)
        chosen = meters or _meters_of(network, [one.customer for one in listed])
        document["voltage"] = [
            _compared(comparison.of_meter(meter, places_of(_customer(network, meter), listed)))
            for meter in chosen
        ]
    click.echo(json.dumps(document, ensure_ascii=False, indent=2) if as_json else _page(document))


def _suspects(settings: Settings, network: Network) -> Sequence[Suspect]:
    engine = open_database(settings.database_location, "outages")
    if not inspect(engine).has_table("outage_revision"):
        raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    return suspects_of(network, SqlOutageLog(engine))


def _compared(found: Compared) -> dict[str, Any]:
    return {
        "meter": found.meter,
        "recorded_at": found.recorded_at,
        "areas": [_fit(one) for one in found.areas],
        "rather_at": _place(found.rather_at),
        "recorded_phase": found.recorded_phase,
        "phases": [_fit(one) for one in found.phases],
        "rather_phase": _place(found.rather_phase),
    }


def _customer(network: Network, meter: str) -> str:
    owner = int(network.meters.customer[network.meter_row[meter]])
    return "" if owner == ABSENT else network.customers.ids[owner]


def _meters_of(network: Network, customers: Sequence[str]) -> list[str]:
    rows = {network.customer_row[customer] for customer in customers}
    return [
        meter
        for meter, row in zip(network.meters.ids, network.meters.customer.tolist(), strict=True)
        if row in rows
    ]


def _document(one: Suspect) -> dict[str, Any]:
    return {
        "customer": one.customer,
        "recorded_at": one.transformer,
        "outages": list(one.contradicted),
        "sure": one.sure,
        "perhaps_at": [
            {"transformer": c.transformer, "outages": c.outages, "distance_m": c.distance_m}
            for c in one.candidates
        ],
    }


def _fit(fit: Fit) -> dict[str, Any]:
    return {"place": fit.place, "correlation": round(fit.correlation, 3), "times": fit.times}


def _place(fit: Fit | None) -> str | None:
    return None if fit is None else fit.place


def _page(document: Mapping[str, Any]) -> str:
    lines = [
        f"{one['customer']} at 在 {one['recorded_at'] or '?'}: {len(one['outages'])} outages 停电 "
        f"→ {', '.join(place['transformer'] for place in one['perhaps_at']) or '?'}"
        for one in document["suspects"]
    ]
    lines += [f"area 台区 {one['transformer']}: {one['customers']}" for one in document["wrong_areas"]]
    for one in document.get("voltage", ()):
        told = ", ".join(f"{fit['place']} {fit['correlation']}" for fit in (*one["areas"], *one["phases"]))
        rather = " ".join(str(place) for place in (one["rather_at"], one["rather_phase"]) if place)
        lines.append(
            f"voltage 电压 {one['meter']}: {told or 'too few readings'}{f' → {rather}' if rather else ''}"
        )
    return "\n".join(lines) or "nothing was contradicted"
