"""What physically happens in a golden night, and what its devices say of it, drawn once from a seed.

A night is one TOML file (``golden_nights/NAME/night.toml``): faults and when they are mended, terminals that
are blocked or without a link, meters recorded at the wrong place, calls, planned work. All else follows from
the network: who is dead when, whose last gasp arrives and when, who is missing in which frame.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np

from benchmarks.accuracy.nights import SIZE_CUSTOMERS, SIZE_SHARE
from geo.network import ABSENT, EdgeKind, Network, Phases
from geo.tree import EnergisedTree
from telemetry.evidence import Evidence, EvidenceKind, Volts
from telemetry.planned_work import PlannedWork
from telemetry.scope import slice_below
from telemetry.supply import supply_tree
from tests.telemetry.golden_grids import grid
from tests.telemetry.nights import T0
from tests.telemetry.phase_nights import DYN11, NORMAL, YYN0, triple

HOLD_UP_S: Final = 30.0
"""A terminal's capacitor lasts this long: then comes its own last gasp, if any."""
OVERDUE_S: Final = 2.5
"""After so many frames that did not come the gateway notes that a terminal is overdue."""
ANSWER_S: Final = 2.0
UNANSWERED_S: Final = 12.0
ALIVE_V: Final = 60.0
USABLE: Final = 0.6
"""Of the nominal voltage: with less a customer of one phase is out."""

Span = tuple[float, float]


class Devices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How well they speak."""

    lost: float = 0.1
    """Share of last gasps and power-ups that never arrive."""
    delay_s: float = 3.0
    """Mean of the others' delay (exponential)."""
    frames_every_s: float = 60.0
    terminals_gasp: bool = True


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    element: str
    at_s: float
    mended_s: float = np.inf
    phase: str = ""
    """The phase lost; empty: all."""
    windings: str = "delta"
    """Of the transformers below, where one phase is lost: ``delta`` (Dyn11) or ``star`` (Yyn0)."""


class Storm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faults of sizes as real outages have, none below another, in a stretch of time."""

    faults: int
    from_s: float
    to_s: float


class Mute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A terminal that brings nothing of its meters; what is said meanwhile is lost, or kept for later."""

    terminals: tuple[str, ...]
    from_s: float
    to_s: float = np.inf
    kept: bool = False


class Misplaced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Meters (by the beginning of their id) that really hang at another node than is recorded."""

    meters: str
    node: str


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customer: str
    at_s: float


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Planned work as somebody entered it, and perhaps cancelled it."""

    element: str
    from_s: float
    to_s: float
    told_s: float
    cancelled_s: float | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    grid: str
    ends_s: float
    seed: int = 1
    devices: Devices = Devices()
    fault: tuple[Fault, ...] = ()
    storm: Storm | None = None
    mute: tuple[Mute, ...] = ()
    misplaced: tuple[Misplaced, ...] = ()
    call: tuple[Call, ...] = ()
    plan: tuple[Plan, ...] = ()


def read_script(file: Path) -> Script:
    """Raises msgspec.ValidationError naming the field that is wrong."""
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Script)


@dataclass(frozen=True)
class Row:
    """One row of evidence, where it arrives (``gateway`` or ``desk``) and when."""

    arrives_s: float
    log: str
    evidence: Evidence


@dataclass
class World:
    """A script on its network: the truth, and what is said of it."""

    script: Script
    network: Network = field(init=False)
    tree: EnergisedTree = field(init=False)

    def __post_init__(self) -> None:
        self.network = grid(self.script.grid)
        self.tree = supply_tree(self.network, self.network.edges.closed)
        self._draw = Random(self.script.seed)

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """Those written down, and those of the storm."""
        return (*self.script.fault, *self._storm())

    @cached_property
    def place(self) -> np.ndarray:
        """[meters] tree position where each really hangs."""
        nodes = self.network.meters.node.copy()
        for wrong in self.script.misplaced:
            for row, meter in enumerate(self.network.meters.ids):
                if meter.startswith(wrong.meters):
                    nodes[row] = self.network.node_row[wrong.node]
        return self.tree.position[nodes]

    @cached_property
    def speaker(self) -> np.ndarray:
        """[meters] row of the terminal that really speaks for each."""
        recorded = self.network.meters.terminal
        at_home = self.place == self.tree.position[self.network.meters.node]
        by_place = {int(p): int(t) for p, t in zip(self.place[at_home], recorded[at_home], strict=True)}
        below = {p: by_place.get(p, ABSENT) for p in set(self.place.tolist())}
        for place in [p for p, terminal in below.items() if terminal == ABSENT]:
            inside = [t for p, t in by_place.items() if place <= p < int(self.tree.end[place])]
            below[place] = inside[0] if inside else ABSENT
        return np.array([below[int(place)] for place in self.place], np.int32)

    @cached_property
    def dead(self) -> dict[int, tuple[Span, ...]]:
        """Meter row → when it has no supply at all, joined."""
        spans: defaultdict[int, list[Span]] = defaultdict(list)
        for fault in self.faults:
            for meter in self._below(fault.element, self.place):
                if not fault.phase or self._blinded(meter, fault):
                    spans[meter].append((fault.at_s, fault.mended_s))
        return {meter: _joined(found) for meter, found in spans.items()}

    @cached_property
    def out(self) -> dict[int, tuple[Span, ...]]:
        """As ``dead``, and single-phase meters that have no usable voltage with them."""
        spans = {meter: list(found) for meter, found in self.dead.items()}
        for fault in self.faults:
            if fault.phase and fault.windings == "delta":
                for meter in self._below(fault.element, self.place):
                    phases = int(self.network.meters.phases[meter])
                    per_unit = [u for n, u in enumerate(DYN11[fault.phase]) if phases == 1 << n]
                    if per_unit and per_unit[0] < USABLE:
                        spans.setdefault(meter, []).append((fault.at_s, fault.mended_s))
        return {meter: _joined(found) for meter, found in spans.items()}

    def lives(self, meter: int, at_s: float) -> bool:
        return not any(start <= at_s < end for start, end in self.dead.get(meter, ()))

    def heard(self, meter: int, at_s: float) -> bool:
        """Whether its terminal brings its words at that moment."""
        return self._mute(int(self.speaker[meter]), at_s) is None

    def rows(self) -> list[Row]:
        """Everything said without being asked, by arrival."""
        said = [*self._turns(), *self._terminals(), *self._frames(), *self._calls(), *self._plans()]
        return sorted(said, key=lambda row: (row.arrives_s, row.evidence.key))

    def answer(self, meter: str, asked_s: float) -> Row:
        """What comes of asking a meter now."""
        row = self.network.meter_row[meter]
        reached = self.speaker[row] == self.network.meters.terminal[row] and self.heard(row, asked_s)
        lives = reached and self.lives(row, asked_s)
        kind = EvidenceKind.ALIVE if lives else EvidenceKind.SILENT
        at_s = asked_s + (ANSWER_S if lives else UNANSWERED_S)
        return self._row(kind, at_s, (meter,), at_s, key=f"ping|{meter}|{asked_s}")

    def below(self, element: str) -> list[int]:
        """Rows of the meters that really hang below an element."""
        return self._below(element, self.place)

    def _below(self, element: str, place: np.ndarray) -> list[int]:
        part = slice_below(self.network, self.tree, element)
        return np.flatnonzero((place >= part.start) & (place < part.stop)).tolist()

    def _blinded(self, meter: int, fault: Fault) -> bool:
        """Behind a star primary the meters of the lost phase alone read nothing."""
        return fault.windings == "star" and int(self.network.meters.phases[meter]) == Phases[fault.phase]

    def _storm(self) -> Iterator[Fault]:
        storm = self.script.storm
        if storm is None:
            return
        tree, edges = self.tree, self.network.edges
        at = np.bincount(tree.position[self.network.meters.node], minlength=len(tree))
        total = np.concatenate(([0], np.cumsum(at)))
        below = total[tree.end] - total[:-1]
        candidates = np.flatnonzero((below > 0) & (tree.edge != ABSENT) & ~tree.on_loop)
        candidates = candidates[edges.kind[tree.edge[candidates]] != EdgeKind.SERVICE]
        chosen: list[int] = []
        while len(chosen) < storm.faults:
            size = float(np.interp(self._draw.random(), SIZE_SHARE, np.log(SIZE_CUSTOMERS)))
            distance = np.abs(np.log(below[candidates]) - size)
            near = candidates[distance <= distance.min() + 0.1]
            one = int(near[self._draw.randrange(len(near))])
            if not any(_related(tree, one, other) for other in chosen):
                chosen.append(one)
        for place in chosen:
            at_s = round(self._draw.uniform(storm.from_s, storm.to_s), 1)
            yield Fault(edges.ids[tree.edge[place]], at_s)

    def _turns(self) -> Iterator[Row]:
        """Last gasps and power-ups, each with a delay of its own."""
        meters = self.network.meters.ids
        for row, spans in sorted(self.dead.items()):
            for start_s, end_s in spans:
                turns = ((EvidenceKind.POWER_OFF, start_s), (EvidenceKind.POWER_ON, end_s))
                for kind, at_s in turns:
                    delay_s = 0.3 + self._draw.expovariate(1 / self.script.devices.delay_s)
                    if self._draw.random() >= self.script.devices.lost and at_s < self.script.ends_s:
                        yield from self._carried(int(self.speaker[row]), kind, at_s, (meters[row],), delay_s)

    def _terminals(self) -> Iterator[Row]:
        """Their own last gasps, and the gateway's notes that one is overdue."""
        overdue_s = OVERDUE_S * self.script.devices.frames_every_s
        for row, name in enumerate(self.network.terminals.ids):
            for start_s, end_s in self._terminal_dead(row):
                if self.script.devices.terminals_gasp and end_s - start_s > HOLD_UP_S:
                    yield from self._carried(row, EvidenceKind.POWER_OFF, start_s + HOLD_UP_S, (name,), 1.0)
                if end_s - start_s > overdue_s:
                    at_s = start_s + overdue_s
                    yield self._row(EvidenceKind.SILENT, at_s, (name,), at_s)
            for mute in self.script.mute:
                if name in mute.terminals and mute.to_s - mute.from_s > overdue_s:
                    at_s = mute.from_s + overdue_s
                    yield self._row(EvidenceKind.SILENT, at_s, (name,), at_s)

    def _terminal_dead(self, row: int) -> tuple[Span, ...]:
        edge = int(self.network.terminals.edge[row])
        place = np.flatnonzero(self.tree.edge == edge)
        spans = [
            (fault.at_s, fault.mended_s)
            for fault in self.faults
            if not fault.phase and len(place) and self._holds(fault.element, int(place[0]))
        ]
        return _joined(spans)

    def _holds(self, element: str, place: int) -> bool:
        part = slice_below(self.network, self.tree, element)
        return bool(part.start <= place < part.stop)

    def _frames(self) -> Iterator[Row]:
        """Each terminal reads its meters in turn: who answered, and who did not."""
        every_s = self.script.devices.frames_every_s
        own: defaultdict[int, list[int]] = defaultdict(list)
        for meter, terminal in enumerate(self.speaker.tolist()):
            own[terminal].append(meter)
        for terminal in sorted(set(own) - {ABSENT}):
            dead = self._terminal_dead(terminal)
            at_s = -every_s + self._draw.uniform(0, min(5.0, every_s / 4))
            while at_s < self.script.ends_s:
                if not any(start <= at_s < end for start, end in dead):
                    yield from self._frame(terminal, own[terminal], round(at_s, 1))
                at_s += every_s

    def _frame(self, terminal: int, own: list[int], at_s: float) -> Iterator[Row]:
        ids = self.network.meters.ids
        read = {row: self._volts(row, at_s) for row in own if self.lives(row, at_s)}
        alive = [row for row, volts in read.items() if volts is None]
        told = {row: volts for row, volts in read.items() if volts and max(v or 0 for v in volts) >= ALIVE_V}
        silent = [row for row in own if row not in told and row not in set(alive)]
        for kind, rows in ((EvidenceKind.ALIVE, alive), (EvidenceKind.SILENT, silent)):
            if rows:
                yield from self._carried(terminal, kind, at_s, tuple(ids[row] for row in rows), 0.3)
        if told:
            devices, volts = tuple(ids[row] for row in told), tuple(told.values())
            yield from self._carried(terminal, EvidenceKind.VOLTAGE, at_s, devices, 0.3, volts)

    def _volts(self, meter: int, at_s: float) -> Volts | None:
        """What a living meter reads, on nights on which voltages matter; None on others."""
        phased = [fault for fault in self.faults if fault.phase]
        if not phased:
            return None
        per_unit = NORMAL
        for fault in phased:
            if fault.at_s <= at_s < fault.mended_s and meter in self._below(fault.element, self.place):
                per_unit = (DYN11 if fault.windings == "delta" else YYN0)[fault.phase]
        return triple(self.network.meters.ids[meter], per_unit, lambda: self._draw.uniform(-0.01, 0.01))

    def _calls(self) -> Iterator[Row]:
        for call in self.script.call:
            yield self._row(EvidenceKind.CALL, call.at_s, (call.customer,), call.at_s, log="desk")

    def _plans(self) -> Iterator[Row]:
        for plan in self.script.plan:
            ends = (T0 + round(second * 1000) for second in (plan.from_s, plan.to_s))
            name = PlannedWork(plan.element, *ends).name
            said = ((EvidenceKind.PLANNED_WORK, plan.told_s), (EvidenceKind.PLAN_CANCELLED, plan.cancelled_s))
            for kind, at_s in said:
                if at_s is not None:
                    yield self._row(kind, at_s, (name,), at_s, log="desk", source="desk:ann")

    def _mute(self, terminal: int, at_s: float) -> Mute | None:
        name = self.network.terminals.ids[terminal] if terminal != ABSENT else ""
        mutes = (m for m in self.script.mute if name in m.terminals and m.from_s <= at_s < m.to_s)
        return next(mutes, None)

    def _carried(
        self, terminal: int, kind: EvidenceKind, at_s: float, devices: tuple[str, ...], delay_s: float,
        volts: tuple[Volts, ...] = (),
    ) -> Iterator[Row]:  # fmt: skip
        """Through the terminal: at once, later, or never."""
        mute = self._mute(terminal, at_s)
        if mute is not None and not mute.kept:
            return
        arrives_s = at_s + delay_s if mute is None else mute.to_s + self._draw.uniform(0.0, 1.0)
        source = self.network.terminals.ids[terminal] if terminal != ABSENT else ""
        yield self._row(kind, at_s, devices, arrives_s, source=source, volts=volts)

    def _row(
        self, kind: EvidenceKind, at_s: float, devices: tuple[str, ...], arrives_s: float, *,
        log: str = "gateway", source: str = "", volts: tuple[Volts, ...] = (), key: str = "",
    ) -> Row:  # fmt: skip
        at_ms, received_ms = T0 + round(at_s * 1000), T0 + round(arrives_s * 1000)
        key = key or f"{kind}|{at_ms}|{source}|{'/'.join(devices)}"
        return Row(arrives_s, log, Evidence(kind, at_ms, received_ms, source, devices, key, volts))


def _related(tree: EnergisedTree, one: int, other: int) -> bool:
    return bool(one <= other < int(tree.end[one]) or other <= one < int(tree.end[other]))


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)
