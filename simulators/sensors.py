"""What switch terminals (FTU) and fault passage indicators say: positions, and that a fault current flowed.

Each speaks for itself, under its own id, and lives on a battery. A switch tells its position when it starts
and whenever it moved; an indicator tells of a short circuit fed through it: it stands on the way from a
source to what failed. A single phase that is lost without a short circuit moves neither.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from gateway.contract.payloads import Event
from gateway.contract.topics import EVENTS, STATUS
from geo.network import SWITCHING_KINDS, Bool, Int32, Network, NodeKind, SensorKind
from simulators import frames
from simulators.frames import Boot
from simulators.terminals import Action, Connect, Publish

TELLS_MS: Final = (300, 2_000)
NOTICED: Final = 0.9
"""Share of short circuits that an indicator notices."""


@dataclass(frozen=True, slots=True)
class _Word:
    """Events to tell; none: a heartbeat."""

    kinds: tuple[tuple[int, str], ...] = ()
    """(device time, kind)"""
    first: bool = False


class SensorFleet:
    """All sensors of a network and their agenda; their rows follow those of the terminals.

    Not safe for threads: the practice grid locks it.
    """

    def __init__(self, network: Network, heartbeat_ms: int, seed: int) -> None:
        self._network, self._heartbeat_ms, self._seed = network, heartbeat_ms, seed
        self._first_row = len(network.terminals)
        self._open = ~network.edges.closed
        self._boots: dict[int, Boot] = {}
        self._agenda: list[tuple[int, int, int, _Word]] = []
        self._serial = itertools.count()

    @property
    def speaking(self) -> frozenset[int]:
        """Rows of those that have started."""
        return frozenset(self._first_row + sensor for sensor in self._boots)

    def start(self, opened: Bool, now_ms: int) -> None:
        """Every sensor starts, spread over two seconds; ``opened`` [edges] stand open."""
        self._open = opened.copy()
        waits = np.random.default_rng([self._seed, 11]).integers(0, 2_000, len(self._network.sensors))
        for sensor, wait in enumerate(waits.tolist()):
            self._plan(now_ms + wait, sensor, _Word(first=True))

    def changed(self, opened: Bool, short_circuits: Sequence[Int32], change: int, now_ms: int) -> None:
        """Switches stand as in ``opened`` now; ``short_circuits``: edges on the way to each, source first."""
        rng = np.random.default_rng([self._seed, 12, change])
        sensors = self._network.sensors
        moved, self._open = opened != self._open, opened.copy()
        passed = np.zeros(len(opened), bool)
        for way in short_circuits:
            passed[way] = True
        for sensor, (edge, kind) in enumerate(zip(sensors.edge.tolist(), sensors.kind.tolist(), strict=True)):
            wait_ms, notices = int(rng.integers(*TELLS_MS)), rng.random() < NOTICED
            if kind == SensorKind.SWITCH and moved[edge]:
                said = "switch_open" if opened[edge] else "switch_closed"
                self._plan(now_ms + wait_ms, sensor, _Word(((now_ms, said),)))
            elif kind == SensorKind.FAULT_INDICATOR and passed[edge] and notices:
                self._plan(now_ms + wait_ms, sensor, _Word(((now_ms, "fault_passage"),)))

    def due(self, now_ms: int) -> list[Action]:
        """What happens now, in order; advances the agenda."""
        actions: list[Action] = []
        while self._agenda and self._agenda[0][0] <= now_ms:
            _, _, sensor, word = heapq.heappop(self._agenda)
            actions.extend(self._perform(sensor, word, now_ms))
        return actions

    def _plan(self, due_ms: int, sensor: int, word: _Word) -> None:
        heapq.heappush(self._agenda, (due_ms, next(self._serial), sensor, word))

    def _perform(self, sensor: int, word: _Word, now_ms: int) -> Iterator[Action]:
        row, sensors = self._first_row + sensor, self._network.sensors
        if word.first:
            self._boots[sensor] = Boot(f"{now_ms:x}")
            yield Connect(row, frames.status(self._boots[sensor], "offline", now_ms))
        boot, events = self._boots[sensor], [Event(at, sensors.ids[sensor], kind) for at, kind in word.kinds]
        if word.first and sensors.kind[sensor] == SensorKind.SWITCH:
            position = "switch_open" if self._open[sensors.edge[sensor]] else "switch_closed"
            events.append(Event(now_ms, sensors.ids[sensor], position))
        if not word.kinds:
            yield Publish(row, STATUS, frames.status(boot, "online", now_ms))
            self._plan(now_ms + self._heartbeat_ms, sensor, _Word())
        if events:
            yield Publish(row, EVENTS, frames.events(boot, events))


def way_to(network: Network, usable: Bool, element: str) -> Int32:
    """Edges between a source and what failed, by which a short circuit was fed; none for a switch."""
    row = network.edge_row.get(element)
    if row is None or int(network.edges.kind[row]) in SWITCHING_KINDS or not usable[row]:
        return np.empty(0, np.int32)
    count, edges = len(network.nodes), network.edges
    rows = np.flatnonzero(usable)
    sources = np.flatnonzero(network.nodes.kind == NodeKind.SUBSTATION)
    start = np.concatenate([edges.from_node[rows], np.full(len(sources), count)])
    end = np.concatenate([edges.to_node[rows], sources])
    links = csr_array((np.ones(len(start), np.int32), (start, end)), shape=(count + 1, count + 1))
    order, before = breadth_first_order(links, count, directed=False)
    rank = np.full(count + 1, count + 2)
    rank[order] = np.arange(len(order))
    node = int(min(edges.from_node[row], edges.to_node[row], key=lambda end: rank[end]))
    between = {frozenset((int(edges.from_node[edge]), int(edges.to_node[edge]))): int(edge) for edge in rows}
    way: list[int] = []
    while node != count and before[node] >= 0 and before[node] != count:
        way.append(between[frozenset((node, int(before[node])))])
        node = int(before[node])
    return np.array(way[::-1], np.int32)
