"""``gridcrew scope``: who is out and why, from a network and events, with the detector's own code."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from geo.adapters.sources import read_source
from geo.doors import DEFAULT_CELLS
from geo.network import Network
from gridcrew.compiled import spare_linear_algebra
from gridcrew.learned import detection_model
from gridcrew.settings import Settings
from telemetry.adapters.event_files import BadFile, instant_ms, iso, read_events, read_planned
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence
from telemetry.outages import OutageRevision, OutageState
from telemetry.planned_work import PlannedWork
from telemetry.replay import replay
from telemetry.scope import OutageScope, scope_of

Source = TypeVar("Source")
Found = TypeVar("Found")

MOST_UNKNOWN: Final = 20
MOST_CUSTOMERS_SHOWN: Final = 12

_file = click.Path(path_type=Path, dir_okay=False)


@click.command(name="scope")
@click.option("--network", "source", required=True, metavar="DIR", help="Folder of CSV files (or SOURCE).")
@click.option("--events", required=True, type=_file, help="Events, one JSON object a line.")
@click.option("--at", metavar="TIME", help="As of when, ISO-8601 UTC (the newest event).")
@click.option("--planned", type=_file, help="Planned work: element,starts_at,ends_at,kind.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(source: str, events: Path, at: str | None, planned: Path | None, as_json: bool) -> None:
    """Infer outages offline: causes, customers, and what to verify."""
    if ":" not in source:  # grids of packages come with compiled code that we do not know
        spare_linear_algebra()
    network = read_source(source, DEFAULT_CELLS).accepted()
    evidence = _read(read_events, events)
    work = _read(read_planned, planned) if planned else []
    at_ms = _at(at, evidence)
    answer = infer_scope(network, evidence, at_ms, work)
    _warn(answer["unknown"])
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        click.echo(_table(answer))


def infer_scope(
    network: Network, evidence: Sequence[Evidence], at_ms: int, planned: Sequence[PlannedWork] = ()
) -> dict[str, Any]:
    """The answer of the door as JSON values."""
    rules = DetectorRules(detection_model(Settings()))
    done = replay(network, rules, evidence, at_ms, planned)
    ended = {r.outage_id: r for r in done.revisions if r.state is OutageState.RESTORED}
    return {
        "at": iso(at_ms),
        "outages": [_outage(network, done.detector, revision) for revision in done.detector.outages],
        "verify": _verify(network, done.detector, at_ms),
        "ended": [_ended(revision) for revision in ended.values()],
        "unknown": sorted(done.detector.fold.unknown),
    }


def _outage(network: Network, detector: Detector, revision: OutageRevision) -> dict[str, Any]:
    scope = scope_of(network, detector.tree, revision)
    return {
        "id": revision.outage_id,
        "cause": {
            "element": revision.cause.element,
            "equivalent": list(revision.cause.equivalent),
            "kind": revision.cause.kind,
        },
        "state": revision.state.value,
        "started_at": iso(revision.started_at_ms),
        "probability": revision.probability,
        "customers_out": sorted(network.customers.ids[row] for row in scope.customer_rows),
        **_phases(network, revision, scope),
        "expected": revision.expected,
        "low": revision.low,
        "high": revision.high,
        "cut": list(revision.cut),
        "reasons": list(revision.reasons),
    }


def _phases(network: Network, revision: OutageRevision, scope: OutageScope) -> dict[str, Any]:
    """Only of an outage of single phases: which, and who lives on without one."""
    if not revision.phases:
        return {}
    return {
        "phases": revision.phases,
        "low_phases": revision.low_phases,
        "customers_one_phase_missing": sorted(network.customers.ids[row] for row in scope.partial_rows),
    }


def _ended(revision: OutageRevision) -> dict[str, Any]:
    return {
        "id": revision.outage_id,
        "element": revision.cause.element,
        "state": revision.state.value,
        "started_at": iso(revision.started_at_ms),
        "restored_at": iso(revision.restored_at_ms),
    }


def _verify(network: Network, detector: Detector, at_ms: int) -> list[dict[str, str]]:
    found = [{"device": device, "reason": reason} for device, reason in detector.verify(at_ms)]
    spared = {customer for revision in detector.outages for customer in revision.not_out}
    meters = zip(network.meters.ids, network.meters.customer.tolist(), strict=True)
    found += [
        {"device": meter, "reason": "alive_inside_outage"}
        for meter, owner in meters
        if owner >= 0 and network.customers.ids[owner] in spared
    ]
    return found


def _at(at: str | None, evidence: Sequence[Evidence]) -> int:
    if at is None:
        if not evidence:
            raise click.ClickException("the events file holds no event; give --at to say as of when")
        return max(row.at_ms for row in evidence)
    return _read(lambda text: instant_ms(text, "--at", "TIME"), at)


def _read(read: Callable[[Source], Found], source: Source) -> Found:
    try:
        return read(source)
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None


def _warn(unknown: Sequence[str]) -> None:
    if unknown:
        more = f" and {len(unknown) - MOST_UNKNOWN} more" if len(unknown) > MOST_UNKNOWN else ""
        names = ", ".join(unknown[:MOST_UNKNOWN])
        click.echo(f"Warning: the network knows no device {names}{more}", err=True)


def _table(answer: dict[str, Any]) -> str:
    lines = [f"as of {answer['at']}"]
    for outage in answer["outages"]:
        customers = outage["customers_out"]
        more = f" … ({len(customers)})" if len(customers) > MOST_CUSTOMERS_SHOWN else ""
        lines += [
            f"{outage['id']}  {outage['state']}  P {outage['probability']:.3f}  since {outage['started_at']}",
            f"  cause      {outage['cause']['kind']} {' = '.join(outage['cause']['equivalent'][:8])}"
            + (f", phase {outage['phases']} lost" if "phases" in outage else ""),
            f"  customers  {outage['expected']:.1f} ({outage['low']}–{outage['high']}): "
            + " ".join(customers[:MOST_CUSTOMERS_SHOWN])
            + more,
            f"  because    {' '.join(outage['reasons'])}",
        ]
    lines += [f"verify {item['device']}  {item['reason']}" for item in answer["verify"]]
    lines += [f"ended {item['id']}  {item['element']}  {item['restored_at']}" for item in answer["ended"]]
    return "\n".join(lines if len(lines) > 1 else [*lines, "no outage"])
