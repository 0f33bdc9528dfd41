"""``gridcrew outage learn``: what confirmed outages teach of the devices, for the detector's model."""

import json
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import click
import numpy as np
from sqlalchemy import inspect

from geo.adapters.database import open_database
from geo.network import Network
from geo.tree import EnergisedTree
from gridcrew.learned import FILE, Shown, write_rates
from gridcrew.network_house import House, as_json
from gridcrew.settings import Settings
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.evidence import EvidenceKind
from telemetry.learned_rates import Episode, LastGasps, Learned, Rate, learn
from telemetry.lifecycle import is_planned
from telemetry.outages import OPEN_STATES, OutageState
from telemetry.ports import EvidenceLog, OutageLog
from telemetry.scope import scope_of
from telemetry.supply import Switches, positions_of, supply_tree

DAY_MS: Final = 86_400_000
READ_AT_ONCE: Final = 5_000
_REAL: Final = frozenset({OutageState.CONFIRMED, OutageState.RESTORED})


@click.command(name="learn")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 1000), help="So far back.")
@click.option("--write", is_flag=True, help=f"Keep them in the site's {FILE}, which the detector reads.")
@as_json
def command(days: int, write: bool, as_json: bool) -> None:
    """Rates of missed and false last gasps and of blocked areas, by kind of meter and by terminal."""
    settings, house = Settings(), House()
    to_ms = time.time_ns() // 1_000_000
    network = house.changes.in_force(to_ms)
    if network is None:
        raise click.ClickException("no network is in force; gridcrew network import SOURCE")
    engines = {name: open_database(settings.database_location, name) for name in ("outages", "gateway")}
    for name, table in (("outages", "outage_revision"), ("gateway", "evidence")):
        if not inspect(engines[name]).has_table(table):
            raise click.ClickException("the database is not prepared; run `gridcrew migrate` first")
    from_ms = to_ms - days * DAY_MS
    gasps = _gasps(SqlEvidenceLog(engines["gateway"]), network, from_ms, to_ms)
    learned = learn(network, _episodes(SqlOutageLog(engines["outages"]), network, from_ms), gasps)
    if write:
        write_rates(settings.site_folder / FILE, learned)
    click.echo(json.dumps(_document(learned), ensure_ascii=False, indent=2) if as_json else _page(learned))


def _episodes(log: OutageLog, network: Network, from_ms: int) -> Iterator[Episode]:
    """Confirmed outages that nobody planned, as they were at their widest."""

    @lru_cache(maxsize=32)
    def tree(switches: Switches) -> EnergisedTree:
        return supply_tree(network, positions_of(network, switches))

    for head in log.current(open_only=False):
        revision = head.revision
        wrong = revision.started_at_ms < from_ms or revision.network_hash != network.content_hash
        if wrong or revision.state not in _REAL or is_planned(revision) or revision.phases:
            continue
        chain = [
            one.revision for one in log.revisions(revision.outage_id) if one.revision.state in OPEN_STATES
        ]
        if chain:
            widest = max(chain, key=lambda one: one.expected)
            yield Episode(revision.started_at_ms, scope_of(network, tree(widest.switches), widest).meter_rows)


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


def _document(learned: Learned) -> dict[str, Any]:
    return {
        "miss": _rates(learned.miss),
        "false_alarm": _rate(learned.false_alarm),
        "blocked": _rate(learned.blocked),
        "miss_by_terminal": _rates(learned.miss_by_terminal),
        "blocked_by_terminal": _rates(learned.blocked_by_terminal),
    }


def _rates(rates: Mapping[str, Rate]) -> dict[str, Shown]:
    """The worst first."""
    ordered = sorted(rates.items(), key=lambda item: (-item[1].mean, item[0]))
    return {name: _rate(rate) for name, rate in ordered}


def _rate(rate: Rate) -> Shown:
    return {"rate": rate.mean, "low": rate.low, "high": rate.high, "hits": rate.hits, "of": rate.of}


def _page(learned: Learned) -> str:
    named = {f"miss 漏报 {name}": rate for name, rate in learned.miss.items()}
    named |= {"false alarm 误报": learned.false_alarm, "blocked 台区失联": learned.blocked}
    lines = [f"{name}: {_text(rate)}" for name, rate in named.items()]
    worst = sorted(learned.miss_by_terminal.items(), key=lambda item: -item[1].mean)[:10]
    return "\n".join([*lines, *(f"  {name}: {_text(rate)}" for name, rate in worst)])


def _text(rate: Rate) -> str:
    return f"{rate.mean:.4g} ({rate.low:.4g}–{rate.high:.4g}; {rate.hits} of {rate.of})"
