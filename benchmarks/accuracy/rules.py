"""The rule to beat: a device is out when enough of the meters below it have sent a last gasp.

Every rule is a share and a least number; the topmost device that fulfils it is the cause and everyone below
is out. The best rule is picked afterwards for every condition and instant, which flatters the rules.
"""

from dataclasses import dataclass
from itertools import product

import numba
import numpy as np

from benchmarks.accuracy.nights import Int64, Supply
from geo.network import Bool, Int32


@dataclass(frozen=True, slots=True)
class Rule:
    share: float
    least: int

    @property
    def name(self) -> str:
        return f"≥ {self.share:.0%} and ≥ {self.least}"


RULES = tuple(Rule(share, least) for share, least in product((0.03, 0.08, 0.15, 0.25, 0.35, 0.5), (1, 2, 3)))


def apply_rule(rule: Rule, supply: Supply, gasps_below: Int64) -> tuple[Bool, Int32]:
    """[meters] out, and the nodes at the top."""
    fulfilled = (gasps_below >= rule.least) & (gasps_below >= rule.share * supply.customers_below)
    out = _spread(supply.order, supply.feeder, fulfilled)
    above_out = np.where(supply.feeder >= 0, out[supply.feeder], False)
    return out[supply.network.meters.node], np.flatnonzero(fulfilled & ~above_out).astype(np.int32)


@numba.njit(cache=True)
def _spread(order: Int64, feeder: Int32, fulfilled: Bool) -> Bool:
    out = fulfilled.copy()
    for node in order:
        if feeder[node] >= 0 and out[feeder[node]]:
            out[node] = True
    return out


@numba.njit(cache=True)
def _sum_up(order: Int64, feeder: Int32, below: Int64) -> None:
    for index in range(len(order) - 1, 0, -1):
        below[feeder[order[index]]] += below[order[index]]


def gasps_below(supply: Supply, gasped: Bool) -> Int64:
    """[nodes] meters at or below that have sent a last gasp and nothing since."""
    below = np.bincount(supply.network.meters.node[gasped], minlength=len(supply.feeder))
    _sum_up(supply.order, supply.feeder, below)
    return below
