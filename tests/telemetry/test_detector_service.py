"""The detector on its stores: positions, restarts, kill -9, a backlog told as it happened."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from geo.adapters.csv_folder import read_folder
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.network import Network
from geo.ports import NetworkVersion
from gridcrew.commands.detector import _service
from gridcrew.migrations.runner import migrate_all
from gridcrew.settings import Settings
from telemetry.adapters.detector_service import DetectorService
from telemetry.adapters.evidence_log import SqlEvidenceLog
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.detector import DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.late_news import SETTLED_MS
from telemetry.outages import OutageRevision, OutageState
from tests.conftest import DatabaseFactory
from tests.telemetry.nights import ALL, FEEDER, MODEL, T0, Night, under

ROOT = Path(__file__).parents[2]
TURNS = ((EvidenceKind.POWER_OFF, 10), (EvidenceKind.POWER_ON, 18))
VILLAGE = ROOT / "docs/examples/village"


class Bench:
    """Stores in a folder and services on them, with a clock that the test turns."""

    def __init__(self, database: DatabaseFactory, network: Network = FEEDER) -> None:
        self.now_ms = T0
        self.gateway = SqlEvidenceLog(database("gateway"))
        self.desk = SqlEvidenceLog(database("desk"))
        self.log = SqlOutageLog(database("outages"))
        self.networks = SqlNetworkStore(database("network"), None)
        self.install(network, T0 - 1)

    def install(self, network: Network, effective_ms: int) -> None:
        self.networks.put(network, NetworkVersion(network.content_hash, effective_ms, effective_ms, "test"))

    def service(self) -> DetectorService:
        return DetectorService(
            {"gateway": self.gateway, "desk": self.desk}, self.log, self.log, self.networks,
            DetectorRules(MODEL), lambda: self.now_ms,
        )  # fmt: skip

    def newest(self) -> dict[str, OutageRevision]:
        return {entry.revision.outage_id: entry.revision for entry in self.log.read(0)}

    def gist(self) -> set[tuple[object, ...]]:
        """What must not depend on interruptions of the detector."""
        return {
            (r.outage_id, r.state, r.cause.element, r.started_at_ms, r.restored_at_ms, r.cut)
            for r in self.newest().values()
        }


@pytest.fixture
def bench(sqlite_database: DatabaseFactory) -> Bench:
    return Bench(sqlite_database)


def _arrivals() -> list[Evidence]:
    night = Night()
    night.frames(-1, ALL)
    night.gasp(10, under("A"), spread_s=0.4)
    night.gasp(60, under("C2"), spread_s=0.4)
    night.power_up(300, under("A"), spread_s=0.4)
    night.frames(330, [m for m in ALL if not m.startswith("C2")])
    return [row for _, row in sorted(night.script, key=lambda entry: entry[0])]


def test_evidence_of_both_logs_becomes_an_outage_with_its_position(bench: Bench) -> None:
    bench.gateway.append(
        [Evidence(EvidenceKind.POWER_OFF, T0, T0 + 500, "", (m,), m) for m in under("A1")[::2]]
    )
    bench.desk.append([Evidence(EvidenceKind.CALL, T0, T0 + 600, "desk", ("CA112",), "call")])
    bench.now_ms = T0 + 1_000
    assert bench.service().tick() == 5
    (revision,) = bench.newest().values()
    assert "calls=1" in revision.reasons
    assert bench.log.position().positions == {"gateway": 4, "desk": 1}


def test_without_a_network_it_waits(sqlite_database: DatabaseFactory) -> None:
    bench = Bench(sqlite_database)
    bench.now_ms = T0 - 10
    service = bench.service()
    assert service.tick() == 0
    assert service.detector is None
    bench.now_ms = T0
    service.tick()
    assert service.detector is not None


def test_a_backlog_is_told_as_it_happened(bench: Bench) -> None:
    bench.gateway.append(_arrivals())
    bench.now_ms = T0 + 7_200_000
    bench.service().tick()
    first, second = sorted(bench.newest().values(), key=lambda r: r.started_at_ms)
    assert first.state is OutageState.RESTORED
    assert first.restored_at_ms == T0 + 300_000
    assert second.state is OutageState.CONFIRMED
    assert all(entry.revision.at_ms <= T0 + 400_000 for entry in bench.log.read(0))


def test_a_late_flood_tells_of_an_outage_that_is_long_over(bench: Bench) -> None:
    bench.gateway.append([Evidence(EvidenceKind.ALIVE, T0, T0, "", ALL, "before")])
    service = bench.service()
    service.tick()
    bench.now_ms = received_ms = T0 + 7_200_000
    flood = [
        Evidence(kind, T0 + at_s * 1000, received_ms, "TT-A1", (meter,), f"{kind}{meter}")
        for meter in under("A1")
        for kind, at_s in ((EvidenceKind.POWER_OFF, 1_800), (EvidenceKind.POWER_ON, 5_400))
    ]
    others = Evidence(EvidenceKind.ALIVE, received_ms, received_ms, "", under("A2", "B", "C"), "now")
    bench.gateway.append([others, *flood])
    service.tick()
    assert bench.newest() == {}, "not before the flood is over"
    bench.now_ms += SETTLED_MS
    service.tick()
    (outage,) = bench.newest().values()
    assert outage.state is OutageState.RESTORED
    assert outage.cause.element == "TA1"
    assert (outage.started_at_ms, outage.restored_at_ms) == (T0 + 1_800_000, T0 + 5_400_000)


def test_floods_one_after_the_other_come_to_one_outage(bench: Bench) -> None:
    """What the first terminal told proves to be part of what the second one tells a minute later."""
    bench.gateway.append([Evidence(EvidenceKind.ALIVE, T0, T0, "", ALL, "before")])
    service = bench.service()
    service.tick()
    bench.now_ms = T0 + 7_200_000
    others = Evidence(EvidenceKind.ALIVE, bench.now_ms, bench.now_ms, "", under("B", "C"), "now")
    bench.gateway.append([others])
    for terminal in ("A1", "A2"):
        bench.now_ms += 60_000
        flood = [
            Evidence(kind, T0 + at_s * 1000, bench.now_ms, f"TT-{terminal}", (meter,), f"{kind}{meter}")
            for meter in under(terminal)
            for kind, at_s in ((EvidenceKind.POWER_OFF, 1_800), (EvidenceKind.POWER_ON, 5_400))
        ]
        unheard = Evidence(EvidenceKind.ALIVE, bench.now_ms, bench.now_ms, "", under("A2"), f"n{terminal}")
        bench.gateway.append([unheard, *flood])
        service.tick()
        bench.now_ms += SETTLED_MS
        service.tick()
    kept = [r for r in bench.newest().values() if r.state is not OutageState.MERGED]
    (outage,) = kept
    assert {"SA", "LA"} <= set(outage.cause.equivalent)
    assert (outage.started_at_ms, outage.restored_at_ms) == (T0 + 1_800_000, T0 + 5_400_000)
    assert all(r.merged_into == outage.outage_id for r in bench.newest().values() if r != outage)
    assert len(bench.newest()) == 2, "the first one had been told"


@pytest.mark.parametrize("order", ["overtaken", "in one breath", "mixed"])
def test_a_momentary_interruption_is_recorded_in_any_order_of_its_words(bench: Bench, order: str) -> None:
    """The recloser's second try held after eight seconds; power-ups come before the last gasps they end."""
    bench.gateway.append([Evidence(EvidenceKind.ALIVE, T0, T0, "", ALL, "before")])
    service = bench.service()
    service.tick()
    rows = []
    for number, meter in enumerate(under("A")):
        swapped = order == "overtaken" or (order == "mixed" and number % 3 > 0)
        arrives = (26, 20) if swapped else (22, 22) if order == "in one breath" else (11, 19)
        for (kind, at_s), arrives_s in zip(TURNS, arrives, strict=True):
            received_ms = T0 + arrives_s * 1000 + 10 * number
            rows.append(Evidence(kind, T0 + at_s * 1000, received_ms, "TT-A1", (meter,), f"{kind}{meter}"))
    for bench.now_ms in range(T0 + 10_000, T0 + 60_000, 500):
        due = [row for row in rows if bench.now_ms - 500 < row.received_ms <= bench.now_ms]
        bench.gateway.append(sorted(due, key=lambda row: row.received_ms))
        service.tick()
    (outage,) = [r for r in bench.newest().values() if r.state is not OutageState.RETRACTED]
    assert outage.state is OutageState.RESTORED
    assert (outage.started_at_ms, outage.restored_at_ms) == (T0 + 10_000, T0 + 18_000)
    assert {"SA", "LA"} <= set(outage.cause.equivalent)


@pytest.mark.parametrize("every", [3, 17])
def test_restarts_come_to_what_an_uninterrupted_run_came_to(
    sqlite_database: DatabaseFactory, tmp_path: Path, every: int
) -> None:
    whole, torn = Bench(sqlite_database), Bench(_other(tmp_path))
    evidence = _arrivals()
    steady, brittle = whole.service(), torn.service()
    for number, row in enumerate(evidence):
        for bench in (whole, torn):
            bench.gateway.append([row])
            bench.now_ms = row.received_ms
        if number % every == 0:
            # A process that died: nothing is flushed, the next one finds only what was committed.
            brittle = torn.service()
        steady.tick()
        brittle.tick()
    for second in range(60):
        for bench, service in ((whole, steady), (torn, brittle)):
            bench.now_ms = evidence[-1].received_ms + second * 1000
            service.tick()
    assert torn.gist() == whole.gist()
    assert {r.state for r in whole.newest().values()} == {OutageState.RESTORED, OutageState.CONFIRMED}


def _other(tmp_path: Path) -> DatabaseFactory:
    location = str(tmp_path / "torn")
    migrate_all(location)
    return lambda owner: open_database(location, owner)


def test_a_restart_remembers_switches_from_its_snapshot(bench: Bench) -> None:
    bench.gateway.append([Evidence(EvidenceKind.SWITCH_CLOSED, T0, T0, "", ("TIE",), "tie"),
                          Evidence(EvidenceKind.SWITCH_OPEN, T0, T0, "", ("LA2",), "la2")])  # fmt: skip
    first = bench.service()
    first.tick()
    first.flush()
    bench.now_ms = T0 + 5 * 86_400_000
    again = bench.service()
    again.tick()
    assert again.detector is not None
    assert again.detector.switches == (("LA2", False), ("TIE", True))


def test_a_new_network_takes_over_what_was_known(bench: Bench) -> None:
    bench.gateway.append([Evidence(EvidenceKind.POWER_OFF, T0, T0, "", (m,), m) for m in under("A")])
    bench.now_ms = T0 + 4_000
    service = bench.service()
    service.tick()
    renamed = read_folder(VILLAGE).accepted()
    bench.install(renamed, T0 + 5_000)
    bench.now_ms = T0 + 20_000
    service.tick()
    assert service.detector is not None
    assert service.detector.network.content_hash == renamed.content_hash


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    location = tmp_path / "var"
    migrate_all(str(location))
    network = read_folder(VILLAGE).accepted()
    store = SqlNetworkStore(open_database(str(location), "network"), None)
    store.put(network, NetworkVersion(network.content_hash, 0, 0, "village"))
    yield location


def _start(home: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"GRIDCREW_DATA_DIR": str(home)}
    output = home / "detector.log"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gridcrew", "detector"],
            env=environment | {"PYTHONUNBUFFERED": "1"}, cwd=home, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    deadline_s = time.monotonic() + 120
    while "detector ready" not in output.read_text(encoding="utf-8"):
        assert process.poll() is None, output.read_text(encoding="utf-8")
        assert time.monotonic() < deadline_s, "not ready in time"
        time.sleep(0.05)
    return process


def _tell(log: SqlEvidenceLog, kind: EvidenceKind, meters: tuple[str, ...]) -> None:
    now_ms = time.time_ns() // 1_000_000
    log.append([Evidence(kind, now_ms, now_ms, "", (meter,), f"{kind}{meter}{now_ms}") for meter in meters])


def _wait_for(log: SqlOutageLog, state: OutageState) -> OutageRevision:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        found = [entry.revision for entry in log.read(0) if entry.revision.state is state]
        if found:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError(f"no revision is {state}: {log.read(0)}")


def test_the_process_survives_kill_9_and_ends_on_sigterm(home: Path) -> None:
    evidence = SqlEvidenceLog(open_database(str(home), "gateway"))
    log = SqlOutageLog(open_database(str(home), "outages"))
    west = tuple(f"M{n:02d}" for n in range(7, 13))
    first = _start(home)
    try:
        _tell(evidence, EvidenceKind.POWER_OFF, west)
        opened = _wait_for(log, OutageState.SUSPECTED)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    _tell(evidence, EvidenceKind.SILENT, west)
    second = _start(home)
    try:
        assert _wait_for(log, OutageState.CONFIRMED).outage_id == opened.outage_id
        _tell(evidence, EvidenceKind.POWER_ON, west)
        assert _wait_for(log, OutageState.RESTORED).outage_id == opened.outage_id
    finally:
        began_s = time.monotonic()
        second.send_signal(signal.SIGTERM)
        assert second.wait(60) == 0
    assert time.monotonic() - began_s < 5
    numbers = [entry.revision.revision for entry in log.read(0)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_unmigrated_database_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not migrated: gridcrew migrate"):
        _service(Settings(data_dir=tmp_path))
