"""Scores of scope and cause: micro-F1 over customer × scenario, element hits, time to detect."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.accuracy.supply import Int64, Supply
from geo.network import Bool, Int32

SIZE_CLASSES: Final = ((1, 1), (2, 10), (11, 50), (51, 200), (201, 1000), (1001, 10**9))
FOUND_SHARE: Final = 0.5
"""A fault counts as detected once so many of its customers are said to be out."""

APART: Final = 2**40


def size_class(customers: int) -> str:
    low, high = next(bounds for bounds in SIZE_CLASSES if bounds[0] <= customers <= bounds[1])
    return "1" if high == 1 else f"{low}–{high}" if high < 10**9 else f"> {low - 1}"


SIZE_NAMES: Final = tuple(size_class(bounds[0]) for bounds in SIZE_CLASSES)


@dataclass(slots=True)
class Tally:
    """Counts of customers found, wrongly named, missed; of faults hit."""

    nights: list[tuple[int, int, int]] = field(default_factory=list)
    """True, wrong and missed customers of each night."""
    hits: int = 0
    faults: int = 0

    def add(self, said: Bool, truth: Bool) -> None:
        self.nights.append(
            (int(np.sum(said & truth)), int(np.sum(said & ~truth)), int(np.sum(~said & truth)))
        )

    def merge(self, other: "Tally") -> None:
        self.nights.extend(other.nights)
        self.hits += other.hits
        self.faults += other.faults

    def _sums(self) -> tuple[int, int, int]:
        true, wrong, missed = np.array(self.nights or [(0, 0, 0)]).sum(axis=0).tolist()
        return true, wrong, missed

    @property
    def f1(self) -> float:
        true, wrong, missed = self._sums()
        return 2 * true / max(2 * true + wrong + missed, 1)

    def f1_error(self, resamples: int = 300, seed: int = 1) -> float:
        """Standard error of F1 from resampled nights (bootstrap)."""
        nights, rng = np.array(self.nights), np.random.default_rng(seed)
        sums = nights[rng.integers(0, len(nights), (resamples, len(nights)))].sum(axis=1)
        f1 = 2 * sums[:, 0] / np.maximum(2 * sums[:, 0] + sums[:, 1] + sums[:, 2], 1)
        return float(f1.std())

    @property
    def precision(self) -> float:
        true, wrong, _ = self._sums()
        return true / max(true + wrong, 1)

    @property
    def recall(self) -> float:
        true, _, missed = self._sums()
        return true / max(true + missed, 1)

    @property
    def hit_share(self) -> float:
        return self.hits / max(self.faults, 1)


class Recorded:
    """The meters below every node as recorded, for the comparison of elements."""

    def __init__(self, supply: Supply) -> None:
        self._fed = np.full(len(supply.network.edges), -1, dtype=np.int64)
        fed = np.flatnonzero(supply.feeding_edge >= 0)
        self._fed[supply.feeding_edge[fed]] = fed
        visit, size = _preorder(supply)
        place = visit[supply.network.meters.node]
        self._by_place = np.argsort(place, kind="stable")
        self._rank = np.empty(len(place), dtype=np.int64)
        self._rank[self._by_place] = np.arange(len(place))
        self._first = np.searchsorted(place[self._by_place], visit)
        self._last = np.searchsorted(place[self._by_place], visit + size)

    def differ(self, edges: Int32, meters: Int32) -> Int64:
        """[edges] customers below the edge or among these, but not both; ``APART`` without any in common."""
        node = np.where(edges >= 0, self._fed[edges], -1)
        first = np.where(node >= 0, self._first[node], 0)
        last = np.where(node >= 0, self._last[node], 0)
        rank = np.sort(self._rank[meters])
        shared = np.searchsorted(rank, last) - np.searchsorted(rank, first)
        different: Int64 = np.where(shared > 0, len(meters) + last - first - 2 * shared, APART)
        return different

    def any_exact(self, edges: Int32, faults: Sequence[Int32]) -> Bool:
        """[edges] whether the customers below it are exactly those of one of the faults."""
        exact = np.zeros(len(edges), dtype=np.bool_)
        for meters in faults:
            exact |= self.differ(edges, meters) == 0
        return exact

    def hit(self, meters: Int32, edges: Int32) -> bool:
        """Whether one of the elements found has the customers of the true one, give or take 2 or 10 %."""
        return bool(np.any(self.differ(edges, meters) <= max(2.0, 0.1 * len(meters))))


def _preorder(supply: Supply) -> tuple[Int64, Int64]:
    """[nodes] place in a depth-first visit, and how many nodes are at or below; −1 without supply."""
    size = supply.sum_up(np.ones(len(supply.feeder), dtype=np.int64))
    visit = np.full(len(size), -1, dtype=np.int64)
    free: dict[int, int] = {-1: 0}
    for node in supply.order.tolist():
        above = int(supply.feeder[node])
        start = free[above]
        free[above] = start + int(size[node])
        visit[node], free[node] = start, start + 1
    return visit, size
