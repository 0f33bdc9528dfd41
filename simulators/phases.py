"""Which voltage each phase has at each node when single phases are lost; per unit of the healthy one.

Again by connected components (scipy), phase by phase, so that simulator and detector cannot be wrong
together. A transformer with a delta primary that lost one phase gives two half phases and a whole one; with a
star primary it gives none on that phase and 0.86 on the others; with two lost it gives nothing.
"""

from typing import Final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from geo.network import Bool, Float64, Int8, Int32, Network, NodeKind

LETTERS: Final = "ABC"
ALL: Final = 7
LIVES_PU: Final = 0.3
"""Above this share of nominal voltage a meter runs and sends no last gasp."""
DISTURBED_PU: Final = 0.8
LOW_VOLTAGE_BELOW_KV: Final = 1.0
DELTA_SHARE: Final = 0.7
_FULL_BEHIND_DELTA: Final = (1, 2, 0)
"""Dyn11: a hangs between A and B, b between B and C, c between C and A."""


def delta_primaries(network: Network, seed: int) -> Bool:
    """For every edge whether its primary is a delta: by its column ``vector_group``, else seeded."""
    edges = len(network.edges)
    drawn = np.random.default_rng([seed, 10]).random(edges) < DELTA_SHARE
    names = network.edges.extra.get("vector_group", ("",) * edges)
    named = np.array([name.strip().upper().startswith("D") for name in names], bool)
    known = np.array([bool(name.strip()) for name in names], bool)
    return np.where(known, named, drawn)


def phase_volts(network: Network, usable: Bool, failed: Bool, lost: Int8, delta: Bool) -> Float64:
    """[nodes, 3]; ``usable`` [edges] conduct, less their phases in ``lost`` (bits); ``failed`` [nodes]."""
    nodes, edges = network.nodes, network.edges
    low = nodes.voltage_kv < LOW_VOLTAGE_BELOW_KV
    turns = low[edges.from_node] != low[edges.to_node]
    volts = np.zeros((len(nodes), 3))
    labels = []
    for phase in range(3):
        conducts = usable & ~turns & (lost >> phase & 1 == 0)
        label = _parts(network, conducts)
        fed = np.zeros(len(nodes), bool)
        fed[label[(nodes.kind == NodeKind.SUBSTATION) & ~failed]] = True
        volts[:, phase] = fed[label]
        labels.append(label)
    _below_transformers(network, np.flatnonzero(usable & turns).astype(np.int32), lost, delta, labels, volts)
    volts[failed] = 0.0
    return volts


def _parts(network: Network, conducts: Bool) -> Int32:
    """[nodes] number of the connected part."""
    count = len(network.nodes)
    start, end = network.edges.from_node[conducts], network.edges.to_node[conducts]
    links = csr_array((np.ones(len(start), np.int32), (start, end)), shape=(count, count))
    label: Int32 = connected_components(links, directed=False)[1]
    return label


def _below_transformers(
    network: Network, transformers: Int32, lost: Int8, delta: Bool, labels: list[Int32], volts: Float64
) -> None:
    """Spread what each transformer gives over the low-voltage parts behind it."""
    low = network.nodes.voltage_kv < LOW_VOLTAGE_BELOW_KV
    first, second = network.edges.from_node[transformers], network.edges.to_node[transformers]
    above, below = np.where(low[first], second, first), np.where(low[first], first, second)
    open_phases = (lost[transformers, None] >> np.arange(3)) & 1
    given = secondary(volts[above] * (1 - open_phases) > 0, delta[transformers])
    for phase, label in enumerate(labels):
        reached = np.zeros(len(label))
        np.maximum.at(reached, label[below], given[:, phase])
        volts[low, phase] = np.maximum(volts[low, phase], reached[label[low]])


def secondary(primary: Bool, delta: Bool) -> Float64:
    """[transformers, 3] secondary volts from which primary phases live."""
    given = np.zeros(primary.shape)
    living = primary.sum(axis=1)
    given[living == 3] = 1.0
    for phase in range(3):
        without = (living == 2) & ~primary[:, phase]
        given[without & ~delta] = [0.86 if other != phase else 0.0 for other in range(3)]
        halves = np.array([0.49, 0.50, 0.49])
        halves[_FULL_BEHIND_DELTA[phase]] = 0.99
        given[without & delta] = halves
    return given


def phase_bits(letters: str) -> int:
    """``AC`` → 5; raises ValueError for anything but letters of ``ABC``, each once."""
    if not letters or len(set(letters)) != len(letters) or set(letters) - set(LETTERS):
        raise ValueError(f"phases: expected one or more of A, B, C, found {letters!r}")
    return sum(1 << LETTERS.index(letter) for letter in letters)
