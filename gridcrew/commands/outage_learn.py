"""``gridcrew outage learn``: what outages that are over teach the detector."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
import numpy as np
from sqlalchemy import inspect

from field_api.adapters.system_clock import wall_clock_ms
from geo.adapters.database import open_database
from geo.network import Network
from gridcrew.learned import (
    CALIBRATION_FILE,
    FILE,
    Shown,
    calibrated_since_ms,
    detection_model,
    write_calibration,
    write_rates,
)
from gridcrew.network_reading import as_json, network_in_force
from gridcrew.settings import Settings
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.evidence import EvidenceKind
from telemetry.learned_calibration import ENOUGH_CUSTOMERS, ENOUGH_ELEMENTS, Told, told_of
from telemetry.learned_rates import Episode, LastGasps, high, learn, low
from telemetry.lifecycle import is_planned
from telemetry.outage_chains import chains, open_spells
from telemetry.outages import OutageRevision
from telemetry.ports import EvidenceLog, Explanations, OutageLog
from telemetry.scopes import Scopes
from telemetry.site_rates import Learned, Rate

DAY_MS: Final = 86_400_000
READ_AT_ONCE: Final = 5_000


@click.command(name="learn")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 1000), help="So far back.")
@click.option("--write", is_flag=True, help="Keep it in the site's folder, where the detector reads it.")
@as_json
def command(days: int, write: bool, as_json: bool) -> None:
    """Rates of last gasps missed, false, blocked; usual faults; what probabilities are worth."""
    settings, to_ms = Settings(), wall_clock_ms()
    network = network_in_force(to_ms)
    engines = {name: open_database(settings.database_location, name) for name in ("outages", "gateway")}
    for name, table in (("outages", "outage_revision"), ("outages", "explanations"), ("gateway", "evidence")):
        if not inspect(engines[name]).has_table(table):
            raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    evidence, outages = SqlEvidenceLog(engines["gateway"]), SqlOutageLog(engines["outages"])
    from_ms = max(to_ms - days * DAY_MS, _begin_ms(evidence, to_ms))
    scopes = Scopes(network)
    learned = learn(
        network, _episodes(outages, scopes, network, from_ms), _gasps(evidence, network, from_ms, to_ms)
    )
    today, since_ms = detection_model(settings).calibration, max(from_ms, calibrated_since_ms(settings))
    told = _told(outages, SqlExplanations(engines["outages"]), scopes, network, since_ms)
    if write:
        write_rates(settings.site_folder / FILE, learned)
        if (moved := told.moved(today)) != today:
            write_calibration(settings.site_folder / CALIBRATION_FILE, moved, to_ms)
    document = _document(learned, told)
    click.echo(json.dumps(document, ensure_ascii=False, indent=2) if as_json else _page(learned, told))


def _begin_ms(log: EvidenceLog, now_ms: int) -> int:
    """When the history begins: what it tells of first may have happened before it was received.

    Where nothing was ever said there is none, and nothing is learned of it.
    """
    oldest = log.read(0, 1)
    return min(oldest[0].evidence.at_ms, oldest[0].evidence.received_ms) if oldest else now_ms


def _told(
    log: OutageLog, explanations: Explanations, scopes: Scopes, network: Network, since_ms: int
) -> Told:
    """Of outages on this network that began since then."""
    ids = network.customers.ids
    recent = (
        chain
        for chain in chains(log)
        if chain[-1].network_hash == network.content_hash and chain[0].at_ms >= since_ms
    )
    return told_of(
        recent,
        lambda revision: explanations.of(revision.outage_id, revision.revision),
        lambda revision: frozenset(ids[row] for row in scopes.of(revision).customer_rows.tolist()),
    )


def _episodes(log: OutageLog, scopes: Scopes, network: Network, from_ms: int) -> Iterator[Episode]:
    """Confirmed outages that nobody planned, as they were at their widest."""

    def wanted(one: OutageRevision) -> bool:
        here = one.network_hash == network.content_hash and one.started_at_ms >= from_ms
        return here and not is_planned(one) and not one.phases

    for newest, held in open_spells(log, wanted):
        widest = max(held, key=lambda one: one.expected)
        yield Episode(newest.started_at_ms, scopes.of(widest).meter_rows)


def _gasps(log: EvidenceLog, network: Network, from_ms: int, to_ms: int) -> LastGasps:
    rows: list[int] = []
    at_ms: list[int] = []
    position = log.first_id_since(from_ms) - 1
    while page := log.read(position, READ_AT_ONCE):
        position = page[-1].id
        for one in page:
            if one.evidence.kind is EvidenceKind.POWER_OFF:
                known = [network.meter_row[d] for d in one.evidence.devices if d in network.meter_row]
                rows += known
                at_ms += [one.evidence.at_ms] * len(known)
    return LastGasps(np.array(rows, np.int32), np.array(at_ms, np.int64), from_ms, to_ms)


def _document(learned: Learned, told: Told) -> dict[str, Any]:
    return {
        "miss": _rates(learned.miss),
        "false_alarm": _rate(learned.false_alarm),
        "blocked": _rate(learned.blocked),
        "faults": {"number": learned.faults.number, "days": learned.faults.days},
        "probabilities": {
            "outages": told.outages,
            "customers": _reached(len(told.customers), ENOUGH_CUSTOMERS),
            "elements": _reached(len(told.elements), ENOUGH_ELEMENTS),
        },
        "miss_by_terminal": _rates(learned.miss_by_terminal),
        "blocked_by_terminal": _rates(learned.blocked_by_terminal),
    }


def _reached(cases: int, enough: int) -> Shown:
    return {"cases": cases, "enough": enough}


def _rates(rates: Mapping[str, Rate]) -> dict[str, Shown]:
    """The worst first."""
    ordered = sorted(rates.items(), key=lambda item: (-item[1].mean, item[0]))
    return {name: _rate(rate) for name, rate in ordered}


def _rate(rate: Rate) -> Shown:
    return {"rate": rate.mean, "low": low(rate), "high": high(rate), "hits": rate.hits, "of": rate.of}


def _page(learned: Learned, told: Told) -> str:
    named = {f"miss 漏报 {name}": rate for name, rate in learned.miss.items()}
    named |= {"false alarm 误报": learned.false_alarm, "blocked 台区失联": learned.blocked}
    lines = [f"{name}: {_text(rate)}" for name, rate in named.items()]
    faults = learned.faults
    lines.append(f"faults 故障: {faults.number} in {faults.days:g} days")
    for name, cases, enough in (
        ("customers 用户", len(told.customers), ENOUGH_CUSTOMERS),
        ("causes 原因", len(told.elements), ENOUGH_ELEMENTS),
    ):
        lines.append(f"probabilities 概率 {name}: {cases} cases, {enough} needed")
    worst = sorted(learned.miss_by_terminal.items(), key=lambda item: -item[1].mean)[:10]
    return "\n".join([*lines, *(f"  {name}: {_text(rate)}" for name, rate in worst)])


def _text(rate: Rate) -> str:
    return f"{rate.mean:.4g} ({low(rate):.4g}–{high(rate):.4g}; {rate.hits} of {rate.of})"
