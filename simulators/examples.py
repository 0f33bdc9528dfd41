"""A few elements worth tripping, of every kind and level, with what their loss would cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from geo.network import ABSENT, EdgeKind, Int32, Network
from simulators.physics import supplied

PER_KIND: Final = 2
TRIES: Final = 12
LOW_VOLTAGE_BELOW_KV: Final = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    element: str
    kind: str
    name: str
    customers: int
    """How many would lose supply, everything else being healthy."""


def examples(network: Network, meter_node: Int32, seed: int) -> tuple[Example, ...]:
    """At most two of each kind and voltage level that interrupt somebody, the largest first."""
    found = [example for rows in _groups(network, seed) for example in _some(network, meter_node, rows)]
    return tuple(sorted(found, key=lambda example: -example.customers))


def _groups(network: Network, seed: int) -> Iterator[list[int]]:
    """Rows of closed edges by kind and level, in seeded order."""
    edges = network.edges
    low = network.nodes.voltage_kv[edges.from_node] < LOW_VOLTAGE_BELOW_KV
    order = np.random.default_rng([seed, 9]).permutation(len(edges))
    for kind in EdgeKind:
        for level in (False, True):
            wanted = edges.closed & (edges.kind == kind) & (low == level)
            yield order[wanted[order]].tolist()


def _some(network: Network, meter_node: Int32, rows: list[int]) -> list[Example]:
    healthy, nobody = network.edges.closed, np.zeros(len(network.nodes), bool)
    before = supplied(network, healthy, nobody)[meter_node]
    found: list[Example] = []
    for row in rows[:TRIES]:
        usable = healthy.copy()
        usable[row] = False
        lost = before & ~supplied(network, usable, nobody)[meter_node]
        customers = network.meters.customer[lost]
        count = len(np.unique(customers[customers != ABSENT]))
        if count:
            kind = EdgeKind(network.edges.kind[row]).name.lower()
            found.append(Example(network.edges.ids[row], kind, network.edges.name[row], count))
        if len(found) == PER_KIND:
            break
    return found
