"""What fault watching costs while it watches: its start on a network, a quiet cycle, one with news, a night.

``python -m benchmarks.fault_cycle`` (under a minute). The service on SQLite and the embedded store, in
processor time: 100,000 meters, standing under-voltages, open outages in several switch positions. A cycle is
the ten seconds after which the book is kept.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.inference_scale import network
from benchmarks.record import Cell, record
from geo.adapters.database import open_database
from geo.adapters.network_store import SqlNetworkStore
from geo.fingerprint import content_hash
from geo.network import EdgeKind, Network
from geo.ports import NetworkVersion
from gridcrew.migrations.runner import migrate_all
from telemetry.adapters.alarm_book import SqlAlarmBook
from telemetry.adapters.embedded_feed import EmbeddedFeed
from telemetry.adapters.embedded_readings import EmbeddedReadingStore
from telemetry.adapters.fault_service import AREAS_A_ROUND, DAY_MS, KEEP_EVERY_MS, Calendar, FaultService
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.fault_rule import shipped_rules
from telemetry.outages import Cause, OutageRevision, OutageState
from telemetry.ports import DetectorPosition
from telemetry.readings import ReadingBatch

SOURCES, FEEDERS = 8, 11
FRAME = 57
"""Meters of a frame."""
LOW, NEWS = range(4), range(4, 404)
"""Frames whose voltage is too low, and those of a cycle with news."""
OUTAGES, POSITIONS = 12, 4
"""Open outages, and how many switch positions they speak of."""
CYCLES = 20
QUARTER_MS = 15 * 60_000
START_MS = 1_764_000_000_000 - 1_764_000_000_000 % DAY_MS + 10 * 3_600_000

Row = dict[str, Cell]


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


@dataclass(eq=False)
class Stage:
    """One installation in a folder."""

    made: Network
    store: EmbeddedReadingStore
    book: SqlAlarmBook
    service: FaultService
    now_ms: int = START_MS

    @staticmethod
    def of(folder: Path, made: Network) -> "Stage":
        location = f"{folder}/databases"
        migrate_all(location)
        networks = SqlNetworkStore(open_database(location, "network"), None)
        networks.put(made, NetworkVersion(made.content_hash, 0, 0, "benchmark"))
        outages = SqlOutageLog(open_database(location, "outages"))
        outages.publish(_outages(made), DetectorPosition({}))
        store = EmbeddedReadingStore(folder / "readings")
        book = SqlAlarmBook(open_database(location, "desk"))
        service = FaultService(
            EmbeddedFeed(folder / "readings"), store, book, networks, outages, shipped_rules(),
            Calendar(_day, lambda at_ms: at_ms - at_ms % DAY_MS),
        )  # fmt: skip
        return Stage(made, store, book, service)

    def turn(self) -> None:
        self.service.turn(self.now_ms)

    def cycle(self) -> None:
        """The next ten seconds."""
        self.now_ms += KEEP_EVERY_MS
        self.turn()

    def write(self, frames: range, volts: int) -> None:
        """Frames of the meters by their number; ``volts`` in tenths."""
        batches = []
        for number in frames:
            meters = tuple(self.made.meters.ids[number * FRAME : (number + 1) * FRAME])
            batches.append(ReadingBatch(
                f"T{number}", "b", self.now_ms + number, self.now_ms, self.now_ms, meters, ("voltage_a_v",),
                (1,), np.full((len(meters), 1), volts, np.int64),
            ))  # fmt: skip
        self.store.write(batches)

    def count_energy(self) -> None:
        """What passed through the transformers on two days."""
        meters = tuple(self.made.terminals.ids)
        for day in range(2):
            at_ms = START_MS - day * DAY_MS
            self.store.write([ReadingBatch(
                "energy", "b", day, at_ms, at_ms, meters, ("energy_import_kwh",), (0,),
                np.full((len(meters), 1), 10_000 - 100 * day, np.int64),
            )])  # fmt: skip


def _outages(made: Network) -> list[OutageRevision]:
    lines = np.flatnonzero(made.edges.kind == EdgeKind.LINE)
    transformers = np.flatnonzero(made.edges.kind == EdgeKind.TRANSFORMER)[:OUTAGES].tolist()
    return [
        OutageRevision(
            outage_id=f"O-{number}",
            revision=1,
            at_ms=START_MS,
            network_hash=made.content_hash,
            switches=((made.edges.ids[lines[-1 - number % POSITIONS]], False),),
            state=OutageState.CONFIRMED,
            cause=Cause(made.edges.ids[row], "transformer", ()),
            started_at_ms=START_MS,
            restored_at_ms=None,
            probability=1.0,
            cut=(made.edges.ids[row],),
            restored=(),
            also_out=(),
            not_out=(),
            expected=8,
            low=8,
            high=8,
            reasons=(),
        )
        for number, row in enumerate(transformers)
    ]


def _processor_s(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def run() -> dict[str, object]:
    """Measure, print and write ``results/fault_cycle``."""
    made = network(SOURCES, FEEDERS)
    made = replace(made, content_hash=content_hash(made))
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.of(Path(folder), made)
        stage.write(range(1), 2200)
        rows = [_row("start on the network, the first time", [_processor_s(stage.turn)])]
        for _ in range(6):
            stage.write(LOW, 1900)
            stage.cycle()
            stage.now_ms += QUARTER_MS
        assert len(stage.book.listed(standing=True, limit=1_000)) >= len(LOW) * FRAME
        rows.append(_row("cycle, nothing new", [_processor_s(stage.cycle) for _ in range(CYCLES)]))
        news = []
        for _ in range(CYCLES):
            stage.write(NEWS, 2200)
            news.append(_processor_s(stage.cycle))
        rows.append(_row(f"cycle, {len(NEWS) * FRAME:,} readings", news))
        stage.count_energy()
        stage.cycle()
        stage.now_ms += DAY_MS - 6 * 3_600_000
        rows.append(_row(f"round of the night, {AREAS_A_ROUND} areas", _night(stage)))
    note = (
        f"{len(made.meters):,} meters; {OUTAGES} open outages in {POSITIONS} switch positions; "
        f"{len(LOW) * FRAME} meters of too low voltage."
    )
    return record("fault_cycle", "Fault watching, cycle by cycle", {"Processor time": rows}, (note,))


def _night(stage: Stage) -> list[float]:
    spent = []
    for _ in range(CYCLES):
        stage.now_ms += 1_000
        spent.append(_processor_s(stage.turn))
    return spent


def _row(step: str, seconds: list[float]) -> Row:
    return {"step": step, "median ms": median(seconds) * 1e3, "most ms": max(seconds) * 1e3}


if __name__ == "__main__":
    run()
