"""A feeder made by hand and nights to play on it: who said what, when it arrived, what was published.

SUB –CB– BUS –L0– P0 ┬–SA– PA0 –LA– PA1 ┬–TA1– LVA1 ┬–LLA11– box ⊏ meters A111 … A114
                     │                  │           └–LLA12– box ⊏ meters A121 … A124
                     │                  └–LA2– PA2 –TA2– … meters A211 … A224
                     ├–SB– …                      TIE (open) joins PA2 and PB2
                     └–SC– …
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from geo.assemble import assemble
from geo.network import Network
from geo.rows import table
from telemetry.detector import Detector, DetectorRules
from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.inference import InferenceModel
from telemetry.outages import OutageRevision, OutageState
from telemetry.scope import scope_of

Row = Mapping[str, object]

LATERALS = "ABC"
T0 = 1_764_000_000_000
MODEL = InferenceModel(miss=0.2)


def feeder(skip_meters: int = 0) -> Network:
    """Three laterals of two transformers of two boxes of four meters; without the first few, if asked."""
    nodes: list[Row] = []
    edges: list[Row] = []
    meters: list[Row] = []
    terminals: list[Row] = []
    customers: list[Row] = []

    def node(name: str, kind: str, kv: float) -> None:
        nodes.append({"id": name, "kind": kind, "name": name, "lon": "", "lat": "", "voltage_kv": kv})

    def edge(name: str, kind: str, start: str, end: str, closed: int = 1) -> None:
        edges.append({"id": name, "kind": kind, "from_id": start, "to_id": end, "closed": closed,
                      "phases": "ABC", "length_m": 100.0, "name": name})  # fmt: skip

    node("SUB", "substation", 10.0)
    node("BUS", "busbar", 10.0)
    node("P0", "pole", 10.0)
    edge("CB", "breaker", "SUB", "BUS")
    edge("L0", "line", "BUS", "P0")
    for x in LATERALS:
        for number in range(3):
            node(f"P{x}{number}", "pole", 10.0)
        edge(f"S{x}", "switch", "P0", f"P{x}0")
        edge(f"L{x}", "line", f"P{x}0", f"P{x}1")
        edge(f"L{x}2", "line", f"P{x}1", f"P{x}2")
        for k in (1, 2):
            node(f"LV{x}{k}", "transformer_lv", 0.4)
            edge(f"T{x}{k}", "transformer", f"P{x}{k}", f"LV{x}{k}")
            terminals.append({"id": f"TT-{x}{k}", "edge_id": f"T{x}{k}"})
            for box in (1, 2):
                node(f"BX{x}{k}{box}", "branch_box", 0.4)
                edge(f"LL{x}{k}{box}", "cable", f"LV{x}{k}", f"BX{x}{k}{box}")
                for n in range(1, 5):
                    name = f"{x}{k}{box}{n}"
                    node(f"AP{name}", "access_point", 0.4)
                    edge(f"SV{name}", "service", f"BX{x}{k}{box}", f"AP{name}")
                    meters.append({"id": name, "node_id": f"AP{name}", "customer_id": f"C{name}",
                                   "phases": "A", "terminal_id": f"TT-{x}{k}"})  # fmt: skip
                    customers.append({"id": f"C{name}", "name": name, "class": "resident",
                                      "priority": "normal", "phone": "", "address": "", "grid_id": x,
                                      "access_point_id": f"AP{name}"})  # fmt: skip
    edge("TIE", "switch", "PA2", "PB2", closed=0)
    sensors: list[Row] = [{"id": f"SEN-{x}", "edge_id": f"S{x}", "kind": "switch"} for x in LATERALS]
    meters = meters[skip_meters:]
    rows = {"nodes": nodes, "edges": edges, "meters": meters, "terminals": terminals, "sensors": sensors,
            "customers": customers}  # fmt: skip
    return assemble({name: table(name, made) for name, made in rows.items()}).accepted()


FEEDER = feeder()
ALL = FEEDER.meters.ids


def under(*prefixes: str) -> tuple[str, ...]:
    """Meters whose id begins so: ``under("A")``, ``under("A1", "B21")``."""
    return tuple(meter for meter in ALL if meter.startswith(prefixes))


def customers(meters: Iterable[str]) -> set[str]:
    return {f"C{meter}" for meter in meters}


@dataclass
class Night:
    """Evidence by arrival (seconds after T0), played through a detector that looks each half second."""

    network: Network = FEEDER
    script: list[tuple[float, Evidence]] = field(default_factory=list)
    revisions: list[OutageRevision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detector = Detector(self.network, DetectorRules(MODEL))
        self.clock_s = -1.0

    def say(
        self,
        kind: EvidenceKind,
        at_s: float,
        devices: Sequence[str],
        arrives_s: float | None = None,
        source: str = "",
        volts: tuple[Volts, ...] = (),
    ) -> None:
        """One row that happened at ``at_s`` and arrives then, or later."""
        arrives_s = at_s if arrives_s is None else arrives_s
        at_ms, received_ms = T0 + round(at_s * 1000), T0 + round(arrives_s * 1000)
        key = f"{kind}|{at_s}|{source}|{'/'.join(devices)}"
        self.script.append(
            (arrives_s, Evidence(kind, at_ms, received_ms, source, tuple(devices), key, volts))
        )

    def gasp(self, at_s: float, meters: Sequence[str], spread_s: float = 0.5) -> None:
        """Last gasps of one instant, arriving one after the other."""
        for number, meter in enumerate(meters):
            self.say(EvidenceKind.POWER_OFF, at_s, [meter], at_s + 0.5 + spread_s * number)

    def power_up(self, at_s: float, meters: Sequence[str], spread_s: float = 0.5) -> None:
        for number, meter in enumerate(meters):
            self.say(EvidenceKind.POWER_ON, at_s, [meter], at_s + 0.5 + spread_s * number)

    def frames(self, at_s: float, meters: Sequence[str]) -> None:
        """A reading frame of each terminal: these of its meters answered, the others did not."""
        for row, terminal in enumerate(self.network.terminals.ids):
            own = [m for m, t in zip(ALL, self.network.meters.terminal, strict=True) if t == row]
            heard = [m for m in own if m in set(meters)]
            if heard:
                self.say(EvidenceKind.ALIVE, at_s, heard, source=terminal)
                if missing := [m for m in own if m not in heard]:
                    self.say(EvidenceKind.SILENT, at_s, missing, source=terminal)

    def play(self, until_s: float) -> list[OutageRevision]:
        """Revisions published up to then, since the last call."""
        published: list[OutageRevision] = []
        waiting = sorted(self.script, key=lambda entry: entry[0])
        while self.clock_s < until_s:
            before, self.clock_s = self.clock_s, self.clock_s + 0.5
            now_ms = T0 + round(self.clock_s * 1000)
            due = [row for arrives_s, row in waiting if before < arrives_s <= self.clock_s]
            self.detector.observe(due, now_ms)
            published.extend(self.detector.evaluate(now_ms))
        self.revisions.extend(published)
        return published

    def newest(self) -> dict[str, OutageRevision]:
        return {revision.outage_id: revision for revision in self.revisions}

    def states(self) -> list[OutageState]:
        """State of each outage, in the order of opening."""
        return [revision.state for revision in self.newest().values()]

    def out(self) -> set[str]:
        """Ids of all customers in the scope of an open outage."""
        return {
            self.network.customers.ids[row]
            for revision in self.detector.outages
            for row in scope_of(self.network, self.detector.tree, revision).customer_rows
        }
