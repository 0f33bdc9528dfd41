"""Scores of scope and cause: micro-F1 over customer × scenario, element hits, calibration."""

from dataclasses import dataclass, field

import numpy as np

from benchmarks.accuracy.nights import Supply
from geo.network import Bool, Float64, Int32

SIZE_CLASSES = ((1, 1), (2, 10), (11, 50), (51, 200), (201, 1000), (1001, 10**9))


def size_class(customers: int) -> str:
    low, high = next(bounds for bounds in SIZE_CLASSES if bounds[0] <= customers <= bounds[1])
    return "1" if high == 1 else f"{low}–{high}" if high < 10**9 else f"> {low - 1}"


@dataclass(slots=True)
class Tally:
    """Counts of customers found, wrongly named, missed; of faults hit."""

    true: int = 0
    wrong: int = 0
    missed: int = 0
    hits: int = 0
    faults: int = 0
    nights: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, said: Bool, truth: Bool) -> None:
        night = int(np.sum(said & truth)), int(np.sum(said & ~truth)), int(np.sum(~said & truth))
        self.true, self.wrong, self.missed = (
            total + new for total, new in zip((self.true, self.wrong, self.missed), night, strict=True)
        )
        self.nights.append(night)

    @property
    def f1(self) -> float:
        return 2 * self.true / max(2 * self.true + self.wrong + self.missed, 1)

    def f1_error(self, resamples: int = 300, seed: int = 1) -> float:
        """Standard error of F1 from resampled nights (bootstrap)."""
        nights, rng = np.array(self.nights), np.random.default_rng(seed)
        sums = nights[rng.integers(0, len(nights), (resamples, len(nights)))].sum(axis=1)
        f1 = 2 * sums[:, 0] / np.maximum(2 * sums[:, 0] + sums[:, 1] + sums[:, 2], 1)
        return float(f1.std())

    @property
    def precision(self) -> float:
        return self.true / max(self.true + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.true / max(self.true + self.missed, 1)

    @property
    def hit_share(self) -> float:
        return self.hits / max(self.faults, 1)


@dataclass(slots=True)
class Calibration:
    """Said probability against what happened, in fixed bins."""

    edges: tuple[float, ...] = (0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0)
    said: list[Float64] = field(default_factory=list)
    true: list[Bool] = field(default_factory=list)

    def add(self, said: Float64, truth: Bool) -> None:
        self.said.append(said)
        self.true.append(truth)

    def rows(self) -> list[dict[str, str | int | float | None]]:
        said, true = np.concatenate(self.said), np.concatenate(self.true)
        rows: list[dict[str, str | int | float | None]] = []
        for low, high in zip((0.0, *self.edges), self.edges, strict=False):
            inside = (said >= low) & ((said < high) | (high == 1.0))
            if np.any(inside):
                rows.append(
                    {
                        "said": f"{low:.2f}–{high:.2f}",
                        "cases": int(np.sum(inside)),
                        "mean said": float(said[inside].mean()),
                        "came true": float(true[inside].mean()),
                    }
                )
        return rows


class Below:
    """Customers (meters) below a node, as sets, for the comparison of elements."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply
        visit = np.empty(len(supply.feeder), dtype=np.int64)
        size = np.ones(len(supply.feeder), dtype=np.int64)
        for node in supply.order[:0:-1]:
            size[supply.feeder[node]] += size[node]
        free = {-1: 0}
        for node in supply.order:
            start = free[int(supply.feeder[node])]
            free[int(supply.feeder[node])] = start + int(size[node])
            visit[node], free[int(node)] = start, start + 1
        self._first, self._last = visit, visit + size
        self._meters = np.sort(visit[supply.network.meters.node])

    def count(self, node: int) -> int:
        first, last = np.searchsorted(self._meters, (self._first[node], self._last[node]))
        return int(last - first)

    def differ(self, one: int, other: int) -> int:
        """Customers below exactly one of two nodes."""
        low = max(self._first[one], self._first[other])
        high = min(self._last[one], self._last[other])
        first, last = np.searchsorted(self._meters, (low, max(low, high)))
        return self.count(one) + self.count(other) - 2 * int(last - first)

    def hit(self, fault: int, tops: Int32) -> bool:
        """Whether one of the elements found has the customers of the true one, give or take 2 or 10 %."""
        allowed = max(2.0, 0.1 * self.count(fault))
        return any(self.differ(fault, int(top)) <= allowed for top in tops)
