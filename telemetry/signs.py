"""What devices say about one part of the tree: counted signs, and the machine-readable reasons made of them.

Everything here reads ``Observations`` over a slice of tree positions, so it costs what the part costs.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geo.network import ABSENT, Int32, Network
from geo.row_sets import distinct
from geo.tree import EnergisedTree
from telemetry.corrections import Corrections
from telemetry.evidence import EvidenceKind
from telemetry.observations import NEVER, Observations

EARLY_MS: Final = 60_000
"""How far before the estimated onset a sign may lie and still belong to it."""
LIFE_TOLERANCE_MS: Final = 2_000
"""A sign of life counts only when it is later than the onset by more than this (clocks differ)."""
TERMINAL_LIFE_MS: Final = 30_000
"""A terminal's capacitor lets it speak on for a while: only later words prove supply."""
MAX_NAMED: Final = 5
"""Most elements that a reason names."""

Rows = Int32
Instants = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Devices:
    """Meters and terminals sorted by the tree position that they speak of, so that a part is a slice."""

    meter_position: Int32
    meter_rows: Rows
    terminal_position: Int32
    terminal_rows: Rows

    @staticmethod
    def on(network: Network, tree: EnergisedTree) -> "Devices":
        """Devices without supply in this tree are left out."""
        fed = np.full(len(network.edges), ABSENT, np.int32)
        fed[tree.edge[tree.edge != ABSENT]] = np.flatnonzero(tree.edge != ABSENT)
        meters = _sorted(tree.position[network.meters.node])
        watched = network.terminals.edge
        terminals = _sorted(np.where(watched == ABSENT, ABSENT, fed[watched]).astype(np.int32))
        return Devices(*meters, *terminals)

    def meters(self, part: slice) -> Rows:
        low, high = np.searchsorted(self.meter_position, (part.start, part.stop))
        return self.meter_rows[low:high]

    def terminals(self, part: slice) -> Rows:
        low, high = np.searchsorted(self.terminal_position, (part.start, part.stop))
        return self.terminal_rows[low:high]


def _sorted(position: Int32) -> tuple[Int32, Int32]:
    order = np.argsort(position, kind="stable").astype(np.int32)
    order = order[np.searchsorted(position[order], 0) :]
    return position[order], order


@dataclass(frozen=True, slots=True)
class Signs:
    """How many devices of a part said what, about an onset."""

    last_gasps: int
    """Meters whose last word is "off"."""
    returned: int
    """Meters that said "off" and lived again."""
    alive_after: int
    """Meters that lived after the onset, the returned ones with them."""
    silent: int
    """Meters that gave no answer when polled after the onset."""
    calls: int
    terminal_off: int
    terminal_alive: int
    terminal_silent: int
    switch_open: tuple[str, ...] = ()
    fault_passage: tuple[str, ...] = ()

    @property
    def gasped(self) -> int:
        """Meters that said "off" at this onset, whatever came of them."""
        return self.last_gasps + self.returned

    @property
    def lone(self) -> bool:
        """A single sign: it asks for a second one before anybody is sent out."""
        meters = self.last_gasps + self.calls + self.silent
        return meters + self.terminal_off + self.terminal_silent + len(self.switch_open) <= 1

    def tokens(self) -> tuple[str, ...]:
        """``name=value``; counts that are nought are left out, but for the two that always matter."""
        counts = {
            "returned": self.returned,
            "silent": self.silent,
            "calls": self.calls,
            "terminal_off": self.terminal_off,
            "terminal_alive": self.terminal_alive,
            "terminal_silent": self.terminal_silent,
        }
        always = (f"last_gasps={self.last_gasps}", f"alive_after={self.alive_after}")
        told = tuple(f"{name}={count}" for name, count in counts.items() if count)
        opened = tuple(f"switch_open={element}" for element in self.switch_open)
        passed = tuple(f"fault_passage={element}" for element in self.fault_passage)
        return (*always, *told, *opened, *passed)


def living(seen: Observations, rows: Rows, onset_ms: int) -> NDArray[np.bool_]:
    """Which of these meters gave a sign of life after the onset and after their own last gasp."""
    alive_ms = seen.meter_alive_ms[rows]
    lives: NDArray[np.bool_] = (alive_ms > onset_ms + LIFE_TOLERANCE_MS) & (
        alive_ms > seen.meter_off_ms[rows]
    )
    return lives


def living_terminals(seen: Observations, rows: Rows, onset_ms: int) -> NDArray[np.bool_]:
    """Which terminals prove that their transformer is fed: they speak on after any capacitor is empty."""
    alive_ms = seen.terminal_alive_ms[rows]
    since_ms = np.maximum(seen.terminal_off_ms[rows], onset_ms)
    lives: NDArray[np.bool_] = (alive_ms > since_ms) & (alive_ms > onset_ms + TERMINAL_LIFE_MS)
    return lives


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What one evaluation looks at."""

    network: Network
    tree: EnergisedTree
    devices: Devices
    seen: Observations
    return_ms: Instants
    """[meters] first proof of life after the newest last gasp, NEVER where there is none."""
    power_up_ms: Instants
    """[meters] newest report of its own that supply returned."""
    now_ms: int
    corrections: Corrections = field(default_factory=Corrections)
    """What people said; ``seen`` is already what follows from it."""


def signs_in(scene: Scene, part: slice, onset_ms: int) -> Signs:
    """Count what the devices below this part say about an onset at that instant."""
    seen, devices = scene.seen, scene.devices
    meters, terminals = devices.meters(part), devices.terminals(part)
    since_ms = onset_ms - EARLY_MS
    lives = living(seen, meters, onset_ms)
    gasped = (seen.meter_off_ms[meters] >= since_ms) & (seen.meter_off_ms[meters] != NEVER)
    dead_terminal = seen.terminal_off_ms[terminals] > np.maximum(
        seen.terminal_alive_ms[terminals], since_ms - 1
    )
    silent = seen.terminal_silent_ms[terminals] > np.maximum(seen.terminal_alive_ms[terminals], since_ms - 1)
    return Signs(
        last_gasps=int(np.count_nonzero(gasped & ~lives & _last(seen, meters))),
        returned=int(np.count_nonzero(gasped & lives)),
        alive_after=int(np.count_nonzero(lives)),
        silent=int(np.count_nonzero(_after(seen.meter_silent_ms, seen, meters, since_ms))),
        calls=_calls(scene.network, seen, meters, since_ms),
        terminal_off=int(np.count_nonzero(dead_terminal)),
        terminal_alive=int(np.count_nonzero(living_terminals(seen, terminals, onset_ms))),
        terminal_silent=int(np.count_nonzero(silent)),
        switch_open=_reported_open(scene, part),
        fault_passage=_named(scene, part, seen.edge_fault_passage_ms >= since_ms),
    )


def _last(seen: Observations, rows: Rows) -> NDArray[np.bool_]:
    """Whether "off" is the newest word."""
    last: NDArray[np.bool_] = seen.meter_off_ms[rows] >= seen.meter_alive_ms[rows]
    return last


def _after(instants: Instants, seen: Observations, rows: Rows, since_ms: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = instants[rows] > np.maximum(seen.meter_alive_ms[rows], since_ms - 1)
    return found


def _calls(network: Network, seen: Observations, rows: Rows, since_ms: int) -> int:
    """Customers, not meters: one call is one call however many meters they have."""
    called = rows[_after(seen.meter_call_ms, seen, rows, since_ms)]
    return len(distinct(network.meters.customer[called]))


def _reported_open(scene: Scene, part: slice) -> tuple[str, ...]:
    """Without what a person found faulty: the inference is told of that as of an open switch."""
    found = scene.corrections.saying(EvidenceKind.FOUND_FAULTY)
    named = _named(scene, part, scene.seen.edge_open_ms > scene.seen.edge_closed_ms)
    return tuple(element for element in named if element not in found)


def _named(scene: Scene, part: slice, marked: NDArray[np.bool_]) -> tuple[str, ...]:
    edges = scene.tree.edge[part]
    edges = edges[edges != ABSENT]
    return tuple(scene.network.edges.ids[row] for row in edges[marked[edges]][:MAX_NAMED])
