"""What flows through a network when every distribution transformer carries its load, and what it may carry.

The load of a transformer is its measured demand where the caller knows one, else its capacity (``rated_kva``)
times the diversity factor of ``loading.toml``. Ratings are ``rated_kva`` of main transformers and ``rated_a``
of edges.csv (√3 · kV · A).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import numpy as np

from geo.areas import Areas
from geo.network import Bool, Float64, Int32, Network
from geo.tree import EnergisedTree
from geo.voltage import low_side

_FILE: Final = Path(__file__).with_suffix(".toml")


@cache
def diversity() -> float:
    """The share of its capacity that an unmeasured transformer is taken to carry."""
    return float(tomllib.loads(_FILE.read_text(encoding="utf-8"))["diversity"])


@dataclass(frozen=True, slots=True)
class LoadSources:
    """Of how many transformers the load is known from where."""

    measured: int = 0
    installed: int = 0
    """Capacity times diversity."""
    unknown: int = 0

    @property
    def known(self) -> bool:
        return not self.unknown


@dataclass(frozen=True, slots=True)
class Loading:
    """The element on the new way whose rating is used most."""

    edge: int
    rating_kva: float
    before_kva: float
    after_kva: float

    @property
    def share(self) -> float:
        return self.after_kva / self.rating_kva


@dataclass(frozen=True, eq=False)
class Ratings:
    """``measured`` holds kVA by edge row of the distribution transformers."""

    network: Network
    measured: Mapping[int, float] = field(default_factory=dict)

    @cached_property
    def distribution(self) -> Int32:
        return Areas(self.network).distribution

    @cached_property
    def load(self) -> Float64:
        """Per distribution transformer in kVA; NaN where unknown."""
        installed = self.network.edges.rated_kva[self.distribution] * diversity()
        return np.where(np.isnan(self._measured), installed, self._measured)

    @cached_property
    def _measured(self) -> Float64:
        rows = self.distribution.tolist()
        return np.array([self.measured.get(row, np.nan) for row in rows], np.float64)

    @cached_property
    def rating(self) -> Float64:
        """Per edge in kVA; NaN where unknown, and for distribution transformers, which are the load."""
        nodes, edges = self.network.nodes, self.network.edges
        amperes = np.array([_number(cell) for cell in edges.extra.get("rated_a", ())], np.float64)
        kva = np.full(len(edges), np.nan)
        if len(amperes):
            kva = np.sqrt(3) * nodes.voltage_kv[low_side(nodes, edges)] * amperes
        kva = np.fmin(kva, edges.rated_kva)
        kva[self.distribution] = np.nan
        kva[kva <= 0] = np.nan
        return np.asarray(kva, np.float64)

    def through(self, tree: EnergisedTree) -> tuple[Float64, Int32]:
        """Per position the load at or below it as far as known, and of how many transformers it is not."""
        at = self._positions(tree)
        known, here = ~np.isnan(self.load), at >= 0
        load = np.bincount(at[here & known], self.load[here & known], minlength=len(tree)).astype(np.float64)
        doubt = np.bincount(at[here & ~known], minlength=len(tree))
        return _summed(load, tree), _summed(doubt.astype(np.float64), tree).astype(np.int32)

    def below(self, tree: EnergisedTree, position: int) -> Bool:
        """Per distribution transformer whether it lies at or below this position."""
        at = self._positions(tree)
        return np.asarray((at >= position) & (at < tree.end[position]), np.bool_)

    def sources(self, chosen: Bool) -> LoadSources:
        """Where the loads of these distribution transformers are known from."""
        unknown = np.isnan(self.load[chosen])
        measured = ~np.isnan(self._measured[chosen])
        counts = (measured, ~measured & ~unknown, unknown)
        return LoadSources(*(int(np.count_nonzero(which)) for which in counts))

    def _positions(self, tree: EnergisedTree) -> Int32:
        """Per distribution transformer the position that it feeds; -1 without supply."""
        position = np.full(len(self.network.edges), -1, np.int32)
        fed = np.flatnonzero(tree.edge >= 0)
        position[tree.edge[fed]] = fed
        return position[self.distribution]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _summed(local: Float64, tree: EnergisedTree) -> Float64:
    total = np.concatenate(([0.0], np.cumsum(local)))
    return np.asarray(total[tree.end] - total[:-1], np.float64)
