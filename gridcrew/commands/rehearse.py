"""``gridcrew rehearse``: a past storm from the company's own exports, played through the detector."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
import numpy as np

from gateway.adapters.files.drop import HEAD_BYTES
from gateway.adapters.files.folder import readable
from gateway.adapters.files.reading import Tally, slices
from gateway.codecs.file_exports import read_slice
from gateway.exports.lines import FileRefused
from gateway.exports.matching import match
from gateway.exports.parsing import FindId, Said
from gateway.exports.sources import FileSource
from geo.adapters.sources import read_source
from geo.doors import DEFAULT_CELLS
from geo.identifiers import Crosswalk
from geo.network import Network
from gridcrew.file_doors import live_sources
from gridcrew.learned import detection_model
from gridcrew.settings import Settings
from gridcrew.zone_option import Zone
from telemetry.adapters.event_files import BadFile, iso, read_orders, read_planned
from telemetry.decimals import prepare
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.mapping_suspects import wrong_areas
from telemetry.readings import MISSING
from telemetry.rehearsal import Heard, Rehearsal, Report, rehearse

NETWORK: Final = "network"
PLANNED: Final = "planned.csv"
ORDERS: Final = "orders.csv"
ZONE: Final = "Asia/Shanghai"
SKIPPED: Final = frozenset({"mapping.toml", PLANNED, ORDERS})
SHOWN: Final = 20


@dataclass(slots=True)
class Brought:
    """What the files of the folder said."""

    evidence: dict[str, Evidence] = field(default_factory=dict)
    calls: list[Report] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def take(self, name: str, said: Said) -> None:
        """Last gasps and their like; whoever was read, lived."""
        for event in said.events:
            if event.kind is EvidenceKind.CALL:
                self.calls.append(Report(event.device, event.at_ms))
            else:
                volts = (event.volts,) if event.volts is not None else ()
                self._add(name, event.kind, event.at_ms, (event.device,), volts)
        for block in said.blocks:
            proof = ((block.scaled != MISSING) & (block.scaled != 0) & (block.doubts == 0)).any(axis=1)
            for t, at_ms in enumerate(block.at_ms):
                alive = tuple(block.meters[m] for m in np.flatnonzero(proof[:, t]).tolist())
                if alive:
                    self._add(name, EvidenceKind.ALIVE, at_ms, alive)

    def _add(
        self, name: str, kind: EvidenceKind, at_ms: int, devices: tuple[str, ...], volts: tuple[Any, ...] = ()
    ) -> None:
        key = f"{kind}/{at_ms}/{','.join(devices)}"
        self.evidence.setdefault(key, Evidence(kind, at_ms, at_ms, name, devices, key, volts))


@click.command(name="rehearse")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--network", "source", metavar="SOURCE", help="The network (FOLDER/network, or FOLDER itself).")
@click.option("--late-s", default=60.0, show_default=True, type=click.FloatRange(0, 86_400),
              help="How long after its own time an event is taken to have arrived.")  # fmt: skip
@click.option("--zone", default=ZONE, show_default=True, type=Zone(),
              help="Of times in orders.csv and planned.csv that name none.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(folder: Path, source: str | None, late_s: float, zone: ZoneInfo, as_json: bool) -> None:
    """Play a past storm from the exports in FOLDER and compare it with its calls and orders.

    Read are all files that a source of the file drop fits (events, power-down records, readings, calls; see
    docs/file-drop.md), orders.csv (order,opened_at,customer) and planned.csv.
    """
    network = _network(folder, source)
    brought = _brought(Settings(), folder, network)
    if not brought.evidence:
        raise click.ClickException(f"{folder}: no file holds an event or a reading; see docs/rehearsal.md")
    planned, orders = folder / PLANNED, folder / ORDERS
    try:
        result = rehearse(
            network,
            DetectorRules(detection_model(Settings())),
            list(brought.evidence.values()),
            brought.calls,
            read_orders(orders, zone) if orders.exists() else (),
            read_planned(planned, zone) if planned.exists() else (),
            round(late_s * 1000),
        )
    except BadFile as problem:
        raise click.ClickException(str(problem)) from None
    document = _document(result, brought)
    click.echo(json.dumps(document, ensure_ascii=False, indent=2) if as_json else _page(document))


def _network(folder: Path, source: str | None) -> Network:
    inner = folder / NETWORK
    return read_source(source or str(inner if inner.is_dir() else folder), DEFAULT_CELLS).accepted()


def _brought(settings: Settings, folder: Path, network: Network) -> Brought:
    prepare()
    brought, sources = Brought(), live_sources(settings).current()
    find_id = Crosswalk.of(network.identifiers).find
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.name not in SKIPPED):
        with file.open("rb") as handle:
            head = handle.read(HEAD_BYTES)
        found = match(sources, "", readable(file.name), head)
        if found.source is not None:
            _read(brought, found.source, file, find_id)
    return brought


def _read(brought: Brought, source: FileSource, file: Path, find_id: FindId) -> None:
    before, events, bad = brought.tally.lines, len(brought.evidence), brought.tally.bad
    refused = ""
    try:
        with file.open("rb") as handle:
            for part in slices(source, handle, brought.tally):
                said = read_slice(source, part.body(), part.first_line, find_id)
                brought.tally.lines += said.lines
                brought.tally.bad += len(said.bad_lines)
                brought.take(source.name, said)
    except FileRefused as problem:
        refused = str(problem)
    brought.files.append(
        {
            "file": file.name,
            "source": source.name,
            "lines": brought.tally.lines - before,
            "refused_lines": brought.tally.bad - bad,
            "rows_of_evidence": len(brought.evidence) - events,
            "refused": refused,
        }
    )


def _document(result: Rehearsal, brought: Brought) -> dict[str, Any]:
    quartiles = result.earlier_quartiles_min
    return {
        "files": brought.files,
        "unknown_devices": result.unknown_devices,
        "calls": {str(verdict): count for verdict, count in result.verdicts.items()},
        "earlier_min": dict(zip(("q1", "median", "q3"), quartiles, strict=True)) if quartiles else None,
        "each_call": [_call(heard) for heard in result.calls],
        "outages": [
            {
                "id": one.outage_id, "element": one.cause.element, "kind": one.cause.kind,
                "started_at": iso(one.started_ms), "restored_at": iso(one.restored_ms),
                "customers": one.customers, "calls": one.calls, "orders": list(one.orders),
            }
            for one in result.outages
        ],
        "orders_spared": result.spared_orders,
        "wrong_areas": [{"transformer": name, "customers": n} for name, n in wrong_areas(result.suspects)],
        "suspects": [
            {
                "customer": one.customer, "recorded_at": one.transformer, "outages": list(one.contradicted),
                "perhaps_at": [candidate.transformer for candidate in one.candidates], "sure": one.sure,
            }
            for one in result.suspects
        ],
    }  # fmt: skip


def _call(heard: Heard) -> dict[str, Any]:
    return {
        "customer": heard.report.customer, "called_at": iso(heard.report.at_ms),
        "verdict": str(heard.verdict),
        "outage": heard.outage_id, "known_at": iso(heard.known_ms), "earlier_min": heard.earlier_min,
    }  # fmt: skip


def _page(document: dict[str, Any]) -> str:
    lines = [
        f"{one['file']}: {one['source']}, {one['lines']} lines, {one['refused_lines']} refused"
        + (f": {one['refused']}" if one["refused"] else "")
        for one in document["files"]
    ]
    calls = document["calls"]
    total = sum(calls.values())
    lines.append(f"calls 来电: {total}; " + ", ".join(f"{name} {count}" for name, count in calls.items()))
    if document["earlier_min"]:
        early = document["earlier_min"]
        lines.append(
            f"foreseen earlier by minutes 提前: {early['q1']:.1f} / {early['median']:.1f} / {early['q3']:.1f}"
        )
    lines.append(
        f"outages 停电: {len(document['outages'])}; orders spared 可省工单: {document['orders_spared']}"
    )
    lines += [
        f"  {one['started_at']} {one['kind']} {one['element']}: {one['customers']} customers, "
        f"{one['calls']} calls, {len(one['orders'])} orders"
        for one in document["outages"][:SHOWN]
    ]
    lines += [
        f"  area 台区 {one['transformer']}: {one['customers']} customers probably recorded wrong"
        for one in document["wrong_areas"][:SHOWN]
    ]
    return "\n".join(lines)
