"""``gridcrew detector``: evidence → outages, as a process."""

import signal
import threading
import time
from typing import Final

import click
import numpy as np
from sqlalchemy import inspect

from geo.adapters.database import open_database
from geo.network import Network
from geo.tree import EnergisedTree
from gridcrew.learned import detection_model
from gridcrew.logging_setup import set_up_logging
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from telemetry.adapters.detector_service import Aside, DetectorService
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.explanation_store import SqlExplanations
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.adapters.ping_wishes import SqlPingWishes
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.inference import InferenceModel
from telemetry.inquiry import Inquiry
from telemetry.verification import Limits

EVIDENCE_LOGS: Final = ("gateway", "desk")
"""Databases that keep an evidence log; the name is also that of the position."""
_WARM_METERS: Final = 8
_MOST_WARM_METERS: Final = 1_000
MANY: Final = 50
"""Rows taken in at once after which more is likely waiting: the logs are read again without a pause."""


@click.command(name="detector")
def command() -> None:
    """Turn evidence into outages. Ends within seconds of SIGTERM; a restart goes on where it stopped."""
    settings = Settings()
    set_up_logging(settings.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service = _service(settings)
    _run(service, settings, stop)
    service.flush()


def _run(service: DetectorService, settings: Settings, stop: threading.Event) -> None:
    service.tick()
    if service.detector is None:
        click.echo("waiting for a network: gridcrew network import SOURCE")
    else:
        warm_up(service.detector.network)
    click.echo("detector ready")
    taken = 0
    while not stop.wait(0.0 if taken >= MANY else settings.detector.poll_s):
        taken = service.tick()


def _service(settings: Settings) -> DetectorService:
    location = settings.database_location
    engines = {name: open_database(location, name) for name in ("network", "outages", *EVIDENCE_LOGS)}
    for name, table in (("outages", "explanations"), *((name, "evidence") for name in EVIDENCE_LOGS)):
        if not inspect(engines[name]).has_table(table):
            raise click.ClickException(f"the database {name} at {location} is not migrated: gridcrew migrate")
    outages = SqlOutageLog(engines["outages"])
    return DetectorService(
        logs={name: SqlEvidenceLog(engines[name]) for name in EVIDENCE_LOGS},
        outages=outages,
        snapshots=outages,
        networks=open_networks(settings, engines["network"]),
        rules=DetectorRules(detection_model(settings), stable_ms=round(settings.detector.stable_s * 1000)),
        clock_ms=lambda: time.time_ns() // 1_000_000,
        aside=Aside(
            Inquiry(Limits(settings.detector.pings_per_terminal, settings.detector.pings_per_minute)),
            SqlExplanations(engines["outages"]),
            SqlPingWishes(engines["outages"]) if settings.gateway.ping != "none" else None,
        ),
    )


def warm_up(network: Network) -> None:
    """Compile (or load) the kernels on a scratch detector, and index all ids: no outage waits for that."""
    scratch = Detector(network, DetectorRules(InferenceModel()))
    meters = _neighbours(network, scratch.tree)
    for minute, kind in enumerate((EvidenceKind.ALIVE, EvidenceKind.POWER_OFF, EvidenceKind.POWER_ON), 1):
        at_ms = minute * 60_000
        scratch.observe([Evidence(kind, at_ms, at_ms, "", meters, kind)], at_ms)
        scratch.evaluate(at_ms, force=True)
    for row_by_id in (network.node_row, network.edge_row, network.customer_row):
        row_by_id.get("")


def _neighbours(network: Network, tree: EnergisedTree) -> tuple[str, ...]:
    """Meters below one place, enough of them for an outage that is found when all are out."""
    position = tree.position[network.meters.node]
    fed = np.flatnonzero(position >= 0)
    if not len(fed):
        return network.meters.ids[:_WARM_METERS]
    top, below = int(position[fed[0]]), fed[:1].tolist()
    while len(below) < _WARM_METERS and tree.parent[top] >= 0:
        top = int(tree.parent[top])
        below = np.flatnonzero((position >= top) & (position < tree.end[top])).tolist()
    return tuple(network.meters.ids[row] for row in below[:_MOST_WARM_METERS])
