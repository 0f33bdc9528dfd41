"""Nights with one lost phase: what happens, what gets through, and the truth.

Voltages come from the simulator's physics (connected components phase by phase), never from the product's
tree. A tenth of the single-phase meters hang on another phase than recorded, terminals read their meters once
a minute at instants of their own, a tenth of the terminals say nothing, four of ten last gasps are lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from geo.network import Bool, EdgeKind, Float64, Int8, Int32, Network, Phases
from geo.tree import EnergisedTree
from simulators.phases import DISTURBED_PU, LIVES_PU, delta_primaries, phase_bits, phase_volts
from telemetry.evidence import Evidence, EvidenceKind, Volts

START_MS: Final = 1_795_300_000_000
POLL_S: Final = 60
NOMINAL_V: Final = 231.0
LETTERS: Final = "ABC"

Level = Literal["medium", "low"]


@dataclass(frozen=True, slots=True)
class Habits:
    wrong_phase: float = 0.1
    answered: float = 0.95
    """Share of living meters that answer a poll."""
    blocked: float = 0.1
    miss: float = 0.4
    false_alarm: float = 1e-3
    gasp_delay_s: float = 15.0
    stray: float = 0.2
    """Share of three-phase meters whose dead phase shows a voltage through a load."""


@dataclass(frozen=True, slots=True, eq=False)
class Night:
    fault: int
    """Row of the edge that lost the phase."""
    phase: str
    true_phases: Int8
    """[meters] where they really hang, as bits."""
    volts: Float64
    """[meters, 3] per unit, since instant 0."""
    lives: Bool
    affected: Bool
    """[meters] it lacks a phase that it has, or has half of it."""
    evidence: tuple[tuple[float, Evidence], ...]
    """(arrival in seconds, row), by arrival."""


def candidates(network: Network, tree: EnergisedTree, level: Level, least: int) -> Int32:
    """Edges whose lost phase at that level is worth a night: at least so many meters below, of two phases."""
    position = tree.position[network.meters.node]
    fed = np.sort(position[position >= 0])
    below = np.searchsorted(fed, tree.end) - np.searchsorted(fed, np.arange(len(tree)))
    medium = network.nodes.voltage_kv[tree.node] >= 1.0
    kinds = network.edges.kind[tree.edge]
    line = np.isin(kinds, (EdgeKind.LINE, EdgeKind.CABLE)) & (tree.edge >= 0)
    transformer = (kinds == EdgeKind.TRANSFORMER) & (tree.edge >= 0) & ~medium
    chosen = (line & medium) | transformer if level == "medium" else line & ~medium
    rows: Int32 = tree.edge[chosen & (below >= least) & ~tree.on_loop]
    return rows


def draw(network: Network, edges: Int32, habits: Habits, rng: np.random.Generator, seed: int) -> Night:
    """One night; the fault strikes at instant 0."""
    fault, phase = int(rng.choice(edges)), str(rng.choice(list(LETTERS)))
    true_phases = _true_phases(network, habits, rng)
    lost = np.zeros(len(network.edges), np.int8)
    lost[fault] = phase_bits(phase)
    healthy, nobody = network.edges.closed, np.zeros(len(network.nodes), bool)
    nodes = phase_volts(network, healthy, nobody, lost, delta_primaries(network, seed))
    volts = nodes[network.meters.node]
    own = (true_phases[:, None] >> np.arange(3)) & 1 > 0
    lives = np.where(own, volts, 0.0).max(axis=1) > LIVES_PU
    affected = np.where(own, volts, 1.0).min(axis=1) < DISTURBED_PU
    told = _told(network, habits, rng, true_phases, volts, lives)
    ordered = tuple(sorted(told, key=lambda entry: entry[0]))
    return Night(fault, phase, true_phases, volts, lives, affected, ordered)


def _true_phases(network: Network, habits: Habits, rng: np.random.Generator) -> Int8:
    phases = network.meters.phases.copy()
    single = np.flatnonzero(np.isin(phases, (Phases.A, Phases.B, Phases.C)))
    wrong = single[rng.random(len(single)) < habits.wrong_phase]
    phases[wrong] = 1 << ((phases[wrong] // 2 + rng.integers(1, 3, len(wrong))) % 3)
    return phases


def _told(
    network: Network, habits: Habits, rng: np.random.Generator, phases: Int8, volts: Float64, lives: Bool
) -> Iterator[tuple[float, Evidence]]:
    count = len(network.terminals)
    blocked = rng.random(count) < habits.blocked
    offset_s = rng.uniform(0, POLL_S, count)
    sag = rng.uniform(0.93, 1.03, len(phases))
    stray = np.where(rng.random(len(phases)) < habits.stray, rng.uniform(0.05, 0.6, len(phases)), 0.0)
    for terminal in np.flatnonzero(~blocked):
        meters = np.flatnonzero(network.meters.terminal == terminal)
        for turn in range(-1, 6):
            at_s = offset_s[terminal] + POLL_S * turn
            now = volts[meters] if at_s > 0 else np.ones((len(meters), 3))
            heard = (rng.random(len(meters)) < habits.answered) & (lives[meters] | (at_s <= 0))
            shown = (now + np.where(now == 0, stray[meters, None], 0.0)) * sag[meters, None]
            shown += rng.normal(0, 0.01, shown.shape) + np.where(now == 0.5, rng.normal(0, 0.05), 0.0)
            name = network.terminals.ids[terminal]
            yield from _frame(network, name, meters[heard], phases, shown[heard], at_s)
            if at_s > 0 and not heard.all():
                yield _unheard(network, name, meters[~heard], at_s)
    yield from _gasps(network, habits, rng, lives, blocked)


def _frame(
    network: Network, name: str, meters: Int32, phases: Int8, shown: Float64, at_s: float
) -> Iterator[tuple[float, Evidence]]:
    """A poll's answers as the gateway tells them."""
    good: list[str] = []
    low: dict[str, Volts] = {}
    for meter, values in zip(meters.tolist(), np.round(np.clip(shown, 0, None) * NOMINAL_V, 1), strict=True):
        bits = int(phases[meter])
        read = [float(values[k]) for k in range(3) if bits >> k & 1]
        short = read[0] < 165.0 if len(read) == 1 else min(read) < 0.75 * max(read)
        if short:
            low[network.meters.ids[meter]] = _triple(read)
        else:
            good.append(network.meters.ids[meter])
    at_ms, arrives_s = START_MS + round(at_s * 1000), at_s + 1.0
    if good:
        floor: tuple[Volts, ...] = ((200.0, 200.0, 200.0),)
        alive = Evidence(
            EvidenceKind.ALIVE, at_ms, at_ms + 1000, name, tuple(good), f"{name}/{at_ms}/a", floor
        )
        yield arrives_s, alive
    if low:
        kind, volts = EvidenceKind.VOLTAGE, tuple(low.values())
        yield arrives_s, Evidence(kind, at_ms, at_ms + 1000, name, tuple(low), f"{name}/{at_ms}/v", volts)


def _unheard(network: Network, name: str, meters: Int32, at_s: float) -> tuple[float, Evidence]:
    at_ms, ids = START_MS + round(at_s * 1000), tuple(network.meters.ids[meter] for meter in meters)
    return at_s + 1.0, Evidence(EvidenceKind.SILENT, at_ms, at_ms + 1000, name, ids, f"{name}/{at_ms}/s")


def _triple(read: list[float]) -> Volts:
    return (read[0], None, None) if len(read) == 1 else (read[0], read[1], read[2])


def _gasps(
    network: Network, habits: Habits, rng: np.random.Generator, lives: Bool, blocked: Bool
) -> Iterator[tuple[float, Evidence]]:
    terminal = network.meters.terminal
    deaf = (terminal >= 0) & blocked[np.maximum(terminal, 0)]
    said = np.where(lives, rng.random(len(lives)) < habits.false_alarm, rng.random(len(lives)) > habits.miss)
    for meter in np.flatnonzero(said & ~deaf).tolist():
        at_s = float(rng.uniform(-60, 60)) if lives[meter] else 0.1
        arrives_s = at_s + float(rng.exponential(habits.gasp_delay_s))
        at_ms, name = START_MS + round(at_s * 1000), network.meters.ids[meter]
        row = Evidence(
            EvidenceKind.POWER_OFF, at_ms, START_MS + round(arrives_s * 1000), "", (name,), f"g/{name}"
        )
        yield arrives_s, row
