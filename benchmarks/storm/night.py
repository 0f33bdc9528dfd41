"""The night itself: the product as `make demo` starts it, faults one after the other, until all is over.

Crews are the simulator's: they ask and answer over the API as phones do. Nobody else touches an order; the
worker hands orders to other crews by itself where its plan says so.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processor import children, peak_mib, spent
from benchmarks.storm.grid import FEEDERS, PLACES, places, storm_grid
from benchmarks.storm.heard import Event, Heard, listening
from field_api.adapters.sql_desk import SqlDesk
from field_api.notices.notice import Notice
from field_api.people.users import WHOLE_COMPANY
from geo.adapters.database import open_database
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate_all
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from simulators.practice import TruthEntry
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.evidence import EvidenceKind
from tests.another_system import Document, Login
from tests.product import demo

LOOK_S: Final = 1.0
CALM_S: Final = 20.0
"""Nothing may happen for so long before all counts as over: what returns late would open an outage anew."""
NAMES: Final = ("broker", "gateway", "detector", "worker", "web", "sim")
QUEUES: Final = (
    "gridcrew_gateway_pending_frames", "gridcrew_worker_lag_seconds", "gridcrew_detector_lag_rows",
    'gridcrew_notices{state="queued"}', 'gridcrew_notices{state="sending"}',
)  # fmt: skip
"""What waits somewhere, by the names of /metrics or their beginnings."""


@dataclass(frozen=True, slots=True)
class Plan:
    feeders: int = FEEDERS
    """As many cells and crews."""
    faults: int = FEEDERS * PLACES
    span_s: float = 75.0
    """From the first fault to the last."""
    speed: float = 100.0
    """How much faster than life crews wait, drive and work."""
    dwell_s: float = 60.0
    """As the product has it; what is over within it is told to nobody."""
    patience_s: float = 300.0
    """From the last fault on."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Night:
    """All that was seen of it."""

    plan: Plan
    tripped_s: Mapping[str, float]
    """By element: when it was asked to fail, seconds of the wall clock."""
    truth: Sequence[TruthEntry]
    gasped_ms: Mapping[str, tuple[int, ...]]
    """By meter and terminal: when last gasps of it were received."""
    heard: Sequence[Event]
    outages: Sequence[Document]
    orders: Sequence[Document]
    notices: Sequence[Notice]
    """To customers, oldest first."""
    customers: Mapping[str, str]
    """Of each meter."""
    answers: Mapping[tuple[str, int], int]
    """By operation and status: how many the web gave."""
    waiting: Mapping[str, float]
    """What still waits at the end, by queue."""
    spent: Mapping[str, tuple[float, float]]
    """By process: processor seconds of the night, most memory in MiB."""
    seconds: float
    """From the first fault until all was over."""
    broken_stream: str


def storm(plan: Plan, folder: Path) -> Night:
    """One night in a new folder."""
    installed, customers = _installed(plan, folder)
    with demo(folder, _settings(plan)) as product:
        desk = Login.of(product, product.username, product.password)
        events_url = json.loads((installed.data_dir / "web.json").read_text(encoding="utf-8"))["events_url"]
        with listening(events_url, desk.token) as heard:
            before, began_s = _spent(installed.data_dir), time.time()
            tripped_s = _struck(desk, plan)
            _await_calm(desk, heard, plan.patience_s)
            seconds = time.time() - began_s
            after = _spent(installed.data_dir)
            measured = _measured(desk)
            evidence = SqlEvidenceLog(open_database(installed.database_location, "gateway"))
            return Night(
                plan, tripped_s, _truth(installed.data_dir), _gasps(evidence), [*heard.events],
                desk.all("outages?state=all"), _orders(desk), _notices(installed), customers,
                _answers(measured), _waiting(measured),
                {name: (used - before[name][0], most) for name, (used, most) in after.items()},
                seconds, heard.broken,
            )  # fmt: skip


def _installed(plan: Plan, folder: Path) -> tuple[Settings, Mapping[str, str]]:
    """Settings of a new installation with the grid, and whose each meter is."""
    network = storm_grid(folder / "grid", plan.feeders)
    settings = Settings.model_validate({"data_dir": folder / "var"})
    settings.data_dir.mkdir()
    migrate_all(settings.database_location)
    version = NetworkVersion(network.content_hash, 0, 0, "storm")
    open_networks(settings).put(network, version)
    owners = network.meters.customer.tolist()
    ids = network.customers.ids
    return settings, {
        meter: ids[row] for meter, row in zip(network.meters.ids, owners, strict=True) if row >= 0
    }


def _settings(plan: Plan) -> dict[str, str]:
    return {
        "GRIDCREW_COMPANY__DISPATCH": "automatic",
        "GRIDCREW_SIM__SPEED": str(plan.speed),
        "GRIDCREW_SIM__CREWS": str(plan.feeders),
        "GRIDCREW_SIM__SEED": str(plan.seed),
        "GRIDCREW_NOTICES__DWELL_S": str(plan.dwell_s),
    }


def _struck(desk: Login, plan: Plan) -> dict[str, float]:
    """Let one place after the other fail, evenly over the span."""
    began_s, tripped_s = time.time(), {}
    for number, element in enumerate(places(plan.feeders, plan.faults, plan.seed)):
        time.sleep(max(0.0, began_s + plan.span_s * number / plan.faults - time.time()))
        tripped_s[element] = time.time()
        desk.post("demo/faults", {"element": element})
    return tripped_s


def _await_calm(desk: Login, heard: Heard, patience_s: float) -> None:
    """Until nothing has failed, is out or is to be repaired for a while; or until patience ends."""
    deadline_s, calm_since_s = time.time() + patience_s, 0.0
    while time.time() < deadline_s and not heard.broken:
        time.sleep(LOOK_S)
        calm = not _busy(heard) and not desk.get("demo/faults")["items"]
        calm_since_s = calm_since_s or time.time() if calm else 0.0
        if calm and time.time() - calm_since_s >= CALM_S:
            return


def _busy(heard: Heard) -> bool:
    """Is anything open, as far as a page knows?"""
    outages = {event.data["id"]: event.data["state"] for event in heard.of("outage")}
    orders = {event.data["id"]: event.data for event in heard.of("order")}
    return bool({"suspected", "confirmed"} & {*outages.values()}) or any(
        one["type"] == "repair" and one["state"] not in {"closed", "cancelled"} for one in orders.values()
    )


def _orders(desk: Login) -> list[Document]:
    return desk.all("orders?state=all")


def _notices(installed: Settings) -> list[Notice]:
    """From the outbox: over the API people are masked, so that two may look the same."""
    found: list[Notice] = []
    with SqlDesk(open_database(installed.database_location, "desk")).reading() as session:
        before: int | None = None
        while page := session.outbox.listed(WHOLE_COMPANY, before, 1_000):
            found += page
            before = page[-1].id
    return [one for one in reversed(found) if not one.posting.recipient.startswith("staff:")]


def _measured(desk: Login) -> dict[str, float]:
    """What /metrics says; of what waits the least that was seen: terminals go on speaking all the time."""
    found = desk.metrics()
    least = _waiting(found)
    for _ in range(30):
        if not any(least.values()):
            break
        time.sleep(LOOK_S)
        found = desk.metrics()
        least = {name: min(value, least.get(name, value)) for name, value in _waiting(found).items()}
    return found | least


def _waiting(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in measured.items() if name.startswith(QUEUES)}


def _answers(measured: Mapping[str, float]) -> dict[tuple[str, int], int]:
    prefix = "gridcrew_http_answers_total{"
    found = {}
    for name, value in measured.items():
        if name.startswith(prefix):
            labels = dict(part.split("=") for part in name.removeprefix(prefix).rstrip("}").split(","))
            found[labels["operation"].strip('"'), int(labels["status"].strip('"'))] = int(value)
    return found


def _truth(data_dir: Path) -> list[TruthEntry]:
    lines = (data_dir / "sim" / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [TruthEntry(**entry) for entry in entries if "run" not in entry]


def _gasps(log: SqlEvidenceLog) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    after = 0
    while rows := log.read(after, 10_000):
        after = rows[-1].id
        for row in rows:
            if row.evidence.kind is EvidenceKind.POWER_OFF:
                for device in row.evidence.devices:
                    found[device] = (*found.get(device, ()), row.evidence.received_ms)
    return found


def _spent(data_dir: Path) -> dict[str, tuple[float, float]]:
    """By process of `gridcrew up`: processor seconds and most memory in MiB up to now, children included."""
    web = json.loads((data_dir / "web.json").read_text(encoding="utf-8"))["pid"]
    up = int(Path(f"/proc/{web}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found = {}
    for pid in children(up):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        name = next((name for name in NAMES if name in words), Path(words[0]).name)
        found[name] = spent(pid).used_s, peak_mib(pid)
    return found
