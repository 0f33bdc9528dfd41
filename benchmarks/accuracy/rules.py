"""The methods to beat: rules of the kind "enough of the meters below have sent a last gasp".

A threshold rule is a share and a least number; the topmost device that fulfils it is the cause and everyone
below is out. The best rule is picked afterwards for every condition and instant, which flatters the rules.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Final

import numpy as np

from benchmarks.accuracy.contestants import Answer
from benchmarks.accuracy.signals import Heard
from benchmarks.accuracy.supply import Int64, Supply, find_supply
from geo.network import Bool, Int32, Network

TRUNK_SHARE: Final = 0.9
"""A branch with more of a source's customers than this is the source's trunk, not one of its feeders."""


def _answer(supply: Supply, tops: Bool) -> Answer:
    """Everyone at or below a marked node is out; the topmost of them are the causes."""
    out = supply.below(tops)
    above_out = np.where(supply.feeder >= 0, out[supply.feeder], False)
    said: Bool = out[supply.network.meters.node]
    causes: Int32 = supply.feeding_edge[tops & ~above_out]
    return Answer(said, said, causes)


def _gasps_below(supply: Supply, heard: Heard) -> Int64:
    nodes = supply.network.meters.node[heard.gasped]
    return supply.sum_up(np.bincount(nodes, minlength=len(supply.feeder)))


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdRule:
    """Out is the topmost device with ``share`` of its meters, and ``least`` of them, gasped and not heard
    since."""

    supply: Supply
    share: float
    least: int

    @property
    def name(self) -> str:
        return f"≥ {self.share:.0%} and ≥ {self.least}"

    def answer(self, heard: Heard) -> Answer:
        gasps = _gasps_below(self.supply, heard)
        enough = (gasps >= self.least) & (gasps >= self.share * self.supply.customers_below)
        return _answer(self.supply, enough & (self.supply.customers_below > 0))


SHARES: Final = (0.03, 0.08, 0.15, 0.25, 0.35, 0.5)
LEAST: Final = (1, 2, 3)


def threshold_rules(network: Network) -> list[ThresholdRule]:
    """The family from which the best is picked afterwards."""
    supply = find_supply(network)
    return [ThresholdRule(supply, share, least) for share, least in product(SHARES, LEAST)]


@dataclass(frozen=True, slots=True, eq=False)
class NearestCommonAncestor:
    """Naive: whatever is above all last gasps of a feeder has failed, given two of them."""

    supply: Supply
    heads: Int32 = field(init=False)
    name = "nearest common ancestor"

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", _feeder_heads(self.supply))

    @staticmethod
    def on(network: Network) -> "NearestCommonAncestor":
        return NearestCommonAncestor(find_supply(network))

    def answer(self, heard: Heard) -> Answer:
        supply = self.supply
        gasps = _gasps_below(supply, heard)
        most = np.zeros(len(gasps), dtype=np.int64)
        np.maximum.at(most, np.maximum(supply.feeder, 0), np.where(supply.feeder >= 0, gasps, 0))
        tops = np.zeros(len(gasps), dtype=np.bool_)
        for head in self.heads[gasps[self.heads] >= 2]:
            tops |= self._inside(int(head)) & (gasps == gasps[head]) & (most < gasps[head])
        return _answer(supply, tops)

    def _inside(self, head: int) -> Bool:
        top = np.zeros(len(self.supply.feeder), dtype=np.bool_)
        top[head] = True
        return self.supply.below(top)


def _feeder_heads(supply: Supply) -> Int32:
    """Where each source's trunk parts into branches."""
    below = supply.customers_below
    heads: list[int] = []
    waiting = [int(node) for node in supply.order[supply.feeder[supply.order] < 0]]
    while waiting:
        node = waiting.pop()
        branches = np.flatnonzero((supply.feeder == node) & (below > 0))
        trunk = len(branches) and below[branches].max() > TRUNK_SHARE * below[node]
        (waiting if trunk else heads).extend(int(branch) for branch in branches)
    return np.array(sorted(heads), dtype=np.int32)
