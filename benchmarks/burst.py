"""A burst of last gasps: from the first byte at the broker to the outage revision, and how it grows.

``python -m benchmarks.burst`` (some three minutes). End to end: Mosquitto, gateway and detector as real
processes on a network of a million meters. Each fault takes whole sources out at once; a small fault behind
it marks when everything before has been concluded from, because evidence is read in order. In process: the
detector alone, ten thousand to 600,000 events, then how the cost of one look grows with the network.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.charts import Axis, Chart
from benchmarks.backlog_drain import mosquitto
from benchmarks.inference_scale import network
from benchmarks.processor import Spent, spent
from benchmarks.record import RESULTS, Cell, record
from benchmarks.wire_publisher import WirePublisher, packets
from gateway.adapters.mqtt.door import BrokerAddress, create_sessions
from gateway.contract.topics import EVENTS, topic
from geo.adapters.database import open_database
from geo.fingerprint import content_hash
from geo.network import EdgeKind, Int32, Network
from geo.ports import NetworkVersion
from geo.source_areas import SourceAreas
from geo.tracing import Feeding
from gridcrew.broker import gateway_sessions
from gridcrew.migrations.runner import migrate_all
from gridcrew.sealed_networks import open_networks
from gridcrew.settings import Settings
from telemetry.adapters.detector_service import BATCH
from telemetry.adapters.outage_log import SqlOutageLog
from telemetry.area_watch import BURST_MS, PACE_MS, Urgency
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind
from telemetry.inference import InferenceModel
from telemetry.outages import OutageRevision
from telemetry.patience import Patience

FRAME = 200
BURSTS_OF = ((100_000, FRAME, 4), (100_000, 1, 2))
"""Events of a burst, how many come in a frame, and how many such bursts."""
GROWING = (10_000, 30_000, 100_000, 300_000)
"""Events of bursts end to end, one after the other."""
REPORTED = 0.6
"""Share of the dead meters whose last gasp comes through."""
LOOK_S = 0.005
PAUSE_S = 5.0
"""Between two bursts, so that none waits for what was concluded from the one before to be explained."""
LIMIT_S = 120.0
GROWTH = (10_000, 30_000, 100_000, 300_000, 600_000)
SOURCES = (10, 40, 100)

Row = dict[str, Cell]


@dataclass(frozen=True, eq=False)
class Stage:
    """A network and which meters each source feeds."""

    network: Network
    feeding: Feeding
    meters: tuple[Int32, ...]
    sources: tuple[str, ...]

    @staticmethod
    def of(made: Network) -> "Stage":
        feeding = Feeding.normal(made)
        tree, areas = feeding.tree, SourceAreas(made, feeding.tree)
        spans = [areas.span(number) for number in range(len(areas))]
        tops = tuple(made.nodes.ids[tree.node[span.start]] for span in spans)
        return Stage(made, feeding, tuple(feeding.meters(span) for span in spans), tops)

    def transformer(self, source: int) -> tuple[str, tuple[str, ...]]:
        """A transformer of the source, and all its meters."""
        made, tree = self.network, self.feeding.tree
        position = int(tree.position[made.meters.node[self.meters[source][0]]])
        while made.edges.kind[tree.edge[position]] != EdgeKind.TRANSFORMER:
            position = int(tree.parent[position])
        below = self.feeding.meters(slice(position, int(tree.end[position])))
        return made.edges.ids[tree.edge[position]], tuple(made.meters.ids[row] for row in below.tolist())

    def gasping(self, sources: Sequence[int], events: int, seed: int) -> tuple[str, ...]:
        """Meters of these sources in the order in which they are heard."""
        rng = np.random.default_rng(seed)
        dead = np.concatenate([self.meters[n] for n in sources])
        return tuple(self.network.meters.ids[row] for row in rng.permutation(dead)[:events].tolist())

    def needed(self, events: int) -> int:
        """Sources whose meters make that many events."""
        return int(np.ceil(events / REPORTED / len(self.meters[0])))


def run() -> dict[str, object]:
    """Measure, print and write ``results/burst`` with its chart."""
    stage = Stage.of(network())
    tables: dict[str, list[Row]] = {}
    for events, frame, bursts in BURSTS_OF:
        with Chain.started(stage) as chain:
            took = [chain.burst(events, frame) for _ in range(bursts)]
        tables[f"End to end, {events:,} events, {frame} in a frame"] = _percentiles(took)
    with Chain.started(stage) as chain:
        growing = [chain.burst(events, FRAME) for events in GROWING]
    tables[f"Growth end to end, {FRAME} events in a frame"] = [took.row() for took in growing]
    tables["Growth of the detector alone, single-event evidence, a million meters"] = _growth(stage)
    tables["One look at an open outage, by size of the network"] = _looks()
    _draw(growing, tables)
    meters, sources = len(stage.network.meters), len(stage.sources)
    notes = (
        f"{meters:,} meters under {sources} sources; bursts some seconds apart, each on other sources.",
        f"{REPORTED:.0%} of the meters of the struck sources say that they die.",
        "End to end: from before the first frame is handed to the socket until the revision is read.",
        "Publisher and reader run on the same cores. Named: the first revision whose cause is the source.",
        "Reflected: a fault sent behind the burst is told, so all before it has been concluded from.",
        "Waiting: how long the detector had no processor; booked late, so an estimate (a row may exceed it).",
        f"Load of the machine at the end, other programs included: {os.getloadavg()[0]:.1f}.",
        "The detector alone: processor time of folding and concluding, looks as the service takes them.",
        "Chart: burst_growth.svg.",
    )
    return record("burst", "A burst of last gasps", tables, notes, ("numpy", "numba", "sqlalchemy"))


@dataclass(frozen=True, slots=True)
class Took:
    """One burst: seconds since its first byte, and what the processes spent until it was reflected."""

    events: int
    frames: int
    published_s: float
    named_s: tuple[float, ...]
    reflected_s: float
    gateway: Spent
    detector: Spent

    def row(self) -> Row:
        return {
            "events": self.events,
            "frames": self.frames,
            "reflected s": self.reflected_s,
            "of it the detector waiting s": self.detector.waited_s,
            "gateway processor s": self.gateway.used_s,
            "detector processor s": self.detector.used_s,
            "µs processor an event": 1e6 * (self.gateway.used_s + self.detector.used_s) / self.events,
        }


@dataclass
class Chain:
    """Broker, gateway and detector as processes, and somebody who publishes and looks."""

    stage: Stage
    publisher: WirePublisher
    watch: "Watch"
    pids: tuple[int, int]
    """Of the gateway and the detector."""
    sources: Iterator[int] = field(default_factory=itertools.count)

    @staticmethod
    @contextmanager
    def started(stage: Stage) -> Iterator["Chain"]:
        with tempfile.TemporaryDirectory(prefix="gridcrew-bench-") as home, mosquitto(Path(home)) as address:
            settings = _installed(stage, Path(home) / "var", address)
            create_sessions(address, gateway_sessions(settings))
            watch = Watch(SqlOutageLog(open_database(settings.database_location, "outages")))
            with (
                _process("gateway", settings) as gateway,
                _process("detector", settings) as detector,
                WirePublisher.at(address) as publisher,
            ):
                yield Chain(stage, publisher, watch, (gateway, detector))

    def burst(self, events: int, frame: int) -> Took:
        """Strike as many sources as it needs, none twice, and a transformer of another one behind them."""
        struck = [next(self.sources) for _ in range(self.stage.needed(events))]
        mark = next(self.sources)
        time.sleep(PAUSE_S)
        at_ms = time.time_ns() // 1_000_000
        bodies = list(_frames(self.stage.gasping(struck, events, mark), frame, mark, at_ms))
        element, dead = self.stage.transformer(mark)
        bodies.extend(_frames(dead, FRAME, 1000 + mark, at_ms))
        ready = packets(topic("B1", EVENTS), bodies)
        before, began_s = [spent(pid) for pid in self.pids], time.monotonic()
        self.publisher.publish(ready)
        published_s = time.monotonic() - began_s
        names = {self.stage.sources[n] for n in struck}
        told = self.watch.until(names | {element})
        gateway, detector = (spent(pid) - earlier for pid, earlier in zip(self.pids, before, strict=True))
        named_s = tuple(told[name] - began_s for name in names)
        return Took(events, len(bodies), published_s, named_s, told[element] - began_s, gateway, detector)


def _installed(stage: Stage, folder: Path, address: BrokerAddress) -> Settings:
    folder.mkdir()
    url = f"mqtt://127.0.0.1:{address.port}"
    settings = Settings.model_validate({"data_dir": folder, "mqtt": {"url": url}})
    migrate_all(settings.database_location)
    named = replace(stage.network, content_hash=content_hash(stage.network))
    store = open_networks(settings)
    store.put(named, NetworkVersion(named.content_hash, 0, 0, "burst"))
    return settings


@contextmanager
def _process(name: str, settings: Settings) -> Iterator[int]:
    environment = {"GRIDCREW_DATA_DIR": str(settings.data_dir), "GRIDCREW_MQTT__URL": settings.mqtt.url}
    with subprocess.Popen(
        [sys.executable, "-m", "gridcrew", name],
        env=os.environ | environment, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert any(f"{name} ready" in line for line in process.stdout), f"{name} did not start"
            yield process.pid
        finally:
            process.terminate()


@dataclass
class Watch:
    """The outage log as somebody sees it who looks every few milliseconds."""

    log: SqlOutageLog
    after: int = 0

    def until(self, wanted: set[str]) -> dict[str, float]:
        """When (monotonic) each of these elements was first told as a cause."""
        seen: dict[str, float] = {}
        deadline_s = time.monotonic() + LIMIT_S
        while wanted - set(seen):
            assert time.monotonic() < deadline_s, f"not told: {sorted(wanted - set(seen))}"
            time.sleep(LOOK_S)
            for logged in self.log.read(self.after):
                self.after = logged.id
                for element in wanted.intersection(logged.revision.cause.equivalent) - set(seen):
                    seen[element] = time.monotonic()
        return seen


def _percentiles(bursts: Sequence[Took]) -> list[Row]:
    named_s = [seconds for took in bursts for seconds in took.named_s]
    columns = {
        "handed to the socket": [took.published_s for took in bursts],
        "named": named_s,
        "reflected": [took.reflected_s for took in bursts],
        "reflected, less waiting": [took.reflected_s - took.detector.waited_s for took in bursts],
        "frames a second until reflected": [took.frames / took.reflected_s for took in bursts],
        "gateway, processor s": [took.gateway.used_s for took in bursts],
        "detector, processor s": [took.detector.used_s for took in bursts],
    }
    return [
        {"first byte until": what, "n": len(values), "p50": _share(values, 50), "p99": _share(values, 99)}
        for what, values in columns.items()
    ]


def _share(values: Sequence[float], percent: int) -> float:
    return float(np.percentile(values, percent))


def _draw(growing: Sequence[Took], tables: Mapping[str, Sequence[Row]]) -> None:
    """Seconds by thousands of events."""
    alone = [row for rows in tables.values() for row in rows if "of it folding s" in row]
    lines = {
        "reflected": [(took.events / 1e3, took.reflected_s) for took in growing],
        "reflected, less waiting": [
            (took.events / 1e3, took.reflected_s - took.detector.waited_s) for took in growing
        ],
        "gateway, processor": [(took.events / 1e3, took.gateway.used_s) for took in growing],
        "detector alone": [(float(row["events"] or 0) / 1e3, float(row["s"] or 0)) for row in alone],
    }
    most_s = float(np.ceil(max(seconds for line in lines.values() for _, seconds in line)))
    chart = Chart(
        "A burst of last gasps: seconds by size",
        Axis("thousand events", 0, GROWTH[-1] / 1e3, (0, 100, 200, 300, 400, 500, 600)),
        Axis("seconds", 0, most_s, tuple(np.linspace(0, most_s, 5).tolist())),
        lines,
    )
    (RESULTS / "burst_growth.svg").write_text(chart.svg(), encoding="utf-8")


def _frames(meters: Sequence[str], size: int, boot: int, at_ms: int) -> Iterator[bytes]:
    for seq in range(0, len(meters), size):
        events = b",".join(
            b'{"at":%d,"device":"%s","kind":"power_off"}' % (at_ms, meter.encode())
            for meter in meters[seq : seq + size]
        )
        yield b'{"v":1,"boot":"b%d","seq":%d,"events":[%s]}' % (boot, seq // size, events)


def _growth(stage: Stage) -> list[Row]:
    rows: list[Row] = []
    for number, events in enumerate(GROWTH):
        detector = Detector(stage.network, DetectorRules(InferenceModel()))
        struck = range(stage.needed(events))
        evidence = _evidence(stage.gasping(struck, events, number))
        _conclude(detector, _evidence(stage.transformer(len(stage.sources) - 1)[1]))
        began_s = time.process_time()
        fold_s, told = _conclude(detector, evidence)
        seconds = time.process_time() - began_s
        causes = {revision.cause.element for revision in told}
        named = len(causes.intersection(stage.sources[n] for n in struck))
        rows.append(
            {
                "events": events,
                "sources struck": len(struck),
                "sources named": named,
                "s": seconds,
                "of it folding s": fold_s,
                "µs an event": seconds / events * 1e6,
            }
        )
    return rows


def _evidence(meters: Sequence[str], at_ms: int = 1_764_000_000_000) -> list[Evidence]:
    """One row for each meter."""
    return [
        Evidence(EvidenceKind.POWER_OFF, at_ms, at_ms + 1000, "", (meter,), f"{meter}/{at_ms}")
        for meter in meters
    ]


def _conclude(detector: Detector, evidence: Sequence[Evidence]) -> tuple[float, list[OutageRevision]]:
    """Batches as the service reads them; seconds spent on folding, and what was told.

    Evidence time runs as fast as the work is done; looks take the share of it that the service gives them.
    """
    told: list[OutageRevision] = []
    received_ms, fold_s, looks = evidence[0].received_ms, 0.0, Patience()
    began_ms = _processor_ms()
    for start in range(0, len(evidence), BATCH):
        batch_s = time.process_time()
        now_ms = received_ms + _processor_ms() - began_ms
        detector.observe(evidence[start : start + BATCH], now_ms)
        fold_s += time.process_time() - batch_s
        look_ms = _processor_ms()
        more = looks.may(look_ms)
        told.extend(detector.evaluate(now_ms, upto=Urgency.MORE_WORDS if more else Urgency.FIRST_WORDS))
        if more:
            looks.had(look_ms, _processor_ms())
    told.extend(detector.evaluate(received_ms + _processor_ms() - began_ms + BURST_MS))
    return fold_s, told


def _processor_ms() -> int:
    return round(1000 * time.process_time())


def _looks() -> list[Row]:
    """The same fault of one transformer in networks of growing size: what each look at it costs."""
    rows: list[Row] = []
    for sources in SOURCES:
        stage = Stage.of(network(sources))
        detector = Detector(stage.network, DetectorRules(InferenceModel()))
        evidence = _evidence(stage.transformer(0)[1])
        _conclude(detector, evidence)
        now_ms = evidence[0].received_ms + 10_000
        rows.append(
            {
                "meters": len(stage.network.meters),
                "one event and a look ms": 1e3 * _median_s(detector, evidence[:1], now_ms),
                "a second without evidence µs": 1e6 * _median_s(detector, [], now_ms + 10_000_000),
            }
        )
    return rows


def _median_s(detector: Detector, evidence: Sequence[Evidence], now_ms: int) -> float:
    seconds = []
    for number in range(15):
        began_s = time.process_time()
        detector.observe(evidence, now_ms + number * PACE_MS)
        detector.evaluate(now_ms + number * PACE_MS)
        seconds.append(time.process_time() - began_s)
    return float(np.median(seconds))


if __name__ == "__main__":
    run()
